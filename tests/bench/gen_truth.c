/*
 * What the log of gen_postfix_log must amount to, kept as it is written, and its JSON. All numbers
 * are as of the end of the log. Semantics, where they could be read in two ways:
 *   - an association that is refused after its connect line is taken back: the next one of the same
 *     service does not count (a counter cannot go down);
 *   - associations of a whole instance and of a peer are given in three readings: every connect
 *     line; one for each TCP connection (postscreen and its smtpd are one); without postscreen's;
 *   - rejects, holds and discards belong to the service that took the mail in, even if cleanup logs
 *     them; delay warnings to cleanup; expiry and loops to the transport of the last attempt;
 *   - authentications are failures and client= lines with SASL, whatever becomes of the message;
 *   - what goes to a content filter that gives it back is no delivery to the recipient's domain;
 *   - a destination's `deferred` are those that wait, `queued` also those being tried again.
 */
#include <inttypes.h>
#include <stdlib.h>
#include "gen.h"

static const char *const field_name[FIELDS] = {"received_messages",
                                               "received_octets",
                                               "received_recipients",
                                               "transmitted_messages",
                                               "transmitted_octets",
                                               "transmitted_recipients",
                                               "rejected_messages",
                                               "rejected_recipients",
                                               "accumulated_inbound",
                                               "rejected_inbound",
                                               "accumulated_outbound",
                                               "failed_outbound",
                                               "attempted_messages",
                                               "attempted_recipients",
                                               "attempted_octets",
                                               "failed_messages",
                                               "failed_recipients",
                                               "failed_octets",
                                               "expired",
                                               "loops_detected",
                                               "queue_time_sum_ms",
                                               "queue_time_count",
                                               "queue_time_first_sum_ms",
                                               "queue_time_first_count",
                                               "tls"};

#define ERRORS_MAX 48
struct error {
    unsigned code;
    uint64_t by[3]; /* enum side */
};
struct group_truth {
    uint64_t field[FIELDS], entry[CODES], debt;
    struct error error[ERRORS_MAX];
    unsigned errors;
};
enum { READ_LINES, READ_CONNECTIONS, READ_SMTPD, READINGS };
struct destination {
    uint64_t deferrals, deliveries, queued, deferred;
};
struct peer {
    uint64_t lines, connections, smtpd, rejected, auth_failures;
};
static struct app {
    struct group_truth group[GROUPS];
    uint64_t transmitted_messages, transmitted_octets, bounces_made;
    uint64_t inbound[READINGS], debt[READINGS];
    struct destination *destination;
    struct peer *peer; /* the last one is the loopback */
} apps[INSTANCES];

void truth_init(void)
{
    for (unsigned i = 0; i < INSTANCES; i++) {
        apps[i].destination = calloc(domain_count, sizeof *apps[i].destination);
        apps[i].peer = calloc(options.peers + 1, sizeof *apps[i].peer);
        if (!apps[i].destination || !apps[i].peer)
            abort();
    }
}

static struct peer *peer_of(unsigned instance, unsigned client)
{
    return &apps[instance].peer[client == CLIENT_LOOPBACK ? options.peers : client];
}

static void add(unsigned instance, enum group g, enum field f, uint64_t n)
{
    apps[instance].group[g].field[f] += n;
}

static void add_error(unsigned instance, enum group g, unsigned code, enum side side)
{
    struct group_truth *t = &apps[instance].group[g];
    unsigned i = 0;
    if (code == 0)
        return;
    while (i < t->errors && t->error[i].code != code)
        i++;
    if (i == ERRORS_MAX)
        abort();
    if (i == t->errors)
        t->error[t->errors++].code = code;
    t->error[i].by[side]++;
}

/* Temporary and permanent failures of deliveries over the network are outbound, others internal. */
static enum side side_of(enum group transport)
{
    return transport == OUT_SMTP || transport == OUT_RELAY || transport == OUT_LMTP ? SIDE_OUTBOUND
                                                                                    : SIDE_INTERNAL;
}

void truth_entry(unsigned instance, enum group g, unsigned code)
{
    apps[instance].group[g].entry[code]++;
}

static void count_association(uint64_t *counter, uint64_t *debt)
{
    if (*debt > 0)
        --*debt;
    else
        ++*counter;
}

