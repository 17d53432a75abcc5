/*
 * Metrics of Dovecot and Cyrus -> what mailmonAccessTable lacks. Pure. Invariant: of several metrics that count
 * the same only one is taken, so nothing counts twice.
 */
#include "../agent/model.h"
#include "access_metrics.h"

static void clear(struct access_metrics *m)
{
    *m = (struct access_metrics){.started_s = 0};
    for (unsigned p = 0; p < ACCESS_PROTOCOLS; p++)
        for (unsigned k = 0; k < ACCESS_METRICS; k++)
            m->values[p][k] = MODEL_ABSENT;
}

static void add(uint64_t *value, uint64_t more)
{
    *value = (*value == MODEL_ABSENT ? 0 : *value) + more;
}

/* IMAP commands that succeeded, or of one metric all of them if it does not tell which did. */
struct commands {
    struct slice family;
    uint64_t good[ACCESS_METRICS], all[ACCESS_METRICS];
    bool tells_result;
};

/*
 * A metric of the event imap_command_finished with group_by = cmd_name, or cmd_name and tagged_reply_state:
 * {cmd_name="SELECT",tagged_reply_state="OK"}, and the sum of it without the last. The first such metric counts.
 */
static void take_command(struct commands *c, const struct metric *x)
{
    struct slice command, result = {NULL, 0};
    if (!slice_ends(x->name, SLICE("_total")) ||
        slice_ends(x->name, SLICE("_duration_seconds_total")) ||
        !metric_label(x, SLICE("cmd_name"), &command) ||
        (c->family.n && !slice_eq(c->family, x->name)))
        return;
    bool told = metric_label(x, SLICE("tagged_reply_state"), &result);
    if (metric_labels(x) != 1u + told)
        return;
    c->family = x->name;
    c->tells_result |= told;
    bool selects = slice_eq(command, SLICE("SELECT")) || slice_eq(command, SLICE("EXAMINE"));
    if (!selects && !slice_eq(command, SLICE("APPEND")))
        return;
    unsigned k = selects ? ACCESS_METRIC_SELECTED : ACCESS_METRIC_APPENDED;
    if (!told)
        c->all[k] += x->value;
    else if (slice_eq(result, SLICE("OK")))
        c->good[k] += x->value;
}

void dovecot_metrics(struct slice text, struct access_metrics *m)
{
    struct commands c = {.tells_result = false};
    struct metric x;
    clear(m);
    for (; metric_next(&text, &x); m->samples++) {
        if (slice_eq(x.name, SLICE("process_start_time_seconds")))
            m->started_s = x.value;
        else if (slice_eq(x.name, SLICE("dovecot_build_info")))
            metric_label(&x, SLICE("version"), &m->version);
        else
            take_command(&c, &x);
    }
    for (unsigned k = ACCESS_METRIC_SELECTED; c.family.n && k <= ACCESS_METRIC_APPENDED; k++)
        m->values[ACCESS_IMAP][k] = c.tells_result ? c.good[k] : c.all[k];
}

void cyrus_metrics(struct slice text, struct access_metrics *m)
{
    static const struct {
        const char *name;
        unsigned protocol, metric;
    } known[] = {
        {"cyrus_imap_select_total", ACCESS_IMAP, ACCESS_METRIC_SELECTED},
        {"cyrus_imap_examine_total", ACCESS_IMAP, ACCESS_METRIC_SELECTED},
        {"cyrus_imap_append_total", ACCESS_IMAP, ACCESS_METRIC_APPENDED},
        {"cyrus_lmtp_received_bytes_total", ACCESS_LMTP, ACCESS_METRIC_OCTETS_IN},
    };
    struct metric x;
    clear(m);
    for (; metric_next(&text, &x); m->samples++)
        for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
            if (slice_eq(x.name, slice_of(known[i].name)))
                add(&m->values[known[i].protocol][known[i].metric], x.value);
}
