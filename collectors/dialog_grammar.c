/*
 * What a line of an answer means, for each kind of protocol: does it go on, is the step granted or
 * refused; and what it tells beside (capabilities, numbers of messages, what was found).
 */
#include <stdio.h>
#include <strings.h>
#include "dialog_rows.h"

/* Keeps a line as the last answer: printable ASCII, since it ends in an SnmpAdminString. */
static void note(struct dialog *d, struct slice line)
{
    if (d->noted || d->leaving)
        return;
    d->noted = 1;
    size_t n = line.n < DIALOG_REPLY ? line.n : DIALOG_REPLY;
    for (size_t i = 0; i < n; i++)
        d->reply[i] = line.p[i] >= ' ' && line.p[i] < 127 ? line.p[i] : '?';
    d->reply[n] = 0;
}

/* Mechanisms, one word each. */
static void note_mechanisms(struct dialog *d, struct slice s)
{
    for (struct slice w = slice_take_word(&s); w.n; w = slice_take_word(&s)) {
        if (slice_same(w, "PLAIN"))
            d->state |= HEARD_PLAIN;
        else if (slice_same(w, "LOGIN"))
            d->state |= HEARD_LOGIN;
    }
}

/* Is one of these in the text, in brackets as response codes are? */
static bool has_code(struct slice line, const char *const codes[])
{
    size_t open = slice_find(line, '[');
    struct slice code = slice_skip(line, open + 1);
    for (; open < line.n && *codes; codes++)
        if (slice_starts_same(code, *codes))
            return true;
    return false;
}

enum heard dialog_line_any(struct dialog *d, struct slice line)
{
    note(d, line);
    return slice_search(line, slice_of(d->want->expect)) < line.n ? HEARD_GOOD : HEARD_BAD;
}

/* RFC 5321, 4.2: three digits, then a hyphen if more lines follow. */
enum heard dialog_line_smtp(struct dialog *d, struct slice line)
{
    note(d, line);
    if (line.n < 3 || line.p[0] < '1' || line.p[0] > '5' || !slice_digit(line.p[1]) ||
        !slice_digit(line.p[2]) || (line.n > 3 && line.p[3] != '-' && line.p[3] != ' '))
        return HEARD_GARBAGE;
    struct slice text = slice_skip(line, 4);
    if (slice_starts_same(text, "AUTH ") || slice_starts_same(text, "AUTH="))
        note_mechanisms(d, slice_skip(text, 5));
    if (line.n > 3 && line.p[3] == '-')
        return HEARD_MORE;
    if (slice_starts(line, slice_of(d->row->good)))
        return HEARD_GOOD;
    return line.p[0] == '4' ? HEARD_BUSY : HEARD_BAD;
}

/* Headers of a message: is the field looked for among them (RFC 5322, also folded)? */
static void look_at_header(struct dialog *d, struct slice line)
{
    const char *name = d->want->search_header;
    size_t n = strlen(name);
    bool folded = line.n && (*line.p == ' ' || *line.p == '\t');
    if (!folded)
        d->in_header = slice_starts_same(line, name) && line.n > n && line.p[n] == ':';
    if (!d->in_header || slice_search(line, slice_of(d->want->search_value)) == line.n ||
        (d->state & HEARD_FOUND))
        return;
    d->state |= HEARD_FOUND;
    d->newest = d->found++ ? d->newest : (uint32_t)d->number;
}

static enum heard pop3_body(struct dialog *d, struct slice line)
{
    if (slice_eq(line, SLICE(".")))
        return HEARD_GOOD;
    slice_take(&line, SLICE("."));
    if (d->row->flags & ROW_CAPABILITIES) {
        if (slice_starts_same(line, "SASL "))
            note_mechanisms(d, slice_skip(line, 5));
    } else if ((d->row->flags & ROW_SEARCH) && d->in_body == 1) {
        if (line.n == 0)
            d->in_body = 2; /* behind the headers */
        else
            look_at_header(d, line);
    }
    return HEARD_MORE;
}

