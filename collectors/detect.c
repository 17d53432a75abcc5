/* What detection needs of the host, whatever the mail system: its tools and its files. See
 * detect.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../agent/clock.h"
#include "detect.h"
#include "detect_group.h"

#define TEXT_MAX    (1 << 20)
#define OUTPUT_MAX  (1 << 20)
#define DEADLINE_MS 5000

static bool find_program(const char *path, const char *name, char file[PATH_MAX])
{
    struct slice rest = slice_of(path);
    while (rest.n) {
        struct slice directory = slice_cut(&rest, ':');
        if (!directory.p) {
            directory = rest;
            rest.n = 0;
        }
        int n = snprintf(file, PATH_MAX, "%.*s/%s", (int)directory.n, directory.p, name);
        if (n < PATH_MAX && access(file, X_OK) == 0)
            return true;
    }
    errno = ENOENT;
    return false;
}

/* Starts the program with its standard output in a pipe and nothing else open. */
static pid_t start(const char *file, char *const argv[], int *output)
{
    static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t pid = -1;
    int error = posix_spawn(&pid, file, &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    *output = ends[0];
    if (error) {
        close(ends[0]);
        errno = error;
        return -1;
    }
    return pid;
}

/* Reads up to OUTPUT_MAX octets until the end or the deadline; 0 or an errno. */
static int collect(int fd, int64_t deadline, char *text, size_t *length)
{
    for (*length = 0;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - clock_ms(CLOCK_MONOTONIC);
        if (left <= 0)
            return ETIMEDOUT;
        if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
            return errno;
        if (!p.revents)
            continue;
        if (*length == OUTPUT_MAX)
            return EFBIG;
        ssize_t n = read(fd, text + *length, OUTPUT_MAX - *length);
        if (n == 0)
            return 0;
        if (n > 0)
            *length += (size_t)n;
        else if (errno != EINTR)
            return errno;
    }
}

/* Waits until the program has ended, and kills it at the deadline. Did it end well? */
static bool finish(pid_t pid, int64_t deadline)
{
    int status = -1;
    pid_t done;
    while ((done = waitpid(pid, &status, WNOHANG)) == 0 && clock_ms(CLOCK_MONOTONIC) < deadline)
        poll(NULL, 0, 1);
    if (done == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    return status == 0;
}

char *detect_run(const char *path, char *const argv[])
{
    char file[PATH_MAX];
    int fd;
    if (!find_program(path, argv[0], file))
        return NULL;
    char *text = malloc(OUTPUT_MAX + 1);
    pid_t pid = text ? start(file, argv, &fd) : -1;
    if (pid < 0) {
        free(text);
        return NULL;
    }
    size_t length;
    int64_t deadline = clock_ms(CLOCK_MONOTONIC) + DEADLINE_MS;
    int error = collect(fd, deadline, text, &length);
    close(fd);
    if (!finish(pid, error ? clock_ms(CLOCK_MONOTONIC) : deadline) && !error)
        error = ECHILD;
    if (error) {
        free(text);
        errno = error;
        return NULL;
    }
    text[length] = '\0';
    return text;
}

#ifdef WITH_JOURNAL
/* Does journald keep a journal here? With one, there is a directory of this machine's in it. */
static bool has_journal(const char *root)
{
    static const char *const places[] = {"/var/log/journal", "/run/log/journal"};
    bool found = false;
    for (size_t i = 0; i < sizeof places / sizeof places[0] && !found; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", root, places[i]);
        DIR *d = opendir(path);
        for (const struct dirent *e; d && !found && (e = readdir(d));)
            found = e->d_name[0] != '.';
        if (d)
            closedir(d);
    }
    return found;
}
#endif

char *detect_text(const char *path)
{
    FILE *file = path ? fopen(path, "re") : NULL;
    char *text = file ? malloc(TEXT_MAX + 1) : NULL;
    if (text)
        text[fread(text, 1, TEXT_MAX, file)] = '\0';
    if (file)
        fclose(file);
    return text;
}

char *detect_syslog_file(const char *root)
{
    static const char *const files[] = {
        "/var/log/mail.log", "/var/log/maillog", "/var/log/mail/mail.log", "/var/log/mail/info",
        "/var/log/mail",     "/var/log/syslog",  "/var/log/messages",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char *path = NULL;
        struct stat st;
        if (asprintf(&path, "%s%s", root, files[i]) < 0)
            return NULL;
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
            return path;
        free(path);
    }
#ifdef WITH_JOURNAL
    if (has_journal(root))
        return strdup("journal");
#endif
    return NULL;
}

char *detect_copy(struct slice text)
{
    char *copy = strndup(text.p ? text.p : "", text.n);
    if (!copy)
        abort();
    return copy;
}

void detect_add(struct config_strings *list, struct slice item)
{
    for (unsigned i = 0; i < list->count; i++)
        if (slice_eq(slice_of(list->items[i]), item))
            return;
    list->items = reallocarray(list->items, list->count + 1, sizeof *list->items);
    if (!list->items)
        abort();
    list->items[list->count++] = detect_copy(item);
}

void detect_add_mta(struct config *c, struct config_mta m)
{
    c->mtas = reallocarray(c->mtas, c->mta_count + 1, sizeof *c->mtas);
    if (!c->mtas)
        abort();
    c->mtas[c->mta_count++] = m;
}

bool detect_line(struct slice *text, struct slice *line)
{
    if (text->n == 0)
        return false;
    *line = slice_head(*text, slice_find(*text, '\n'));
    *text = slice_skip(*text, line->n + 1);
    return true;
}

struct slice detect_value(struct slice text, const char *name, struct slice separator)
{
    struct slice line;
    while (detect_line(&text, &line)) {
        if (!slice_take(&line, slice_of(name)))
            continue;
        line = slice_trim(line);
        if (!slice_take(&line, separator))
            continue;
        line = slice_trim(line);
        while (line.n && isspace((unsigned char)line.p[line.n - 1]))
            line.n--;
        return line;
    }
    return (struct slice){NULL, 0};
}

unsigned detect_port(struct slice text)
{
    uint64_t number;
    struct slice rest = text;
    char name[64];
    if (slice_number(&rest, &number))
        return rest.n == 0 && number <= 65535 ? (unsigned)number : 0;
    if (text.n == 0 || text.n >= sizeof name)
        return 0;
    slice_copy(name, sizeof name, text);
    const struct servent *s = getservbyname(name, "tcp");
    return s ? ntohs((uint16_t)s->s_port) : 0;
}

void detect_note(const struct config_mta *m, struct err_list *notes, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_add(notes, m->source_file, m->source_line, "%s instance %s: %s", m->type,
            m->name ? m->name : "without a name", text);
}

/* Who could read it: the file's group if that is enough, else its owner, else only root. */
static void advise(const struct config_mta *m, const char *path, bool is_directory,
                   struct err_list *notes)
{
    struct stat st;
    mode_t need = is_directory ? S_IRGRP | S_IXGRP : S_IRGRP;
    bool known = stat(path, &st) == 0;
    const struct passwd *p = getpwuid(geteuid());
    char me[64], group[64];
    snprintf(me, sizeof me, "%s", p ? p->pw_name : "this account");
    const struct passwd *owner = known ? getpwuid(st.st_uid) : NULL;
    if (known && st.st_gid != 0 && (st.st_mode & need) == need &&
        detect_group_name(st.st_gid, group, sizeof group))
        detect_note(
            m, notes,
            "%s may not be read: add the user %s to the group %s (usermod -aG %s %s), or start "
            "mailmond as root",
            path, me, group, group, me);
    else if (owner && st.st_uid != 0)
        detect_note(m, notes,
                    "%s may not be read: start mailmond as root (it keeps only the capability "
                    "CAP_DAC_READ_SEARCH) or as the user %s",
                    path, owner->pw_name);
    else
        detect_note(m, notes,
                    "%s may not be read: start mailmond as root (it keeps only the capability "
                    "CAP_DAC_READ_SEARCH)",
                    path);
}

void detect_readable(const struct config_mta *m, const char *path, bool is_directory,
                     struct err_list *notes)
{
    if (*path != '/') /* the journal, whose reader says itself what it lacks */
        return;
    /* Only trying tells: access(2) does not know of capabilities. */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (is_directory ? O_DIRECTORY : 0));
    if (fd >= 0 && is_directory) {
        int inside = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* needs the x bit */
        int error = errno;
        close(fd);
        fd = inside;
        errno = error;
    }
    if (fd >= 0)
        close(fd);
    else if (errno == EACCES || errno == EPERM)
        advise(m, path, is_directory, notes);
    else
        detect_note(m, notes, "%s: %s", path, strerror(errno));
}

bool detect_elsewhere(struct config_mta *m, struct err_list *notes)
{
    if (!m->elsewhere)
        return false;
    if (!m->name)
        m->name = detect_copy(slice_of(m->type));
    if (!m->log && !(m->log = detect_syslog_file("")))
        detect_note(m, notes,
                    "no log was found below /var/log: name the one that %s logs to, such as log = "
                    "\"/var/log/mail.log\"",
                    m->host);
    if (m->log)
        detect_readable(m, m->log, false, notes);
    return true;
}

bool detect_has(const struct config *c, const char *type)
{
    for (unsigned i = 0; i < c->mta_count; i++)
        if (strcmp(c->mtas[i].type, type) == 0 && !c->mtas[i].elsewhere)
            return true;
    return false;
}
