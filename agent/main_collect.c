/*
 * mailmond-collect: the process that reads logs, queues, sockets and processes, and writes the model.
 * One libuv loop, no SNMP. It becomes its account (keeping CAP_DAC_READ_SEARCH, if it had it), restores what
 * the store kept, drives the collectors once a tick, and hands the model over after each.
 */
#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "clock.h"
#include "../collectors/collector.h"
#include "../collectors/detect.h"
#include "account.h"
#include "log.h"
#include "main_alarm.h"
#include "main_ask.h"
#include "main_collect_options.h"
#include "main_consumer.h"
#include "main_instances.h"
#include "main_modes.h"
#include "main_whatif.h"
#include "persist.h"
#include "slots.h"

#define WORKERS       4     /* libuv's */
#define LARGE         65536 /* octets that are a mapping of their own */
#define EXIT_CONFIG   78    /* the configuration has faults: for the supervisor */
#define EXIT_RELOAD   75    /* start me again at once: the configuration changed */
#define CATCH_UP_MS   10000 /* a model that goes back is not shown for so long after a restart */
#define FIRST_TICK_MS 1
#define IN_HAND_MS    2000  /* at the end, for what is in hand */
#define SETTLED_MS    60000 /* by then each collector has placed its sources */

/* All of the process's state that outlives a tick. */
static struct {
    struct arguments arguments;
    struct config *config;
    struct collect collect;
    struct model model;
    struct store *store;
    struct slots *slots;
    struct checkpoint *checkpoint;
    bool checkpoint_filled, checkpoint_busy, checkpoint_failed, checkpoint_ok;
    uv_work_t checkpoint_work;
    int64_t next_checkpoint_ms, started_ms;
    bool settled; /* rows of sources that are no longer configured are gone */
    uv_timer_t timer;
    uv_signal_t terminate, interrupt, hangup;
    struct agent *agent;
    struct alarm_rules *rules;
    struct alarm_work alarm_work;
    bool published;
    bool late; /* what is in hand at the end had its time */
    int exit_code;
} self;

static const struct consumer *const consumers[] = {
    &consumer_history, &consumer_mail, &consumer_action, &consumer_daily, NULL,
};

/* The configuration and its rules, checked as a whole; NULL, or errors: it cannot be taken. */
static struct config *read_config(struct alarm_rules **rules, struct err_list *errors)
{
    struct config *c = config_load(self.arguments.config, errors);
    *rules = c ? alarm_rules_make(c, errors, &c->warnings) : NULL;
    for (unsigned i = 0; c && consumers[i]; i++)
        if (consumers[i]->check)
            consumers[i]->check(c, errors);
    return c;
}

static void set_clock(void)
{
    struct collect *c = &self.collect;
    c->monotonic_ms = clock_ms(CLOCK_MONOTONIC);
    c->real_minus_monotonic_ms = clock_ms(CLOCK_REALTIME) - c->monotonic_ms;
}

/* The store */

static void write_checkpoint(uv_work_t *work)
{
    (void)work;
    self.checkpoint_ok = store_write(self.store, self.checkpoint);
}

static void checkpoint_result(void)
{
    if (!self.checkpoint_ok && !self.checkpoint_failed)
        log_error("the state cannot be stored: %s; counting goes on and is stored when it can be",
                  store_error(self.store));
    else if (self.checkpoint_ok && self.checkpoint_failed)
        log_notice("the state is stored again");
    self.checkpoint_failed = !self.checkpoint_ok;
    if (self.checkpoint_ok) {
        checkpoint_clear(self.checkpoint);
        self.checkpoint_filled = false;
    }
}

/* The publisher sleeps until it is told that there are notifications. */
static void wake_publisher(void)
{
    uint64_t one = 1;
    if (self.arguments.wake_fd >= 0 && write(self.arguments.wake_fd, &one, sizeof one) < 0)
        log_debug("the publisher cannot be woken: %s", strerror(errno));
}

