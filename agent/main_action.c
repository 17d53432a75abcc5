/*
 * Actions: programs that the configuration names, run when an alarm is raised or cleared, and restarts of
 * what is down. Never through a shell, never because of anything that SNMP said, each with a deadline.
 *
 * READER_ACTION stands before the transition whose program has not been started yet: a crash runs none
 * twice. At most RUNNING_MAX programs run at once, and at most PER_MINUTE are started in a minute: an
 * action that raises the alarm that runs it goes round slowly, and the log says so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../collectors/child.h"
#include "log.h"
#include "main_consumer.h"
#include "restart.h"

#define RUNNING_MAX 4
#define PER_MINUTE  60
#define OUTPUT_MAX  4096
#define ARGS_MAX    32
#define MINUTE_MS   60000

/* A program that runs. */
struct running {
    struct child *child;
    char what[300]; /* for messages */
};

/* The watch over one instance of an alarm with `restart`; known by its alarm's index. */
struct watch_over {
    uint32_t alarm;
    struct restart restart;
};

static struct {
    struct collect *collect;
    struct transitions *transitions;
    struct running running[RUNNING_MAX];
    int64_t minute_ms;
    unsigned started; /* in this minute */
    bool limited;     /* and that was said */
    struct watch_over *watches;
    unsigned watch_count;
    bool restarts; /* some rule has one */
} self;

static const struct config_alarm *section(const struct config *c, struct slice id)
{
    const struct config_alarm *all = c->alarms.items;
    for (unsigned i = 0; i < c->alarms.count; i++)
        if (all[i].name && slice_eq(id, slice_of(all[i].name)))
            return &all[i];
    return NULL;
}

static void check_program(const struct config_alarm *a, const char *name,
                          const struct config_strings *command, struct err_list *errors)
{
    const char *program = command->count ? command->items[0] : NULL;
    if (!program)
        return;
    if (*program != '/')
        err_add(errors, a->at.file, a->at.line,
                "%s: %.200s must be an absolute path, such as /usr/local/sbin/page", name, program);
    else if (access(program, X_OK) < 0)
        err_add(errors, a->at.file, a->at.line, "%s: %.200s: %s", name, program, strerror(errno));
    else if (command->count >= ARGS_MAX)
        err_add(errors, a->at.file, a->at.line, "%s: at most %d arguments", name, ARGS_MAX - 1);
}

static void check(const struct config *c, struct err_list *errors)
{
    const struct config_alarm *all = c->alarms.items;
    for (unsigned i = 0; i < c->alarms.count; i++) {
        check_program(&all[i], "on_raise", &all[i].on_raise, errors);
        check_program(&all[i], "on_clear", &all[i].on_clear, errors);
        check_program(&all[i], "restart", &all[i].restart, errors);
    }
}

static void on_done(void *arg, const char *error, struct slice text)
{
    struct running *r = arg;
    struct slice line = slice_trim(slice_head(text, slice_find(text, '\n')));
    if (*error)
        log_warning("%s: %s%s%.*s", r->what, error, line.n ? ": " : "",
                    (int)(line.n < 200 ? line.n : 200), line.p ? line.p : "");
    else
        log_info("%s: done", r->what);
    r->child = NULL;
}

static struct running *free_place(void)
{
    for (unsigned i = 0; i < RUNNING_MAX; i++)
        if (!self.running[i].child)
            return &self.running[i];
    return NULL;
}

/* May one more be started now? */
static bool within_limit(const struct collect *c)
{
    if (c->monotonic_ms - self.minute_ms >= MINUTE_MS) {
        self.minute_ms = c->monotonic_ms;
        self.started = 0;
        self.limited = false;
    }
    if (self.started < PER_MINUTE)
        return true;
    if (!self.limited)
        log_warning("more than %d actions in a minute: the others wait; does an action raise the "
                    "alarm that runs it?",
                    PER_MINUTE);
    self.limited = true;
    return false;
}

#define VARIABLES 12

