/*
 * The daily records of healthmon, if a directory for them is configured: a line of qmonitor.log at each
 * interval, a line of systest.log for each run of a route. The loop reads the model, a worker counts
 * sockets and writes.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>
#include "collector.h"
#include "own.h"
#include "record_file.h"
#include "record_text.h"
#include "sockets.h"

#define HEAD_SIZE  2048
#define TESTS_SIZE 65536 /* of lines that wait to be written */

static struct {
    struct collect *collect;
    struct source *source;
    char instance[65];
    int64_t next_real_ms;
    uint64_t routes_seen; /* generation of the table */
    int64_t *last_runs;   /* by position of the route's row */
    char tests[TESTS_SIZE];
    size_t tests_length;
    /* the job of the worker */
    struct record_system line;
    struct tm at;
    bool has_line;
    char lines[TESTS_SIZE];
    int error;
    uv_work_t work;
    bool busy;
} records;

static struct tm local(int64_t real_ms)
{
    struct tm at = {0};
    localtime_r(&(time_t){real_ms / 1000}, &at);
    return at;
}

/* Sum of what is known, absent when nothing is. */
static void add(uint64_t *sum, uint64_t n)
{
    if (n != MODEL_ABSENT)
        *sum = *sum == MODEL_ABSENT ? n : *sum + n;
}

static void count_messages(const struct model *m, struct record_system *r)
{
    uint64_t stored = MODEL_ABSENT;
    r->held = MODEL_ABSENT;
    for (uint32_t i = 0; i < m->tables[MODEL_APPL].count; i++)
        add(&stored, ((const struct appl *)model_row(m, MODEL_APPL, i))->stored_messages);
    for (uint32_t i = 0; i < m->tables[MODEL_GROUP].count; i++)
        add(&r->held, ((const struct group *)model_row(m, MODEL_GROUP, i))->held);
    uint64_t held = r->held == MODEL_ABSENT ? 0 : r->held;
    r->active = stored == MODEL_ABSENT ? MODEL_ABSENT : stored > held ? stored - held : 0;
}

static void read_model(struct record_system *r)
{
    const struct model *m = records.collect->model;
    *r = (struct record_system){.at = records.at,
                                .swap_kb = MODEL_ABSENT,
                                .scan_rate = MODEL_ABSENT,
                                .user = MODEL_ABSENT,
                                .system = MODEL_ABSENT,
                                .wait = MODEL_ABSENT,
                                .idle = MODEL_ABSENT};
    count_messages(m, r);
    if (m->tables[MODEL_HOST].count == 0)
        return;
    const struct host *h = model_row(m, MODEL_HOST, 0);
    r->swap_kb = h->swap_available_kb;
    r->scan_rate = h->scan_rate;
    r->user = h->cpu_user_percent;
    r->system = h->cpu_system_percent;
    r->wait = h->cpu_wait_percent;
    r->idle = h->cpu_idle_percent;
}

/* The lines of one worker's job */

/* A connection to this host is two sockets, one of which counts. */
static void count_socket(void *arg, const struct socket_seen *s)
{
    uint64_t *connections = arg;
    enum record_service local_service = record_service_of(s->local_port);
    struct in_addr own;
    if (s->state != 1) /* established */
        return;
    inet_pton(AF_INET, OWN_ADDRESS, &own);
    if (s->family == AF_INET && (memcmp(s->local, &own, 4) == 0 || memcmp(s->remote, &own, 4) == 0))
        return; /* of our own probes */
    if (local_service != RECORD_SERVICES)
        connections[local_service]++;
    else if (memcmp(s->local, s->remote, 16) != 0 && s->remote[0] != 127 &&
             record_service_of(s->remote_port) != RECORD_SERVICES)
        connections[record_service_of(s->remote_port)]++;
}

static int append(const char *name, size_t (*head)(char *, size_t), const char *lines)
{
    const struct config *c = records.collect->config;
    char text[HEAD_SIZE];
    head(text, sizeof text);
    return record_append(c->records_directory, name, &records.at, text, lines,
                         c->records_keep_days);
}

static size_t system_head(char *text, size_t size)
{
    return record_system_head(text, size, &records.at, records.instance);
}

static size_t test_head(char *text, size_t size)
{
    return record_test_head(text, size, &records.at);
}

static void run(uv_work_t *work)
{
    (void)work;
    char line[RECORD_LINE_SIZE];
    struct record_system *r = &records.line;
    records.error = 0;
    if (records.has_line) {
        memset(r->connections, 0, sizeof r->connections);
        if (sockets_each(count_socket, r->connections) != 0)
            memset(r->connections, 0xff, sizeof r->connections); /* not known */
        record_system_line(line, sizeof line, r);
        records.error = append("qmonitor.log", system_head, line);
    }
    if (!records.error && *records.lines)
        records.error = append("systest.log", test_head, records.lines);
}

