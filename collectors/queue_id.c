/*
 * Queue ids as numbers: 6 bits a character, the last character lowest. No character is 0, so that
 * the length needs no place of its own and two texts never share a number.
 */
#include "event.h"

#define ID_MAX 21

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

/* Position in the alphabet plus one; 0: not a character of an id. */
static unsigned code_of(unsigned char c)
{
    if (c >= 'a')
        return c <= 'z' ? c - 'a' + 37u : 0;
    if (c >= 'A')
        return c <= 'Z' ? c - 'A' + 11u : 0;
    if (c >= '0')
        return c <= '9' ? c - '0' + 1u : 0;
    return c == '-' ? 63 : 0;
}

struct queue_id queue_id_pack(struct slice text)
{
    struct queue_id id = {0, 0};
    if (text.n > ID_MAX)
        return id;
    for (size_t i = 0; i < text.n; i++) {
        unsigned code = code_of((unsigned char)text.p[i]);
        if (code == 0)
            return (struct queue_id){0, 0};
        id.hi = id.hi << 6 | id.lo >> 58;
        id.lo = id.lo << 6 | code;
    }
    return id;
}

size_t queue_id_text(struct queue_id id, char text[22])
{
    char reversed[ID_MAX];
    size_t n = 0;
    while (!queue_id_null(id) && n < ID_MAX) {
        unsigned code = id.lo & 63;
        reversed[n++] = code ? alphabet[code - 1] : '?'; /* only in a number that is no id */
        id.lo = id.lo >> 6 | id.hi << 58;
        id.hi >>= 6;
    }
    for (size_t i = 0; i < n; i++)
        text[i] = reversed[n - 1 - i];
    text[n] = '\0';
    return n;
}