/* The alarm as variables of the environment. */
static void describe(const struct transition *x, char text[VARIABLES][300],
                     const char *variables[VARIABLES + 1])
{
    static const char *const events[] = {"?", "raised", "cleared", "reminder"};
    static const char *const severities[] = {"?",     "cleared", "indeterminate", "critical",
                                             "major", "minor",   "warning"};
    const struct {
        const char *name;
        struct slice text;
    } texts[] = {
        {"ALARM_ID", TEXT_GET(x->id)},
        {"ALARM_INSTANCE", TEXT_GET(x->instance)},
        {"ALARM_DESCRIPTION", TEXT_GET(x->description)},
        {"ALARM_UNIT", TEXT_GET(x->unit)},
        {"ALARM_VALUE_TEXT", TEXT_GET(x->value_text)},
        {"ALARM_TEXT", TEXT_GET(x->text)},
        {"ALARM_EVENT", slice_of(events[x->event <= 3 ? x->event : 0])},
        {"ALARM_SEVERITY", slice_of(severities[x->severity <= 6 ? x->severity : 0])},
    };
    unsigned n = 0;
    for (; n < sizeof texts / sizeof texts[0]; n++)
        snprintf(text[n], 300, "%s=%.*s", texts[n].name, (int)texts[n].text.n,
                 texts[n].text.p ? texts[n].text.p : "");
    snprintf(text[n++], 300, "ALARM_VALUE=%" PRId64, x->value);
    snprintf(text[n++], 300, "ALARM_THRESHOLD=%" PRId64, x->threshold);
    snprintf(text[n++], 300, "ALARM_NUMBER=%" PRIu64, x->number);
    snprintf(text[n++], 300, "ALARM_TIME=%" PRId64, x->at / 1000);
    for (unsigned i = 0; i < n; i++)
        variables[i] = text[i];
    variables[n] = NULL;
}

/* Starts a program; false: not now, there is no room or the limit is reached. */
static bool run(struct collect *c, const char *kind, const struct config_alarm *a,
                const struct config_strings *command, const struct transition *x)
{
    char text[VARIABLES][300];
    const char *variables[VARIABLES + 1], *argv[ARGS_MAX + 1];
    struct running *r = free_place();
    if (!r || !within_limit(c))
        return false;
    unsigned n = 0;
    for (; n < command->count && n < ARGS_MAX; n++)
        argv[n] = command->items[n];
    argv[n] = NULL;
    describe(x, text, variables);
    struct slice instance = TEXT_GET(x->instance);
    snprintf(r->what, sizeof r->what, "alarm %s of \"%.*s\": %s %.100s", a->name, (int)instance.n,
             instance.p ? instance.p : "", kind, argv[0]);
    self.started++;
    r->child =
        child_start_with(c->loop, argv, variables, OUTPUT_MAX, a->action_timeout_s, on_done, r);
    if (r->child)
        log_notice("%s", r->what);
    else
        log_warning("%s: %s", r->what, strerror(errno));
    return true;
}

static const struct config_strings *command_of(const struct config_alarm *a,
                                               const struct transition *x)
{
    return x->event == ALARM_EVENT_RAISED    ? &a->on_raise
           : x->event == ALARM_EVENT_CLEARED ? &a->on_clear
                                             : NULL;
}

static void run_actions(struct collect *c)
{
    struct transition x;
    while (transitions_next(self.transitions, READER_ACTION, &x)) {
        const struct config_alarm *a = section(c->config, TEXT_GET(x.id));
        const struct config_strings *command = a ? command_of(a, &x) : NULL;
        if (command && command->count &&
            !run(c, x.event == ALARM_EVENT_RAISED ? "on_raise" : "on_clear", a, command, &x))
            return;
        transitions_done(self.transitions, READER_ACTION, x.number);
    }
}

/* Restarts */

