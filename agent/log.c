/*
 * The daemon's log. One destination for the whole process; until log_open, and whenever a file
 * cannot be opened, that is stderr. A message is one line and one write(2): control characters in
 * it are escaped, because a message may quote what a stranger wrote into a mail log.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "log.h"
#include "log_facility.h"

#define LINE_SIZE 2048 /* a longer message is cut */

const char *const log_level_names[] = {"error", "warning", "notice", "info", "debug", NULL};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG};

static struct {
    char program[32];
    char path[PATH_MAX]; /* of the file; empty: stderr or syslog */
    enum log_level level;
    int fd;
    bool to_syslog;
    /* stderr leads to systemd's journal, which wants "<N>" and adds the rest itself */
    bool journal;
} out = {.program = "mailmond", .level = LOG_LEVEL_NOTICE, .fd = STDERR_FILENO};

/* Is stderr the stream that systemd named in $JOURNAL_STREAM ("DEVICE:INODE", systemd.exec(5))? */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long device, inode;
    struct stat st;
    return stream && sscanf(stream, "%lu:%lu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

static bool open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
    if (fd < 0)
        return false;
    if (out.fd != STDERR_FILENO)
        close(out.fd);
    out.fd = fd;
    return true;
}

static void to_stderr(void)
{
    if (out.fd != STDERR_FILENO)
        close(out.fd);
    if (out.to_syslog)
        closelog();
    out.fd = STDERR_FILENO;
    out.path[0] = '\0';
    out.to_syslog = false;
    out.journal = stderr_is_journal();
}

static bool open_syslog(const char *facility)
{
    int number = *facility ? log_facility(facility) : LOG_DAEMON;
    if (number < 0) {
        errno = EINVAL;
        return false;
    }
    openlog(out.program, LOG_PID | LOG_NDELAY, number);
    out.to_syslog = true;
    return true;
}

enum log_level log_level_named(const char *name)
{
    for (unsigned i = 0; log_level_names[i]; i++)
        if (strcmp(name, log_level_names[i]) == 0)
            return (enum log_level)i;
    return LOG_LEVEL_NOTICE;
}

bool log_open(const char *program, const char *to, enum log_level level)
{
    to_stderr();
    snprintf(out.program, sizeof out.program, "%s", program);
    out.level = level;
    if (strcmp(to, "stderr") == 0)
        return true;
    if (strcmp(to, "syslog") == 0)
        return open_syslog("");
    if (strncmp(to, "syslog:", 7) == 0)
        return open_syslog(to + 7);
    if (strlen(to) >= sizeof out.path) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (!open_file(to))
        return false;
    strcpy(out.path, to);
    return true;
}

void log_reopen(void)
{
    if (out.path[0] && !open_file(out.path))
        log_error("%s: cannot be opened anew: %s; going on with the old file", out.path,
                  strerror(errno));
}

/* "2026-11-22T01:02:03+01:00" in local time (RFC 3339, section 5.6). */
static void write_time(char *text, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;
    char zone[8];
    localtime_r(&now, &tm);
    size_t n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof zone, "%z", &tm);
    snprintf(text + n, size - n, "%.3s:%s", zone, zone + 3);
}

/* Copies text, control characters as \n, \t or \xHH; returns the length, at most size - 1. */
static size_t escape(char *to, size_t size, const char *text)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        char code[5] = {(char)*p};
        if (*p == '\n')
            strcpy(code, "\\n");
        else if (*p == '\t')
            strcpy(code, "\\t");
        else if (*p < 0x20 || *p == 0x7f)
            snprintf(code, sizeof code, "\\x%02x", *p);
        size_t length = strlen(code);
        if (n + length >= size)
            break;
        memcpy(to + n, code, length);
        n += length;
    }
    to[n] = '\0';
    return n;
}

void log_msg(enum log_level level, const char *format, ...)
{
    if (level > out.level)
        return;
    int error = errno; /* a message between a failure and its treatment must not hide it */
    char text[LINE_SIZE], line[LINE_SIZE + 128], now[32];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    int head = 0;
    if (out.journal) {
        head = snprintf(line, sizeof line, "<%d>", priorities[level]);
    } else if (!out.to_syslog) {
        write_time(now, sizeof now);
        head = snprintf(line, sizeof line, "%s %s[%d] %s: ", now, out.program, (int)getpid(),
                        log_level_names[level]);
    }
    size_t n = (size_t)head + escape(line + head, sizeof line - (size_t)head - 1, text);
    if (out.to_syslog) {
        syslog(priorities[level], "%s", line);
    } else {
        line[n++] = '\n';
        while (write(out.fd, line, n) < 0 && errno == EINTR)
            ;
    }
    errno = error;
}

bool log_storm_takes(struct log_storm *s, int64_t now_ms, bool *last)
{
    if (now_ms >= s->until_ms)
        *s = (struct log_storm){now_ms + 60000, 0};
    if (s->count >= LOG_STORM_MAX)
        return false;
    *last = ++s->count == LOG_STORM_MAX;
    return true;
}