void truth_connect(unsigned instance, enum group service, unsigned client, bool through_postscreen)
{
    struct app *a = &apps[instance];
    struct group_truth *t = &a->group[service];
    truth_entry(instance, service, CODE_OPENED);
    count_association(&t->field[ACCUMULATED_INBOUND], &t->debt);
    count_association(&a->inbound[READ_LINES], &a->debt[READ_LINES]);
    peer_of(instance, client)->lines++;
    if (!through_postscreen) {
        count_association(&a->inbound[READ_CONNECTIONS], &a->debt[READ_CONNECTIONS]);
        peer_of(instance, client)->connections++;
    }
    if (service != IN_POSTSCREEN) {
        count_association(&a->inbound[READ_SMTPD], &a->debt[READ_SMTPD]);
        peer_of(instance, client)->smtpd++;
    }
}

void truth_refused(unsigned instance, enum group service, unsigned client, unsigned code)
{
    struct app *a = &apps[instance];
    add(instance, service, REJECTED_INBOUND, 1);
    truth_entry(instance, service, CODE_CONNECTION_REJECTED);
    add_error(instance, service, code, SIDE_INBOUND);
    peer_of(instance, client)->rejected++;
    a->group[service].debt++;
    a->debt[READ_LINES]++;
    a->debt[READ_CONNECTIONS]++;
    if (service != IN_POSTSCREEN)
        a->debt[READ_SMTPD]++;
}

void truth_rejected(unsigned instance, enum group service, unsigned client, unsigned code,
                    bool recipient)
{
    add(instance, service, REJECTED_MESSAGES, 1);
    add(instance, service, REJECTED_RECIPIENTS, recipient);
    truth_entry(instance, service, CODE_REJECTED);
    add_error(instance, service, code, SIDE_INBOUND);
    peer_of(instance, client)->rejected++;
}

void truth_auth_failed(unsigned instance, enum group service, unsigned client)
{
    truth_entry(instance, service, CODE_AUTHENTICATION);
    peer_of(instance, client)->auth_failures++;
}

void truth_tls(unsigned instance, enum group g)
{
    add(instance, g, TLS, 1);
}

void truth_received(const struct message *m)
{
    add(m->instance, m->origin, RECEIVED_MESSAGES, 1);
    add(m->instance, m->origin, RECEIVED_OCTETS, m->size);
    add(m->instance, m->origin, RECEIVED_RECIPIENTS, m->rcpt_count);
    truth_entry(m->instance, m->origin, CODE_ENQUEUED);
}

/* Sets the transport's bit in a mask; true when it was not set before. */
static bool first(uint16_t *mask, enum group transport)
{
    uint16_t bit = (uint16_t)(1U << (transport - OUT_SMTP));
    bool is_first = !(*mask & bit);
    *mask |= bit;
    return is_first;
}

static void add_queue_time(const struct message *m, enum group transport, unsigned delay_ms)
{
    add(m->instance, transport, QUEUE_TIME_SUM_MS, delay_ms);
    add(m->instance, transport, QUEUE_TIME_COUNT, 1);
    if (!m->ever_deferred) {
        add(m->instance, transport, QUEUE_TIME_FIRST_SUM_MS, delay_ms);
        add(m->instance, transport, QUEUE_TIME_FIRST_COUNT, 1);
    }
}

void truth_sent(struct message *m, const struct rcpt *r, enum group transport, unsigned delay_ms)
{
    struct app *a = &apps[m->instance];
    struct destination *d = &a->destination[r->to.domain];
    add(m->instance, transport, TRANSMITTED_RECIPIENTS, 1);
    truth_entry(m->instance, transport, CODE_SENT);
    if (d->deferrals > 0)
        d->deliveries++;
    if (!m->any_sent) {
        a->transmitted_messages++;
        a->transmitted_octets += m->size;
        m->any_sent = true;
    }
    if (first(&m->sent_mask, transport)) {
        add(m->instance, transport, TRANSMITTED_MESSAGES, 1);
        add(m->instance, transport, TRANSMITTED_OCTETS, m->size);
        add_queue_time(m, transport, delay_ms);
    }
}

void truth_deferred(struct message *m, const struct rcpt *r, enum group transport, unsigned code)
{
    add(m->instance, transport, ATTEMPTED_RECIPIENTS, 1);
    truth_entry(m->instance, transport, CODE_DEFERRED);
    add_error(m->instance, transport, code, side_of(transport));
    apps[m->instance].destination[r->to.domain].deferrals++;
    if (first(&m->attempted_mask, transport)) {
        add(m->instance, transport, ATTEMPTED_MESSAGES, 1);
        add(m->instance, transport, ATTEMPTED_OCTETS, m->size);
    }
}

