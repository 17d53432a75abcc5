/*
 * Queue ids as numbers: 6 bits a character, the last character lowest. No character is 0, so that
 * the length needs no place of its own and two texts never share a number.
 */
#include "event.h"

#define ID_MAX 21

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

/* Position in the alphabet plus one; 0: not a character of an id. A table, because which of digits,
   capitals and small letters comes next cannot be predicted. */
const uint8_t queue_id_codes[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['I'] = 19, ['J'] = 20, ['K'] = 21, ['L'] = 22, ['M'] = 23, ['N'] = 24,
    ['O'] = 25, ['P'] = 26, ['Q'] = 27, ['R'] = 28, ['S'] = 29, ['T'] = 30, ['U'] = 31, ['V'] = 32,
    ['W'] = 33, ['X'] = 34, ['Y'] = 35, ['Z'] = 36, ['a'] = 37, ['b'] = 38, ['c'] = 39, ['d'] = 40,
    ['e'] = 41, ['f'] = 42, ['g'] = 43, ['h'] = 44, ['i'] = 45, ['j'] = 46, ['k'] = 47, ['l'] = 48,
    ['m'] = 49, ['n'] = 50, ['o'] = 51, ['p'] = 52, ['q'] = 53, ['r'] = 54, ['s'] = 55, ['t'] = 56,
    ['u'] = 57, ['v'] = 58, ['w'] = 59, ['x'] = 60, ['y'] = 61, ['z'] = 62, ['-'] = 63,
};

struct queue_id queue_id_pack(struct slice text)
{
    struct queue_id id = {0, 0};
    if (text.n > ID_MAX)
        return id;
    for (size_t i = 0; i < text.n; i++) {
        unsigned code = queue_id_codes[(unsigned char)text.p[i]];
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
