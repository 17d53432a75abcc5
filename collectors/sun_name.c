/*
 * Names of Sun's queue files, and the ids by which files and messages are known. A file's id is
 * packed from its name, at most 126 bits; an id that is a hash has the highest bit set, so that the
 * two never meet.
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
    struct queue_id id = {slice_hash(text, seed ^ 0x9e3779b97f4a7c15u), slice_hash(text, seed)};
    id.hi |= (uint64_t)1 << 63;
    return id;
}

#define PACKED_MAX 21

bool sun_queue_name(struct slice name, struct queue_id *id, unsigned *attempts, bool *held)
{
    const char *dot = name.n > 5 ? memrchr(name.p, '.', name.n) : NULL;
    if (!dot || dot < name.p + 3)
        return false;
    unsigned high = digit(name.p[0]), low = digit(name.p[1]);
    struct slice extension = slice_skip(name, (size_t)(dot + 1 - name.p));
    *held = slice_eq(extension, SLICE("HELD"));
    if (high > 35 || low > 35 || (extension.n != 2 && !*held))
        return false;
    *attempts = (35 - high) * 36 + (35 - low);
    struct slice unique = {name.p + 2, (size_t)(dot - name.p) - 2};
    if (*held)
        extension = SLICE("00");
    *id = (struct queue_id){0, 0};
    if (unique.n + 2 <= PACKED_MAX)
        *id = queue_id_pack(unique);
    struct queue_id end = queue_id_pack(extension);
    if (queue_id_null(*id) || queue_id_null(end)) {
        *id = sun_hash_id(unique, slice_hash(extension, 0));
        return true;
    }
    id->hi = id->hi << 12 | id->lo >> 52;
    id->lo = id->lo << 12 | end.lo;
    return true;
}
