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

/*
 * Asks for the settings; faults of the configuration are printed by the process that finds them.
 * Returns false if there is none that is valid.
 */
bool supervise_ask(const struct supervise_options *o, struct supervise_settings *s);
/* Runs until SIGTERM or SIGINT. Returns an exit code. */
int supervise_run(const struct supervise_options *o);
/* The directory of this program's other executables: beside it, or LIBEXECDIR. Static storage. */
const char *supervise_program_dir(void);

#endif
