/* Any octets as dispatcher.cnf: every slice lies in it. */
#include <stdlib.h>

#include "../../collectors/sun_dispatcher.h"
#include "fuzz_within.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct sun_dispatcher d;
    sun_dispatcher_parse(text, &d);
    if (d.count > SUN_LISTENERS)
        abort();
    for (unsigned i = 0; i < d.count; i++) {
        fuzz_within(d.listeners[i].address, text);
        fuzz_within(d.listeners[i].channel, text);
    }
    return 0;
}
