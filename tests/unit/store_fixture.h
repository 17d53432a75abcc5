/* A store on the real disk, in a directory of its own. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "../../agent/store.h"
#include "scratch.h"

static char path[64]; /* of the database */
static char error[512];

static inline int set_up(void **state)
{
    int bad = scratch_make(state);
    snprintf(path, sizeof path, "%s/state.db", scratch);
    return bad;
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, set_up, scratch_remove)

static inline void clear(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (unsigned i = 0; i < 4; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static inline struct store *open_store(void)
{
    struct store *s = store_open(scratch, error, sizeof error);
    if (!s)
        fail_msg("%s", error);
    return s;
}

/* Writes `count` records of a kind from slot 0, each with this octet all over. */
static inline bool write_records(struct store *s, int kind, uint32_t count, size_t size, int octet)
{
    struct checkpoint *c = checkpoint_new();
    char data[4096];
    memset(data, octet, sizeof data);
    for (uint32_t i = 0; i < count; i++)
        assert_true(checkpoint_put(c, kind, i, data, size));
    assert_int_equal(checkpoint_count(c), count);
    bool ok = store_write(s, c);
    checkpoint_free(c);
    return ok;
}

struct seen {
    uint32_t count, next;
    size_t size;
    int octet; /* of all records; -1: none yet, -2: they differ */
};

static inline bool look(void *arg, uint32_t slot, const void *data, size_t size)
{
    struct seen *seen = arg;
    const unsigned char *octets = data;
    assert_true(slot >= seen->next);
    seen->next = slot + 1;
    seen->count++;
    seen->size = size;
    for (size_t i = 0; i < size; i++)
        seen->octet = seen->octet == -1 || seen->octet == octets[i] ? octets[i] : -2;
    return true;
}

static inline struct seen seen_in(struct store *s, int kind)
{
    struct seen seen = {.octet = -1};
    assert_true(store_load(s, kind, look, &seen));
    return seen;
}

#endif