static void fail_message(struct message *m, enum group transport)
{
    if (first(&m->failed_mask, transport)) {
        add(m->instance, transport, FAILED_MESSAGES, 1);
        add(m->instance, transport, FAILED_OCTETS, m->size);
    }
}

void truth_bounced(struct message *m, enum group transport, unsigned code, bool loop)
{
    add(m->instance, transport, FAILED_RECIPIENTS, 1);
    add(m->instance, transport, LOOPS_DETECTED, loop);
    truth_entry(m->instance, transport, CODE_BOUNCED);
    add_error(m->instance, transport, code, side_of(transport));
    fail_message(m, transport);
}

void truth_expired(struct message *m)
{
    enum group transport = m->last_transport;
    for (unsigned i = 0; i < m->rcpt_count; i++)
        add(m->instance, transport, FAILED_RECIPIENTS, m->rcpt[i].state != RCPT_DONE);
    add(m->instance, transport, EXPIRED, 1);
    truth_entry(m->instance, transport, CODE_EXPIRED);
    add_error(m->instance, transport, 4004007, SIDE_INTERNAL);
    fail_message(m, transport);
}

void truth_bounce_made(unsigned instance)
{
    apps[instance].bounces_made++;
}

void truth_connected_out(unsigned instance, enum group transport)
{
    add(instance, transport, ACCUMULATED_OUTBOUND, 1);
    truth_entry(instance, transport, CODE_OPENED);
}

void truth_connect_failed(unsigned instance, enum group transport)
{
    add(instance, transport, FAILED_OUTBOUND, 1);
    truth_entry(instance, transport, CODE_CONNECTION_FAILED);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *group_title(enum group g)
{
    return g == OUT_DOVECOT ? "pipe/dovecot" : g == OUT_MAILMAN ? "pipe/mailman" : group_tag[g];
}

static bool group_used(const struct group_truth *t)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < FIELDS; i++)
        any |= t->field[i];
    for (unsigned i = 0; i < CODES; i++)
        any |= t->entry[i];
    return any != 0;
}

static uint64_t total(const struct app *a, enum field f)
{
    uint64_t sum = 0;
    for (unsigned g = 0; g < GROUPS; g++)
        sum += a->group[g].field[f];
    return sum;
}

static void write_mta(FILE *out, const struct app *a)
{
    static const enum field sums[] = {
        RECEIVED_MESSAGES,    RECEIVED_OCTETS, RECEIVED_RECIPIENTS, TRANSMITTED_RECIPIENTS,
        ACCUMULATED_OUTBOUND, FAILED_OUTBOUND, REJECTED_INBOUND,    LOOPS_DETECTED};
    fprintf(out,
            "\"mta\": {\"transmitted_messages\": %" PRIu64 ", \"transmitted_octets\": %" PRIu64,
            a->transmitted_messages, a->transmitted_octets);
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
        fprintf(out, ", \"%s\": %" PRIu64, field_name[sums[i]], total(a, sums[i]));
    fprintf(out,
            ", \"bounces_generated\": %" PRIu64 ", \"accumulated_inbound\": {\"lines\": %" PRIu64
            ", \"connections\": %" PRIu64 ", \"smtpd\": %" PRIu64 "}},\n",
            a->bounces_made, a->inbound[READ_LINES], a->inbound[READ_CONNECTIONS],
            a->inbound[READ_SMTPD]);
}

static void write_groups(FILE *out, const struct app *a)
{
    const char *comma = "";
    fprintf(out, "\"groups\": {");
    for (unsigned g = 0; g < GROUPS; g++) {
        const struct group_truth *t = &a->group[g];
        if (!group_used(t))
            continue;
        fprintf(out, "%s\n \"%s\": {\"hierarchy\": %d", comma, group_title(g),
                g < OUT_SMTP ? -1 : -2);
        for (unsigned i = 0; i < FIELDS; i++)
            fprintf(out, ", \"%s\": %" PRIu64, field_name[i], t->field[i]);
        fprintf(out, "}");
        comma = ",";
    }
    fprintf(out, "},\n");
}

