/* Any octets as what a mail system's command tells of its queue or itself: every slice lies in them, and it ends. */
#include <stdlib.h>

#include "../../collectors/mta.h"
#include "fuzz_within.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct mta *const mtas_[] = {&mta_exim, &mta_opensmtpd};
    struct slice text = {(const char *)data, size};
    for (unsigned i = 0; i < 2; i++) {
        struct mta_attempt a;
        for (struct slice rest = text; mtas_[i]->attempt(&rest, INT64_C(1795326013), &a);) {
            fuzz_within(a.address, text);
            fuzz_within(a.message, text);
            if (a.at_s < 0)
                abort();
        }
    }
    struct mta_levels l;
    if (mta_opensmtpd.levels(text, &l) && (l.uptime_s > UINT32_MAX || !l.busy[0].service))
        abort();
    return 0;
}
