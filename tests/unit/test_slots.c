/*
 * slots.c: what a reader pins stays whole and as it was, whatever the writer does and whichever
 * side is killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../agent/slots.h"

struct pair {
    int model_fd, back_fd;
    struct slots *writer, *reader, *observer;
    struct model m;
};

static int setup(void **state)
{
    static struct pair p;
    *state = &p;
    if (slots_create(NULL, &p.model_fd, &p.back_fd) < 0 || !model_init(&p.m, NULL))
        return -1;
    p.writer = slots_open_writer(p.model_fd, p.back_fd);
    p.reader = slots_open_reader(p.model_fd, p.back_fd);
    p.observer = slots_open_observer(p.model_fd, p.back_fd);
    return p.writer && p.reader && p.observer ? 0 : -1;
}

static int teardown(void **state)
{
    struct pair *p = *state;
    slots_close(p->writer);
    slots_close(p->reader);
    slots_close(p->observer);
    model_free(&p->m);
    close(p->model_fd);
    close(p->back_fd);
    return 0;
}

static struct connection *place(struct model *m, uint32_t appl, uint32_t state, uint64_t count)
{
    struct connection *c = model_place(m, MODEL_CONNECTION, (uint32_t[3]){appl, state}, NULL);
    c->count = count;
    model_touch(m, MODEL_CONNECTION);
    return c;
}

static const struct connection *connection(const struct view *v, uint32_t i)
{
    assert_true(i < v->tables[MODEL_CONNECTION].count);
    return (const struct connection *)(const void *)v->tables[MODEL_CONNECTION].rows + i;
}

static void nothing_before_the_first_publish(void **state)
{
    struct pair *p = *state;
    struct view v;
    assert_false(slots_pin(p->reader, &v));
    assert_false(slots_copy(p->observer, &v));
}

static void rows_arrive_in_index_order(void **state)
{
    struct pair *p = *state;
    struct view v;
    place(&p->m, 2, 5, 25);
    place(&p->m, 1, 7, 17);
    place(&p->m, 1, 2, 12);
    slots_publish(p->writer, &p->m, 1000, 1700000000000);
    assert_true(slots_pin(p->reader, &v));
    assert_true(v.number == 1 && v.monotonic_ms == 1000 && v.real_ms == 1700000000000);
    assert_int_equal(v.tables[MODEL_CONNECTION].count, 3);
    assert_int_equal(v.tables[MODEL_APPL].count, 0);
    assert_int_equal(v.tables[MODEL_APPL].row_size, sizeof(struct appl));
    assert_int_equal(connection(&v, 0)->count, 12);
    assert_int_equal(connection(&v, 1)->count, 17);
    assert_int_equal(connection(&v, 2)->count, 25);
    slots_unpin(p->reader);
}

static void pinned_slot_stays_as_it_was(void **state)
{
    struct pair *p = *state;
    struct view v, later;
    struct connection *c = place(&p->m, 1, 1, 0);
    slots_publish(p->writer, &p->m, 0, 0);
    assert_true(slots_pin(p->reader, &v));
    for (uint64_t i = 1; i <= 10; i++) {
        c->count = i;
        model_touch(&p->m, MODEL_CONNECTION);
        slots_publish(p->writer, &p->m, (int64_t)i, 0);
        assert_int_equal(connection(&v, 0)->count, 0);
    }
    slots_unpin(p->reader);
    assert_true(slots_pin(p->reader, &later));
    assert_true(later.number == 11 && connection(&later, 0)->count == 10);
    slots_unpin(p->reader);
}

/* Each slot gets a changed table once; a table that did not change is right in all of them. */
static void unchanged_tables_are_right_in_every_slot(void **state)
{
    struct pair *p = *state;
    struct view v;
    struct connection *c = place(&p->m, 1, 1, 77);
    for (int i = 0; i < 5; i++) {
        model_place(&p->m, MODEL_APPL, (uint32_t[3]){(uint32_t)i + 1}, NULL);
        slots_publish(p->writer, &p->m, i, 0);
        assert_true(slots_pin(p->reader, &v));
        assert_int_equal(v.tables[MODEL_APPL].count, i + 1);
        assert_int_equal(connection(&v, 0)->count, 77);
        slots_unpin(p->reader);
    }
    model_remove(&p->m, MODEL_CONNECTION, c);
    slots_publish(p->writer, &p->m, 9, 0);
    assert_true(slots_pin(p->reader, &v));
    assert_int_equal(v.tables[MODEL_CONNECTION].count, 0);
    slots_unpin(p->reader);
}

