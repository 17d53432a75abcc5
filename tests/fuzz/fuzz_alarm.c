/*
 * Any text as rules and, behind a NUL, as configutil's lines: each is refused with at least one reason, or
 * judges rows without harm.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../agent/alarm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses a string at some syntax errors. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

static int file_of(const void *text, size_t size, char path[64])
{
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size)
        abort();
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

/* The rules' text, and the name of the file with configutil's lines behind it. */
static struct config *load(const uint8_t *data, size_t rules, size_t size, struct err_list *errors)
{
    char path[64], seed[64], line[96];
    int seed_fd = file_of(data + rules, size - rules, seed);
    int fd = file_of(data, rules, path);
    int n = snprintf(line, sizeof line, "\nconfigutil = \"%s\";\n", seed);
    if (write(fd, line, (size_t)n) != n)
        abort();
    struct config *c = config_load(path, errors);
    close(fd);
    close(seed_fd);
    return c;
}

static void judge(const struct alarm_rules *rules)
{
    static struct transition out[8];
    static struct model m;
    const struct alarm_limits limits = {100, 3, 60};
    uint32_t capacities[MODEL_TABLES];
    for (int t = 0; t < MODEL_TABLES; t++)
        capacities[t] = 4;
    if (!model_init(&m, capacities))
        abort();
    struct names *names = names_new();
    struct alarms *alarms = alarm_new(rules, &limits, &m, names, 0);
    for (int i = 0; i < 6; i++) {
        struct group *g = model_place(&m, MODEL_GROUP, (uint32_t[3]){1, 1, 0}, NULL);
        struct disk *d =
            model_place(&m, MODEL_DISK, (uint32_t[3]){(uint32_t)i % 4 + 1, 0, 0}, NULL);
        g->stored_messages = g->received_messages = (uint64_t)i << (i * 12);
        d->percent_available = (uint64_t)(i * 37 % 101);
        d->kind = 1 + (uint64_t)i % 5;
        if (alarm_step(alarms, i * 100000, out, 8) > 8)
            abort();
    }
    alarm_free(alarms);
    names_free(names);
    model_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t rules_size = end ? (size_t)(end - data) : size;
    struct err_list errors = {0}, warnings = {0};
    if (rules_size && memmem(data, rules_size, "@include", 8))
        return 0;
    struct config *c = load(data, rules_size, size, &errors);
    struct alarm_rules *rules = c ? alarm_rules_make(c, &errors, &warnings) : NULL;
    if (!rules && errors.count == 0)
        abort();
    if (rules) {
        FILE *out = fopen("/dev/null", "w");
        alarm_rules_print(rules, out);
        fclose(out);
        judge(rules);
    }
    alarm_rules_free(rules);
    config_free(c);
    err_free(&errors);
    err_free(&warnings);
    return 0;
}
