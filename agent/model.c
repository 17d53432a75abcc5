/*
 * The rows of the model: what each kind is, where rows lie, how they are found. A kind's rows lie
 * in one reserved stretch of address space, so that a row's address never changes; `order` holds
 * the positions of the rows that exist, always in index order. A removed row's position may be used
 * again at once: `dirty` and `stored` belong to the position, so the next checkpoint writes what is
 * there then. Invariant: dirty is 1 exactly for the positions in dirty_list.
 */
#include "model.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define NO_TEXT                                                                                    \
    {                                                                                              \
        .length = TEXT_ABSENT                                                                      \
    }

static const struct agent agent_initial = {
    .version = NO_TEXT,
    .started_at = MODEL_NEVER,
    .config_loaded_at = MODEL_NEVER,
    .counters_since_at = MODEL_NEVER,
    .config_errors = MODEL_ABSENT,
    .sources = MODEL_ABSENT,
    .sources_not_ok = MODEL_ABSENT,
    .alarms_active = MODEL_ABSENT,
    .worst_severity = MODEL_ABSENT,
    .notifications_sent = MODEL_ABSENT,
    .notifications_pending = MODEL_ABSENT,
    .notifications_lost = MODEL_ABSENT,
    .registrations_refused = MODEL_ABSENT,
    .master_state = MODEL_ABSENT,
};

static const struct appl appl_initial = {
    .name = NO_TEXT,
    .description = NO_TEXT,
    .accumulated_inbound = MODEL_ABSENT,
    .accumulated_outbound = MODEL_ABSENT,
    .rejected_inbound = MODEL_ABSENT,
    .failed_outbound = MODEL_ABSENT,
    .last_inbound_at = MODEL_NEVER,
    .last_outbound_at = MODEL_NEVER,
    .received_messages = MODEL_ABSENT,
    .received_bytes = MODEL_ABSENT,
    .received_recipients = MODEL_ABSENT,
    .transmitted_messages = MODEL_ABSENT,
    .transmitted_bytes = MODEL_ABSENT,
    .transmitted_recipients = MODEL_ABSENT,
    .converted_messages = MODEL_ABSENT,
    .failed_converted_messages = MODEL_ABSENT,
    .loops_detected = MODEL_ABSENT,
    .status = MODEL_ABSENT,
    .status_changed_at = MODEL_NEVER,
    .started_at = MODEL_NEVER,
    .log_status = MODEL_ABSENT,
    .log_congested_at = MODEL_NEVER,
    .inbound = MODEL_ABSENT,
    .outbound = MODEL_ABSENT,
    .stored_messages = MODEL_ABSENT,
    .stored_bytes = MODEL_ABSENT,
    .stored_recipients = MODEL_ABSENT,
    .version = NO_TEXT,
    .directory_name = NO_TEXT,
    .url = NO_TEXT,
};

static const struct assoc assoc_initial = {
    .remote = NO_TEXT,
    .protocol_port = MODEL_ABSENT,
    .type = MODEL_ABSENT,
    .since_at = MODEL_NEVER,
    .cookie = MODEL_ABSENT,
};

