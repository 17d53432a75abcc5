/*
 * The -H file of a message, line by line: whose it is, when it came, its variables, the tree of
 * addresses that are done with, the recipients, the header; and -J, the addresses done with since. Pure. The
 * invariant: a variable may hold any text, so its length is believed and not its content.
 */
#include "exim_queue.h"

#include "exim_fields.h"

#define DONE_MAX 4096 /* addresses that are done with, of which two thirds at most are remembered */

bool exim_queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    if (name.n < 18 || name.p[name.n - 1] != 'H' || name.p[name.n - 2] != '-' ||
        exim_id(name, id) != name.n - 2)
        return false;
    *arrival_s = exim_id_time(name);
    return true;
}

void exim_queue_file_name(struct queue_id id, char name[MTA_FILE_NAME])
{
    char text[22];
    size_t n = queue_id_text(id, text), last = n == 21 ? 4 : 2;
    if (n != 21 && n != 14) {
        name[0] = '\0';
        return;
    }
    char *p = name;
    memcpy(p, text, 6);
    p += 6;
    *p++ = '-';
    memcpy(p, text + 6, n - 6 - last);
    p += n - 6 - last;
    *p++ = '-';
    memcpy(p, text + n - last, last);
    memcpy(p + last, "-H", 3);
}

static bool take_line(struct slice *s, struct slice *line)
{
    *line = slice_cut(s, '\n');
    return line->p != NULL;
}

/*
 * "aclm foo 12" and "acl 3 12" have a value of so many octets and a newline behind them; before the name
 * may stand a second hyphen and "(lookup)", which say that the value is not trusted.
 */
static bool skip_value(struct slice *s, struct slice name)
{
    uint64_t length = 0;
    const char *blank = name.n ? memrchr(name.p, ' ', name.n) : NULL;
    struct slice number = blank ? slice_skip(name, (size_t)(blank + 1 - name.p)) : name;
    TAKE(name, "-");
    if (STARTS(name, "("))
        name = slice_skip(name, slice_find(name, ')') + 1);
    if (!STARTS(name, "acl"))
        return true;
    if (!slice_number(&number, &length) || length >= s->n)
        return false;
    *s = slice_skip(*s, (size_t)length + 1);
    return true;
}

/* The variables; the line that ends them is left in *line. */
static bool take_variables(struct slice *s, struct slice *line, struct queue_file *f)
{
    while (take_line(s, line)) {
        if (!TAKE(*line, "-"))
            return true;
        if (STARTS(*line, "frozen "))
            f->held = true;
        else if (!skip_value(s, *line))
            return false;
    }
    return false;
}

/* A set of hashes, open addressing. */
struct done {
    uint32_t hashes[DONE_MAX];
    unsigned count;
};

static uint32_t *find_done(struct done *d, struct slice address)
{
    uint32_t hash = (uint32_t)(slice_hash(address, 0) >> 16) | 1;
    size_t i = hash % DONE_MAX;
    while (d->hashes[i] && d->hashes[i] != hash)
        i = (i + 1) % DONE_MAX;
    return &d->hashes[i];
}

static void add_done(struct done *d, struct slice address)
{
    uint32_t *slot = find_done(d, address);
    if (*slot || d->count >= DONE_MAX / 3 * 2)
        return;
    *slot = (uint32_t)(slice_hash(address, 0) >> 16) | 1;
    d->count++;
}

/* "XX", or the nodes of a tree from its root: "YN address", each Y being a branch that follows. */
static bool take_tree(struct slice *s, struct slice line, struct done *d)
{
    if (slice_eq(line, SLICE("XX")))
        return true;
    for (uint64_t open = 1;;) {
        if (line.n < 3 || line.p[2] != ' ' || !memchr("YN", line.p[0], 2) ||
            !memchr("YN", line.p[1], 2))
            return false;
        open += (uint64_t)(line.p[0] == 'Y') + (line.p[1] == 'Y') - 1;
        add_done(d, slice_skip(line, 3));
        if (open == 0)
            return true;
        if (!take_line(s, &line))
            return false;
    }
}

/* A number on its own line, then so many recipients; what a recipient has beside its address is behind a
 * blank. */
static bool take_recipients(struct slice *s, struct done *d, struct queue_file *f)
{
    struct slice line;
    uint64_t count;
    if (!take_line(s, &line) || !slice_number(&line, &count) || line.n || count > UINT32_MAX)
        return false;
    f->recipients = f->pending = (uint32_t)count;
    for (uint64_t i = 0; i < count; i++) {
        if (!take_line(s, &line))
            return i > 0; /* the file goes on behind what was read: the rest is pending */
        if (*find_done(d, exim_take_word(&line)))
            f->pending--;
    }
    return true;
}

static void find_message_id(struct slice header, struct queue_file *f)
{
    size_t open = slice_find(header, '<');
    struct slice id = slice_skip(header, open);
    size_t close = slice_find(id, '>');
    if (close < id.n && slice_find(id, '\n') > close)
        f->message_id = slice_head(id, close + 1);
}

/*
 * "034I Message-ID: <x@y>", the length of the text that follows and a letter; the text ends with a
 * newline. Headers marked * were replaced and are not sent.
 */
static void take_headers(struct slice s, struct queue_file *f)
{
    uint64_t length;
    TAKE(s, "\n");
    while (s.n && slice_number(&s, &length) && s.n > 2 && s.p[1] == ' ') {
        char type = *s.p;
        s = slice_skip(s, 2);
        struct slice header = slice_head(s, length < s.n ? (size_t)length : s.n);
        if (type != '*')
            f->size += length;
        if (type == 'I' && f->message_id.p == NULL)
            find_message_id(header, f);
        s = slice_skip(s, header.n);
    }
}

/* One address on each line; the last may be cut. */
static void take_journal(struct slice journal, struct done *d)
{
    struct slice line;
    while (take_line(&journal, &line))
        add_done(d, line);
}

bool exim_queue_file(struct slice content, struct queue_file *f)
{
    return exim_queue_file_journal(content, (struct slice){NULL, 0}, f);
}

bool exim_queue_file_journal(struct slice content, struct slice journal, struct queue_file *f)
{
    struct slice s = content, line, name;
    struct done done = {.count = 0};
    struct queue_id id;
    int64_t arrival_s;
    uint64_t received;
    *f = (struct queue_file){0};
    if (!take_line(&s, &name) || !exim_queue_name(name, &id, &arrival_s) || !take_line(&s, &line) ||
        !take_line(&s, &line) || !STARTS(line, "<") || !take_line(&s, &line) ||
        !slice_number(&line, &received) || received > UINT32_MAX)
        return false;
    f->arrival_ms = (int64_t)received * 1000;
    memset(done.hashes, 0, sizeof done.hashes);
    if (!take_variables(&s, &line, f) || !take_tree(&s, line, &done))
        return false;
    take_journal(journal, &done);
    if (!take_recipients(&s, &done, f))
        return false;
    /* The body's file begins with its own name and a newline, of which an empty line is left. */
    f->size = 1 - (uint64_t)(name.n + 1);
    take_headers(s, f);
    return true;
}