static void checkpoint_done(uv_work_t *work, int status)
{
    (void)work, (void)status;
    const struct collect *c = &self.collect;
    self.checkpoint_busy = false;
    checkpoint_result();
    if (alarm_work_stored(&self.alarm_work, self.checkpoint_ok, c->real_minus_monotonic_ms) &&
        self.published) {
        slots_publish(self.slots, &self.model, c->monotonic_ms, collect_real_ms(c));
        wake_publisher();
    }
}

/* Copies what changed. What a failed write holds is written first, unchanged. */
static void fill_checkpoint(void)
{
    if (self.checkpoint_filled)
        return;
    const struct collect *c = &self.collect;
    bool ok = persist_save(&self.model, c->names, self.checkpoint, c->real_minus_monotonic_ms);
    ok &= tally_save(c->tally, self.checkpoint);
    for (unsigned i = 0; collectors[i]; i++)
        ok &= !collectors[i]->save || collectors[i]->save(&self.collect, self.checkpoint);
    ok &= transitions_save(self.alarm_work.transitions, self.checkpoint);
    if (!ok) { /* half of it would be a lie: start again from the last whole one */
        log_error("out of memory: starting again from the state that was stored last");
        abort();
    }
    self.checkpoint_filled = true;
}

static void start_checkpoint(void)
{
    struct collect *c = &self.collect;
    bool urgent = transitions_urgent(self.alarm_work.transitions);
    if (self.checkpoint_busy || (!urgent && c->monotonic_ms < self.next_checkpoint_ms))
        return;
    self.next_checkpoint_ms = c->monotonic_ms + (int64_t)self.config->checkpoint_s * 1000;
    fill_checkpoint();
    if (checkpoint_count(self.checkpoint) == 0) { /* an idle host's disk shall sleep */
        self.checkpoint_filled = false;
        return;
    }
    self.checkpoint_busy =
        uv_queue_work(c->loop, &self.checkpoint_work, write_checkpoint, checkpoint_done) == 0;
}

/* At the end: what is in hand, then what came since. */
static void last_checkpoint(void)
{
    for (int i = 0; i < 2; i++) {
        fill_checkpoint();
        write_checkpoint(NULL);
        checkpoint_result();
        if (!self.checkpoint_ok)
            return;
    }
}

static bool load_since(void *arg, uint32_t slot, const void *data, size_t size)
{
    (void)slot;
    if (size != sizeof(int64_t))
        return false;
    memcpy(arg, data, size);
    return true;
}

/* When counting began: the first start with this state directory. */
static bool restore_since(void)
{
    int64_t real_ms = 0;
    if (!store_load(self.store, STORE_SINCE, load_since, &real_ms))
        return false;
    if (real_ms == 0) {
        real_ms = collect_real_ms(&self.collect);
        if (!checkpoint_put(self.checkpoint, STORE_SINCE, 0, &real_ms, sizeof real_ms))
            return false;
    }
    self.agent->counters_since_at = real_ms - self.collect.real_minus_monotonic_ms;
    return true;
}

/* The model */

static void count_sources(struct agent *a)
{
    const struct rows *r = &self.model.tables[MODEL_SOURCE];
    a->sources = r->count;
    a->sources_not_ok = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct source *s = model_row(&self.model, MODEL_SOURCE, i);
        a->sources_not_ok += s->status != SOURCE_OK && s->status != SOURCE_CATCHING_UP &&
                             s->status != SOURCE_DISABLED;
    }
}

static void set_agent(void)
{
    struct slots_back back;
    slots_back_get(self.slots, &back);
    self.agent->master_state = back.master_state ? back.master_state : MODEL_ABSENT;
    self.agent->registrations_refused = back.registrations_refused;
    count_sources(self.agent);
    model_touch(&self.model, MODEL_AGENT);
}