static uint64_t random_state = 88172645463325252u;

static uint32_t pick(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % below);
}

static void change_some(struct model *m)
{
    uint32_t key[3] = {1, 1, 0};
    uint8_t address[16] = {(uint8_t)pick(40)};
    struct peer *p = model_place(m, MODEL_PEER, key, address);
    switch (pick(8)) {
    case 0:
        model_remove(m, MODEL_PEER, p);
        break;
    case 1:
        address[0] = (uint8_t)(100 + pick(100)); /* one that is not there */
        if (!model_find(m, MODEL_PEER, key, address))
            model_rekey(m, MODEL_PEER, p, key, address);
        model_sort(m, MODEL_PEER);
        break;
    case 2:
        p->current = pick(1000);
        model_touch(m, MODEL_PEER);
        break;
    case 3:
        model_clean(m, MODEL_PEER);
        break;
    default:
        p->connections = pick(1000);
        model_dirty(m, MODEL_PEER, p);
    }
}

static void is_as_the_model(const struct view *v, const struct model *m)
{
    const size_t head = sizeof(struct row);
    assert_int_equal(v->tables[MODEL_PEER].count, m->tables[MODEL_PEER].count);
    for (uint32_t i = 0; i < v->tables[MODEL_PEER].count; i++) {
        const unsigned char *is = v->tables[MODEL_PEER].rows + i * sizeof(struct peer);
        const unsigned char *should = model_row(m, MODEL_PEER, i);
        assert_memory_equal(is, should, sizeof(uint32_t[3]));
        assert_memory_equal(is + head, should + head, sizeof(struct peer) - head);
    }
}

/* Whatever slot it is written to, and however long ago that was: each row as it is now. */
static void single_rows_arrive_in_every_slot(void **state)
{
    struct pair *p = *state;
    struct view v = {0}, pinned = {0};
    for (unsigned i = 0; i < 20000; i++) {
        for (uint32_t n = pick(4); n-- > 0;)
            change_some(&p->m);
        slots_publish(p->writer, &p->m, i, 0);
        assert_true(slots_copy(p->observer, &v));
        is_as_the_model(&v, &p->m);
        slots_view_free(&v);
        if (pick(5) == 0) /* so that all three come in turn */
            assert_true(slots_pin(p->reader, &pinned));
        else if (pick(5) == 0)
            slots_unpin(p->reader);
    }
}

static void successor_continues(void **state)
{
    struct pair *p = *state;
    struct view v;
    place(&p->m, 1, 1, 5);
    model_place(&p->m, MODEL_APPL, (uint32_t[3]){1}, NULL);
    for (int i = 0; i < 4; i++)
        slots_publish(p->writer, &p->m, i, 0);
    slots_close(p->writer);
    p->writer = slots_open_writer(p->model_fd, p->back_fd);
    model_free(&p->m); // generations begin anew with the process
    assert_true(model_init(&p->m, NULL));
    place(&p->m, 1, 1, 6);
    for (int i = 0; i < 4; i++) {
        slots_publish(p->writer, &p->m, i, 0);
        assert_true(slots_pin(p->reader, &v));
        assert_true(v.number == 5u + (unsigned)i && connection(&v, 0)->count == 6);
        assert_int_equal(v.tables[MODEL_APPL].count, 0); // nor does what it never had stay
        slots_unpin(p->reader);
    }
}

