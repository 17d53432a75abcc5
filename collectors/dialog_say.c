/*
 * What a dialog says: the texts of dialog_protocols.c with their letters filled in.
 */
#include "dialog_rows.h"

#include <stdio.h>

struct writer {
    char *out;
    size_t room, n;
    bool full;
};

static void put(struct writer *w, const char *text, size_t n)
{
    if (n > w->room - w->n) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->n, text, n);
    w->n += n;
}

static void put_text(struct writer *w, const char *text)
{
    put(w, text ? text : "", text ? strlen(text) : 0);
}

static void put_number(struct writer *w, const char *before, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%s%llu", before, (unsigned long long)number);
    put_text(w, text);
}

/* An IMAP quoted string (RFC 9051, 9). */
static void put_quoted(struct writer *w, const char *text)
{
    put(w, "\"", 1);
    for (; text && *text; text++) {
        if (*text == '"' || *text == '\\')
            put(w, "\\", 1);
        put(w, text, 1);
    }
    put(w, "\"", 1);
}

/* RFC 4648 of a, b and c, one behind the other. */
static void put_base64(struct writer *w, struct slice a, struct slice b, struct slice c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct slice parts[] = {a, b, c};
    uint32_t bits = 0;
    unsigned held = 0;
    for (unsigned i = 0; i < 3; i++)
        for (size_t k = 0; k < parts[i].n; k++) {
            bits = bits << 8 | (unsigned char)parts[i].p[k];
            if (++held < 3)
                continue;
            char four[] = {digits[bits >> 18 & 63], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
                           digits[bits & 63]};
            put(w, four, 4);
            held = bits = 0;
        }
    if (held == 0)
        return;
    bits <<= held == 1 ? 16 : 8;
    char four[] = {digits[bits >> 18 & 63], digits[bits >> 12 & 63],
                   held == 1 ? '=' : digits[bits >> 6 & 63], '='};
    put(w, four, 4);
}

/* Lines end in CRLF, and a line that begins with a dot gets another (RFC 5321, 4.5.2). */
static void put_message(struct writer *w, const char *message)
{
    struct slice rest = slice_of(message);
    while (rest.n) {
        struct slice line = slice_head(rest, slice_find(rest, '\n'));
        rest = slice_skip(rest, line.n + 1);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n && *line.p == '.')
            put(w, ".", 1);
        put(w, line.p, line.n);
        put(w, "\r\n", 2);
    }
}

static void put_letter(struct dialog *d, struct writer *w, char letter)
{
    const struct dialog_want *want = d->want;
    const char *user = want->user, *password = want->password;
    struct slice none = {NULL, 0};
    switch (letter) {
    case 'T':
        put_number(w, "a", ++d->tag);
        break;
    case 'E':
        put_text(w, d->protocol->hello);
        break;
    case 'h':
        put_text(w, want->helo ? want->helo : "mailmond");
        break;
    case 'u':
        put_text(w, user);
        break;
    case 'p':
        put_text(w, password);
        break;
    case 'q':
        put_quoted(w, user);
        break;
    case 'w':
        put_quoted(w, password);
        break;
    case 'P': /* RFC 4616: no authorization identity, user, password, NUL before each */
        put_base64(w, (struct slice){"", 1}, (struct slice){user, strlen(user) + 1},
                   slice_of(password));
        break;
    case 'U':
        put_base64(w, slice_of(user), none, none);
        break;
    case 'W':
        put_base64(w, slice_of(password), none, none);
        break;
    case 'B':
        put_base64(w, slice_of(user), SLICE(":"), slice_of(password));
        break;
    case 'm':
        put_quoted(w, want->mailbox);
        break;
    case 's':
        put_text(w, want->sender);
        break;
    case 'r':
        put_text(w, want->recipient);
        break;
    case 'M':
        put_message(w, want->message);
        break;
    case 'H':
        put_quoted(w, want->search_header);
        break;
    case 'V':
        put_quoted(w, want->search_value);
        break;
    case 'n':
        put_number(w, "", d->protocol->line == dialog_line_pop3 ? d->number : d->newest);
        break;
    case 'N':
        put_text(w, d->numbers);
        break;
    case 'o':
        put_text(w, want->host);
        break;
    case 'a':
        put_text(w, want->path ? want->path : "/");
        break;
    case 'v':
        put_text(w, VERSION);
        break;
    default:
        put(w, &letter, 1);
    }
}

size_t dialog_say(struct dialog *d, char *out, size_t room)
{
    struct writer w = {out, room, 0, false};
    for (const char *s = d->row->send; s && *s; s++) {
        if (*s == '%' && s[1])
            put_letter(d, &w, *++s);
        else
            put(&w, s, 1);
    }
    d->said = 1;
    if (w.full)
        dialog_fail(d, RESPONSE_PROTOCOL_ERROR, "what is to be sent is too long");
    return w.full ? 0 : w.n;
}