/* STAT: "+OK 3 1200" */
static void note_stat(struct dialog *d, struct slice s)
{
    uint64_t n;
    s = slice_trim(s);
    if (!slice_number(&s, &n) || n > UINT32_MAX)
        return;
    uint64_t most = d->want->search_max ? d->want->search_max : 20;
    d->messages = d->number = n;
    d->low = n > most ? n - most + 1 : 1;
    if (n)
        d->state |= HEARD_MESSAGE;
}

/* RFC 1939; the codes are those of RFC 2449 and 3206. */
enum heard dialog_line_pop3(struct dialog *d, struct slice line)
{
    static const char *const busy[] = {"IN-USE", "LOGIN-DELAY", "SYS/TEMP", NULL};
    if (d->in_body)
        return pop3_body(d, line);
    note(d, line);
    if (slice_starts(line, SLICE("-ERR")))
        return has_code(line, busy) ? HEARD_BUSY : HEARD_BAD;
    if (!slice_starts(line, SLICE("+")))
        return HEARD_GARBAGE;
    if (!slice_starts(line, slice_of(d->row->good)))
        return HEARD_BAD;
    if (d->row->step == STEP_SELECT)
        note_stat(d, slice_skip(line, 3));
    d->in_header = 0;
    d->in_body = (d->row->flags & ROW_BODY) != 0;
    return d->in_body ? HEARD_MORE : HEARD_GOOD;
}

static void imap_capabilities(struct dialog *d, struct slice s)
{
    for (struct slice w = slice_take_word(&s); w.n; w = slice_take_word(&s)) {
        size_t end = slice_find(w, ']');
        struct slice name = slice_head(w, end);
        if (slice_same(name, "AUTH=PLAIN"))
            d->state |= HEARD_PLAIN;
        else if (slice_same(name, "LOGINDISABLED"))
            d->state |= HEARD_LOGIN_OFF;
        else if (slice_same(name, "UIDPLUS"))
            d->state |= HEARD_UIDPLUS;
        if (end < w.n)
            return;
    }
}

/* "(MESSAGES 3 UNSEEN 1)" behind the mailbox, whose name may hold parentheses. */
static void imap_status(struct dialog *d, struct slice s)
{
    const char *open = s.n ? memrchr(s.p, '(', s.n) : NULL;
    s = slice_skip(s, open ? (size_t)(open - s.p) + 1 : s.n);
    for (struct slice w = slice_take_word(&s); w.n; w = slice_take_word(&s)) {
        struct slice value = slice_take_word(&s);
        uint64_t n;
        if (!slice_number(&value, &n))
            return;
        if (slice_same(w, "MESSAGES"))
            d->messages = n;
        else if (slice_same(w, "UNSEEN"))
            d->unseen = n;
    }
}

/* What was found, as far as it fits; a number that may be cut off is left out. */
static void imap_search(struct dialog *d, struct slice s)
{
    for (struct slice w = slice_take_word(&s); w.n; w = slice_take_word(&s)) {
        uint64_t uid;
        size_t used = strlen(d->numbers);
        if ((d->cut && s.n == 0) || !slice_number(&w, &uid) || uid > UINT32_MAX)
            return;
        if (sizeof d->numbers - used < 13)
            return;
        snprintf(d->numbers + used, sizeof d->numbers - used, "%s%u", used ? "," : "",
                 (unsigned)uid);
        d->newest = (uint32_t)uid;
        d->found++;
        d->state |= HEARD_FOUND;
    }
}

static enum heard imap_greeting(struct dialog *d, struct slice w)
{
    if (slice_same(w, "PREAUTH"))
        d->state |= HEARD_PREAUTH;
    if (slice_same(w, "OK") || slice_same(w, "PREAUTH"))
        return HEARD_GOOD;
    return slice_same(w, "BYE") ? HEARD_BUSY : HEARD_GARBAGE;
}