static void done(uv_work_t *work, int status)
{
    (void)work;
    struct collect *c = records.collect;
    char text[512] = "";
    records.busy = false;
    if (status == UV_ECANCELED || c->stopping)
        return;
    if (records.error)
        snprintf(text, sizeof text, "%s: %s", c->config->records_directory,
                 strerror(records.error));
    source_status(c, records.source,
                  !records.error            ? SOURCE_OK
                  : records.error == ENOENT ? SOURCE_MISSING
                                            : SOURCE_DENIED,
                  text);
}

/* Routes */

static struct slice fault_of(const struct route *r)
{
    static const char *const words[] = {
        [ROUTE_SUBMIT_FAILED] = "submit failed",
        [ROUTE_LOST] = "lost",
        [ROUTE_LATE] = "late",
        [ROUTE_RETRIEVE_FAILED] = "retrieve failed",
    };
    struct slice text = TEXT_GET(r->fault_text);
    if (r->status <= ROUTE_DELIVERED)
        return SLICE("");
    if (text.n || r->status >= sizeof words / sizeof words[0])
        return text;
    return slice_of(words[r->status]);
}

static void add_test(const struct route *r)
{
    struct collect *c = records.collect;
    struct record_test t = {.at = local(r->last_run_at + c->real_minus_monotonic_ms),
                            .user = TEXT_GET(r->user),
                            .submit_host = TEXT_GET(r->submit_host),
                            .retrieve_host = TEXT_GET(r->retrieve_host),
                            .error = fault_of(r),
                            .total_ms = r->status == ROUTE_DELIVERED || r->status == ROUTE_LATE
                                            ? r->total_ms
                                            : MODEL_ABSENT};
    if (records.tests_length + RECORD_LINE_SIZE < TESTS_SIZE)
        records.tests_length +=
            record_test_line(records.tests + records.tests_length, RECORD_LINE_SIZE, &t);
}

/* A line for each route that ran since the last look. */
static void look_at_routes(void)
{
    const struct model *m = records.collect->model;
    if (m->tables[MODEL_ROUTE].generation == records.routes_seen)
        return;
    records.routes_seen = m->tables[MODEL_ROUTE].generation;
    for (uint32_t i = 0; i < m->tables[MODEL_ROUTE].count; i++) {
        const struct route *r = model_row(m, MODEL_ROUTE, i);
        int64_t *last = &records.last_runs[model_position(m, MODEL_ROUTE, r)];
        if (r->last_run_at == MODEL_NEVER || r->status == ROUTE_UNKNOWN || r->last_run_at == *last)
            continue;
        *last = r->last_run_at;
        add_test(r);
    }
}

/* At whole multiples of the interval, by the clock on the wall. */
static bool is_due(int64_t real_ms)
{
    int64_t every_ms = (int64_t)records.collect->config->records_interval_s * 1000;
    bool due = records.next_real_ms && real_ms >= records.next_real_ms;
    if (due || records.next_real_ms == 0 || records.next_real_ms - real_ms > every_ms)
        records.next_real_ms = (real_ms / every_ms + 1) * every_ms;
    return due;
}

static bool start(struct collect *c)
{
    if (!c->config->records_directory)
        return true;
    records.collect = c;
    records.last_runs = calloc(c->model->tables[MODEL_ROUTE].capacity, sizeof *records.last_runs);
    gethostname(records.instance, sizeof records.instance - 1);
    records.instance[strcspn(records.instance, ".")] = 0;
    records.source = source_place(c, SOURCE_FILE, "records", c->config->records_directory, 0,
                                  c->config->records_interval_s);
    return records.last_runs && records.source;
}

static void tick(struct collect *c)
{
    if (!records.source || records.busy)
        return;
    look_at_routes();
    int64_t real_ms = collect_real_ms(c);
    records.has_line = is_due(real_ms);
    if (!records.has_line && records.tests_length == 0)
        return;
    records.at = local(real_ms);
    if (records.has_line)
        read_model(&records.line);
    memcpy(records.lines, records.tests, records.tests_length);
    records.lines[records.tests_length] = 0;
    records.tests_length = 0;
    records.busy = uv_queue_work(c->loop, &records.work, run, done) == 0;
}

static void stop(struct collect *c)
{
    (void)c;
    if (records.busy)
        uv_cancel((uv_req_t *)&records.work);
    free(records.last_runs);
    records.last_runs = NULL;
    records.source = NULL;
    records.next_real_ms = 0;
    records.routes_seen = 0;
}

const struct collector collector_record = {"record", start, tick, NULL, stop};
