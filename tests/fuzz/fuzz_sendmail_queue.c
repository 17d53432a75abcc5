/* Any octets as a control file of Sendmail's queue, and as the path of one. */
#include <stdlib.h>

#include "../../collectors/sendmail_queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice content = {(const char *)data, size};
    struct queue_file f;
    struct mta_spool_file is;
    sendmail_queue_file(content, &f);
    if (f.message_id.n &&
        (f.message_id.p < content.p || f.message_id.p + f.message_id.n > content.p + content.n))
        abort();
    if (f.size > size || f.pending > size || f.arrival_ms < 0)
        abort();
    mta_opensmtpd.queue_file(content, &f);
    if (f.message_id.n && f.message_id.p + f.message_id.n > content.p + content.n)
        abort();
    if (sendmail_spool_file(content, &is) && is.id.p + is.id.n > content.p + content.n)
        abort();
    mta_opensmtpd.spool_file(content, &is);
    uint64_t inbound;
    sendmail_statistics(content, &inbound);
    return 0;
}
