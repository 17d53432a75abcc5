/* Any octets as a file of /proc. */
#include <stdlib.h>

#include "../../collectors/proc_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct proc_stat p;
    struct proc_cpu c;
    uint64_t n;
    uint32_t uid;
    if (proc_stat_parse(text, &p) &&
        (p.name.p < text.p || p.name.p + p.name.n > text.p + size || p.pid == 0))
        abort();
    proc_cpu_parse(text, &c);
    proc_running_parse(text, &n);
    proc_uid_parse(text, &uid);
    proc_scanned_parse(text, &n);
    proc_swap_parse(text, &n);
    return 0;
}