static void observer_gets_a_copy(void **state)
{
    struct pair *p = *state;
    struct view v;
    struct connection *c = place(&p->m, 1, 1, 5);
    struct appl *a = model_place(&p->m, MODEL_APPL, (uint32_t[3]){1}, NULL);
    TEXT_SET(a->name, SLICE("postfix"));
    slots_publish(p->writer, &p->m, 0, 0);
    assert_true(slots_copy(p->observer, &v));
    for (int i = 0; i < 4; i++) {
        c->count = 0;
        model_touch(&p->m, MODEL_CONNECTION);
        slots_publish(p->writer, &p->m, 0, 0);
    }
    assert_int_equal(connection(&v, 0)->count, 5);
    const struct appl *copy = (const struct appl *)(const void *)v.tables[MODEL_APPL].rows;
    assert_true(slice_eq(TEXT_GET(copy->name), SLICE("postfix")));
    slots_view_free(&v);
}

static void live_model_as_a_view(void **state)
{
    struct pair *p = *state;
    struct view v;
    place(&p->m, 3, 1, 31);
    place(&p->m, 2, 1, 21);
    assert_true(slots_view_of(&p->m, 5, 6, &v));
    assert_true(v.monotonic_ms == 5 && v.real_ms == 6);
    assert_int_equal(v.tables[MODEL_CONNECTION].count, 2);
    assert_int_equal(connection(&v, 0)->count, 21);
    slots_view_free(&v);
}

static void what_flows_back(void **state)
{
    struct pair *p = *state;
    struct slots_back back = {1, 2, 3, 4}, got;
    slots_back_get(p->writer, &got);
    assert_true(got.master_state == 0 && got.registrations_refused == 0 && got.acknowledged == 0);
    slots_back_set(p->reader, &back);
    slots_back_get(p->writer, &got);
    assert_true(got.master_state == 1 && got.registrations_refused == 2 && got.acknowledged == 3 &&
                got.given_up == 4);
}

/* The model may be larger than the slots that the supervisor made: the rest is left out. */
static void rows_over_capacity_are_left_out(void **state)
{
    struct pair *p = *state;
    uint32_t capacities[MODEL_TABLES] = {[MODEL_CONNECTION] = 2};
    int model_fd, back_fd;
    struct view v;
    assert_int_equal(slots_create(capacities, &model_fd, &back_fd), 0);
    struct slots *writer = slots_open_writer(model_fd, back_fd);
    struct slots *reader = slots_open_reader(model_fd, back_fd);
    for (uint32_t i = 1; i <= 5; i++)
        place(&p->m, 1, i, i);
    slots_publish(writer, &p->m, 0, 0);
    assert_true(slots_pin(reader, &v));
    assert_int_equal(v.tables[MODEL_CONNECTION].count, 2);
    assert_int_equal(connection(&v, 1)->count, 2);
    slots_close(writer);
    slots_close(reader);
    close(model_fd);
    close(back_fd);
}

static void files_cannot_change_size(void **state)
{
    struct pair *p = *state;
    assert_int_equal(ftruncate(p->model_fd, 0), -1);
    assert_int_equal(ftruncate(p->model_fd, (off_t)1 << 40), -1);
    assert_int_equal(ftruncate(p->back_fd, 0), -1);
    assert_int_equal(errno, EPERM);
}

static void foreign_files_are_refused(void **state)
{
    struct pair *p = *state;
    int unsealed = memfd_create("test", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(unsealed, (off_t)1 << 30), 0);
    assert_null(slots_open_reader(unsealed, p->back_fd));
    assert_int_equal(errno, EPROTO);
    assert_null(slots_open_reader(-1, p->back_fd));
    assert_int_equal(errno, EBADF);
    assert_null(slots_open_reader(p->back_fd, p->back_fd)); // no header
    assert_int_equal(errno, EPROTO);
    // another layout: one bit of the hash
    unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, p->model_fd, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    page[8] ^= 1;
    assert_null(slots_open_writer(p->model_fd, p->back_fd));
    assert_int_equal(errno, EPROTO);
    page[8] ^= 1;
    memset(page + 16, 0xff, 4); // a capacity beyond the file
    assert_null(slots_open_writer(p->model_fd, p->back_fd));
    assert_int_equal(errno, EPROTO);
    munmap(page, 4096);
    close(unsealed);
}

