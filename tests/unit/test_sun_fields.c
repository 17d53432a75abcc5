/*
 * Every set of optional fields that LOG_* options can ask for, in the formats 1 to 3: an entry is written as the guide
 * says, and each field must come back. Without the options what counts must come back all the same.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "../../collectors/sun_record.h"

#define FIELDS 15

static char line[2048];
static size_t length;

static void add(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    length += (size_t)vsnprintf(line + length, sizeof line - length, format, ap);
    va_end(ap);
}

/* A field of variable length. */
static void add_field(uint32_t format, const char *value)
{
    if (format == 3)
        add(" %zu:%s", strlen(value), value);
    else
        add(" %s", value);
}

struct entry {
    const char *code, *destination, *from, *to, *connection, *filter, *reason, *diagnostic;
    bool dequeue;
};

static const struct entry entries[] = {
    {"E", "l", "a@b.example", "c@d.example", "cl.example (dns.example [192.0.2.9])", "", "", "",
     false},
    {"EESA", "ims-ms", "a@b.example", "c@ims-ms-daemon", "cl.example", "keep", "", "", false},
    {"E", "process", "", "postmaster@b.example", "b.example", "", "", "", false},
    {"DES", "", "a@b.example", "\"c d\"@e.example", "cl.example (cl.example [2001:db8::9])",
     "'addheader, keep'", "",
     "dns;mx.e.example (TCP|192.0.2.1|4000|192.0.2.25|25) (mx ESMTP) smtp;250 2.1.5 ok, thank you",
     true},
    {"R", "", "a@b.example", "c@d.example", "[192.0.2.9] ([192.0.2.9])", "discard",
     "Message too large", "smtp;552 5.3.4 Message too large", true},
    {"Q", "", "", "c@d.example", "cl.example (dns.example [192.0.2.9])", "", "",
     "smtp;451 4.7.1 later", true},
    {"J", "", "a@b.example", "c@d.example", "cl.example (dns.example [192.0.2.9])", "", "",
     "550 5.7.1 Relaying not permitted: c@d.example", false},
};

static void add_details(const struct entry *e, uint32_t format, unsigned fields)
{
    if (fields & SUN_USERNAME)
        add_field(format, "*ann");
    if (fields & SUN_CONNECTION)
        add_field(format, e->connection);
    if (fields & SUN_SENSITIVITY)
        add(" 1");
    if (fields & SUN_PRIORITY)
        add(" 2");
    if (fields & SUN_INTERMEDIATE)
        add_field(format, "i@d.example");
    if (fields & SUN_FILTER)
        add_field(format, e->filter);
    if (fields & SUN_REASON && (*e->reason || format == 3))
        add_field(format, e->reason);
    if (*e->diagnostic || format == 3)
        add_field(format, e->diagnostic);
    if (fields & SUN_REMOTE_MTA && e->dequeue)
        add(" mx.e.example");
    if (fields & SUN_QUEUE_TIME && e->dequeue)
        add(" 73");
}

static void write_entry(const struct entry *e, uint32_t format, unsigned fields)
{
    const char *file = *e->code == 'J' ? "" : "/q/tcp_local/000/ZY0aBcDeFgH.00";
    const char *id = *e->code == 'J' ? "" : "<1@b.example>";
    char address[128];
    length = 0;
    add("19-Jan-1998 19:16:57.64");
    if (fields & SUN_NODE)
        add(" hosta");
    if (fields & SUN_PROCESS)
        add(" 2e2d.2.1");
    add(" %-12s %-12s %-3s 3", "tcp_local", e->destination, e->code);
    add_field(format, format == 2 && !*e->from ? "<>" : e->from);
    snprintf(address, sizeof address, "rfc822;%s", e->to);
    add_field(format, address);
    add_field(format, e->to);
    if (fields & SUN_NOTARY)
        add(" 276");
    if (fields & SUN_FILENAME)
        add_field(format, file);
    if (fields & SUN_ENVELOPE_ID)
        add_field(format, "01LI4@d.example");
    if (fields & SUN_MESSAGE_ID)
        add_field(format, id);
    add_details(e, format, fields);
}

static unsigned wrong;

