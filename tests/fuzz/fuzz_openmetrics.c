/* Any octets as metrics: every slice lies in them, labels are found by the name they have, and it ends. */
#include <stdlib.h>

#include "../../collectors/access_metrics.h"
#include "fuzz_within.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size}, value;
    struct access_metrics told;
    struct metric m;
    uint64_t n = 0;
    if (size == 0) /* libFuzzer's has no address */
        return 0;
    for (struct slice rest = text; metric_next(&rest, &m); n++) {
        fuzz_within(m.name, text);
        fuzz_within(m.labels, text);
        if (m.name.n == 0 || m.value > INT64_MAX ||
            (metric_label(&m, (struct slice){"cmd_name", 8}, &value) && metric_labels(&m) == 0))
            abort();
    }
    dovecot_metrics(text, &told);
    fuzz_within(told.version, text);
    if (told.samples != n)
        abort();
    cyrus_metrics(text, &told);
    return 0;
}
