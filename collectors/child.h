/*
 * A program run beside the loop: without a shell, with an environment of its own but for TZ, its output in
 * memory, killed when it takes too long. Nothing waits for it.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include "collector.h"

struct child;

/*
 * What became of it. error: "" or why it is of no use, in words; it begins with CHILD_FAILED if the child came to its
 * end with another exit status than 0, and ends with the first line of its standard error then. text: what it printed,
 * until the call returns.
 */
#define CHILD_FAILED "it failed with status "
typedef void child_done(void *arg, const char *error, struct slice text);

/*
 * Starts argv[0] (looked for in the usual directories) and calls `done` once, on the loop and not
 * before this returns; at most `size` octets of output are taken. NULL: it cannot be started (errno);
 * done is not called. The child frees itself.
 */
struct child *child_start(uv_loop_t *loop, const char *const argv[], size_t size,
                          uint32_t timeout_s, child_done *done, void *arg);
/* The same with further variables in its environment, "NAME=value", NULL behind the last. */
struct child *child_start_with(uv_loop_t *loop, const char *const argv[],
                               const char *const variables[], size_t size, uint32_t timeout_s,
                               child_done *done, void *arg);
/* Kills it; `done` is not called any more. */
void child_forget(struct child *c);

#endif
