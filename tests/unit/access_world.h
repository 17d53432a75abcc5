/* A model, and what counts the log of one server of mailboxes into it. */
#ifndef ACCESS_WORLD_H
#define ACCESS_WORLD_H

#include "../../agent/persist.h"
#include "../../collectors/access_session.h"
#include "../../collectors/access_tally.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NOV_21 INT64_C(1795301304000) /* 2026-11-21T22:48:24Z */

/* A model, and what counts one server's log into it. */
struct world {
    struct model model;
    struct names *names;
    struct tally *peers;
    struct access_tally *tally;
    struct access_log *log;
    const struct access_server *server;
    struct syslog_context context;
};

static inline void begin_sized(struct world *w, const struct access_server *server,
                               enum access_users users, const uint32_t *capacities)
{
    memset(w, 0, sizeof *w);
    w->server = server;
    assert_true(model_init(&w->model, capacities));
    assert_non_null(w->names = names_new());
    assert_non_null(w->peers = tally_new(&w->model, w->names, 1000, true));
    assert_non_null(w->tally = access_tally_new(&w->model, w->names, w->peers, users));
    assert_non_null(w->log = access_tally_log(w->tally, server, slice_of(server->name), 1));
    syslog_start(&w->context, NOV_21);
}

static inline void begin(struct world *w, const struct access_server *server,
                         enum access_users users)
{
    begin_sized(w, server, users, NULL);
}

static inline void end(struct world *w)
{
    access_tally_free(w->tally);
    tally_free(w->peers);
    names_free(w->names);
    model_free(&w->model);
}

static inline void read_line(struct world *w, const char *line)
{
    struct event e = {0};
    w->server->parse(&w->context, slice_of(line), &e);
    if (e.kind > EVENT_NONE)
        access_tally_event(w->log, &e);
}

/* "Nov 21 22:MM:SS SERVICE: Info: ..." */
static inline void at(struct world *w, int seconds, const char *format, ...)
{
    char line[1024];
    int n = snprintf(line, sizeof line, "Nov 21 22:%02d:%02d ", seconds / 60, seconds % 60);
    va_list ap;
    va_start(ap, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, ap);
    va_end(ap);
    read_line(w, line);
}

/* Puts all into the store and takes it back into another world. */
static inline void restart(struct world *w, struct store *s)
{
    struct checkpoint *c = checkpoint_new();
    assert_true(persist_save(&w->model, w->names, c, 0));
    assert_true(tally_save(w->peers, c));
    assert_true(access_tally_save(w->tally, c));
    assert_true(store_write(s, c));
    checkpoint_free(c);
    struct syslog_context context = w->context;
    const struct access_server *server = w->server;
    end(w);
    begin(w, server, USERS_PLAIN);
    w->context = context;
    assert_true(persist_load(&w->model, w->names, s, 0));
    assert_true(tally_load(w->peers, s));
    assert_true(access_tally_load(w->tally, s));
}

#define IMAP(w) access_tally_access((w)->log, ACCESS_IMAP)
#define LOGIN                                                                                      \
    "imap-login: Info: Login: user=<%s>, method=PLAIN, rip=192.0.2.%d, lip=192.0.2.1, mpid=%d, "   \
    "session=<%s>"

#endif
