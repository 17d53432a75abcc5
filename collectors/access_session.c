/*
 * The table of open sessions: an array of slots, two indexes, and the list of slots that the next
 * checkpoint must write. Invariant: a slot is in an index exactly while its appl and what the index is of
 * are not 0.
 */
#include "access_session.h"

enum { FLAG_DIRTY = 1, FLAG_STORED = 2, FLAG_WAITING = 16 };

bool access_sessions_init(struct access_sessions *t, uint32_t max)
{
    *t = (struct access_sessions){.max = max};
    return hashindex_init(&t->by_id, 6) && hashindex_init(&t->by_user, 6);
}

void access_sessions_free(struct access_sessions *t)
{
    free(t->rows);
    free(t->free_list);
    free(t->dirty_list);
    free(t->waiting_list);
    hashindex_free(&t->by_id);
    hashindex_free(&t->by_user);
    *t = (struct access_sessions){0};
}

uint64_t access_hash(uint32_t appl, struct slice name)
{
    uint64_t h = name.n ? slice_hash(name, appl) : 0;
    return name.n && h == 0 ? 1 : h;
}

uint64_t access_hash_process(uint32_t appl, uint32_t process)
{
    if (!process)
        return 0;
    return access_hash(~appl, (struct slice){(const char *)&process, sizeof process});
}

static void index_row(struct access_sessions *t, uint32_t slot)
{
    const struct access_session *s = &t->rows[slot];
    if (s->id)
        hashindex_add(&t->by_id, s->id, slot);
    if (s->user_id)
        hashindex_add(&t->by_user, s->user_id, slot);
}

static void mark(struct access_sessions *t, uint32_t slot)
{
    if (t->rows[slot].flags & FLAG_DIRTY)
        return;
    t->rows[slot].flags |= FLAG_DIRTY;
    t->dirty_list[t->dirty_count++] = slot;
}

/* It has no rows yet. A slot may be there although its session is over or another's by now. */
static void wait(struct access_sessions *t, uint32_t slot)
{
    if (t->rows[slot].flags & FLAG_WAITING)
        return;
    t->rows[slot].flags |= FLAG_WAITING;
    t->waiting_list[t->waiting_count++] = slot;
    t->waiting_sorted = false;
}

/* Room for `count` slots at least. */
static bool grow(struct access_sessions *t, uint32_t count)
{
    if (count <= t->room)
        return true;
    uint32_t room = t->room ? t->room : 64;
    while (room < count)
        room *= 2;
    void *rows = reallocarray(t->rows, room, sizeof *t->rows);
    if (rows)
        t->rows = rows;
    uint32_t *free_list = reallocarray(t->free_list, room, sizeof *free_list);
    if (free_list)
        t->free_list = free_list;
    uint32_t *dirty_list = reallocarray(t->dirty_list, room, sizeof *dirty_list);
    if (dirty_list)
        t->dirty_list = dirty_list;
    uint32_t *waiting_list = reallocarray(t->waiting_list, room, sizeof *waiting_list);
    if (waiting_list)
        t->waiting_list = waiting_list;
    if (!rows || !free_list || !dirty_list || !waiting_list)
        return false;
    memset(t->rows + t->room, 0, (room - t->room) * sizeof *t->rows);
    t->room = room;
    return true;
}

struct access_session *access_session_add(struct access_sessions *t, const struct access_session *s)
{
    if (!t->free_count && (t->high == t->max || !grow(t, t->high + 1)))
        return NULL;
    uint32_t slot = t->free_count ? t->free_list[--t->free_count] : t->high++;
    uint16_t flags = t->rows[slot].flags;
    t->rows[slot] = *s;
    t->rows[slot].flags = flags | (s->flags & ACCESS_SESSION_NAMED);
    index_row(t, slot);
    mark(t, slot);
    wait(t, slot);
    return &t->rows[slot];
}

struct access_session *access_session_by_id(const struct access_sessions *t, uint32_t appl,
                                            uint64_t id)
{
    uint32_t cursor = 0;
    for (int64_t n; id && (n = hashindex_next(&t->by_id, id, &cursor)) >= 0;)
        if (t->rows[n].id == id && t->rows[n].appl == appl)
            return &t->rows[n];
    return NULL;
}

/* The oldest of a user that may be meant. */
static struct access_session *find_user(const struct access_sessions *t, uint32_t appl, bool named,
                                        uint64_t user_id, uint32_t process)
{
    struct access_session *found = NULL;
    uint32_t cursor = 0;
    for (int64_t n; user_id && (n = hashindex_next(&t->by_user, user_id, &cursor)) >= 0;) {
        struct access_session *s = &t->rows[n];
        bool other = s->user_id != user_id || s->appl != appl ||
                     (named && s->flags & ACCESS_SESSION_NAMED) ||
                     (process && s->process && s->process != process);
        if (!other && (!found || s->since_ms < found->since_ms))
            found = s;
    }
    return found;
}

