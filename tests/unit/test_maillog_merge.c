/*
 * That a log of k hosts counts as k logs, for every format at once: recorded logs of the real servers, each as that of a
 * host, line by line in one.
 */
#include "data_file.h"
#include "maillog_site.h"

struct lines {
    char *text;
    size_t size, at;
};

static uint64_t random_state;

static uint32_t pick(uint32_t n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % n;
}

/* A line as syslog of this host would have it: recorded logs have another host, or a head of their own. */
static size_t as_host(struct slice line, const char *kind, const char *host, char *to, size_t size)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct slice rest = line;
    int n = 0;
    if (strcmp(kind, "exim") == 0) {
        unsigned month = (unsigned)atoi(line.p + 5) - 1;
        n = snprintf(to, size, "%s %2d %.8s %s exim[77]: %.*s\n", months[month % 12],
                     atoi(line.p + 8), line.p + 11, host, (int)line.n, line.p);
    } else if (strcmp(kind, "dovecot") == 0) {
        struct slice text = slice_skip(line, 16);
        size_t info = slice_search(text, SLICE(": Info: "));
        n = snprintf(to, size, "%.15s %s dovecot: %.*s: %.*s\n", line.p, host, (int)info, text.p,
                     (int)slice_skip(text, info + 8).n, slice_skip(text, info + 8).p);
    } else {
        struct slice stamp = slice_head(rest, *line.p > '9' ? 15 : slice_find(rest, ' '));
        rest = slice_skip(rest, stamp.n + 1);
        rest = slice_skip(rest, slice_find(rest, ' ') + 1);
        n = snprintf(to, size, "%.*s %s %.*s\n", (int)stamp.n, stamp.p, host, (int)rest.n, rest.p);
    }
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

/* Adds a recorded log to a host's lines, now and then with a line that says that the one before came again. */
static void add_log(struct lines *l, const char *kind, const char *file, const char *host,
                    const char *long_host)
{
    struct slice data = data_file("tests/data/%s", file);
    while (data.n) {
        struct slice line = slice_line(&data);
        const char *name = long_host && pick(3) == 0 ? long_host : host;
        if (line.n < 20 || (strcmp(kind, "exim") == 0 && *line.p != '2'))
            continue;
        l->text = realloc(l->text, l->size + line.n + 400);
        assert_non_null(l->text);
        l->size += as_host(line, kind, name, l->text + l->size, line.n + 200);
        if (*l->text > '9' && pick(40) == 0)
            l->size += (size_t)snprintf(l->text + l->size, 200,
                                        "Nov 22 04:20:00 %s last message repeated %u times\n", name,
                                        1 + pick(3));
    }
}

static const struct {
    const char *kind, *file;
} recorded[] = {
    {"postfix", "postfix_real.log"},   {"postfix", "postfix_site.log"},
    {"sendmail", "sendmail_real.log"}, {"opensmtpd", "opensmtpd_real.log"},
    {"exim", "exim_real.log"},         {"exim", "exim_selectors.log"},
    {"dovecot", "dovecot_real.log"},   {"cyrus", "cyrus_real.log"},
};
#define RECORDED (sizeof recorded / sizeof recorded[0])

/* Runs of whole lines, each gone when the next one comes. */
static void feed_runs(struct site *s, const char *text, size_t size)
{
    for (struct slice rest = {text, size}; rest.n;) {
        size_t n = 0;
        for (unsigned i = 1 + pick(200); i && n < rest.n; i--)
            n += slice_find(slice_skip(rest, n), '\n') + 1;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, rest.p, n);
        maillog_lines(&s->log, (struct slice){copy, n});
        free(copy);
        rest = slice_skip(rest, n);
    }
    tally_end(s->tally);
    tally_levels(s->tally);
}

/* The lines of all in one, those of each in their order. */
static struct lines merge(struct lines *of, unsigned count)
{
    struct lines all = {NULL, 0, 0};
    size_t left = 0;
    for (unsigned i = 0; i < count; i++)
        left += of[i].size;
    all.text = malloc(left + 1);
    assert_non_null(all.text);
    while (left) {
        struct lines *l = &of[pick(count)];
        for (unsigned n = 1 + pick(5); n && l->at < l->size; n--) {
            struct slice rest = {l->text + l->at, l->size - l->at};
            size_t length = slice_find(rest, '\n') + 1;
            memcpy(all.text + all.size, rest.p, length);
            all.size += length;
            l->at += length;
            left -= length;
        }
    }
    return all;
}

static const void *same_destination(const struct model *m, uint32_t appl,
                                    const struct destination *d)
{
    for (uint32_t i = 0; i < m->tables[MODEL_DESTINATION].count; i++) {
        const struct destination *x = model_row(m, MODEL_DESTINATION, i);
        if (x->row.key[0] == appl && slice_eq(TEXT_GET(x->domain), TEXT_GET(d->domain)))
            return x;
    }
    return NULL;
}

