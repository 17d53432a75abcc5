/*
 * The history in SQLite. `series` names a column of a row once, `sample` has its spans, fine ones for
 * some weeks and whole hours before that. WAL, so that a report can be made while samples are
 * written; not synchronous with each commit, because the loss of a minute of history is no harm.
 */
#include "history.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "slice.h"

#define HISTORY_VERSION 1
#define BUSY_MS         2000
#define THIN_HOURS      64 /* of series, folded in one call */

struct history {
    sqlite3 *db;
    char error[256];
};

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, object TEXT NOT NULL,"
    " instance TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(object, instance));"
    "CREATE TABLE IF NOT EXISTS sample(series INTEGER NOT NULL, start INTEGER NOT NULL,"
    " span INTEGER NOT NULL, count INTEGER NOT NULL, mean REAL NOT NULL, minimum REAL NOT NULL,"
    " maximum REAL NOT NULL, PRIMARY KEY(series, start)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS transition(number INTEGER PRIMARY KEY, at INTEGER NOT NULL,"
    " id TEXT NOT NULL, instance TEXT NOT NULL, event INTEGER NOT NULL, severity INTEGER NOT NULL,"
    " value INTEGER NOT NULL, threshold INTEGER NOT NULL, text TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS run(at INTEGER NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL,"
    " submit TEXT NOT NULL, retrieve TEXT NOT NULL, total INTEGER NOT NULL, status INTEGER NOT "
    "NULL,"
    " fault TEXT NOT NULL, PRIMARY KEY(at, name)) WITHOUT ROWID;"
    "PRAGMA user_version=1; COMMIT;";

static bool fail(struct history *h)
{
    snprintf(h->error, sizeof h->error, "%s", sqlite3_errmsg(h->db));
    return false;
}