static void publish(void)
{
    const struct collect *c = &self.collect;
    if (!self.published && !c->caught_up && c->monotonic_ms - self.started_ms < CATCH_UP_MS)
        return;
    tally_levels(c->tally);
    set_agent();
    slots_publish(self.slots, &self.model, c->monotonic_ms, collect_real_ms(c));
    if (!self.published && self.arguments.ready_fd >= 0 &&
        write(self.arguments.ready_fd, "c", 1) < 0)
        log_debug("nobody waits to hear that this process is ready");
    self.published = true;
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
    set_clock();
    for (unsigned i = 0; collectors[i]; i++)
        collectors[i]->tick(&self.collect);
    if (!self.settled && self.collect.monotonic_ms - self.started_ms > SETTLED_MS) {
        source_drop_unplaced(&self.collect);
        self.settled = true;
    }
    struct slots_back back;
    slots_back_get(self.slots, &back);
    bool more = alarm_work_tick(&self.alarm_work, self.collect.caught_up, &back,
                                self.collect.monotonic_ms, self.collect.real_minus_monotonic_ms);
    for (unsigned i = 0; consumers[i]; i++)
        consumers[i]->tick(&self.collect);
    bool first = !self.published;
    publish();
    if (self.published && (more || first))
        wake_publisher();
    start_checkpoint();
}

/* Signals */

static void end(int code)
{
    self.exit_code = code;
    uv_stop(self.collect.loop);
}

static void on_end(uv_signal_t *handle, int number)
{
    (void)handle, (void)number;
    end(0);
}

/* A good configuration is taken by starting anew: the store explains every counter. */
static void on_hangup(uv_signal_t *handle, int number)
{
    (void)handle, (void)number;
    struct err_list errors = {0};
    struct alarm_rules *rules;
    struct config *c = read_config(&rules, &errors);
    log_reopen();
    for (unsigned i = 0; i < errors.count; i++)
        log_error("%s", errors.lines[i]);
    self.agent->config_errors = errors.count;
    bool good = rules && errors.count == 0;
    err_free(&errors);
    alarm_rules_free(rules);
    config_free(c);
    if (!good) {
        log_error("the new configuration is not taken; the running one is kept");
        return;
    }
    log_notice("taking the new configuration");
    end(EXIT_RELOAD);
}

static bool watch_signal(uv_signal_t *handle, uv_signal_cb on, int number)
{
    return uv_signal_init(self.collect.loop, handle) == 0 &&
           uv_signal_start(handle, on, number) == 0;
}

/* The end: what is in hand comes to its own, but not for ever. */

static void on_late(uv_timer_t *timer)
{
    (void)timer;
    self.late = true;
}

static bool consumers_busy(void)
{
    for (unsigned i = 0; consumers[i]; i++)
        if (consumers[i]->busy && consumers[i]->busy())
            return true;
    return false;
}

static void wind_up(void)
{
    struct collect *c = &self.collect;
    c->stopping = true;
    uv_timer_start(&self.timer, on_late, IN_HAND_MS, 0);
    while (self.checkpoint_busy || consumers_busy() || (c->in_hand && !self.late)) {
        uv_run(c->loop, UV_RUN_ONCE);
        set_clock();
    }
    for (unsigned i = 0; consumers[i]; i++)
        if (consumers[i]->stop)
            consumers[i]->stop(c);
    last_checkpoint();
    for (unsigned i = 0; collectors[i]; i++)
        collectors[i]->stop(c);
    store_close(self.store);
}

/* Privileges: the account's, and reading what only the mail system's account may read. */

static bool keep_reading(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    data[0].effective = data[0].permitted = 1u << CAP_DAC_READ_SEARCH;
    return syscall(SYS_capset, &head, data) == 0;
}

static bool become(const char *state_dir, pid_t parent)
{
    bool root = geteuid() == 0;
    if (root && prctl(PR_SET_KEEPCAPS, 1) < 0)
        return false;
    if (!account_become(self.config->user, state_dir))
        return false;
    if (root && geteuid() != 0 && !keep_reading()) {
        log_error("capset: %s", strerror(errno));
        return false;
    }
    return parent == 0 || account_end_with(parent);
}

