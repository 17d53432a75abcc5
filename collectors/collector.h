/*
 * A collector writes rows of the live model. All of them live in the collect process, on one libuv
 * loop, and are driven by one tick; what may block is a work item with a request in and a result out.
 * collectors.c lists them.
 */
#ifndef COLLECTOR_H
#define COLLECTOR_H

#include <uv.h>
#include "../agent/config.h"
#include "access.h"
#include "maillog.h"

/* One MTA of this host, configured or detected. */
struct instance_of_mta {
    const struct config_mta *config;
    const struct mta *mta;
    struct appl *appl;
    struct mta_levels levels; /* what its own command told last, at that time */
    int64_t levels_ms;
};

/* What collectors share. Owned by main_collect.c. */
struct collect {
    uv_loop_t *loop;
    struct model *model;
    struct names *names;
    struct store *store; /* at start only; then the checkpoint's worker has it */
    const struct config *config;
    struct tally *tally; /* of all mail systems */
    struct instance_of_mta *instances;
    unsigned instance_count;
    struct model_work *work; /* what the process before this one died on */
    int64_t monotonic_ms;    /* of this tick */
    int64_t real_minus_monotonic_ms;
    bool caught_up;   /* every log was read to its end once */
    unsigned in_hand; /* begun, and to be in the last checkpoint: some time is waited for it */
    bool stopping;    /* no tick comes any more, and nothing is begun */
};

struct collector {
    const char *name;
    /* Makes its rows and sources. false: memory is short (logged). */
    bool (*start)(struct collect *c);
    /* Once a tick: does what is due, starts work items. */
    void (*tick)(struct collect *c);
    /* Puts what belongs to the next checkpoint; may be NULL. */
    bool (*save)(struct collect *c, struct checkpoint *to);
    /* No handle may be left open and no work item begun after it. */
    void (*stop)(struct collect *c);
};

/* Each is of the file of its name, or of NAME_source.c. */
extern const struct collector collector_directory, collector_log, collector_access, collector_quota,
    collector_queue, collector_process, collector_socket, collector_rate, collector_disk,
    collector_file, collector_host, collector_processes, collector_queue_command, collector_record,
    collector_statistics, collector_response, collector_route, collector_sun, collector_sun_queue,
    collector_sun_command;
extern const struct collector *const collectors[]; /* ends with NULL */
extern const struct mta *const mtas[];             /* ends with NULL */
const struct mta *mta_find(const char *name);
const struct access_server *access_find(const char *name);

/* Lines of logs as --explain knows them: of every mail system and server of mailboxes. */
struct format {
    const char *name, *summary;
    maillog_parse_line *parse;
};
/* The format of this name; false, and why with the names that exist on the standard error. */
bool format_find(const char *name, struct format *f);

/*
 * The log at this path, to which a collector adds its formats in its start; read from the first tick
 * on. kind: a word for it, if nobody has asked for this path before. NULL: memory is short (logged).
 */
struct maillog *log_source_of(struct collect *c, const char *kind, const char *path);
/*
 * Makes the counters of hosts that had a row, HOST/NAME or HOST/NAME/..., when this program ran before; for a format
 * that was added for MAILLOG_EACH with the name "*" "/NAME".
 */
void log_source_know(struct collect *c, struct maillog *log, maillog_parse_line *parse,
                     struct slice name);
/* That log, which was asked for, need not exist. */
void log_source_optional(const char *path);
/* The sourceIndex of that log; 0: nobody asked for it. */
uint32_t log_source_index(const char *path);

/* The row of an input, by its name. appl 0: it serves several. */
struct source *source_place(struct collect *c, enum source_kind kind, const char *name,
                            const char *target, uint32_t appl, uint32_t interval_s);
/* That of an instance's queue directory. */
struct source *source_place_queue(struct collect *c, const struct instance_of_mta *i);
/* Sets status and error text; logs a line when the status changes. error NULL or "": none. */
void source_status(struct collect *c, struct source *s, enum source_status status,
                   const char *error);
/*
 * To be called once, when every collector has placed its sources: a row that the store kept and that nobody
 * placed is of a source that is no longer configured. It goes; that of a log stays, disabled, since the
 * stored position hangs from it should the log come back.
 */
void source_drop_unplaced(struct collect *c);

static inline int64_t collect_real_ms(const struct collect *c)
{
    return c->monotonic_ms + c->real_minus_monotonic_ms;
}

#endif