static const struct group group_initial = {
    .name = NO_TEXT,
    .description = NO_TEXT,
    .hierarchy = INT64_MIN,
    .protocol_port = MODEL_ABSENT,
    .created_at = MODEL_NEVER,
    .received_messages = MODEL_ABSENT,
    .received_bytes = MODEL_ABSENT,
    .received_recipients = MODEL_ABSENT,
    .rejected_messages = MODEL_ABSENT,
    .transmitted_messages = MODEL_ABSENT,
    .transmitted_bytes = MODEL_ABSENT,
    .transmitted_recipients = MODEL_ABSENT,
    .accumulated_inbound = MODEL_ABSENT,
    .accumulated_outbound = MODEL_ABSENT,
    .rejected_inbound = MODEL_ABSENT,
    .failed_outbound = MODEL_ABSENT,
    .last_inbound_at = MODEL_NEVER,
    .last_outbound_at = MODEL_NEVER,
    .last_attempt_at = MODEL_NEVER,
    .inbound_rejection_reason = NO_TEXT,
    .outbound_failure_reason = NO_TEXT,
    .converted_messages = MODEL_ABSENT,
    .failed_converted_messages = MODEL_ABSENT,
    .loops_detected = MODEL_ABSENT,
    .submitted_messages = MODEL_ABSENT,
    .submitted_recipients = MODEL_ABSENT,
    .submitted_bytes = MODEL_ABSENT,
    .delivered_first_time = MODEL_ABSENT,
    .attempted_messages = MODEL_ABSENT,
    .attempted_recipients = MODEL_ABSENT,
    .attempted_bytes = MODEL_ABSENT,
    .rejected_recipients = MODEL_ABSENT,
    .rejected_bytes = MODEL_ABSENT,
    .failed_messages = MODEL_ABSENT,
    .failed_recipients = MODEL_ABSENT,
    .failed_bytes = MODEL_ABSENT,
    .expired = MODEL_ABSENT,
    .bounces_generated = MODEL_ABSENT,
    .queue_time_sum_ms = MODEL_ABSENT,
    .queue_time_count = MODEL_ABSENT,
    .queue_time_first_sum_ms = MODEL_ABSENT,
    .queue_time_first_count = MODEL_ABSENT,
    .stored_messages = MODEL_ABSENT,
    .stored_bytes = MODEL_ABSENT,
    .stored_recipients = MODEL_ABSENT,
    .oldest_at = MODEL_NEVER,
    .oldest_id = NO_TEXT,
    .inbound = MODEL_ABSENT,
    .outbound = MODEL_ABSENT,
    .retry_at = MODEL_NEVER,
    .active = MODEL_ABSENT,
    .incoming = MODEL_ABSENT,
    .deferred = MODEL_ABSENT,
    .held = MODEL_ABSENT,
    .corrupt = MODEL_ABSENT,
    .maildrop = MODEL_ABSENT,
    .attempted_per_hour = MODEL_ABSENT,
    .failed_per_hour = MODEL_ABSENT,
    .stored_minimum_messages = INT64_MIN,
    .stored_minimum_recipients = INT64_MIN,
    .stored_minimum_blocks = INT64_MIN,
    .depth_mean = MODEL_ABSENT,
    .depth_deviation = MODEL_ABSENT,
    .depth_samples = MODEL_ABSENT,
    .depth_peak = MODEL_ABSENT,
    .depth_peak_at = MODEL_NEVER,
    .url = NO_TEXT,
};

static const struct source source_initial = {
    .name = NO_TEXT,
    .target = NO_TEXT,
    .kind = MODEL_ABSENT,
    .status = MODEL_ABSENT,
    .last_success_at = MODEL_NEVER,
    .interval_s = MODEL_ABSENT,
    .duration_ms = MODEL_ABSENT,
    .behind_bytes = MODEL_ABSENT,
    .last_error = NO_TEXT,
};

static const struct group_assoc group_assoc_initial;
static const struct group_error group_error_initial;
static const struct age age_initial = {.up_to_min = MODEL_ABSENT, .messages = MODEL_ABSENT};
static const struct entry entry_initial = {.last_at = MODEL_NEVER, .last_reason = NO_TEXT};
static const struct destination destination_initial = {
    .domain = NO_TEXT,
    .last_reason = NO_TEXT,
    .last_status_code = MODEL_ABSENT,
    .last_at = MODEL_NEVER,
    .oldest_at = MODEL_NEVER,
    .retry_at = MODEL_NEVER,
};
static const struct connection connection_initial;
static const struct peer peer_initial = {.first_seen_at = MODEL_NEVER, .last_seen_at = MODEL_NEVER};

static const uint32_t no_instants[] = {0};
static const uint32_t appl_instants[] = {
    offsetof(struct appl, last_inbound_at),   offsetof(struct appl, last_outbound_at),
    offsetof(struct appl, status_changed_at), offsetof(struct appl, started_at),
    offsetof(struct appl, log_congested_at),  0,
};
static const uint32_t group_instants[] = {
    offsetof(struct group, created_at),
    offsetof(struct group, last_inbound_at),
    offsetof(struct group, last_outbound_at),
    offsetof(struct group, last_attempt_at),
    0,
};
static const uint32_t entry_instants[] = {offsetof(struct entry, last_at), 0};
static const uint32_t destination_instants[] = {offsetof(struct destination, last_at), 0};
static const uint32_t peer_instants[] = {offsetof(struct peer, first_seen_at),
                                         offsetof(struct peer, last_seen_at), 0};