static void same(const struct sun_options *o, const char *name, struct slice is,
                 const char *expected)
{
    if (slice_eq(is, slice_of(expected)))
        return;
    if (wrong++ < 10)
        print_error("%s\n  fields %x, format %u: %s is \"%.*s\", not \"%s\"\n", line, o->fields,
                    o->format, name, (int)is.n, is.p, expected);
}

/* What is counted. */
static void check_basics(const struct sun_options *o, const struct entry *e,
                         const struct sun_record *r)
{
    same(o, "source", r->source, "tcp_local");
    same(o, "destination", r->destination, e->destination);
    same(o, "code", (struct slice){&r->code, 1}, (const char[]){*e->code, 0});
    same(o, "from", r->from, e->from);
    same(o, "original", r->original, e->to);
    same(o, "to", r->to, e->to);
    assert_int_equal(r->blocks, 3);
    if (*e->code == 'J')
        return;
    if (o->fields & SUN_FILENAME)
        same(o, "file", r->file, "/q/tcp_local/000/ZY0aBcDeFgH.00");
    if (o->fields & SUN_MESSAGE_ID)
        same(o, "message id", r->message_id, "1@b.example");
}

static const char *if_set(const struct sun_options *o, unsigned field, const char *value)
{
    return o->fields & field ? value : "";
}

static void check_all(const struct sun_options *o, const struct entry *e,
                      const struct sun_record *r)
{
    same(o, "node", r->node, if_set(o, SUN_NODE, "hosta"));
    same(o, "process", r->process, if_set(o, SUN_PROCESS, "2e2d.2.1"));
    same(o, "envelope id", r->envelope_id, if_set(o, SUN_ENVELOPE_ID, "01LI4@d.example"));
    same(o, "username", r->username, if_set(o, SUN_USERNAME, "*ann"));
    same(o, "connection", r->connection, if_set(o, SUN_CONNECTION, e->connection));
    same(o, "sensitivity", r->sensitivity, if_set(o, SUN_SENSITIVITY, "1"));
    same(o, "priority", r->priority, if_set(o, SUN_PRIORITY, "2"));
    same(o, "intermediate", r->intermediate, if_set(o, SUN_INTERMEDIATE, "i@d.example"));
    struct slice filter = slice_of(e->filter);
    if (filter.n && *filter.p == '\'' && o->format != 3)
        filter = (struct slice){filter.p + 1, filter.n - 2};
    if (o->fields & SUN_FILTER && !slice_eq(r->filter, filter))
        same(o, "filter", r->filter, e->filter);
    same(o, "reason", r->reason, if_set(o, SUN_REASON, e->reason));
    same(o, "diagnostic", r->diagnostic, e->diagnostic);
    if (e->dequeue) {
        same(o, "remote MTA", r->remote_mta, if_set(o, SUN_REMOTE_MTA, "mx.e.example"));
        char time[32] = "";
        snprintf(time, sizeof time, "%d %llu", r->has_queue_time,
                 (unsigned long long)r->queue_time_ms);
        same(o, "queue time", slice_of(time), o->fields & SUN_QUEUE_TIME ? "1 73000" : "0 0");
    }
    assert_int_equal(r->notary, o->fields & SUN_NOTARY ? 276 : 0);
}

static void check(const struct entry *e, uint32_t format, unsigned fields)
{
    static struct syslog_context context;
    struct sun_options o = {.fields = fields, .format = format, .block_size = SUN_BLOCK_SIZE};
    struct sun_record r;
    write_entry(e, format, fields);
    struct slice text = {line, length};
    if (!sun_record_parse(&context, &o, text, &r))
        fail_msg("%s", line);
    sun_record_details(&o, &r);
    check_basics(&o, e, &r);
    check_all(&o, e, &r);
    if (!sun_record_parse(&context, NULL, text, &r))
        fail_msg("inferred: %s", line);
    sun_record_details(NULL, &r);
    check_basics(&o, e, &r);
}

static void every_set(void **state)
{
    (void)state;
    for (uint32_t format = 1; format <= 3; format++)
        for (unsigned fields = 0; fields < 1u << FIELDS; fields++)
            for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
                check(&entries[i], format, fields);
    if (wrong)
        fail_msg("%u fields are wrong", wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_set)};
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
