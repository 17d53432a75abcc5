/*
 * The supervisor: makes the shared memory, starts the collect and the publish process, restarts what
 * dies, passes signals on. It initialises no library and holds no state that could be lost.
 */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <stdbool.h>

/* The children inherit the shared memory under these numbers; mailmond --dump finds it by them. */
enum { SUPERVISE_MODEL_FD = 10, SUPERVISE_BACK_FD = 11 };

struct supervise_options {
    const char *program_dir; /* where the other executables are */
    const char *config;      /* NULL: default */
    const char *state;       /* NULL: as configured */
    bool foreground;         /* log to stderr, stay; else: go to the background when ready */
};

/* What `mailmond-collect --settings` said of a valid configuration. */
struct supervise_settings {
    char run_dir[512], state_dir[512], log[512], log_level[32];
    char fifos[8][256]; /* logs to be held open, so that no writer loses its reader at a reload */
    char snmp[2048];    /* anything the publish process must be restarted for */
};

/* Exit code for a fault that only the operator can mend: EX_CONFIG of sysexits.h. */
#define SUPERVISE_BAD_CONFIG 78

/*
 * Asks for the settings. Returns 0; SUPERVISE_BAD_CONFIG: the configuration has faults, which the process that
 * finds them has printed, and of the settings only run_dir is known; 1: they cannot be asked for.
 */
int supervise_ask(const struct supervise_options *o, struct supervise_settings *s);
/* Runs until SIGTERM or SIGINT. Returns an exit code. */
int supervise_run(const struct supervise_options *o);
/* The directory of this program's other executables: beside it, or LIBEXECDIR. Static storage. */
const char *supervise_program_dir(void);

#endif
