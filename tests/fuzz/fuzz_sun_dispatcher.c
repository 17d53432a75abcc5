/* Any octets as dispatcher.cnf: every slice lies in it. */
#include <stdlib.h>

#include "../../collectors/sun_dispatcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice part, struct slice text)
{
    if (part.n && (part.p < text.p || part.p + part.n > text.p + text.n))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct sun_dispatcher d;
    sun_dispatcher_parse(text, &d);
    if (d.count > SUN_LISTENERS)
        abort();
    for (unsigned i = 0; i < d.count; i++) {
        check(d.listeners[i].address, text);
        check(d.listeners[i].channel, text);
    }
    return 0;
}