/* Start */

static const char *state_dir(void)
{
    return self.arguments.state ? self.arguments.state : self.config->state_dir;
}

/* What cannot be read will not be read at the next try either: counting begins anew, in another process. */
static void begin_anew(void)
{
    store_close(self.store);
    self.store = NULL;
    if (store_put_aside(state_dir())) {
        log_error(
            "%s/state.db is damaged and is state.db.damaged now: counting begins anew at the logs' "
            "beginning",
            state_dir());
        self.exit_code = EXIT_RELOAD;
    } else {
        log_error("%s/state.db is damaged: move it away to start anew: %s", state_dir(),
                  strerror(errno));
    }
}

static bool restore(void)
{
    struct collect *c = &self.collect;
    char error[512];
    self.store = c->store = store_open(state_dir(), error, sizeof error);
    if (!self.store) {
        bool damaged = errno == EBADMSG;
        log_error("%s", error);
        if (damaged)
            begin_anew();
        return false;
    }
    uint32_t key[3] = {1, 0, 0};
    if (!model_init(&self.model, self.config->capacities) || !(c->names = names_new()) ||
        !(self.checkpoint = checkpoint_new()) ||
        !(self.agent = model_place(&self.model, MODEL_AGENT, key, NULL))) {
        log_error("out of memory");
        return false;
    }
    c->model = &self.model;
    struct slots_back back;
    slots_back_get(self.slots, &back);
    if (!persist_load(&self.model, c->names, self.store, c->real_minus_monotonic_ms) ||
        !restore_since() || !instances_make(c) ||
        !alarm_work_start(&self.alarm_work, self.config, self.rules, &self.model, c->names,
                          self.store, &back, c->monotonic_ms, c->real_minus_monotonic_ms)) {
        log_error("the stored state cannot be used: %s", store_error(self.store));
        if (store_damaged(self.store))
            begin_anew();
        return false;
    }
    TEXT_SET(self.agent->version, SLICE(VERSION));
    self.agent->started_at = self.agent->config_loaded_at = c->monotonic_ms;
    self.agent->config_errors = 0;
    return true;
}

static bool start_collectors(void)
{
    struct collect *c = &self.collect;
    for (unsigned i = 0; collectors[i]; i++) {
        if (collectors[i]->start(c))
            continue;
        log_error("%s: cannot start: out of memory or descriptors", collectors[i]->name);
        return false;
    }
    c->store = NULL;
    for (unsigned i = 0; consumers[i]; i++)
        consumers[i]->start(c, state_dir(), self.alarm_work.transitions);
    bool started =
        uv_timer_init(c->loop, &self.timer) == 0 &&
        watch_signal(&self.terminate, on_end, SIGTERM) &&
        watch_signal(&self.interrupt, on_end, SIGINT) &&
        watch_signal(&self.hangup, on_hangup, SIGHUP) &&
        uv_timer_start(&self.timer, on_tick, FIRST_TICK_MS, self.config->interval_ms) == 0;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return started;
}

static void nothing(void *arg)
{
    (void)arg;
}

/* libuv would abort where it cannot have its workers, and say nothing. */
static bool may_have_threads(void)
{
    uv_thread_t threads[WORKERS];
    unsigned made = 0;
    int error = 0;
    while (made < WORKERS && (error = uv_thread_create(&threads[made], nothing, NULL)) == 0)
        made++;
    for (unsigned i = 0; i < made; i++)
        uv_thread_join(&threads[i]);
    if (error)
        log_error(
            "threads cannot be made: %s: allow the account more processes (ulimit -u, TasksMax=)",
            uv_strerror(error));
    return error == 0;
}