static bool run(struct history *h, const char *sql)
{
    return sqlite3_exec(h->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(h);
}

static sqlite3_stmt *prepare(struct history *h, const char *sql)
{
    sqlite3_stmt *q = NULL;
    if (sqlite3_prepare_v2(h->db, sql, -1, &q, NULL) != SQLITE_OK)
        fail(h);
    return q;
}

static int64_t one_number(struct history *h, const char *sql)
{
    int64_t number = -1;
    sqlite3_stmt *q = prepare(h, sql);
    if (q && sqlite3_step(q) == SQLITE_ROW)
        number = sqlite3_column_int64(q, 0);
    else if (q)
        fail(h);
    sqlite3_finalize(q);
    return number;
}

static bool set_up(struct history *h, bool write)
{
    sqlite3_busy_timeout(h->db, BUSY_MS);
    int64_t version = one_number(h, "PRAGMA user_version");
    if (version < 0)
        return false;
    if (version > HISTORY_VERSION || (version == 0 && !write)) {
        snprintf(h->error, sizeof h->error,
                 version ? "a later version of mailmond made it" : "it is empty");
        return false;
    }
    return !write || (run(h, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                             "PRAGMA cache_size=-256; PRAGMA journal_size_limit=1048576;") &&
                      run(h, schema));
}

struct history *history_open(const char *dir, bool write, char *error, size_t error_size)
{
    char path[4096];
    struct history *h = calloc(1, sizeof *h);
    if (!h) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    snprintf(path, sizeof path, "%s/history.db", dir);
    if (write) { /* names of users may be in it: not for everybody */
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0) { /* SQLite would read it, and never write, also when it may be written again */
            snprintf(error, error_size, "%s: %s", path, strerror(errno));
            history_close(h);
            return NULL;
        }
        close(fd);
    }
    int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    bool open = sqlite3_open_v2(path, &h->db, flags | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK;
    if (open ? set_up(h, write) : fail(h))
        return h;
    snprintf(error, error_size, "%s: %s", path, h->error);
    history_close(h);
    return NULL;
}

void history_close(struct history *h)
{
    if (h)
        sqlite3_close(h->db);
    free(h);
}

const char *history_error(const struct history *h)
{
    return h->error;
}

/* Binds what `types` says: t a text, i a whole number, d a number; steps once; ready for the next. */
static bool put(struct history *h, sqlite3_stmt *q, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    for (int i = 0; types[i]; i++) {
        if (types[i] == 't')
            sqlite3_bind_text(q, i + 1, va_arg(values, const char *), -1, SQLITE_STATIC);
        else if (types[i] == 'i')
            sqlite3_bind_int64(q, i + 1, va_arg(values, int64_t));
        else
            sqlite3_bind_double(q, i + 1, va_arg(values, double));
    }
    va_end(values);
    bool ok = sqlite3_step(q) == SQLITE_DONE || fail(h);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return ok;
}

static bool write_samples(struct history *h, const struct history_batch *b)
{
    sqlite3_stmt *name =
        prepare(h, "INSERT INTO series(object, instance, name) VALUES(?1, ?2, ?3)"
                   " ON CONFLICT(object, instance) DO UPDATE SET name = ?3 WHERE name <> ?3");
    sqlite3_stmt *add = prepare(
        h, "INSERT INTO sample SELECT id, ?3, ?4, ?5, ?6, ?7, ?8 FROM series"
           " WHERE object = ?1 AND instance = ?2"
           " ON CONFLICT(series, start) DO UPDATE SET"
           " mean = (mean * count + excluded.mean * excluded.count) / (count + excluded.count),"
           " minimum = min(minimum, excluded.minimum), maximum = max(maximum, excluded.maximum),"
           " count = count + excluded.count");
    bool ok = name && add;
    for (unsigned i = 0; ok && i < b->sample_count; i++) {
        const struct history_sample *s = &b->samples[i];
        ok = put(h, name, "ttt", s->object, s->instance, s->name) &&
             put(h, add, "ttiiiddd", s->object, s->instance, s->start_s, (int64_t)s->span_s,
                 (int64_t)s->count, s->mean, s->minimum, s->maximum);
    }
    sqlite3_finalize(name);
    sqlite3_finalize(add);
    return ok;
}

static bool write_transitions(struct history *h, const struct history_batch *b)
{
    sqlite3_stmt *add =
        prepare(h, "INSERT OR REPLACE INTO transition VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    bool ok = add != NULL;
    for (unsigned i = 0; ok && i < b->transition_count; i++) {
        const struct history_transition *t = &b->transitions[i];
        ok = put(h, add, "iittiiiit", (int64_t)t->number, t->at_ms, t->id, t->instance,
                 (int64_t)t->event, (int64_t)t->severity, t->value, t->threshold, t->text);
    }
    sqlite3_finalize(add);
    return ok;
}

static bool write_runs(struct history *h, const struct history_batch *b)
{
    sqlite3_stmt *add =
        prepare(h, "INSERT OR REPLACE INTO run VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    bool ok = add != NULL;
    for (unsigned i = 0; ok && i < b->run_count; i++) {
        const struct history_run *r = &b->runs[i];
        ok = put(h, add, "ittttiit", r->at_ms, r->name, r->user, r->submit_host, r->retrieve_host,
                 r->total_ms, (int64_t)r->status, r->fault);
    }
    sqlite3_finalize(add);
    return ok;
}

/* Ends a transaction as `ok` says; what made it fail is kept in h->error. */
static bool end(struct history *h, bool ok)
{
    if (ok && run(h, "COMMIT"))
        return true;
    sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

bool history_write(struct history *h, const struct history_batch *b)
{
    if (!run(h, "BEGIN IMMEDIATE"))
        return false;
    return end(h, (b->sample_count == 0 || write_samples(h, b)) &&
                      (b->transition_count == 0 || write_transitions(h, b)) &&
                      (b->run_count == 0 || write_runs(h, b)));
}

/* Replaces the fine samples of one hour of one series by one of that hour. */
static bool fold(struct history *h, sqlite3_stmt *sum, sqlite3_stmt *remove, sqlite3_stmt *add,
                 int64_t series, int64_t hour_s)
{
    sqlite3_bind_int64(sum, 1, series);
    sqlite3_bind_int64(sum, 2, hour_s);
    sqlite3_bind_int64(sum, 3, hour_s + HISTORY_HOUR_S);
    bool ok = sqlite3_step(sum) == SQLITE_ROW || fail(h);
    int64_t count = ok ? sqlite3_column_int64(sum, 0) : 0;
    double mean = ok ? sqlite3_column_double(sum, 1) : 0;
    double minimum = ok ? sqlite3_column_double(sum, 2) : 0;
    double maximum = ok ? sqlite3_column_double(sum, 3) : 0;
    sqlite3_reset(sum);
    return ok && put(h, remove, "iii", series, hour_s, hour_s + HISTORY_HOUR_S) &&
           put(h, add, "iiiiddd", series, hour_s, (int64_t)HISTORY_HOUR_S, count, mean, minimum,
               maximum);
}

static bool fold_some(struct history *h, int64_t before_s, unsigned *folded)
{
    struct {
        int64_t series, hour_s;
    } hours[THIN_HOURS];
    *folded = 0;
    sqlite3_stmt *find =
        prepare(h, "SELECT DISTINCT id, start / 3600 * 3600 FROM series CROSS JOIN sample"
                   " ON series = id WHERE span < 3600 AND start < ?1 LIMIT ?2");
    if (!find)
        return false;
    sqlite3_bind_int64(find, 1, before_s / HISTORY_HOUR_S * HISTORY_HOUR_S);
    sqlite3_bind_int64(find, 2, THIN_HOURS);
    while (*folded < THIN_HOURS && sqlite3_step(find) == SQLITE_ROW) {
        hours[*folded].series = sqlite3_column_int64(find, 0);
        hours[(*folded)++].hour_s = sqlite3_column_int64(find, 1);
    }
    sqlite3_finalize(find);
    if (*folded == 0)
        return true;
    sqlite3_stmt *sum = prepare(h, "SELECT sum(count), sum(mean * count) / max(sum(count), 1),"
                                   " min(minimum), max(maximum) FROM sample"
                                   " WHERE series = ?1 AND start >= ?2 AND start < ?3");
    sqlite3_stmt *remove =
        prepare(h, "DELETE FROM sample WHERE series = ?1 AND start >= ?2 AND start < ?3");
    sqlite3_stmt *add = prepare(h, "INSERT INTO sample VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    bool ok = sum && remove && add;
    for (unsigned i = 0; ok && i < *folded; i++)
        ok = fold(h, sum, remove, add, hours[i].series, hours[i].hour_s);
    sqlite3_finalize(sum);
    sqlite3_finalize(remove);
    sqlite3_finalize(add);
    return ok;
}

/* Runs a statement with one number. */
static bool run_with(struct history *h, const char *sql, int64_t number)
{
    sqlite3_stmt *q = prepare(h, sql);
    bool ok = q && put(h, q, "i", number);
    sqlite3_finalize(q);
    return ok;
}

bool history_thin(struct history *h, int64_t now_s, int64_t fine_s, int64_t keep_s)
{
    unsigned folded = 0;
    if (!run(h, "BEGIN IMMEDIATE"))
        return true;
    /* By series, as the samples are kept: to look for old ones among all would read the whole file. */
    bool ok = run_with(h,
                       "DELETE FROM sample WHERE (series, start) IN (SELECT id, start FROM series"
                       " CROSS JOIN sample ON series = id WHERE start < ?1)",
                       now_s - keep_s) &&
              run_with(h, "DELETE FROM transition WHERE at < ?1", (now_s - keep_s) * 1000) &&
              run_with(h, "DELETE FROM run WHERE at < ?1", (now_s - keep_s) * 1000) &&
              run(h, "DELETE FROM series WHERE NOT EXISTS"
                     " (SELECT 1 FROM sample WHERE series = id)") &&
              fold_some(h, now_s - fine_s, &folded);
    return !end(h, ok) || folded < THIN_HOURS;
}

/* Adds the samples of one stretch; Welford's method would need them one by one, sums do not. */
struct sums {
    double n, mean, square;
};

static bool add_stretch(struct history *h, sqlite3_stmt *q, int64_t series,
                        const struct history_stretch *s, struct sums *sums)
{
    sqlite3_bind_int64(q, 1, series);
    sqlite3_bind_int64(q, 2, s->from_s);
    sqlite3_bind_int64(q, 3, s->to_s);
    bool ok = sqlite3_step(q) == SQLITE_ROW || fail(h);
    if (ok) {
        sums->n += sqlite3_column_double(q, 0);
        sums->mean += sqlite3_column_double(q, 1);
        sums->square += sqlite3_column_double(q, 2);
    }
    sqlite3_reset(q);
    return ok;
}

static void text(char *to, size_t size, sqlite3_stmt *q, int column)
{
    const char *from = (const char *)sqlite3_column_text(q, column);
    snprintf(to, size, "%s", from ? from : "");
}

unsigned history_hours(int64_t now_s, unsigned weeks,
                       struct history_stretch hours[HISTORY_STRETCHES_MAX])
{
    time_t now = (time_t)now_s;
    struct tm local;
    unsigned count = 0;
    if (!localtime_r(&now, &local))
        return 0;
    for (unsigned i = 1; i <= weeks && count < HISTORY_STRETCHES_MAX; i++) {
        struct tm then = local;
        then.tm_mday -= (int)(7 * i);
        then.tm_min = then.tm_sec = 0;
        then.tm_isdst = -1; /* also where summer time began or ended in between */
        int64_t from = (int64_t)mktime(&then);
        if (from > 0)
            hours[count++] = (struct history_stretch){from, from + HISTORY_HOUR_S};
    }
    return count;
}

bool history_index(const char *instance, uint32_t keys, uint32_t key[3])
{
    struct slice rest = slice_of(instance);
    for (uint32_t i = 0; i < keys; i++) {
        uint64_t part;
        if ((i && !slice_take(&rest, SLICE("."))) || !slice_number(&rest, &part) ||
            part > UINT32_MAX)
            return false;
        key[i] = (uint32_t)part;
    }
    return rest.n == 0;
}

bool history_baselines(struct history *h, const char *object,
                       const struct history_stretch *stretches, unsigned count,
                       int64_t peak_since_s,
                       void (*each)(void *arg, const struct history_baseline *b), void *arg)
{
    sqlite3_stmt *series = prepare(h, "SELECT id, instance FROM series WHERE object = ?1");
    sqlite3_stmt *sums = prepare(h, "SELECT count(*), total(mean), total(mean * mean) FROM sample"
                                    " WHERE series = ?1 AND start >= ?2 AND start < ?3");
    sqlite3_stmt *peak = prepare(h, "SELECT max(maximum), start FROM sample WHERE series = ?1"
                                    " AND start >= ?2");
    bool ok = series && sums && peak;
    if (ok)
        sqlite3_bind_text(series, 1, object, -1, SQLITE_STATIC);
    while (ok && sqlite3_step(series) == SQLITE_ROW) {
        struct history_baseline b = {.peak = 0};
        struct sums s = {0, 0, 0};
        int64_t id = sqlite3_column_int64(series, 0);
        text(b.instance, sizeof b.instance, series, 1);
        for (unsigned i = 0; ok && i < count; i++)
            ok = add_stretch(h, sums, id, &stretches[i], &s);
        sqlite3_bind_int64(peak, 1, id);
        sqlite3_bind_int64(peak, 2, peak_since_s);
        if (sqlite3_step(peak) == SQLITE_ROW && sqlite3_column_type(peak, 0) != SQLITE_NULL) {
            b.peak = sqlite3_column_double(peak, 0);
            b.peak_s = sqlite3_column_int64(peak, 1);
        }
        sqlite3_reset(peak);
        if (s.n > 0) {
            b.samples = (uint64_t)s.n;
            b.mean = s.mean / s.n;
            double variance = s.square / s.n - b.mean * b.mean;
            b.deviation = variance > 0 ? sqrt(variance) : 0;
        }
        if (ok && (b.samples || b.peak_s))
            each(arg, &b);
    }
    sqlite3_finalize(series);
    sqlite3_finalize(sums);
    sqlite3_finalize(peak);
    return ok;
}

/* Ends a query: was it read to its end, or stopped by `each`? */
static bool finish(struct history *h, sqlite3_stmt *q, int last)
{
    bool ok = last == SQLITE_DONE || last == SQLITE_ROW || fail(h);
    sqlite3_finalize(q);
    return ok;
}

bool history_samples(struct history *h, const char *object, int64_t from_s, int64_t to_s,
                     bool (*each)(void *arg, const struct history_sample *s), void *arg)
{
    int last = SQLITE_DONE;
    sqlite3_stmt *q =
        prepare(h, "SELECT object, instance, name, start, span, count, mean, minimum, maximum"
                   " FROM series JOIN sample ON series = id"
                   " WHERE (?1 IS NULL OR object = ?1) AND start >= ?2 AND start < ?3"
                   " ORDER BY object, id, start");
    if (!q)
        return false;
    if (object)
        sqlite3_bind_text(q, 1, object, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, from_s);
    sqlite3_bind_int64(q, 3, to_s);
    while ((last = sqlite3_step(q)) == SQLITE_ROW) {
        struct history_sample s = {.start_s = sqlite3_column_int64(q, 3),
                                   .span_s = (uint32_t)sqlite3_column_int64(q, 4),
                                   .count = (uint32_t)sqlite3_column_int64(q, 5),
                                   .mean = sqlite3_column_double(q, 6),
                                   .minimum = sqlite3_column_double(q, 7),
                                   .maximum = sqlite3_column_double(q, 8)};
        text(s.object, sizeof s.object, q, 0);
        text(s.instance, sizeof s.instance, q, 1);
        text(s.name, sizeof s.name, q, 2);
        if (!each(arg, &s))
            break;
    }
    return finish(h, q, last);
}

/* A query between two instants. */
static sqlite3_stmt *between(struct history *h, const char *sql, int64_t from, int64_t to)
{
    sqlite3_stmt *q = prepare(h, sql);
    if (q) {
        sqlite3_bind_int64(q, 1, from);
        sqlite3_bind_int64(q, 2, to);
    }
    return q;
}

bool history_transitions(struct history *h, int64_t from_ms, int64_t to_ms,
                         bool (*each)(void *arg, const struct history_transition *t), void *arg)
{
    int last = SQLITE_DONE;
    sqlite3_stmt *q =
        between(h,
                "SELECT number, at, id, instance, event, severity, value, threshold,"
                " text FROM transition WHERE at >= ?1 AND at < ?2 ORDER BY at, number",
                from_ms, to_ms);
    while (q && (last = sqlite3_step(q)) == SQLITE_ROW) {
        struct history_transition t = {.number = (uint64_t)sqlite3_column_int64(q, 0),
                                       .at_ms = sqlite3_column_int64(q, 1),
                                       .event = sqlite3_column_int(q, 4),
                                       .severity = sqlite3_column_int(q, 5),
                                       .value = sqlite3_column_int64(q, 6),
                                       .threshold = sqlite3_column_int64(q, 7)};
        text(t.id, sizeof t.id, q, 2);
        text(t.instance, sizeof t.instance, q, 3);
        text(t.text, sizeof t.text, q, 8);
        if (!each(arg, &t))
            break;
    }
    return q && finish(h, q, last);
}

bool history_runs(struct history *h, int64_t from_ms, int64_t to_ms,
                  bool (*each)(void *arg, const struct history_run *r), void *arg)
{
    int last = SQLITE_DONE;
    sqlite3_stmt *q = between(h,
                              "SELECT at, name, user, submit, retrieve, total, status, fault"
                              " FROM run WHERE at >= ?1 AND at < ?2 ORDER BY at, name",
                              from_ms, to_ms);
    while (q && (last = sqlite3_step(q)) == SQLITE_ROW) {
        struct history_run r = {.at_ms = sqlite3_column_int64(q, 0),
                                .total_ms = sqlite3_column_int64(q, 5),
                                .status = sqlite3_column_int(q, 6)};
        text(r.name, sizeof r.name, q, 1);
        text(r.user, sizeof r.user, q, 2);
        text(r.submit_host, sizeof r.submit_host, q, 3);
        text(r.retrieve_host, sizeof r.retrieve_host, q, 4);
        text(r.fault, sizeof r.fault, q, 7);
        if (!each(arg, &r))
            break;
    }
    return q && finish(h, q, last);
}