static enum heard imap_untagged(struct dialog *d, struct slice line)
{
    struct slice rest = slice_skip(line, 2), w = slice_take_word(&rest);
    size_t at = slice_search(line, SLICE("[CAPABILITY "));
    if (at < line.n)
        imap_capabilities(d, slice_skip(line, at + 12));
    if (d->row->step == STEP_GREETING) {
        note(d, line);
        return imap_greeting(d, w);
    }
    uint64_t n;
    if (slice_same(w, "CAPABILITY"))
        imap_capabilities(d, rest);
    else if (slice_same(w, "STATUS"))
        imap_status(d, rest);
    else if (slice_same(w, "SEARCH"))
        imap_search(d, rest);
    else if (slice_number(&w, &n) && slice_same(slice_take_word(&rest), "EXISTS"))
        d->messages = n;
    else if (slice_same(w, "BYE") && !d->leaving) {
        note(d, line);
        return HEARD_BUSY;
    }
    return HEARD_MORE;
}

/* RFC 9051, 7; the codes are those of RFC 5530. */
static enum heard imap_tagged(struct dialog *d, struct slice line)
{
    static const char *const busy[] = {"UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", NULL};
    char tag[16];
    snprintf(tag, sizeof tag, "a%u ", d->tag);
    if (!slice_take(&line, slice_of(tag)))
        return HEARD_GARBAGE;
    note(d, line);
    struct slice rest = line, w = slice_take_word(&rest);
    if (slice_same(w, "OK")) {
        size_t at = slice_search(line, SLICE("[CAPABILITY "));
        if (at < line.n)
            imap_capabilities(d, slice_skip(line, at + 12));
        return slice_same(w, d->row->good) ? HEARD_GOOD : HEARD_BAD;
    }
    if (!slice_same(w, "NO") && !slice_same(w, "BAD"))
        return HEARD_GARBAGE;
    return has_code(line, busy) ? HEARD_BUSY : HEARD_BAD;
}

enum heard dialog_line_imap(struct dialog *d, struct slice line)
{
    if (slice_starts(line, SLICE("* ")))
        return imap_untagged(d, line);
    if (slice_starts(line, SLICE("+"))) {
        note(d, line);
        return strcmp(d->row->good, "+") == 0 ? HEARD_GOOD : HEARD_BAD;
    }
    if (d->row->step == STEP_GREETING)
        note(d, line);
    return imap_tagged(d, line);
}

/* What a status means for the service (RFC 9110, 15). */
static enum heard http_verdict(struct dialog *d)
{
    uint64_t code = d->number;
    if (code < 200) { /* an interim answer: the real one follows */
        d->in_body = 0;
        return HEARD_MORE;
    }
    if (code == 503 || code == 429)
        return HEARD_BUSY;
    if ((d->state & WANTS_LOGIN) && (code == 401 || code == 403))
        return HEARD_BAD;
    if (code < 500 || code == 501)
        return HEARD_GOOD;
    snprintf(d->text, sizeof d->text, "request: the server failed");
    return HEARD_GARBAGE;
}

enum heard dialog_line_http(struct dialog *d, struct slice line)
{
    if (d->in_body)
        return line.n == 0 ? http_verdict(d) : HEARD_MORE;
    d->noted = 0;
    note(d, line);
    if (!slice_starts(line, SLICE("HTTP/")))
        return HEARD_GARBAGE;
    slice_take_word(&line);
    struct slice code = slice_take_word(&line);
    if (code.n != 3 || !slice_number(&code, &d->number) || d->number < 100)
        return HEARD_GARBAGE;
    d->in_body = 1;
    return HEARD_MORE;
}

/* RFC 5804, 1.2 and 4: OK, NO or BYE ends an answer; strings before it are its data. */
enum heard dialog_line_sieve(struct dialog *d, struct slice line)
{
    struct slice rest = line, w = slice_take_word(&rest);
    if (line.n && *line.p == '"')
        return HEARD_MORE;
    note(d, line);
    if (slice_same(w, "OK"))
        return HEARD_GOOD;
    rest = slice_trim(rest);
    if (slice_same(w, "BYE") || (slice_same(w, "NO") && slice_starts_same(rest, "(TRYLATER")))
        return HEARD_BUSY;
    return slice_same(w, "NO") ? HEARD_BAD : HEARD_GARBAGE;
}