static void damaged_slot_is_not_shown(void **state)
{
    struct pair *p = *state;
    struct view v;
    slots_publish(p->writer, &p->m, 0, 0);
    off_t size = lseek(p->model_fd, 0, SEEK_END);
    unsigned char *file =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, p->model_fd, 0);
    memset(file + 4096 + 24, 0xff, 4); // rows of the first table of the first slot
    assert_false(slots_pin(p->reader, &v));
    assert_false(slots_copy(p->observer, &v));
    memset(file + 4096 + 24, 0, 4);
    assert_true(slots_pin(p->reader, &v));
    slots_unpin(p->reader);
    file[4096]++; // its number is not the one that was announced
    assert_false(slots_pin(p->reader, &v));
    munmap(file, (size_t)size);
}

/* --- both sides killed at random --- */

#define TORN_ROWS 400

struct tally {
    _Atomic uint64_t reads, publishes, torn, copies;
};

static uint64_t mix(uint64_t stamp, const struct row *row)
{
    return (stamp ^ (uint64_t)row->key[2] << 32) * 0x9e3779b97f4a7c15u;
}

static void write_for_ever(int model_fd, int back_fd, struct tally *tally, uint64_t stamp)
{
    struct model m;
    struct slots *s = slots_open_writer(model_fd, back_fd);
    if (!s || !model_init(&m, NULL))
        _exit(1);
    for (uint32_t i = 1; i <= 4; i++)
        place(&m, 1, i, stamp);
    for (;; stamp++) {
        uint32_t rows = 1 + (uint32_t)(stamp % TORN_ROWS);
        for (uint32_t i = 0; i < TORN_ROWS; i++) {
            uint32_t key[3] = {1, 1, i + 1};
            struct group_error *e = model_find(&m, MODEL_GROUP_ERROR, key, NULL);
            if (i >= rows) {
                if (e)
                    model_remove(&m, MODEL_GROUP_ERROR, e);
                continue;
            }
            if (!e)
                e = model_place(&m, MODEL_GROUP_ERROR, key, NULL);
            e->inbound = stamp;
            e->internal = mix(stamp, &e->row);
            model_touch(&m, MODEL_GROUP_ERROR);
        }
        if (stamp % 3 == 0) // a table that changes less often
            for (uint32_t i = 1; i <= 4; i++)
                place(&m, 1, i, stamp);
        slots_publish(s, &m, (int64_t)stamp, -(int64_t)stamp);
        atomic_fetch_add(&tally->publishes, 1);
    }
}

/* All that is in a view belongs to the stamp in its times. */
static bool whole(const struct view *v)
{
    const struct view_table *errors = &v->tables[MODEL_GROUP_ERROR];
    uint64_t stamp = (uint64_t)v->monotonic_ms;
    if (v->real_ms != -v->monotonic_ms || errors->count != 1 + stamp % TORN_ROWS ||
        v->tables[MODEL_CONNECTION].count != 4)
        return false;
    for (uint32_t i = 0; i < errors->count; i++) {
        const struct group_error *e = (const struct group_error *)(const void *)errors->rows + i;
        if (e->row.key[2] != i + 1 || e->inbound != stamp || e->internal != mix(stamp, &e->row))
            return false;
    }
    uint64_t less = connection(v, 0)->count;
    for (uint32_t i = 1; i < 4; i++)
        if (connection(v, i)->count != less)
            return false;
    return less <= stamp && stamp - less < 3;
}

static void read_for_ever(int model_fd, int back_fd, struct tally *tally)
{
    struct slots *s = slots_open_reader(model_fd, back_fd);
    struct view v;
    uint64_t last = 0;
    if (!s)
        _exit(1);
    for (;;) {
        if (!slots_pin(s, &v)) {
            if (last)
                atomic_fetch_add(&tally->torn, 1);
            continue;
        }
        bool good = whole(&v) && v.number >= last;
        last = v.number;
        slots_unpin(s);
        atomic_fetch_add(good ? &tally->reads : &tally->torn, 1);
    }
}

