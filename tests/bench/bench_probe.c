/*
 * The engine of the probes alone: COUNT probes of one server, IN_FLIGHT at once; or with a file of
 * ports, one after the other to each of them. Prints rate, processor time for each probe, mean of the
 * measured totals, memory, and the statuses seen.
 *
 *   bench_probe PROTOCOL HOST PORT[,PORT...] COUNT IN_FLIGHT [timeout_ms=N] [step_ms=N] [starttls]
 *               [ignore_ms=N] [path=P] [user=U] [password=P] [ca=FILE] [source=A] [mailbox=M] [sender=A] [recipient=A]
 *               [message=TEXT] [search=HEADER:VALUE] [retrieve] [remove] [verbose]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "../../collectors/probe.h"

#define PORTS_MAX 64

static struct {
    struct probes *probes;
    struct probe_request request;
    uint16_t ports[PORTS_MAX];
    unsigned port_count, count, started, done;
    unsigned statuses[RESPONSE_CONGESTED + 1];
    double total_us;
    unsigned measured;
    uint64_t ignore_us; /* longer ones are left out of the mean */
    bool verbose;
} self;

static const char *const names[] = {
    "?",        "unknown",       "up",         "slow",     "down", "refused", "timedOut",
    "tlsError", "protocolError", "authFailed", "congested"};

static double seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_done(void *arg, const struct probe_result *r);

static void start_one(void)
{
    self.request.port = self.ports[self.started % self.port_count];
    if (!probes_start(self.probes, &self.request, on_done, NULL)) {
        fprintf(stderr, "bench_probe: cannot start\n");
        exit(1);
    }
    self.started++;
}

static void print(const struct probe_result *r)
{
    printf("%s %s", names[r->status], r->reply);
    for (unsigned i = 1; i < STEPS; i++)
        if (r->steps_us[i] != PROBE_NO_TIME)
            printf(" %s=%u", dialog_step_names[i], r->steps_us[i]);
    if (r->cert_error[0])
        printf(" certificate: %s", r->cert_error);
    if (r->messages != DIALOG_UNKNOWN)
        printf(" messages=%llu", (unsigned long long)r->messages);
    printf(" found=%u\n", r->found);
}

static void on_done(void *arg, const struct probe_result *r)
{
    (void)arg;
    self.done++;
    self.statuses[r->status]++;
    if (!self.ignore_us || r->total_us < self.ignore_us) {
        self.total_us += (double)r->total_us;
        self.measured++;
    }
    if (self.verbose)
        print(r);
    if (self.started < self.count)
        start_one();
}

static void take_option(char *o)
{
    struct probe_request *r = &self.request;
    char *value = strchr(o, '=');
    value = value ? value + 1 : o + strlen(o);
    if (strncmp(o, "timeout_ms=", 11) == 0)
        r->timeout_ms = (uint32_t)atoi(value);
    else if (strncmp(o, "step_ms=", 8) == 0)
        r->step_timeout_ms = (uint32_t)atoi(value);
    else if (strncmp(o, "ignore_ms=", 10) == 0)
        self.ignore_us = strtoull(value, NULL, 10) * 1000;
    else if (strncmp(o, "path=", 5) == 0)
        r->want.path = value;
    else if (strncmp(o, "user=", 5) == 0)
        r->want.user = value;
    else if (strncmp(o, "password=", 9) == 0)
        r->want.password = value;
    else if (strncmp(o, "ca=", 3) == 0)
        r->ca_file = value;
    else if (strncmp(o, "source=", 7) == 0)
        r->source = value;
    else if (strncmp(o, "mailbox=", 8) == 0)
        r->want.mailbox = value;
    else if (strncmp(o, "sender=", 7) == 0)
        r->want.sender = value;
    else if (strncmp(o, "recipient=", 10) == 0)
        r->want.recipient = value;
    else if (strncmp(o, "message=", 8) == 0)
        r->want.message = value;
    else if (strncmp(o, "search=", 7) == 0) {
        r->want.search_header = value;
        value[strcspn(value, ":")] = 0;
        r->want.search_value = value + strlen(value) + 1;
    } else if (strcmp(o, "retrieve") == 0)
        r->want.retrieve = 1;
    else if (strcmp(o, "remove") == 0)
        r->want.remove = 1;
    else if (strcmp(o, "starttls") == 0)
        r->want.starttls = 1;
    else if (strcmp(o, "verbose") == 0)
        self.verbose = true;
}

static unsigned descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* kB, of this process now. */
static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * 4;
}

static void take_ports(char *list)
{
    for (char *p = strtok(list, ","); p && self.port_count < PORTS_MAX; p = strtok(NULL, ","))
        self.ports[self.port_count++] = (uint16_t)atoi(p);
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: bench_probe PROTOCOL HOST PORT,... COUNT IN_FLIGHT [option...]\n");
        return 2;
    }
    struct rlimit files = {20000, 20000};
    setrlimit(RLIMIT_NOFILE, &files);
    self.request.protocol = dialog_protocol_named(slice_of(argv[1]));
    self.request.host = argv[2];
    take_ports(argv[3]);
    self.count = (unsigned)atoi(argv[4]);
    unsigned in_flight = (unsigned)atoi(argv[5]);
    for (int i = 6; i < argc; i++)
        take_option(argv[i]);
    self.request.port = self.ports[0];
    const char *fault = probe_unfit(&self.request);
    self.probes = probes_new(in_flight + 1000);
    if (fault || !self.probes) {
        fprintf(stderr, "bench_probe: %s\n", fault ? fault : "no memory");
        return 2;
    }
    long before_kb = resident(), most_kb = 0, early_kb = 0;
    unsigned fds = descriptors();
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    while (self.started < in_flight && self.started < self.count)
        start_one();
    for (unsigned turn = 0; self.done < self.count; turn++) {
        probes_turn(self.probes, -1);
        if (turn % 64 == 0 && resident() > most_kb)
            most_kb = resident();
        if (!early_kb && self.done > self.count / 5)
            early_kb = resident();
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("probes/s %.0f cpu_us %.1f mean_ms %.3f wall_s %.3f rss_kb %ld added_kb %ld",
           self.count / wall, cpu * 1e6 / self.count,
           self.measured ? self.total_us / self.measured / 1000 : 0, wall, most_kb,
           most_kb - before_kb);
    for (unsigned i = 0; i <= RESPONSE_CONGESTED; i++)
        if (self.statuses[i])
            printf(" %s=%u", names[i], self.statuses[i]);
    /* What still takes its leave does so within a second. */
    for (double end = seconds(CLOCK_MONOTONIC) + 1.2; seconds(CLOCK_MONOTONIC) < end;)
        probes_turn(self.probes, 100);
    printf(" fds_added %d grown_kb %ld\n", (int)(descriptors() - fds), resident() - early_kb);
    probes_free(self.probes);
    return 0;
}
