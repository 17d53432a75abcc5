/* The command line of mailmond-collect. */
#ifndef MAIN_COLLECT_OPTIONS_H
#define MAIN_COLLECT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define COLLECT_PROGRAM "mailmond-collect"

struct arguments {
    const char *config, *state;
    const char *read, *explain, *host, *ask, *from, *to;
    uint32_t messages_max;
    int model_fd, back_fd, ready_fd, wake_fd; /* -1: not given */
    bool foreground, check, dump_config, detect, settings, statistics, what_if;
    char **files; /* what is left */
    int count;
};

/* Fills *a; its texts are those of argv. Returns -1 to go on, else an exit code, after what it said. */
int arguments_parse(struct arguments *a, int argc, char **argv);
/* Says how it is used; returns the exit code for that. */
int arguments_wrong(void);

#endif