static void observe_for_ever(int model_fd, int back_fd, struct tally *tally)
{
    struct slots *s = slots_open_observer(model_fd, back_fd);
    struct view v;
    if (!s)
        _exit(1);
    for (;;) {
        if (!slots_copy(s, &v))
            continue;
        atomic_fetch_add(whole(&v) ? &tally->copies : &tally->torn, 1);
        slots_view_free(&v);
    }
}

static pid_t start(int side, int model_fd, int back_fd, struct tally *tally, uint64_t stamp)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (side == 0)
        write_for_ever(model_fd, back_fd, tally, stamp);
    else if (side == 1)
        read_for_ever(model_fd, back_fd, tally);
    else
        observe_for_ever(model_fd, back_fd, tally);
    _exit(1);
}

static void reap(pid_t pid)
{
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status)); // it did not end by itself
}

static void no_view_is_torn_by_kills(void **state)
{
    struct pair *p = *state;
    const char *wanted = getenv("SLOTS_KILLS"); // more, by hand
    int kills = wanted ? atoi(wanted) : 300;
    struct tally *tally =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t sides[3];
    assert_ptr_not_equal(tally, MAP_FAILED);
    srandom((unsigned)getpid());
    for (int side = 0; side < 3; side++)
        sides[side] = start(side, p->model_fd, p->back_fd, tally, 3);
    for (int i = 0; i < kills; i++) {
        struct timespec pause = {0, 100000 + random() % 3000000};
        nanosleep(&pause, NULL);
        int side = (int)(random() % 2);
        reap(sides[side]);
        sides[side] = start(side, p->model_fd, p->back_fd, tally, ((uint64_t)i + 1) * 3000000);
    }
    // however the kills fell, every side must have done something before it ends
    for (int i = 0; i < 1000 && !(atomic_load(&tally->reads) && atomic_load(&tally->copies)); i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    for (int side = 0; side < 3; side++)
        reap(sides[side]);
    if (wanted)
        printf("%d kills: %llu publishes, %llu reads, %llu copies\n", kills,
               (unsigned long long)tally->publishes, (unsigned long long)tally->reads,
               (unsigned long long)tally->copies);
    assert_int_equal(tally->torn, 0);
    assert_true(tally->reads > 0 && tally->publishes > 0 && tally->copies > 0);
    munmap(tally, 4096);
}

/* A reader killed while it holds a pin: the writer goes on, the next reader sees the newest. */
static void dead_reader_with_a_pin(void **state)
{
    struct pair *p = *state;
    struct view v;
    struct connection *c = place(&p->m, 1, 1, 0);
    slots_publish(p->writer, &p->m, 0, 0);
    assert_true(slots_pin(p->reader, &v)); // and it is never unpinned
    for (uint64_t i = 1; i <= 5; i++) {
        c->count = i;
        model_touch(&p->m, MODEL_CONNECTION);
        slots_publish(p->writer, &p->m, 0, 0);
    }
    slots_close(p->reader);
    p->reader = slots_open_reader(p->model_fd, p->back_fd);
    assert_true(slots_pin(p->reader, &v));
    assert_int_equal(connection(&v, 0)->count, 5);
    slots_unpin(p->reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_before_the_first_publish, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_arrive_in_index_order, setup, teardown),
        cmocka_unit_test_setup_teardown(pinned_slot_stays_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(unchanged_tables_are_right_in_every_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(single_rows_arrive_in_every_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(successor_continues, setup, teardown),
        cmocka_unit_test_setup_teardown(observer_gets_a_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(live_model_as_a_view, setup, teardown),
        cmocka_unit_test_setup_teardown(what_flows_back, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_over_capacity_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(files_cannot_change_size, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_files_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_slot_is_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_reader_with_a_pin, setup, teardown),
        cmocka_unit_test_setup_teardown(no_view_is_torn_by_kills, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