const struct model_kind model_kinds[MODEL_TABLES] = {
    [MODEL_AGENT] = {"agent", sizeof(struct agent), 1, 0, 1, 0, 0, no_instants, &agent_initial},
    [MODEL_APPL] = {"appl", sizeof(struct appl), 1, 0, 64, offsetof(struct appl, name),
                    offsetof(struct appl, inbound), appl_instants, &appl_initial},
    [MODEL_ASSOC] = {"assoc", sizeof(struct assoc), 2, 0, 16384, 0, 0, no_instants, &assoc_initial},
    [MODEL_GROUP] = {"group", sizeof(struct group), 2, 0, 1024, offsetof(struct group, name),
                     offsetof(struct group, stored_messages), group_instants, &group_initial},
    [MODEL_GROUP_ASSOC] = {"group_assoc", sizeof(struct group_assoc), 3, 0, 16384, 0, 0,
                           no_instants, &group_assoc_initial},
    [MODEL_GROUP_ERROR] = {"group_error", sizeof(struct group_error), 3, 0, 8192,
                           offsetof(struct group_error, inbound), sizeof(struct group_error),
                           no_instants, &group_error_initial},
    [MODEL_SOURCE] = {"source", sizeof(struct source), 1, 0, 256, offsetof(struct source, name),
                      offsetof(struct source, appl), no_instants, &source_initial},
    [MODEL_AGE] = {"age", sizeof(struct age), 3, 0, 2048, 0, 0, no_instants, &age_initial},
    [MODEL_ENTRY] = {"entry", sizeof(struct entry), 3, 0, 8192, offsetof(struct entry, count),
                     sizeof(struct entry), entry_instants, &entry_initial},
    [MODEL_DESTINATION] = {"destination", sizeof(struct destination), 2, 0, 1024,
                           offsetof(struct destination, domain),
                           offsetof(struct destination, queued), destination_instants,
                           &destination_initial},
    [MODEL_CONNECTION] = {"connection", sizeof(struct connection), 2, 0, 704, 0, 0, no_instants,
                          &connection_initial},
    [MODEL_PEER] = {"peer", sizeof(struct peer), 2, offsetof(struct peer, address), 1024,
                    offsetof(struct peer, address), offsetof(struct peer, current), peer_instants,
                    &peer_initial},
};

void text_set(uint8_t *length, char *bytes, size_t size, struct slice value)
{
    size_t max = size < TEXT_ABSENT ? size : TEXT_ABSENT - 1;
    if (!value.p) {
        *length = TEXT_ABSENT;
        return;
    }
    size_t n = value.n;
    if (n > max) {
        n = max;
        // step back over continuation octets (RFC 3629): at most 3 belong to one character
        while (n > max - 3 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
            n--;
    }
    memmove(bytes, value.p, n);
    *length = (uint8_t)n;
}

static int compare_index(const struct model_kind *k, const unsigned char *a, const uint32_t key[3],
                         const uint8_t *address)
{
    const uint32_t *own = ((const struct row *)a)->key;
    for (uint32_t i = 0; i < k->keys; i++)
        if (own[i] != key[i])
            return own[i] < key[i] ? -1 : 1;
    if (!k->address_offset)
        return 0;
    return memcmp(a + k->address_offset, address, 16);
}

int model_compare(enum model_table t, const void *a, const void *b)
{
    const struct model_kind *k = &model_kinds[t];
    return compare_index(k, a, ((const struct row *)b)->key,
                         (const uint8_t *)b + k->address_offset);
}

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* One mapping: the rows, then the three lists of positions. */
static size_t mapping_size(const struct rows *r)
{
    return (size_t)r->capacity * (r->row_size + 3 * sizeof(uint32_t));
}

bool model_init(struct model *m, const uint32_t capacities[MODEL_TABLES])
{
    memset(m, 0, sizeof *m);
    for (int t = 0; t < MODEL_TABLES; t++) {
        struct rows *r = &m->tables[t];
        r->row_size = model_kinds[t].row_size;
        r->capacity = capacities && capacities[t] ? capacities[t] : model_kinds[t].capacity;
        r->base = map(mapping_size(r));
        if (!r->base) {
            model_free(m);
            errno = ENOMEM;
            return false;
        }
        r->order = (uint32_t *)(void *)(r->base + (size_t)r->capacity * r->row_size);
        r->free_list = r->order + r->capacity;
        r->dirty_list = r->free_list + r->capacity;
    }
    return true;
}

void model_free(struct model *m)
{
    for (int t = 0; t < MODEL_TABLES; t++)
        if (m->tables[t].base)
            munmap(m->tables[t].base, mapping_size(&m->tables[t]));
    memset(m, 0, sizeof *m);
}

static struct row *row_at(const struct rows *r, uint32_t position)
{
    return (struct row *)(void *)(r->base + (size_t)position * r->row_size);
}

/* The first place in `order` whose row is not below the index; *found: it is that row. */
static uint32_t seek(const struct model *m, enum model_table t, const uint32_t key[3],
                     const uint8_t *address, bool *found)
{
    const struct rows *r = &m->tables[t];
    const struct model_kind *k = &model_kinds[t];
    uint32_t low = 0, high = r->count;
    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int c = compare_index(k, (unsigned char *)row_at(r, r->order[middle]), key, address);
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
        *found = *found || c == 0;
    }
    return low;
}

