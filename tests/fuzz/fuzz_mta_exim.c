/* Any octets as one line of Exim's log: fuzz_mta.h, and an id is packed without its hyphens. */
#include "fuzz_mta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event e = fuzz_mta_parse(&mta_exim, (struct slice){(const char *)data, size});
    char text[22];
    if (e.id.n && queue_id_text(e.packed_id, text) + 2 != e.id.n)
        abort();
    return 0;
}