static int run(pid_t parent)
{
    struct collect *c = &self.collect;
    set_clock();
    self.started_ms = c->monotonic_ms;
    c->loop = uv_default_loop();
    c->config = self.config;
    self.slots = slots_open_writer(self.arguments.model_fd, self.arguments.back_fd);
    if (!self.slots) {
        log_error("the shared memory cannot be used: %s", strerror(errno));
        return 1;
    }
    c->work = slots_work(self.slots);
    if (!become(state_dir(), parent) || !may_have_threads() || !restore() || !start_collectors())
        return self.exit_code ? self.exit_code : 1;
    log_notice("%s %s: %u mail systems", COLLECT_PROGRAM, VERSION, config_systems(self.config));
    uv_run(c->loop, UV_RUN_DEFAULT);
    wind_up();
    return self.exit_code;
}

/* From the command line on */

/* Completes what is configured and adds what is found, of each kind. */
static void detect(struct err_list *notes)
{
    for (unsigned i = 0; mtas[i]; i++)
        if (mtas[i]->detect)
            mtas[i]->detect(self.config, NULL, notes);
    detect_directories(self.config, NULL, notes);
    detect_dovecot(self.config, notes);
    detect_cyrus(self.config, notes);
    const struct config *c = self.config;
    if (c->mta_count == 0 && c->dovecots.count == 0 && c->cyruses.count == 0)
        err_add(notes, NULL, 0,
                "no mail system was found: name one in the configuration, such as postfix = ( { "
                "config_directory = \"/etc/postfix\"; } ); see mailmond.conf(5)");
}

static bool load(struct err_list *notes)
{
    struct err_list errors = {0};
    self.config = read_config(&self.rules, &errors);
    bool good = self.rules && errors.count == 0;
    modes_print_list(&errors, "");
    err_free(&errors);
    if (!good)
        return false;
    if (self.arguments.detect)
        self.config->detect = true;
    if (!self.arguments.settings && !self.arguments.dump_config && !self.arguments.ask &&
        !self.arguments.what_if)
        detect(notes);
    return true;
}

/*
 * What is large is memory of its own: touched as it is used, given back when it is freed. Left to itself malloc, once a
 * mebibyte was freed, takes such from the heap and clears all of it, as the alarms' watches that no row has yet. One
 * arena: workers allocate seldom, and each would keep what it once needed.
 */
static void keep_little(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_ARENA_MAX, 1);
}

int main(int argc, char **argv)
{
    pid_t parent = getppid();
    struct err_list notes = {0};
    int code = arguments_parse(&self.arguments, argc, argv);
    if (code >= 0)
        return code;
    code = modes_of_files(&self.arguments);
    if (code >= 0)
        return code;
    keep_little();
    if (!load(&notes)) {
        if (self.arguments.settings)
            modes_print_run_dir(self.arguments.config);
        return self.arguments.settings || self.arguments.model_fd >= 0 ? EXIT_CONFIG : 1;
    }
    if (self.arguments.what_if)
        return whatif_mode(self.config, self.rules, state_dir(), self.arguments.from,
                           self.arguments.to);
    code = self.arguments.ask ? ask_once(self.config, self.arguments.ask)
                              : modes_of_config(&self.arguments, self.config, self.rules, &notes);
    if (code >= 0)
        return code;
    if (self.arguments.model_fd < 0 || self.arguments.back_fd < 0)
        return arguments_wrong();
    sigset_t hangup; /* waits until somebody listens, see start_collectors */
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_SETMASK, &hangup, NULL);
    signal(SIGPIPE, SIG_IGN);
    config_name_hosts(self.config);
    log_open("mailmond", self.arguments.foreground ? "stderr" : self.config->log,
             log_level_named(self.config->log_level));
    for (unsigned i = 0; i < self.config->warnings.count; i++)
        log_warning("%s", self.config->warnings.lines[i]);
    for (unsigned i = 0; i < notes.count; i++)
        log_notice("%s", notes.lines[i]);
    err_free(&notes);
    _exit(run(parent)); /* exit() would wait for work items, which may hang on a file system */
}
