/* Any octets as one line of OpenSMTPD's log: fuzz_mta.h, and every text lies in the line. */
#include "fuzz_mta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    struct event e = fuzz_mta_parse(&mta_opensmtpd, line);
    fuzz_within(e.text, line);
    return 0;
}
