/*
 * The daemon's own log: stderr, a file or syslog. One line per change of state, never per occurrence.
 * Not thread-safe: only the main thread of each process logs.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG
};

/* The names of the levels, "error" first; ends with NULL. */
extern const char *const log_level_names[];
/* The level of that name; LOG_LEVEL_NOTICE if there is none. */
enum log_level log_level_named(const char *name);
/*
 * program: the name in each line. to: "stderr", "syslog", "syslog:FACILITY" or the path of a file, which
 * is opened for appending. false with errno if it cannot be opened; stderr is used then.
 */
bool log_open(const char *program, const char *to, enum log_level level);
/* Opens a file anew (after a rotation). */
void log_reopen(void);
void log_msg(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...)   log_msg(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_msg(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_msg(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_msg(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Messages that somebody else may cause as often as he likes, by datagrams that are none: of each minute the first
 * LOG_STORM_MAX are to be logged. All zero before the first. now_ms: of a monotonic clock.
 */
#define LOG_STORM_MAX 10
struct log_storm {
    int64_t until_ms;
    unsigned count;
};
/* Whether this one is to be logged. *last: no other will be in this minute, which should be told. */
bool log_storm_takes(struct log_storm *s, int64_t now_ms, bool *last);

#endif
