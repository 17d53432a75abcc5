/* Any octets as one line of Sendmail's log: fuzz_mta.h, and a delivery's list has as many addresses as it says. */
#include "fuzz_mta.h"

#include "../../collectors/recipients.h"

static void check_list(const struct event *e)
{
    struct slice list = e->address;
    unsigned count = 0;
    while (recipients_next(&list).p)
        count++;
    if (count != e->recipients)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event e = fuzz_mta_parse(&mta_sendmail, (struct slice){(const char *)data, size});
    if (e.kind == EVENT_DELIVERY && e.recipients > 1)
        check_list(&e);
    return 0;
}