static void write_errors(FILE *out, const struct app *a)
{
    const char *group_comma = "";
    fprintf(out, "\"errors\": {");
    for (unsigned g = 0; g < GROUPS; g++) {
        const struct group_truth *t = &a->group[g];
        if (t->errors == 0)
            continue;
        fprintf(out, "%s\n \"%s\": {", group_comma, group_title(g));
        for (unsigned i = 0; i < t->errors; i++)
            fprintf(out,
                    "%s\"%u\": {\"inbound\": %" PRIu64 ", \"internal\": %" PRIu64
                    ", \"outbound\": %" PRIu64 "}",
                    i ? ", " : "", t->error[i].code, t->error[i].by[SIDE_INBOUND],
                    t->error[i].by[SIDE_INTERNAL], t->error[i].by[SIDE_OUTBOUND]);
        fprintf(out, "}");
        group_comma = ",";
    }
    fprintf(out, "},\n");
}

static void write_entries(FILE *out, const struct app *a)
{
    const char *group_comma = "";
    fprintf(out, "\"entries\": {");
    for (unsigned g = 0; g < GROUPS; g++) {
        const char *comma = "";
        if (!group_used(&a->group[g]))
            continue;
        fprintf(out, "%s\n \"%s\": {", group_comma, group_title(g));
        for (unsigned code = 0; code < CODES; code++)
            if (a->group[g].entry[code]) {
                fprintf(out, "%s\"%u\": %" PRIu64, comma, code, a->group[g].entry[code]);
                comma = ", ";
            }
        fprintf(out, "}");
        group_comma = ",";
    }
    fprintf(out, "},\n");
}

static void write_destinations(FILE *out, const struct app *a)
{
    const char *comma = "";
    fprintf(out, "\"destinations\": {");
    for (unsigned i = 0; i < domain_count; i++) {
        const struct destination *d = &a->destination[i];
        if (d->deferrals == 0)
            continue;
        fprintf(out,
                "%s\n \"%s\": {\"deferrals\": %" PRIu64 ", \"deliveries\": %" PRIu64
                ", \"queued\": %" PRIu64 ", \"deferred\": %" PRIu64 "}",
                comma, domains[i].name, d->deferrals, d->deliveries, d->queued, d->deferred);
        comma = ",";
    }
    fprintf(out, "},\n");
}

static void write_peers(FILE *out, const struct app *a)
{
    const char *comma = "";
    fprintf(out, "\"peers\": {");
    for (unsigned i = 0; i <= options.peers; i++) {
        const struct peer *p = &a->peer[i];
        char name[128], bare[48];
        if (p->lines + p->rejected + p->auth_failures == 0)
            continue;
        client_text(i == options.peers ? CLIENT_LOOPBACK : i, name, bare);
        fprintf(out,
                "%s\n \"%s\": {\"lines\": %" PRIu64 ", \"connections\": %" PRIu64
                ", \"smtpd\": %" PRIu64 ", \"rejected\": %" PRIu64 ", \"auth_failures\": %" PRIu64
                "}",
                comma, bare, p->lines, p->connections, p->smtpd, p->rejected, p->auth_failures);
        comma = ",";
    }
    fprintf(out, "}");
}

/* What waits at the end: from the messages that are still there. Returns how many of them are mail.
 */
static unsigned count_waiting(void)
{
    unsigned mail = 0;
    for (unsigned i = 0; i < messages_live; i++) {
        const struct message *m = message_at(i);
        mail += m->kind != KIND_PROBE && m->queued_once;
        for (unsigned k = 0; k < m->rcpt_count; k++) {
            struct destination *d = &apps[m->instance].destination[m->rcpt[k].to.domain];
            d->deferred += m->rcpt[k].state == RCPT_DEFERRED;
            d->queued += m->rcpt[k].state == RCPT_DEFERRED || m->rcpt[k].state == RCPT_RETRYING;
        }
    }
    return mail;
}

void truth_write(void)
{
    FILE *out = fopen(options.truth, "w");
    unsigned mail = count_waiting();
    if (!out) {
        perror(options.truth);
        exit(1);
    }
    fprintf(out,
            "{\"lines\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"seed\": %" PRIu64
            ", \"in_flight\": %u, \"unrecognised\": 0,\n\"apps\": {",
            line_count, byte_count, options.seed, mail);
    for (unsigned i = 0; i < INSTANCES; i++) {
        fprintf(out, "%s\"%s\": {\n", i ? ",\n" : "", i ? "postfix-out" : "postfix");
        write_mta(out, &apps[i]);
        write_groups(out, &apps[i]);
        write_errors(out, &apps[i]);
        write_entries(out, &apps[i]);
        write_destinations(out, &apps[i]);
        write_peers(out, &apps[i]);
        fprintf(out, "}");
    }
    fprintf(out, "}}\n");
    if (fclose(out) != 0) {
        perror(options.truth);
        exit(1);
    }
}
