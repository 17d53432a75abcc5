/*
 * Postfix's queue ids and queue files. Pure; nothing is owned, message_id points into the buffer.
 * Invariant: a record is looked at only when all of it is in the buffer.
 *
 * Ids (global/mail_queue.h): the short form is hexadecimal, microseconds and inode. The long form
 * is seconds and microseconds (4 characters) in base 52, 'z', and the inode in base 51. Records
 * (global/record.c): a type, a length in base 128 with the lowest digit first, the content.
 */
#include "postfix_queue.h"

enum { SHORT_ID = 1, LONG_ID = 2 };
#define ID_MIN   6
#define ID_MAX   21
#define TIME_MIN 10 /* characters before the 'z': seconds (6 or more) and microseconds (4) */
#define TIME_MAX 12 /* 52^8 seconds are enough */
#define BASE     52

/* Which forms a character can be part of. */
static const uint8_t id_class[256] = {
    ['0' ... '9'] = SHORT_ID | LONG_ID,
    ['A'] = SHORT_ID,
    ['B' ... 'D'] = SHORT_ID | LONG_ID,
    ['E'] = SHORT_ID,
    ['F'] = SHORT_ID | LONG_ID,
    ['G' ... 'H'] = LONG_ID,
    ['J' ... 'N'] = LONG_ID,
    ['P' ... 'T'] = LONG_ID,
    ['V' ... 'Z'] = LONG_ID,
    ['b' ... 'd'] = LONG_ID,
    ['f' ... 'h'] = LONG_ID,
    ['j' ... 'n'] = LONG_ID,
    ['p' ... 't'] = LONG_ID,
    ['v' ... 'z'] = LONG_ID,
};

/* A long id has a 'z' behind its time and something after the last one. */
static bool has_inode(const char *p, size_t n)
{
    for (size_t at = TIME_MIN; at + 1 < n; at++)
        if (p[at] == 'z')
            return p[n - 1] != 'z';
    return false;
}

/* One pass for both and no way out of it: this runs for nearly every line. Ten characters fit a word. */
static uint64_t pack_part(const char *p, size_t n, unsigned *forms)
{
    uint64_t codes = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        *forms &= id_class[c];
        codes = codes << 6 | queue_id_codes[c];
    }
    return codes;
}

bool postfix_id_exact(struct slice s, struct queue_id *id)
{
    unsigned forms = SHORT_ID | LONG_ID;
    if (s.n < ID_MIN || s.n > ID_MAX)
        return false;
    size_t first = s.n < 10 ? s.n : 10, second = s.n - first;
    uint64_t codes = pack_part(s.p, first, &forms);
    *id = (struct queue_id){0, codes};
    if (second > 0 && second <= 10) {
        uint64_t rest = pack_part(s.p + 10, second, &forms);
        *id = (struct queue_id){codes >> (64 - 6 * second), codes << 6 * second | rest};
    } else if (second > 10) {
        pack_part(s.p + 10, second, &forms);
        *id = queue_id_pack(s);
    }
    return forms & SHORT_ID || (forms && has_inode(s.p, s.n));
}

size_t postfix_id_length(struct slice s)
{
    unsigned forms = SHORT_ID | LONG_ID;
    size_t n = 0;
    while (n < s.n && n <= ID_MAX && forms & id_class[(unsigned char)s.p[n]])
        forms &= id_class[(unsigned char)s.p[n++]];
    struct queue_id id;
    return postfix_id_exact(slice_head(s, n), &id) ? n : 0;
}