void *model_find(const struct model *m, enum model_table t, const uint32_t key[3],
                 const uint8_t *address)
{
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    return found ? model_row(m, t, i) : NULL;
}

/* The initial row under an index, at a position; what the store knows of the position stays. */
static struct row *reset(const struct model *m, enum model_table t, uint32_t position,
                         const uint32_t key[3], const uint8_t *address)
{
    const struct model_kind *k = &model_kinds[t];
    struct row *row = row_at(&m->tables[t], position);
    struct row head = {.used = 1, .dirty = row->dirty, .stored = row->stored};
    memcpy(row, k->initial, k->row_size);
    memcpy(head.key, key, k->keys * sizeof key[0]);
    *row = head;
    if (k->address_offset)
        memcpy((unsigned char *)row + k->address_offset, address, 16);
    return row;
}

/* Fills a free position from the initial row and enters it in `order` at place i. */
static void *fill(struct model *m, enum model_table t, uint32_t position, uint32_t i,
                  const uint32_t key[3], const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    struct row *row = reset(m, t, position, key, address);
    memmove(r->order + i + 1, r->order + i, (r->count - i) * sizeof r->order[0]);
    r->order[i] = position;
    r->count++;
    r->generation++;
    return row;
}

void *model_place(struct model *m, enum model_table t, const uint32_t key[3],
                  const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    if (found)
        return model_row(m, t, i);
    if (r->count == r->capacity) {
        r->overflow++;
        return NULL;
    }
    uint32_t position = r->free_count ? r->free_list[--r->free_count] : r->high++;
    return fill(m, t, position, i, key, address);
}

/* Takes a given position out of the free ones. */
static bool claim(struct rows *r, uint32_t position)
{
    if (position >= r->capacity)
        return false;
    while (r->high <= position)
        r->free_list[r->free_count++] = r->high++;
    for (uint32_t i = r->free_count; i-- > 0;) {
        if (r->free_list[i] == position) {
            r->free_list[i] = r->free_list[--r->free_count];
            return true;
        }
    }
    return false;
}

void *model_place_at(struct model *m, enum model_table t, uint32_t position, const uint32_t key[3],
                     const uint8_t *address)
{
    struct rows *r = &m->tables[t];
    bool found;
    uint32_t i = seek(m, t, key, address, &found);
    if (found || !claim(r, position))
        return NULL;
    struct row *row = fill(m, t, position, i, key, address);
    row->stored = 1;
    return row;
}

void model_remove(struct model *m, enum model_table t, void *row)
{
    struct rows *r = &m->tables[t];
    struct row *head = row;
    const struct model_kind *k = &model_kinds[t];
    bool found;
    uint32_t i = seek(m, t, head->key, (const uint8_t *)row + k->address_offset, &found);
    if (!found || !head->used)
        return;
    if (head->stored)
        model_dirty(m, t, row); // so that the checkpoint deletes its record
    head->used = 0;
    r->free_list[r->free_count++] = r->order[i];
    r->count--;
    memmove(r->order + i, r->order + i + 1, (r->count - i) * sizeof r->order[0]);
    r->generation++;
}

void model_rekey(struct model *m, enum model_table t, void *row, const uint32_t key[3],
                 const uint8_t *address)
{
    reset(m, t, model_position(m, t, row), key, address);
    m->tables[t].unsorted = true;
    m->tables[t].generation++;
}

/* qsort_r's order of positions: that of their rows. */
struct sorting {
    const struct rows *rows;
    enum model_table table;
};

static int compare_positions(const void *a, const void *b, void *arg)
{
    const struct sorting *s = arg;
    return model_compare(s->table, row_at(s->rows, *(const uint32_t *)a),
                         row_at(s->rows, *(const uint32_t *)b));
}

void model_sort(struct model *m, enum model_table t)
{
    struct rows *r = &m->tables[t];
    struct sorting s = {r, t};
    if (r->unsorted)
        qsort_r(r->order, r->count, sizeof r->order[0], compare_positions, &s);
    r->unsorted = false;
}

void model_clean(struct model *m, enum model_table t)
{
    struct rows *r = &m->tables[t];
    for (uint32_t i = 0; i < r->dirty_count; i++) {
        struct row *row = row_at(r, r->dirty_list[i]);
        row->dirty = 0;
        row->stored = row->used;
    }
    r->dirty_count = 0;
}
