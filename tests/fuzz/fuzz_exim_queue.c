/* Any octets as the file of a queued message, and as the name of one. */
#include <stdlib.h>

#include "../../collectors/mta.h"

#define MAX_INPUT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice content = {(const char *)data, size};
    struct queue_file f;
    struct queue_id id;
    int64_t arrival_s;
    if (mta_exim.queue_name(content, &id, &arrival_s)) {
        char name[MTA_FILE_NAME];
        mta_exim.queue_file_name(id, name);
        if (strlen(name) != content.n || memcmp(name, content.p, content.n) != 0 || arrival_s < 0)
            abort();
    }
    if (!mta_exim.queue_file(content, &f))
        return 0;
    struct queue_file less;
    if (!mta_exim.queue_file_journal(content, content, &less) || less.pending > f.pending ||
        less.recipients != f.recipients)
        abort();
    struct slice m = f.message_id;
    if (m.p && (m.p < content.p || m.p + m.n > content.p + content.n || m.n < 2 || m.p[0] != '<' ||
                m.p[m.n - 1] != '>'))
        abort();
    if (f.pending > f.recipients || f.arrival_ms < 0)
        abort();
    return 0;
}
