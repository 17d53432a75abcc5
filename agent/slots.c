/*
 * The hand-over in shared memory. MODEL is a header and three slots of equal layout; where a table
 * lies in a slot follows from the capacities in the header, which each side copies and checks when
 * it opens. Invariant: the writer only writes a slot that the word names neither as newest nor as
 * pinned, and only the reader pins, always the newest. So what a reader pinned is not written until
 * it unpins.
 */
#include "slots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC          0x31746f6c736c6d6du /* "mmlslot1" */
#define LAYOUT_VERSION 1u /* raise it when a row's members change but not its size */
#define SLOTS          3u
#define NONE           3u
#define PAGE           4096u
#define SEALS          (F_SEAL_SHRINK | F_SEAL_GROW)
#define COPY_TRIES     1000 /* an observer that is overtaken this often gives up */

struct header {
    uint64_t magic, layout;
    uint32_t capacities[MODEL_TABLES];
    struct model_work work; /* the rest is never written after slots_create */
};

/* The start of each slot. */
struct slot_head {
    uint64_t number; /* the word's sequence when this slot became the newest */
    int64_t monotonic_ms, real_ms;
    uint32_t counts[MODEL_TABLES];
};

struct back {
    _Atomic uint64_t word; /* sequence << 4 | pinned << 2 | newest */
    _Atomic uint64_t master_state, registrations_refused, acknowledged, given_up;
};

struct slots {
    unsigned char *model;
    struct back *back;
    size_t model_size, slot_size;
    uint32_t capacities[MODEL_TABLES];
    size_t offsets[MODEL_TABLES]; /* of a table's rows in a slot */
    /* writer: which position of the model is where in a table of a slot, + 1; 0: none */
    uint32_t *placed[SLOTS];
    size_t first_place[MODEL_TABLES]; /* of each table in it */
    uint64_t generations[SLOTS]
                        [MODEL_TABLES]; /* writer: what it copied there; UINT64_MAX: nothing */
};

static uint64_t word_of(uint64_t sequence, unsigned pinned, unsigned newest)
{
    return sequence << 4 | (uint64_t)pinned << 2 | newest;
}

static unsigned newest_of(uint64_t word)
{
    return word & 3;
}

static unsigned pinned_of(uint64_t word)
{
    return word >> 2 & 3;
}

