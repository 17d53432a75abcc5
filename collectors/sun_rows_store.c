/*
 * What utilities of Sun's message store told, as rows: partitions, response times, quotas, shared folders and what
 * reconstruct found. Invariant: where mailmond itself asks the kernel, its rows stay.
 */
#include "disk.h"
#include "log_event.h"
#include "response.h"
#include "sun_rows.h"
#include "sun_utility.h"

#include <stdio.h>
#include <string.h>

#define WARN_AFTER_MS 10000 /* alarm.serverresponse.msgalarmthreshold */

/* ---- counterutil ---- */

bool sun_take_values(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    struct sun_counter c;
    bool any = false;
    for (; sun_counter_next(&text, &c); any = true)
        to->row->items++;
    return any;
}

/* The values of one partition. */
struct usage {
    struct slice object, path;
    uint64_t total_kb, available_kb, percent;
    int64_t stat_ms;
};

static void show_usage(const struct sun_output *to, const struct usage *u)
{
    struct collect *c = to->collect;
    if (!u->path.n || disk_is_watched(u->path))
        return;
    struct disk *d = names_place(c->names, c->model, MODEL_DISK, u->path);
    if (!d)
        return;
    TEXT_SET(d->path, u->path);
    d->kind = DISK_STORE_PARTITION;
    d->total_kb = u->total_kb;
    d->available_kb = u->available_kb;
    d->total_mb = u->total_kb == MODEL_ABSENT ? MODEL_ABSENT : u->total_kb / 1024;
    d->available_mb = u->available_kb == MODEL_ABSENT ? MODEL_ABSENT : u->available_kb / 1024;
    d->percent_available = u->percent;
    d->last_stat_at =
        u->stat_ms == INT64_MIN ? c->monotonic_ms : u->stat_ms - c->real_minus_monotonic_ms;
    model_touch(c->model, MODEL_DISK);
}

static void take_usage(struct usage *u, const struct sun_counter *c)
{
    struct slice value = c->value;
    uint64_t n;
    if (slice_eq(c->name, SLICE("mailPartitionPath")))
        u->path = value;
    else if (slice_eq(c->name, SLICE("lastStatTime")))
        (void)!sun_take_service_time(&value, &u->stat_ms);
    else if (!slice_number(&value, &n))
        return;
    else if (slice_eq(c->name, SLICE("totalSpace")))
        u->total_kb = n;
    else if (slice_eq(c->name, SLICE("availSpace")))
        u->available_kb = n;
    else if (slice_eq(c->name, SLICE("percentAvail")))
        u->percent = n;
}

bool sun_take_disk_usage(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    const struct usage none = {.total_kb = MODEL_ABSENT,
                               .available_kb = MODEL_ABSENT,
                               .percent = MODEL_ABSENT,
                               .stat_ms = INT64_MIN};
    struct usage u = none;
    struct sun_counter c;
    bool any = false;
    for (; sun_counter_next(&text, &c); any = true) {
        bool again = u.path.n && slice_eq(c.name, SLICE("mailPartitionPath"));
        if (any && (again || !slice_eq(c.object, u.object))) {
            show_usage(to, &u);
            u = none;
        }
        u.object = c.object;
        take_usage(&u, &c);
        to->row->items++;
    }
    show_usage(to, &u);
    return any;
}

static enum response_protocol protocol_of(struct slice word)
{
    static const struct {
        struct slice word;
        const char *protocol;
    } known[] = {{{"pop", 3}, "pop3"}, {{"ugldap", 6}, "ldap"}, {{"webmail", 7}, "http"}};
    char name[32];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (slice_eq(known[i].word, word))
            return response_protocol_named(known[i].protocol);
    slice_copy(name, sizeof name, word);
    return response_protocol_named(name);
}

static struct response *response_row(const struct sun_output *to, struct slice object)
{
    struct collect *c = to->collect;
    struct sun_server server;
    char name[64];
    sun_server_of(object, &server);
    enum response_protocol protocol = protocol_of(server.protocol);
    int n = snprintf(name, sizeof name, "%s %.*s", to->of->config->name,
                     (int)(object.n < 63 ? object.n : 63), object.p);
    struct slice title = {name, (size_t)n < sizeof name ? (size_t)n : sizeof name - 1};
    struct response *r = protocol ? names_place(c->names, c->model, MODEL_RESPONSE, title) : NULL;
    if (!r)
        return NULL;
    TEXT_SET(r->name, title);
    TEXT_SET(r->host, server.host.n ? server.host : SLICE("localhost"));
    r->protocol = protocol;
    r->port = server.port ? server.port : response_port(protocol);
    r->warn_after_ms = WARN_AFTER_MS;
    r->appl = to->of->appl->row.key[0];
    return r;
}

