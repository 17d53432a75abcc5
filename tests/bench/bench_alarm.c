/*
 * How long one evaluation takes: 20 rules over a table of N rows (default 10,000), all due at once.
 * bench_alarm [ROWS]: median and worst of 200, in milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../../agent/alarm.h"

#define RULES  20
#define ROUNDS 200

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Values, rates and staleness of one table; one row in a hundred is beyond its threshold. */
static struct alarm_rules *make_rules(struct config **config)
{
    static const char *const columns[] = {"mailmonDestinationQueued", "mailmonDestinationDeferred",
                                          "mailmonDestinationDeferrals",
                                          "mailmonDestinationDeliveries"};
    char path[] = "/tmp/bench_alarm.XXXXXX";
    struct err_list errors = {0}, warnings = {0};
    FILE *f = fdopen(mkstemp(path), "w");
    fputs("alarms = (", f);
    for (int i = 0; i < RULES; i++)
        fprintf(f, "%s { name = \"r%d\"; object = \"%s\"; threshold = %d; interval = 1; %s }",
                i ? "," : "", i, columns[i % 4], 1000000000 + i,
                i % 5 == 4   ? "kind = \"stale\";"
                : i % 5 == 3 ? "rate = \"per_hour\";"
                             : "");
    for (const struct config_alarm *d = alarm_defaults; d->name; d++)
        fprintf(f, ", { name = \"%s\"; enabled = false; }", d->name);
    fputs(");\n", f);
    fclose(f);
    *config = config_load(path, &errors);
    struct alarm_rules *rules = *config ? alarm_rules_make(*config, &errors, &warnings) : NULL;
    for (unsigned i = 0; i < errors.count; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    unlink(path);
    return rules;
}

static void fill(struct model *m, uint32_t rows)
{
    for (uint32_t i = 1; i <= rows; i++) {
        struct destination *d = model_place(m, MODEL_DESTINATION, (uint32_t[3]){1, i, 0}, NULL);
        char name[32];
        snprintf(name, sizeof name, "d%u.example", i);
        TEXT_SET(d->domain, slice_of(name));
        d->queued = d->deferred = d->deferrals = d->deliveries =
            i % 100 ? i : 2000000000 + (uint64_t)i;
    }
}

int main(int argc, char **argv)
{
    static struct model model;
    static struct transition out[1024];
    static double took[ROUNDS];
    uint32_t rows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10000;
    uint32_t capacities[MODEL_TABLES] = {[MODEL_DESTINATION] = rows};
    struct alarm_limits limits = {60, 4, 600};
    struct config *config = NULL;
    struct alarm_rules *rules = make_rules(&config);
    if (!rules || !model_init(&model, capacities))
        return EXIT_FAILURE;
    fill(&model, rows);
    struct alarms *alarms = alarm_new(rules, &limits, &model, names_new(), 0);
    int64_t now = 0;
    double first = now_ms();
    alarm_step(alarms, now, out, 1024);
    first = now_ms() - first;
    for (int i = 0; i < ROUNDS; i++) {
        now += 1000;
        double start = now_ms();
        alarm_step(alarms, now, out, 1024);
        took[i] = now_ms() - start;
    }
    qsort(took, ROUNDS, sizeof took[0], by_value);
    printf("%u rules over %u rows, %u alarms: first %.2f ms, median %.2f ms, worst %.2f ms\n",
           rules->count, rows, model.tables[MODEL_ALARM].count, first, took[ROUNDS / 2],
           took[ROUNDS - 1]);
    alarm_free(alarms);
    alarm_rules_free(rules);
    config_free(config);
    return EXIT_SUCCESS;
}
