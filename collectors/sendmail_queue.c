/* See sendmail_queue.h. Pure. */
#include "sendmail_queue.h"
#include <strings.h>
#include <time.h>
#include "sendmail_lines.h"

const struct mta_queue sendmail_queues[] = {
    {"mqueue", 0},
    {"hold", 0},
    {"corrupt", MTA_QUEUE_DAMAGED},
    {NULL, 0},
};

bool sendmail_spool_file(struct slice path, struct mta_spool_file *f)
{
    static const struct {
        char prefix[2];
        unsigned queue, role;
    } kinds[] = {{{'q', 'f'}, SENDMAIL_QUEUED, MTA_SPOOL_CONTROL},
                 {{'h', 'f'}, SENDMAIL_HELD, MTA_SPOOL_CONTROL},
                 {{'Q', 'f'}, SENDMAIL_LOST, MTA_SPOOL_CONTROL},
                 {{'d', 'f'}, SENDMAIL_QUEUED, MTA_SPOOL_BODY}};
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    struct slice name = slash ? slice_skip(path, (size_t)(slash + 1 - path.p)) : path;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (name.n > 2 && memcmp(name.p, kinds[i].prefix, 2) == 0) {
            *f = (struct mta_spool_file){.queue = kinds[i].queue, .role = kinds[i].role};
            f->id = slice_skip(name, 2);
            return sendmail_is_id(f->id);
        }
    return false;
}

/* "?P?Return-Path: <...>", "??Message-ID: <...>": without the flags. */
static struct slice header_of(struct slice line)
{
    struct slice rest = line;
    if (slice_take(&rest, SLICE("?"))) {
        slice_cut(&rest, '?');
        return rest;
    }
    return line;
}

static void take_message_id(struct slice header, struct queue_file *f)
{
    static const char name[] = "message-id:";
    if (header.n < sizeof name - 1 || strncasecmp(header.p, name, sizeof name - 1) != 0)
        return;
    struct slice value = slice_trim(slice_skip(header, sizeof name - 1));
    if (value.n)
        f->message_id = value;
}

bool sendmail_queue_file(struct slice content, struct queue_file *f)
{
    bool versioned = false, in_header = false;
    uint64_t arrival_s = 0;
    *f = (struct queue_file){0};
    while (content.n) {
        struct slice line = slice_head(content, slice_find(content, '\n'));
        content = slice_skip(content, line.n + 1);
        char letter = line.n ? *line.p : '\0';
        struct slice rest = slice_skip(line, 1);
        if (in_header && (letter == '\t' || letter == ' ')) { /* a header line goes on */
            f->size += line.n + 1;
            continue;
        }
        in_header = letter == 'H';
        if (in_header) {
            struct slice header = header_of(rest);
            f->size += header.n + 1;
            take_message_id(header, f);
        }
        versioned |= letter == 'V';
        if (letter == 'T')
            slice_number(&rest, &arrival_s);
        f->pending += letter == 'R';
        if (letter == '.')
            break;
    }
    f->recipients = f->pending;
    f->arrival_ms = arrival_s < UINT32_MAX ? (int64_t)arrival_s * 1000 : 0;
    return versioned;
}

#define MAGIC 0x1b1de

bool sendmail_statistics(struct slice content, uint64_t *inbound)
{
    struct {
        int magic, version;
        time_t since;
        short size;
        long from, to, rejected; /* associations */
    } head;
    if (content.n < sizeof head)
        return false;
    memcpy(&head, content.p, sizeof head);
    if (head.magic != MAGIC || head.version < 3 || head.version > 4 || head.from < 0 ||
        head.size < 0 || (size_t)head.size > content.n)
        return false;
    *inbound = (uint64_t)head.from;
    return true;
}
