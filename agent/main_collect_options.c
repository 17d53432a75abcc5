/* The options as data: a line for each. */
#include "main_collect_options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"

static const char usage_text[] =
    "usage: " COLLECT_PROGRAM " [--config FILE] [--state DIR] --check | --dump-config | --detect\n"
    "       " COLLECT_PROGRAM
    " --read FORMAT [--host HOST] [--messages-max N] [--statistics] FILE...\n"
    "       " COLLECT_PROGRAM " --explain FORMAT [--host HOST] FILE...\n"
    "       " COLLECT_PROGRAM " [--config FILE] --probe NAME|URL\n"
    "       " COLLECT_PROGRAM " [--config FILE] [--state DIR] --what-if [--from DAY] [--to DAY]\n"
    "       " COLLECT_PROGRAM
    " --model-fd N --back-fd N [--ready-fd N] [--wake-fd N] [--foreground]\n"
    "\n"
    "The collecting half of mailmond, which starts it; see mailmond(8).\n";

enum kind { TEXT, FLAG, DESCRIPTOR, COUNT, HELP, SHOW_VERSION };

#define IN(member) offsetof(struct arguments, member)

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
} known[] = {
    {"config", TEXT, IN(config)},
    {"state", TEXT, IN(state)},
    {"read", TEXT, IN(read)},
    {"explain", TEXT, IN(explain)},
    {"host", TEXT, IN(host)},
    {"probe", TEXT, IN(ask)},
    {"from", TEXT, IN(from)},
    {"to", TEXT, IN(to)},
    {"messages-max", COUNT, IN(messages_max)},
    {"model-fd", DESCRIPTOR, IN(model_fd)},
    {"back-fd", DESCRIPTOR, IN(back_fd)},
    {"ready-fd", DESCRIPTOR, IN(ready_fd)},
    {"wake-fd", DESCRIPTOR, IN(wake_fd)},
    {"foreground", FLAG, IN(foreground)},
    {"check", FLAG, IN(check)},
    {"dump-config", FLAG, IN(dump_config)},
    {"detect", FLAG, IN(detect)},
    {"settings", FLAG, IN(settings)},
    {"statistics", FLAG, IN(statistics)},
    {"what-if", FLAG, IN(what_if)},
    {"help", HELP, 0},
    {"version", SHOW_VERSION, 0},
};
#define KNOWN (sizeof known / sizeof known[0])

int arguments_wrong(void)
{
    fputs(usage_text, stderr);
    return 2;
}

static int take_count(uint32_t *count, const char *name)
{
    char *end;
    unsigned long n = strtoul(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end || n < 1 || n > CONFIG_MESSAGES_MAX) {
        fprintf(stderr, "mailmond: --%s %s: write a number from 1 to %d\n", name, optarg,
                CONFIG_MESSAGES_MAX);
        return 2;
    }
    *count = (uint32_t)n;
    return -1;
}

static int take(struct arguments *a, size_t i)
{
    char *member = (char *)a + known[i].offset;
    switch (known[i].kind) {
    case TEXT:
        *(const char **)(void *)member = optarg;
        break;
    case FLAG:
        *(bool *)member = true;
        break;
    case DESCRIPTOR:
        *(int *)(void *)member = atoi(optarg);
        break;
    case COUNT:
        return take_count((uint32_t *)(void *)member, known[i].name);
    case HELP:
        fputs(usage_text, stdout);
        return 0;
    case SHOW_VERSION:
        puts(COLLECT_PROGRAM " " VERSION);
        return 0;
    }
    return -1;
}

int arguments_parse(struct arguments *a, int argc, char **argv)
{
    struct option options[KNOWN + 1];
    memset(options, 0, sizeof options);
    for (size_t i = 0; i < KNOWN; i++)
        options[i] = (struct option){known[i].name,
                                     known[i].kind == TEXT || known[i].kind == DESCRIPTOR ||
                                             known[i].kind == COUNT
                                         ? required_argument
                                         : no_argument,
                                     NULL, (int)i + 1};
    *a = (struct arguments){.model_fd = -1, .back_fd = -1, .ready_fd = -1, .wake_fd = -1};
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        int code = o >= 1 && o <= (int)KNOWN ? take(a, (size_t)o - 1) : arguments_wrong();
        if (code >= 0)
            return code;
    }
    a->files = argv + optind;
    a->count = argc - optind;
    return -1;
}
