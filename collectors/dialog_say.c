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
    put(w, text, strlen(text));
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
    for (; *text; text++) {
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

/* Letters that stand for a text of the want. */
#define WANT(member) offsetof(struct dialog_want, member)
static const struct {
    char letter;
    bool quoted;
    size_t member;
    const char *otherwise; /* where the want has none */
} texts[] = {
    {'h', false, WANT(helo), "mailmond"}, {'u', false, WANT(user), ""},
    {'p', false, WANT(password), ""},     {'q', true, WANT(user), ""},
    {'w', true, WANT(password), ""},      {'m', true, WANT(mailbox), ""},
    {'s', false, WANT(sender), ""},       {'r', false, WANT(recipient), ""},
    {'o', false, WANT(host), ""},         {'a', false, WANT(path), "/"},
    {'H', true, WANT(search_header), ""}, {'V', true, WANT(search_value), ""},
};

static bool put_want(struct writer *w, const struct dialog_want *want, char letter)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].letter != letter)
            continue;
        const char *text;
        memcpy(&text, (const char *)want + texts[i].member, sizeof text);
        text = text ? text : texts[i].otherwise;
        if (texts[i].quoted)
            put_quoted(w, text);
        else
            put_text(w, text);
        return true;
    }
    return false;
}

/* Both are there where a row asks for them. */
static bool put_credentials(struct writer *w, const struct dialog_want *want, char letter)
{
    struct slice none = {NULL, 0}, user = slice_of(want->user), password = slice_of(want->password);
    switch (letter) {
    case 'P': /* RFC 4616: no authorization identity, user, password, NUL before each */
        put_base64(w, (struct slice){"", 1}, (struct slice){user.p, user.n + 1}, password);
        return true;
    case 'U':
        put_base64(w, user, none, none);
        return true;
    case 'W':
        put_base64(w, password, none, none);
        return true;
    case 'B':
        put_base64(w, user, SLICE(":"), password);
        return true;
    default:
        return false;
    }
}

static void put_letter(struct dialog *d, struct writer *w, char letter)
{
    switch (letter) {
    case 'T':
        put_number(w, "a", ++d->tag);
        break;
    case 'E':
        put_text(w, d->protocol->hello);
        break;
    case 'M':
        put_message(w, d->want->message);
        break;
    case 'n':
        put_number(w, "", d->protocol->line == dialog_line_pop3 ? d->number : d->newest);
        break;
    case 'N':
        put_text(w, d->numbers);
        break;
    case 'v':
        put_text(w, VERSION);
        break;
    default:
        if (!put_want(w, d->want, letter) && !put_credentials(w, d->want, letter))
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