static struct watch_over *watch_of(uint32_t alarm)
{
    for (unsigned i = 0; i < self.watch_count; i++)
        if (self.watches[i].alarm == alarm)
            return &self.watches[i];
    struct watch_over *more = realloc(self.watches, (self.watch_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    self.watches = more;
    self.watches[self.watch_count] =
        (struct watch_over){.alarm = alarm, .restart = {.state = RESTART_IDLE}};
    return &self.watches[self.watch_count++];
}

/* Shows in mailmonProcessTable what is done about a process of this name. */
static void show(struct collect *c, struct slice name, const struct restart *r, bool tried)
{
    for (uint32_t i = 0; i < c->model->tables[MODEL_PROCESS].count; i++) {
        struct process *p = model_row(c->model, MODEL_PROCESS, i);
        if (!slice_eq(TEXT_GET(p->name), name))
            continue;
        if (!tried && p->restart_state == (uint64_t)r->state)
            continue;
        p->restart_state = (uint64_t)r->state;
        p->restarts_tried = (p->restarts_tried == MODEL_ABSENT ? 0 : p->restarts_tried) + tried;
        model_dirty(c->model, MODEL_PROCESS, p);
    }
}

/* What a program is told of an alarm's row. */
static struct transition as_transition(const struct collect *c, const struct alarm *row)
{
    struct transition x = {.number = 0,
                           .at = collect_real_ms(c),
                           .event = ALARM_EVENT_RAISED,
                           .severity = row->severity,
                           .value = row->current,
                           .threshold = row->threshold};
    x.id = row->id;
    x.instance = row->instance;
    x.description = row->description;
    x.unit = row->unit;
    x.value_text = row->value_text;
    x.text = (struct text255){.length = TEXT_ABSENT};
    return x;
}

static void watch_row(struct collect *c, const struct alarm *row, const struct config_alarm *a)
{
    bool down = row->state == ALARM_RAISED || row->state == ALARM_SUPPRESSED;
    struct watch_over *w = watch_of(row->row.key[0]);
    if (!w || (down && !free_place()))
        return;
    enum process_restart before = w->restart.state;
    bool now = restart_step(&w->restart, down, c->monotonic_ms, (int64_t)a->restart_wait_s * 1000,
                            (int64_t)a->retry_timeout_s * 1000);
    struct transition x = as_transition(c, row);
    struct slice instance = TEXT_GET(row->instance);
    if (now)
        run(c, "restart", a, &a->restart, &x);
    if (w->restart.state == RESTART_GAVE_UP && before != RESTART_GAVE_UP)
        log_error("alarm %s of \"%.*s\": restarted %d times within %u s in vain: given up", a->name,
                  (int)instance.n, instance.p ? instance.p : "", RESTART_FAILURES,
                  a->retry_timeout_s);
    show(c, instance, &w->restart, now);
}

static void run_restarts(struct collect *c)
{
    for (uint32_t i = 0; i < c->model->tables[MODEL_ALARM].count; i++) {
        const struct alarm *row = model_row(c->model, MODEL_ALARM, i);
        const struct config_alarm *a = section(c->config, TEXT_GET(row->id));
        if (a && a->restart.count)
            watch_row(c, row, a);
    }
}

static void start(struct collect *c, const char *state_dir, struct transitions *stream)
{
    const struct config_alarm *all = c->config->alarms.items;
    (void)state_dir;
    self.transitions = stream;
    self.minute_ms = c->monotonic_ms;
    for (unsigned i = 0; i < c->config->alarms.count; i++)
        self.restarts |= all[i].restart.count > 0;
}

static void tick(struct collect *c)
{
    run_actions(c);
    if (self.restarts && c->caught_up)
        run_restarts(c);
}

static void stop(struct collect *c)
{
    (void)c;
    for (unsigned i = 0; i < RUNNING_MAX; i++)
        if (self.running[i].child)
            child_forget(self.running[i].child);
    free(self.watches);
    self.watches = NULL;
    self.watch_count = 0;
}

const struct consumer consumer_action = {check, start, tick, NULL, stop};
