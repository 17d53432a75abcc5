/*
 * What imsconnutil told, as rows: who is logged in, and when services were used last. It gives the local time of the
 * server, which is this host's. Invariant: a session that the service log began is not made a second time.
 */
#include "access_session.h"
#include "access_source.h"
#include "access_tally.h"
#include "sun_rows.h"
#include "sun_utility.h"

#include <stdlib.h>
#include <time.h>

#define LISTED_MAX 65536
#define YOUNG_MS   5000 /* a session may have begun after the list was made */

/* A session of the list. */
struct listed {
    uint64_t user_id;
    int64_t since_ms;
};

struct list {
    const struct collect *collect;
    struct listed items[LISTED_MAX];
    uint32_t count;
    bool full;
};

/* Of a local time that was read as if it were UTC. */
static int64_t real_ms(int64_t local_ms)
{
    struct tm tm;
    time_t s = (time_t)(local_ms / 1000);
    if (!gmtime_r(&s, &tm))
        return local_ms;
    tm.tm_isdst = -1;
    return (int64_t)mktime(&tm) * 1000;
}

static enum access_protocol protocol_of(struct slice service)
{
    return slice_eq(service, SLICE("imap"))   ? ACCESS_IMAP
           : slice_eq(service, SLICE("http")) ? ACCESS_HTTP
           : slice_eq(service, SLICE("pop"))  ? ACCESS_POP3
                                              : ACCESS_NONE;
}

/* In no order: a session among some thousands, once in five minutes. */
static bool is_listed(void *arg, const struct access_session *s)
{
    const struct list *l = arg;
    if (l->full || s->user_id == 0 || collect_real_ms(l->collect) - s->since_ms < YOUNG_MS)
        return true;
    for (uint32_t i = 0; i < l->count; i++)
        if (l->items[i].user_id == s->user_id &&
            llabs(l->items[i].since_ms - s->since_ms) <= ACCESS_SAME_MS)
            return true;
    return false;
}

/* The sessions before a summary are of its service. */
static void take_sessions(struct access_log *log, enum access_protocol protocol,
                          struct slice sessions, struct list *list)
{
    struct sun_connected c;
    const struct appl *a = access_tally_service(log, protocol);
    list->count = 0;
    list->full = !a;
    while (a && sun_connected_next(&sessions, &c)) {
        if (!c.user.n)
            continue;
        struct access_found f = {.protocol = protocol,
                                 .user = c.user,
                                 .remote = c.from,
                                 .method = c.method,
                                 .since_ms = real_ms(c.time_ms)};
        if (list->count == LISTED_MAX) {
            list->full = true;
            break;
        }
        list->items[list->count++] =
            (struct listed){access_hash(a->row.key[0], c.user), f.since_ms};
        access_tally_found(log, &f);
    }
    access_tally_reconcile(log, protocol, is_listed, list);
}

bool sun_take_logged_in(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    struct access_log *log = access_sun_log(to->of->config->name);
    struct list *list = calloc(1, sizeof *list);
    const char *begin = text.p;
    struct sun_connected c;
    bool any = false;
    while (log && list && sun_connected_next(&text, &c)) {
        enum access_protocol p = protocol_of(c.service);
        to->row->items += c.user.n > 0;
        any = true;
        if (c.user.n)
            continue;
        list->collect = to->collect;
        if (p != ACCESS_NONE)
            take_sessions(log, p, (struct slice){begin, (size_t)(text.p - begin)}, list);
        struct access *a = access_tally_access(log, p);
        if (a && !list->count)
            a->users_logged_in = c.users; /* it counts only */
        begin = text.p;
    }
    any |= !log || !list;
    free(list);
    model_touch(to->collect->model, MODEL_ACCESS);
    return any;
}

bool sun_take_last_access(const struct sun_output *to, struct slice text, bool well)
{
    (void)well;
    static const enum access_protocol protocols[SUN_LAST_SERVICES] = {
        [SUN_LAST_IMAP] = ACCESS_IMAP, [SUN_LAST_HTTP] = ACCESS_HTTP, [SUN_LAST_POP] = ACCESS_POP3};
    struct access_log *log = access_sun_log(to->of->config->name);
    int64_t last_ms[SUN_LAST_SERVICES] = {INT64_MIN, INT64_MIN, INT64_MIN};
    struct sun_last_access l;
    for (; sun_last_access_next(&text, &l); to->row->items++)
        for (unsigned i = 0; i < SUN_LAST_SERVICES; i++)
            if (l.time_ms[i] > last_ms[i])
                last_ms[i] = l.time_ms[i];
    for (unsigned i = 0; log && i < SUN_LAST_SERVICES; i++) {
        bool used = last_ms[i] != INT64_MIN && access_tally_service(log, protocols[i]);
        struct access *a = used ? access_tally_access(log, protocols[i]) : NULL;
        int64_t at = used ? real_ms(last_ms[i]) - to->collect->real_minus_monotonic_ms : 0;
        if (!a || (a->last_connection_at != MODEL_NEVER && a->last_connection_at >= at))
            continue;
        a->last_connection_at = at;
        model_dirty(to->collect->model, MODEL_ACCESS, a);
    }
    return true; /* nobody may have logged in */
}
