/* Any octets as one line of Postfix's log: fuzz_mta.h, every text lies in the line, and an id is what was packed. */
#include "fuzz_mta.h"

static void check_id(struct slice id)
{
    char text[22];
    struct queue_id packed = queue_id_pack(id);
    if (id.n && (queue_id_null(packed) || queue_id_text(packed, text) != id.n ||
                 memcmp(text, id.p, id.n) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    struct event e = fuzz_mta_parse(&mta_postfix, line);
    fuzz_within(e.text, line);
    check_id(e.id);
    return 0;
}