/* Seconds, of a check that was not seen before. */
static void take_response(const struct sun_output *to, struct response *r, uint64_t seconds)
{
    uint64_t ms = seconds < UINT32_MAX ? seconds * 1000 : UINT32_MAX;
    r->total_ms = ms;
    r->status = ms > WARN_AFTER_MS ? RESPONSE_SLOW : RESPONSE_UP;
    r->checks++;
    r->minimum_ms = r->total_count && r->minimum_ms < ms ? r->minimum_ms : ms;
    r->maximum_ms = r->total_count && r->maximum_ms > ms ? r->maximum_ms : ms;
    r->total_sum_ms += ms;
    r->mean_ms = r->total_sum_ms / ++r->total_count;
    model_dirty(to->collect->model, MODEL_RESPONSE, r);
}

/* When the object of this name was checked, real time; INT64_MIN: it does not say. */
static int64_t checked_ms(struct slice text, struct slice object)
{
    struct sun_counter c;
    int64_t ms;
    while (sun_counter_next(&text, &c))
        if (slice_eq(c.object, object) && slice_eq(c.name, SLICE("laststattime")) &&
            sun_take_service_time(&c.value, &ms))
            return ms;
    return INT64_MIN;
}

bool sun_take_responses(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    struct slice all = text;
    struct sun_counter c;
    uint64_t seconds;
    bool any = false;
    for (; sun_counter_next(&text, &c); any = true) {
        to->row->items++;
        if (!slice_eq(c.name, SLICE("responsetime")) || !slice_number(&c.value, &seconds))
            continue;
        struct response *r = response_row(to, c.object);
        int64_t ms = checked_ms(all, c.object);
        int64_t at =
            ms == INT64_MIN ? to->collect->monotonic_ms : ms - to->collect->real_minus_monotonic_ms;
        if (!r || (r->last_check_at != MODEL_NEVER && at - r->last_check_at < 500))
            continue; /* that check is known */
        r->last_check_at = at;
        take_response(to, r, seconds);
    }
    return any;
}

/* ---- Quotas ---- */

static uint64_t or_absent(uint64_t quota)
{
    return quota == UINT64_MAX ? MODEL_ABSENT : quota;
}

bool sun_take_quotas(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    struct sun_quota q;
    uint64_t told = 0;
    if (!sun_quota_users(text, &told) && !sun_judge_lines(text, sun_knows_quota).known)
        return false; /* it says nothing: that is not that there is nobody */
    quota_source_begin(to->quotas);
    while (sun_quota_next(&text, &q))
        quota_source_take(to->quotas,
                          &(struct access_usage){.owner = q.user,
                                                 .used_kb = q.used_kb,
                                                 .quota_kb = or_absent(q.quota_kb),
                                                 .messages = q.messages,
                                                 .message_quota = or_absent(q.message_quota)});
    quota_source_end(to->quotas, told);
    return true;
}

/* ---- Folders ---- */

bool sun_take_readers(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    uint64_t readers;
    struct slice folder;
    while (sun_statistic_next(&text, &readers, &folder))
        to->row->items++;
    return true; /* there need not be shared folders */
}

static void count_finding(const struct sun_output *to, const char *what, uint64_t severity,
                          struct slice line)
{
    struct collect *c = to->collect;
    char name[128];
    int n = snprintf(name, sizeof name, "%s: %s", to->of->config->name, what);
    struct log_event *row = log_event_place(c->model, c->names, (struct slice){name, (size_t)n},
                                            severity, to->row->row.key[0]);
    bool plain = !c->config->show_users || strcmp(c->config->show_users, "plain") == 0;
    if (row) /* the line names users */
        log_event_count(c->model, row, c->monotonic_ms, plain ? line : (struct slice){NULL, 0});
}

bool sun_take_reconstruct(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    enum sun_finding is;
    uint64_t number, orphans = 0, seen = 0;
    struct slice line, last = SLICE("");
    while (sun_reconstruct_next(&text, &is, &number, &line))
        if (is == SUN_DAMAGE) {
            count_finding(to, "reconstruct: damage", SEVERITY_MAJOR, line);
            to->row->items++;
        } else if (is == SUN_ORPHANS) {
            orphans = number;
        } else {
            seen++;
            last = line;
        }
    orphans = orphans > seen ? orphans : seen;
    if (orphans) /* one find, however many */
        count_finding(to, "reconstruct: orphaned mailboxes", SEVERITY_WARNING, last);
    to->row->items += orphans;
    return true;
}