/* Each row of one application is there in the other model, to the octet, and there are no more. */
static unsigned compare_below(const struct model *one, uint32_t appl, const struct model *all,
                              uint32_t in_all, enum model_table t)
{
    unsigned wrong = 0, rows = 0;
    size_t size = one->tables[t].row_size - sizeof(struct row);
    if (t == MODEL_PEER) /* connections now are another host's */
        size = model_kinds[t].stored_to - sizeof(struct row);
    for (uint32_t i = 0; i < one->tables[t].count; i++) {
        const struct row *row = model_row(one, t, i);
        if (row->key[0] != appl)
            continue;
        uint32_t key[3] = {in_all, row->key[1], row->key[2]};
        const void *other =
            t == MODEL_DESTINATION
                ? same_destination(all, in_all, (const struct destination *)(const void *)row)
                : model_find(all, t, key,
                             t == MODEL_PEER ? ((const struct peer *)(const void *)row)->address
                                             : NULL);
        wrong += !other || memcmp((const char *)other + sizeof(struct row),
                                  (const char *)row + sizeof(struct row), size) != 0;
        rows++;
    }
    for (uint32_t i = 0; i < all->tables[t].count; i++)
        rows -= ((const struct row *)model_row(all, t, i))->key[0] == in_all;
    return wrong + (rows != 0);
}

/* What the log of one host gives is what the log of all gives of that host. Returns its messages under way. */
static uint32_t compare_host(const struct lines *lines, const char *host, struct site *all,
                             unsigned long seed)
{
    static const enum model_table tables[] = {MODEL_GROUP, MODEL_ENTRY,       MODEL_GROUP_ERROR,
                                              MODEL_PEER,  MODEL_DESTINATION, MODEL_ACCESS};
    struct site one;
    site_open(&one);
    add_host(&one, "");
    maillog_time(&one.log, WRITTEN);
    feed_runs(&one, lines->text, lines->size);
    assert_true(one.model.tables[MODEL_APPL].count > 0);
    for (uint32_t i = 0; i < one.model.tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(&one.model, MODEL_APPL, i),
                          *b = find_appl(&all->model, host, TEXT_GET(a->name));
        struct slice name = TEXT_GET(a->name);
        if (!b)
            fail_msg("seed %lu: no %s/%.*s", seed, host, (int)name.n, name.p);
        size_t from = offsetof(struct appl, name) + sizeof a->name;
        if (memcmp((const char *)a + from, (const char *)b + from, sizeof *a - from) != 0)
            fail_msg("seed %lu: %s/%.*s is another row", seed, host, (int)name.n, name.p);
        for (unsigned t = 0; t < sizeof tables / sizeof tables[0]; t++)
            if (compare_below(&one.model, a->row.key[0], &all->model, b->row.key[0], tables[t]))
                fail_msg("seed %lu: %s/%.*s, rows of %s", seed, host, (int)name.n, name.p,
                         model_kinds[tables[t]].name);
    }
    uint32_t messages = tally_messages(one.tally)->count;
    all->log.lines -= one.log.lines;
    all->log.unrecognised -= one.log.unrecognised;
    site_close(&one);
    return messages;
}

static void check_merge(unsigned long seed)
{
    static const char *const hosts[] = {"mx1", "mx2.example.org", "192.0.2.3", "store", "mx10"};
    static const char *const longs[] = {"MX1.example.org", NULL, NULL, "store.example.org", NULL};
    struct lines lines[5] = {{0}};
    struct site all;
    random_state = seed;
    unsigned count = 2 + pick(4), named = pick(3) == 0 ? 0 : pick(3) == 0 ? 1 : count;
    site_open(&all);
    for (unsigned h = 0; h < count; h++) {
        for (unsigned n = 1 + pick(3); n; n--) {
            unsigned r = pick(RECORDED);
            add_log(&lines[h], recorded[r].kind, recorded[r].file, hosts[h],
                    h < named ? longs[h] : NULL);
        }
        if (h < named)
            add_host(&all, hosts[h]);
    }
    if (named < count)
        add_host(&all, MAILLOG_EACH);
    maillog_time(&all.log, WRITTEN);
    struct lines merged = merge(lines, count);
    feed_runs(&all, merged.text, merged.size);
    uint32_t messages = 0;
    for (unsigned h = 0; h < count; h++)
        messages += compare_host(&lines[h], hosts[h], &all, seed);
    assert_int_equal(messages, tally_messages(all.tally)->count);
    assert_int_equal(all.log.lines, 0);
    assert_int_equal(all.log.unrecognised, 0);
    assert_string_equal(all.strangers, "");
    for (unsigned h = 0; h < count; h++)
        free(lines[h].text);
    free(merged.text);
    site_close(&all);
}

static void test_merge(void **state)
{
    (void)state;
    for (unsigned long seed = 1; seed <= 60; seed++)
        check_merge(seed);
}

int main(void)
{
    setenv("TZ", "UTC0", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