/* What both sides must have been compiled with. */
static uint64_t layout_hash(void)
{
    uint64_t h = LAYOUT_VERSION;
    for (int t = 0; t < MODEL_TABLES; t++) {
        const struct model_kind *k = &model_kinds[t];
        const uint32_t parts[] = {k->row_size, k->keys, k->address_offset, k->stored_from,
                                  k->stored_to};
        h = slice_hash((struct slice){(const char *)parts, sizeof parts}, h);
    }
    return h;
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Lays out the tables of a slot. */
static void lay_out(struct slots *s, const uint32_t capacities[MODEL_TABLES])
{
    size_t at = round_up(sizeof(struct slot_head), 64);
    for (int t = 0; t < MODEL_TABLES; t++) {
        s->capacities[t] = capacities[t];
        s->offsets[t] = at;
        at = round_up(at + (size_t)capacities[t] * model_kinds[t].row_size, 64);
    }
    s->slot_size = round_up(at, PAGE);
    s->model_size = PAGE + SLOTS * s->slot_size;
}

/* A sealed file of a size, mapped for writing; the caller closes *fd when this fails. */
static void *make(const char *name, size_t size, int *fd)
{
    *fd = memfd_create(name, MFD_ALLOW_SEALING);
    if (*fd < 0 || ftruncate(*fd, (off_t)size) < 0 ||
        fcntl(*fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0)
        return NULL;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

int slots_create(const uint32_t capacities[MODEL_TABLES], int *model_fd, int *back_fd)
{
    struct header header = {.magic = MAGIC, .layout = layout_hash()};
    struct slots s;
    for (int t = 0; t < MODEL_TABLES; t++)
        header.capacities[t] =
            capacities && capacities[t] ? capacities[t] : model_kinds[t].capacity;
    lay_out(&s, header.capacities);

    *back_fd = -1;
    void *model = make("mailmond-model", s.model_size, model_fd);
    struct back *back = model ? make("mailmond-back", PAGE, back_fd) : NULL;
    int error = errno;
    if (back) {
        memcpy(model, &header, sizeof header);
        atomic_store(&back->word, word_of(0, NONE, NONE));
        munmap(back, PAGE);
    }
    if (model)
        munmap(model, s.model_size);
    if (back)
        return 0;
    if (*model_fd >= 0)
        close(*model_fd);
    if (*back_fd >= 0)
        close(*back_fd);
    errno = error;
    return -1;
}

/* Maps a file that cannot shrink under us and has at least `size` octets. */
static void *map(int fd, size_t size, int protection)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || fstat(fd, &st) < 0)
        return NULL;
    if ((seals & SEALS) != SEALS || st.st_size < (off_t)size) {
        errno = EPROTO;
        return NULL;
    }
    void *p = mmap(NULL, size, protection, MAP_SHARED | MAP_NORESERVE, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Reads the header and lays the slots out as it says. */
static bool read_header(struct slots *s, int model_fd)
{
    struct header header;
    const void *page = map(model_fd, PAGE, PROT_READ);
    if (!page)
        return false;
    memcpy(&header, page, sizeof header);
    munmap((void *)(uintptr_t)page, PAGE);
    if (header.magic != MAGIC || header.layout != layout_hash()) {
        errno = EPROTO;
        return false;
    }
    lay_out(s, header.capacities);
    return true;
}

static struct slots *open_slots(int model_fd, int back_fd, int model_protection,
                                int back_protection)
{
    struct slots *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    memset(s->generations, 0xff, sizeof s->generations);
    if (read_header(s, model_fd) && (s->model = map(model_fd, s->model_size, model_protection)) &&
        (s->back = map(back_fd, PAGE, back_protection)))
        return s;
    int error = errno;
    slots_close(s);
    errno = error;
    return NULL;
}

/* Only what is used of it is ever touched. */
static bool remember_places(struct slots *s)
{
    size_t places = 0;
    for (int t = 0; t < MODEL_TABLES; t++) {
        s->first_place[t] = places;
        places += s->capacities[t];
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (!(s->placed[i] = calloc(places, sizeof *s->placed[i])))
            return false;
    return true;
}

struct slots *slots_open_writer(int model_fd, int back_fd)
{
    struct slots *s = open_slots(model_fd, back_fd, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE);
    if (!s || remember_places(s))
        return s;
    slots_close(s);
    errno = ENOMEM;
    return NULL;
}

struct slots *slots_open_reader(int model_fd, int back_fd)
{
    return open_slots(model_fd, back_fd, PROT_READ, PROT_READ | PROT_WRITE);
}

struct slots *slots_open_observer(int model_fd, int back_fd)
{
    return open_slots(model_fd, back_fd, PROT_READ, PROT_READ);
}

void slots_close(struct slots *s)
{
    if (!s)
        return;
    if (s->model)
        munmap(s->model, s->model_size);
    if (s->back)
        munmap(s->back, PAGE);
    for (unsigned i = 0; i < SLOTS; i++)
        free(s->placed[i]);
    free(s);
}

static unsigned char *slot_at(const struct slots *s, unsigned slot)
{
    return s->model + PAGE + slot * s->slot_size;
}

/* Packs the rows of a kind in index order; returns how many. */
static uint32_t pack(const struct model *m, enum model_table t, unsigned char *to, uint32_t room)
{
    const struct rows *r = &m->tables[t];
    uint32_t count = r->count < room ? r->count : room;
    for (uint32_t i = 0; i < count; i++)
        memcpy(to + (size_t)i * r->row_size, model_row(m, t, i), r->row_size);
    return count;
}

/*
 * Brings a table of a slot up to date: copies the rows that changed since, or stand elsewhere as others
 * came or went before them. A place beyond the count holds nobody.
 */
static void refresh(struct slots *s, unsigned slot, struct model *m, enum model_table t,
                    struct slot_head *head)
{
    const struct rows *r = &m->tables[t];
    uint64_t *has = &s->generations[slot][t];
    unsigned char *to = (unsigned char *)head + s->offsets[t];
    uint32_t *placed = s->placed[slot] + s->first_place[t];
    uint32_t count = r->count < s->capacities[t] ? r->count : s->capacities[t];
    uint8_t bit = (uint8_t)(1u << slot);
    bool whole = *has == UINT64_MAX || *has < r->touched;
    if (*has == r->generation)
        return;
    for (uint32_t i = count; *has != UINT64_MAX && i < head->counts[t]; i++)
        placed[i] = 0;
    *has = r->generation;
    head->counts[t] = count;
    for (uint32_t i = 0; i < count; i++) {
        struct row *row = model_row(m, t, i);
        if (!whole && placed[i] == r->order[i] + 1 && !(row->stale & bit))
            continue;
        placed[i] = r->order[i] + 1;
        row->stale &= (uint8_t)~bit;
        memcpy(to + (size_t)i * r->row_size, row, r->row_size);
    }
}

/* A slot that is neither newest nor pinned. */
static unsigned free_slot(uint64_t word)
{
    unsigned slot = 0;
    while (slot == newest_of(word) || slot == pinned_of(word))
        slot++;
    return slot;
}

struct model_work *slots_work(struct slots *s)
{
    return &((struct header *)(void *)s->model)->work;
}

void slots_publish(struct slots *s, struct model *m, int64_t monotonic_ms, int64_t real_ms)
{
    uint64_t word = atomic_load(&s->back->word);
    unsigned slot = free_slot(word);
    uint64_t number = (word >> 4) + 1;
    struct slot_head *head = (struct slot_head *)(void *)slot_at(s, slot);

    head->number = number;
    head->monotonic_ms = monotonic_ms;
    head->real_ms = real_ms;
    for (int t = 0; t < MODEL_TABLES; t++)
        refresh(s, slot, m, (enum model_table)t, head);
    // only the pin can change under us, and never to this slot
    while (!atomic_compare_exchange_weak(&s->back->word, &word,
                                         word_of(number, pinned_of(word), slot)))
        ;
}

void slots_back_get(const struct slots *s, struct slots_back *back)
{
    back->master_state = atomic_load(&s->back->master_state);
    back->registrations_refused = atomic_load(&s->back->registrations_refused);
    back->acknowledged = atomic_load(&s->back->acknowledged);
    back->given_up = atomic_load(&s->back->given_up);
}

void slots_back_set(struct slots *s, const struct slots_back *back)
{
    atomic_store(&s->back->master_state, back->master_state);
    atomic_store(&s->back->registrations_refused, back->registrations_refused);
    atomic_store(&s->back->acknowledged, back->acknowledged);
    atomic_store(&s->back->given_up, back->given_up);
}

/* Describes the slot that a word names as newest. */
static bool describe(const struct slots *s, uint64_t word, struct view *v)
{
    if (newest_of(word) == NONE)
        return false;
    const unsigned char *base = slot_at(s, newest_of(word));
    struct slot_head head;
    memcpy(&head, base, sizeof head);
    v->number = head.number;
    v->monotonic_ms = head.monotonic_ms;
    v->real_ms = head.real_ms;
    for (int t = 0; t < MODEL_TABLES; t++) {
        if (head.counts[t] > s->capacities[t])
            return false;
        v->tables[t].rows = base + s->offsets[t];
        v->tables[t].count = head.counts[t];
        v->tables[t].row_size = model_kinds[t].row_size;
    }
    return head.number == word >> 4;
}

bool slots_pin(struct slots *s, struct view *v)
{
    uint64_t word = atomic_load(&s->back->word), pinned;
    do {
        if (newest_of(word) == NONE)
            return false;
        pinned = word_of(word >> 4, newest_of(word), newest_of(word));
    } while (!atomic_compare_exchange_weak(&s->back->word, &word, pinned));
    if (describe(s, pinned, v))
        return true;
    slots_unpin(s);
    return false;
}

void slots_unpin(struct slots *s)
{
    uint64_t word = atomic_load(&s->back->word);
    while (!atomic_compare_exchange_weak(&s->back->word, &word,
                                         word_of(word >> 4, NONE, newest_of(word))))
        ;
}

/* Gives a view rows of its own, in one block that begins at the first table. */
static unsigned char *allocate(struct view *v)
{
    size_t size = 0;
    for (int t = 0; t < MODEL_TABLES; t++)
        size += (size_t)v->tables[t].count * v->tables[t].row_size;
    return malloc(size + 1);
}

static bool copy_rows(struct view *v)
{
    unsigned char *to = allocate(v);
    if (!to)
        return false;
    for (int t = 0; t < MODEL_TABLES; t++) {
        size_t size = (size_t)v->tables[t].count * v->tables[t].row_size;
        memcpy(to, v->tables[t].rows, size);
        v->tables[t].rows = to;
        to += size;
    }
    return true;
}

bool slots_copy(struct slots *s, struct view *v)
{
    for (int i = 0; i < COPY_TRIES; i++) {
        uint64_t word = atomic_load(&s->back->word);
        if (newest_of(word) == NONE)
            return false;
        if (!describe(s, word, v))
            continue;
        if (!copy_rows(v))
            return false;
        // the writer may enter that slot only after the sequence went on
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&s->back->word) >> 4 == word >> 4)
            return true;
        slots_view_free(v);
    }
    return false;
}

void slots_view_free(struct view *v)
{
    free((void *)(uintptr_t)v->tables[0].rows);
    memset(v, 0, sizeof *v);
}

bool slots_view_of(const struct model *m, int64_t monotonic_ms, int64_t real_ms, struct view *v)
{
    *v = (struct view){.number = 1, .monotonic_ms = monotonic_ms, .real_ms = real_ms};
    for (int t = 0; t < MODEL_TABLES; t++) {
        v->tables[t].count = m->tables[t].count;
        v->tables[t].row_size = m->tables[t].row_size;
    }
    unsigned char *to = allocate(v);
    if (!to)
        return false;
    for (int t = 0; t < MODEL_TABLES; t++) {
        v->tables[t].rows = to;
        to += (size_t)pack(m, (enum model_table)t, to, v->tables[t].count) * v->tables[t].row_size;
    }
    return true;
}
