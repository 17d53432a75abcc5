/* A log of several hosts, with every format, and what is counted of it. */
#ifndef MAILLOG_SITE_H
#define MAILLOG_SITE_H

#include "tally_world.h"

#include "../../collectors/access_tally.h"

#include <time.h>

#define WRITTEN INT64_C(1796083200000) /* 2026-12-01, as the recorded logs are read */

static const struct mta *const all_mtas[] = {&mta_postfix, &mta_exim, &mta_sendmail,
                                             &mta_opensmtpd};
static const struct access_server *const all_servers[] = {&access_dovecot, &access_cyrus};

struct site {
    struct model model;
    struct names *names;
    struct tally *tally;
    struct access_tally *access;
    struct maillog log;
    char strangers[256];
};

static inline void on_stranger(void *arg, struct slice host)
{
    struct site *s = arg;
    size_t n = strlen(s->strangers);
    snprintf(s->strangers + n, sizeof s->strangers - n, "%.*s ", (int)host.n, host.p);
}

static inline void add_server(struct site *s, struct slice host, const struct access_server *server)
{
    char name[128];
    int n = snprintf(name, sizeof name, "%.*s%s%s", (int)host.n, host.p, host.n ? "/" : "",
                     server->name);
    struct access_log *log =
        access_tally_log(s->access, server, (struct slice){name, (size_t)n}, 1);
    assert_non_null(log);
    access_tally_host(log, host);
    assert_true(maillog_add_of(&s->log, host, server->parse, access_tally_event, log,
                               access_tally_of_host));
}

/* Adds every format for this host. */
static inline void add_host(struct site *s, const char *host)
{
    for (unsigned i = 0; i < sizeof all_mtas / sizeof all_mtas[0]; i++)
        assert_true(maillog_add_mta_of(&s->log, slice_of(host), all_mtas[i], SLICE("")));
    for (unsigned i = 0; i < sizeof all_servers / sizeof all_servers[0]; i++)
        add_server(s, slice_of(host), all_servers[i]);
}

static inline void site_open(struct site *s)
{
    memset(s, 0, sizeof *s);
    assert_true(model_init(&s->model, NULL));
    assert_non_null(s->names = names_new());
    assert_non_null(s->tally = tally_new(&s->model, s->names, 20000, true));
    assert_non_null(s->access = access_tally_new(&s->model, s->names, s->tally, USERS_PLAIN));
    tally_clock(s->tally, WORLD_CLOCK);
    tally_here(s->tally, SLICE("loghost"));
    access_tally_clock(s->access, WORLD_CLOCK, 0);
    maillog_start(&s->log, s->tally);
    s->log.on_stranger = on_stranger;
    s->log.arg = s;
}

static inline void site_close(struct site *s)
{
    maillog_stop(&s->log);
    access_tally_free(s->access);
    tally_free(s->tally);
    names_free(s->names);
    model_free(&s->model);
}

static inline const struct appl *find_appl(const struct model *m, const char *host,
                                           struct slice name)
{
    char text[256];
    snprintf(text, sizeof text, "%s%s%.*s", host, *host ? "/" : "", (int)name.n, name.p);
    for (uint32_t i = 0; i < m->tables[MODEL_APPL].count; i++) {
        const struct appl *a = model_row(m, MODEL_APPL, i);
        if (slice_eq(TEXT_GET(a->name), slice_of(text)))
            return a;
    }
    return NULL;
}

#endif