/* A base 52 digit's value, and its code in a queue_id; 0: it is none. */
static const uint8_t digit_value[256] = {
    ['0'] = 0,  ['1'] = 1,  ['2'] = 2,  ['3'] = 3,  ['4'] = 4,  ['5'] = 5,  ['6'] = 6,  ['7'] = 7,
    ['8'] = 8,  ['9'] = 9,  ['B'] = 10, ['C'] = 11, ['D'] = 12, ['F'] = 13, ['G'] = 14, ['H'] = 15,
    ['J'] = 16, ['K'] = 17, ['L'] = 18, ['M'] = 19, ['N'] = 20, ['P'] = 21, ['Q'] = 22, ['R'] = 23,
    ['S'] = 24, ['T'] = 25, ['V'] = 26, ['W'] = 27, ['X'] = 28, ['Y'] = 29, ['Z'] = 30, ['b'] = 31,
    ['c'] = 32, ['d'] = 33, ['f'] = 34, ['g'] = 35, ['h'] = 36, ['j'] = 37, ['k'] = 38, ['l'] = 39,
    ['m'] = 40, ['n'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['v'] = 47,
    ['w'] = 48, ['x'] = 49, ['y'] = 50, ['z'] = 51,
};
static const uint8_t digit_code[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['F'] = 16, ['G'] = 17, ['H'] = 18,
    ['J'] = 20, ['K'] = 21, ['L'] = 22, ['M'] = 23, ['N'] = 24, ['P'] = 26, ['Q'] = 27, ['R'] = 28,
    ['S'] = 29, ['T'] = 30, ['V'] = 32, ['W'] = 33, ['X'] = 34, ['Y'] = 35, ['Z'] = 36, ['b'] = 38,
    ['c'] = 39, ['d'] = 40, ['f'] = 42, ['g'] = 43, ['h'] = 44, ['j'] = 46, ['k'] = 47, ['l'] = 48,
    ['m'] = 49, ['n'] = 50, ['p'] = 52, ['q'] = 53, ['r'] = 54, ['s'] = 55, ['t'] = 56, ['v'] = 58,
    ['w'] = 59, ['x'] = 60, ['y'] = 61, ['z'] = 62,
};
#define CODE_Z  62
#define MILLION (8u << 18 | 6u << 12 | 52u << 6 | 49u) /* the codes of 1000000 */

static int64_t base52(const char *p, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * BASE + digit_value[(unsigned char)p[i]];
    return v;
}

/* Digits' codes behind those before. */
static uint64_t put_codes(uint64_t codes, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        codes = codes << 6 | digit_code[(unsigned char)p[i]];
    return codes;
}

/* The same code ten times. */
static uint64_t ten(uint64_t code)
{
    return code * 0x0041041041041041u;
}

/* Is one of ten codes 0? */
static bool has_none(uint64_t codes)
{
    return (codes - ten(1)) & ~codes & ten(32);
}

/* The long id that all are until the year 2596, six digits of seconds, in one pass. Codes are in the order of the
   digits, so that the microseconds need not be computed. */
static bool take_long(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    if (name.n <= TIME_MIN + 1 || name.n > 2 * TIME_MIN || name.p[TIME_MIN] != 'z')
        return false;
    size_t behind = name.n - TIME_MIN - 1, bits = 6 * behind;
    uint64_t time = put_codes(0, name.p, TIME_MIN);
    uint64_t inode =
        put_codes(ten(1), name.p + TIME_MIN + 1, behind); /* before it other good ones */
    bool good = !has_none(time) && (time & 0xffffff) < MILLION && !has_none(inode) &&
                !has_none(inode ^ ten(CODE_Z));
    inode = (inode & (((uint64_t)1 << bits) - 1)) | (uint64_t)CODE_Z << bits;
    *id = (struct queue_id){time >> (58 - bits), time << (bits + 6) | inode};
    *arrival_s = base52(name.p, 6);
    return good;
}

bool postfix_queue_name(struct slice name, struct queue_id *id, int64_t *arrival_s)
{
    if (take_long(name, id, arrival_s))
        return true;
    *arrival_s = 0;
    if (!postfix_id_exact(name, id))
        return false;
    size_t time = name.n;
    while (time > 0 && name.p[time - 1] != 'z')
        time--;
    if (time == 0)
        return true; /* short */
    time--;
    if (time > TIME_MAX || base52(name.p + time - 4, 4) >= 1000000)
        return false;
    *arrival_s = base52(name.p, time - 4);
    return true;
}

struct record {
    char type;
    struct slice content;
};

/* The record at *at, which becomes the next one's; false when it is not all in the buffer. */
static bool take_record(struct slice file, size_t *at, struct record *r)
{
    size_t i = *at, length = 0;
    unsigned shift = 0;
    unsigned char byte;
    if (i >= file.n)
        return false;
    r->type = file.p[i++];
    do {
        if (i >= file.n || shift > 28)
            return false;
        byte = (unsigned char)file.p[i++];
        length |= (size_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (length > file.n - i)
        return false;
    r->content = (struct slice){file.p + i, length};
    *at = i + length;
    return true;
}

/* A number padded with spaces on its left. */
static bool take_padded(struct slice *s, uint64_t *value)
{
    *s = slice_trim(*s);
    return slice_number(s, value);
}

/* What the walk over the records knows. */
struct walk {
    struct queue_file *f;
    uint64_t waiting, done; /* recipients seen */
    uint64_t body;          /* octets of content seen */
    bool counted;           /* the size record came */
    bool in_content, in_header;
    bool in_line;    /* the record before was a part of a line, this one goes on with it */
    bool id_follows; /* "Message-ID:" was the whole line: its value is on the next */
    bool ended;
};

static void size_record(struct walk *w, struct slice s)
{
    uint64_t size, offset, recipients;
    if (!take_padded(&s, &size) || !take_padded(&s, &offset) || !take_padded(&s, &recipients) ||
        recipients > UINT32_MAX)
        return;
    w->f->size = size;
    w->f->recipients = (uint32_t)recipients;
    w->counted = true;
}

static void time_record(struct walk *w, struct slice s)
{
    uint64_t seconds, us = 0;
    if (!take_padded(&s, &seconds) || seconds > INT64_MAX / 2000)
        return;
    if (!take_padded(&s, &us) || us > 999999)
        us = 0;
    w->f->arrival_ms = (int64_t)(seconds * 1000 + us / 1000);
}

static bool starts_message_id(struct slice line)
{
    return slice_starts_same(line, "message-id:");
}

/* One line of the message's header (RFC 5322 section 2.2); an empty one ends it. */
static void header_line(struct walk *w, struct slice line)
{
    bool folded = line.n && (*line.p == ' ' || *line.p == '\t');
    if (starts_message_id(line)) {
        line = slice_skip(line, 11);
        w->id_follows = true;
    } else if (!folded || !w->id_follows) {
        w->id_follows = false;
        w->in_header = line.n != 0;
        return;
    }
    line = slice_skip(line, slice_find(line, '<'));
    size_t end = slice_find(line, '>');
    if (end == line.n)
        return;
    w->f->message_id = slice_head(line, end + 1);
    w->in_header = w->id_follows = false;
}

static void content_record(struct walk *w, struct record r)
{
    w->body += r.content.n + (r.type == 'N');
    if (w->in_header && !w->in_line)
        header_line(w, r.content);
    w->in_line = r.type == 'L';
}

/* A record; *at may move when it points elsewhere. */
static void visit(struct walk *w, struct record r, size_t *at)
{
    uint64_t target;
    switch (r.type) {
    case 'C':
        size_record(w, r.content);
        break;
    case 'T':
        time_record(w, r.content);
        break;
    case 'R':
        w->waiting++;
        break;
    case 'D':
        w->done++;
        break;
    case 'M':
        w->in_content = w->in_header = true;
        break;
    case 'N':
    case 'L': /* before the content: the filter's name */
        if (w->in_content)
            content_record(w, r);
        break;
    case 'X':
        w->in_content = w->in_header = false;
        break;
    case 'p': /* 0: room for a pointer */
        if (take_padded(&r.content, &target) && target != 0)
            *at = target > SIZE_MAX ? SIZE_MAX : (size_t)target;
        break;
    case 'E':
        w->ended = true;
        break;
    }
}

bool postfix_queue_file(struct slice content, struct queue_file *f)
{
    *f = (struct queue_file){0};
    struct walk w = {.f = f};
    struct record r;
    size_t at = 0;
    /* More records than octets: a loop of pointers. */
    for (size_t i = 0; i <= content.n && !w.ended && take_record(content, &at, &r); i++) {
        if (i == 0 && r.type != 'C' && r.type != 'T')
            return false;
        visit(&w, r, &at);
    }
    if (!w.counted) { /* in maildrop nothing is counted yet: only a file seen to its end will do */
        if (!w.ended || w.waiting + w.done > UINT32_MAX)
            return false;
        f->size = w.body;
        f->recipients = (uint32_t)(w.waiting + w.done);
    }
    f->pending = f->recipients;
    if (w.waiting + w.done >= f->recipients && w.waiting < f->recipients)
        f->pending = (uint32_t)w.waiting;
    return true;
}
