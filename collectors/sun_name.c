/*
 * Names of Sun's queue files, and the ids by which files and messages are known: hashes, with the highest bit
 * set, which no id that is packed from a text has.
 */
#include "sun_record.h"

/* '0' to '9' are 0 to 9, 'A' to 'Z' are 10 to 35; 36: none. */
static unsigned digit(char c)
{
    if (slice_digit(c))
        return (unsigned)(c - '0');
    return c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 10 : 36;
}

struct queue_id sun_hash_id(struct slice text, uint64_t seed)
{
    uint64_t h = slice_hash(text, seed);
    struct queue_id id = {h | (uint64_t)1 << 63, (h ^ h >> 31) * 0x9e3779b97f4a7c15u};
    return id;
}

bool sun_queue_name(struct slice name, struct queue_id *id, unsigned *attempts, bool *held)
{
    if (name.n < 6)
        return false;
    unsigned high = digit(name.p[0]), low = digit(name.p[1]);
    const char *end = name.p + name.n;
    *held = end[-5] == '.' && memcmp(end - 4, "HELD", 4) == 0;
    if (high > 35 || low > 35 || !(*held || end[-3] == '.'))
        return false;
    *attempts = (35 - high) * 36 + (35 - low);
    struct slice unique = {name.p + 2, name.n - (*held ? 7 : 5)};
    const unsigned char *extension = (const unsigned char *)(*held ? "00" : end - 2);
    *id = sun_hash_id(unique, (uint64_t)extension[0] << 8 | extension[1]);
    return unique.n != 0;
}