struct access_session *access_session_find(const struct access_sessions *t, uint32_t appl,
                                           uint64_t name_id, uint64_t user_id, uint32_t process)
{
    struct access_session *s = access_session_by_id(t, appl, name_id);
    if (s)
        return s;
    s = access_session_by_id(t, appl, access_hash_process(appl, process));
    if (s && (!user_id || s->user_id == user_id))
        return s;
    return find_user(t, appl, name_id != 0, user_id, process);
}

bool access_session_began(const struct access_sessions *t, uint32_t appl, uint64_t user_id,
                          int64_t since_ms, int64_t within_ms)
{
    uint32_t cursor = 0;
    for (int64_t n; (n = hashindex_next(&t->by_user, user_id, &cursor)) >= 0;)
        if (t->rows[n].user_id == user_id && t->rows[n].appl == appl &&
            llabs(t->rows[n].since_ms - since_ms) <= within_ms)
            return true;
    return false;
}

bool access_session_of(const struct access_sessions *t, uint32_t appl, uint64_t user_id)
{
    return access_session_before(t, appl, user_id, UINT32_MAX);
}

bool access_session_before(const struct access_sessions *t, uint32_t appl, uint64_t user_id,
                           uint32_t slot)
{
    uint32_t cursor = 0;
    for (int64_t n; (n = hashindex_next(&t->by_user, user_id, &cursor)) >= 0;)
        if (n < slot && t->rows[n].user_id == user_id && t->rows[n].appl == appl)
            return true;
    return false;
}

static int by_slot(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

void access_sessions_place(struct access_sessions *t,
                           bool (*place)(void *arg, struct access_session *s), void *arg)
{
    uint32_t done = 0;
    if (!t->waiting_sorted && t->waiting_count)
        qsort(t->waiting_list, t->waiting_count, sizeof *t->waiting_list, by_slot);
    t->waiting_sorted = true;
    while (done < t->waiting_count) {
        struct access_session *s = &t->rows[t->waiting_list[done]];
        if (s->appl && !(s->flags & ACCESS_SESSION_SHOWN) && !place(arg, s))
            break;
        s->flags &= (uint16_t)~FLAG_WAITING;
        done++;
    }
    t->waiting_count -= done;
    if (done && t->waiting_count)
        memmove(t->waiting_list, t->waiting_list + done,
                t->waiting_count * sizeof *t->waiting_list);
}

void access_session_changed(struct access_sessions *t, struct access_session *s)
{
    mark(t, (uint32_t)(s - t->rows));
}

void access_session_remove(struct access_sessions *t, struct access_session *s)
{
    uint32_t slot = (uint32_t)(s - t->rows);
    if (s->id)
        hashindex_remove(&t->by_id, s->id, slot);
    if (s->user_id)
        hashindex_remove(&t->by_user, s->user_id, slot);
    uint16_t flags = s->flags & (FLAG_DIRTY | FLAG_STORED | FLAG_WAITING);
    *s = (struct access_session){.flags = flags};
    t->free_list[t->free_count++] = slot;
    mark(t, slot);
}

bool access_sessions_save(struct access_sessions *t, struct checkpoint *c)
{
    bool ok = true;
    for (uint32_t i = 0; i < t->dirty_count; i++) {
        uint32_t slot = t->dirty_list[i];
        struct access_session *s = &t->rows[slot];
        bool stored = (s->flags & FLAG_STORED) != 0;
        s->flags &= FLAG_WAITING | (s->appl ? ACCESS_SESSION_NAMED | ACCESS_SESSION_SHOWN : 0);
        s->flags |= s->appl ? FLAG_STORED : 0;
        if (s->appl)
            ok &= checkpoint_put(c, STORE_ACCESS_SESSIONS, slot, s, sizeof *s);
        else if (stored)
            ok &= checkpoint_delete(c, STORE_ACCESS_SESSIONS, slot);
    }
    t->dirty_count = 0;
    return ok;
}

bool access_session_restore(struct access_sessions *t, uint32_t slot, const void *data, size_t size)
{
    struct access_session s;
    if (size != sizeof s)
        return false;
    memcpy(&s, data, sizeof s);
    if (s.appl == 0 || slot >= t->max)
        return true; /* a smaller table than before: what does not fit is left out */
    if (slot < t->high || !grow(t, slot + 1))
        return false;
    while (t->high < slot)
        t->free_list[t->free_count++] = t->high++;
    t->high++;
    t->rows[slot] = s;
    t->rows[slot].flags = FLAG_STORED | (s.flags & ACCESS_SESSION_NAMED);
    index_row(t, slot);
    wait(t, slot);
    return true;
}
