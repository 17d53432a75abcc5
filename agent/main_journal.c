/*
 * mailmond-journal: reads the journal of systemd for mailmond-collect, which starts it, and writes frames
 * (collectors/journal_frame.h) to its standard output. A process of its own, because a file of the
 * journal that is cut off or damaged while it is mapped, or a slow disk, must not stop the collector, and
 * because libsystemd is not in the memory of those who need no journal. It waits when nobody takes its
 * frames. Invariant: a frame's cursor is that of the last record looked at, wanted or not.
 *
 *   mailmond-journal DIRECTORY CURSOR      DIRECTORY "": this host's journal; CURSOR "": from the oldest
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <systemd/sd-journal.h>
#include <unistd.h>
#include "../collectors/journal_frame.h"

#define WAIT_US UINT64_C(1000000)

static struct {
    sd_journal *journal;
    char cursor[JOURNAL_CURSOR]; /* of the last record looked at */
    bool moved;                  /* since the last frame */
    bool check; /* the next record is to be compared with the cursor: is something gone? */
    struct journal_frame frame;
    char body[JOURNAL_BODY];
} self;

static void write_all(const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(STDOUT_FILENO, (const char *)data + done, size - done);
        if (n < 0 && errno != EINTR)
            exit(0); /* whoever wanted it is gone */
        if (n > 0)
            done += (size_t)n;
    }
}

static void send_frame(enum source_status status)
{
    self.frame.magic = JOURNAL_MAGIC;
    self.frame.status = status;
    memcpy(self.frame.cursor, self.cursor, sizeof self.frame.cursor);
    write_all(&self.frame, sizeof self.frame);
    write_all(self.body, self.frame.size);
    self.frame = (struct journal_frame){.size = 0};
    self.moved = false;
}

/* Says why there is nothing to read and ends: the collector starts another one later. */
static _Noreturn void give_up(enum source_status status, const char *text)
{
    self.frame = (struct journal_frame){.size = 0};
    snprintf(self.frame.error, sizeof self.frame.error, "%s", text);
    self.cursor[0] = '\0';
    send_frame(status);
    exit(0);
}

/* ---- may it be read? The library leaves out silently what may not be. ---- */

struct found {
    unsigned readable, denied;
};

static void try_file(const char *directory, const char *name, struct found *f)
{
    char path[4096];
    size_t n = strlen(name);
    if (n < 8 || strcmp(name + n - 8, ".journal") != 0)
        return;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        f->readable++;
    else if (errno == EACCES || errno == EPERM)
        f->denied++;
    if (fd >= 0)
        close(fd);
}

/* Looks into a directory and, `deep`, into those of its machines. */
static void try_directory(const char *path, bool deep, struct found *f)
{
    DIR *d = opendir(path);
    if (!d && (errno == EACCES || errno == EPERM))
        f->denied++;
    for (const struct dirent *e; d && (e = readdir(d));) {
        char below[4096];
        snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && deep && e->d_type != DT_REG)
            try_directory(below, false, f);
        else if (e->d_name[0] != '.')
            try_file(path, e->d_name, f);
    }
    if (d)
        closedir(d);
}

static void check_access(const char *directory)
{
    struct found f = {0, 0};
    if (*directory) {
        try_directory(directory, true, &f);
    } else {
        try_directory("/var/log/journal", true, &f);
        try_directory("/run/log/journal", true, &f);
    }
    if (!f.readable && f.denied)
        give_up(SOURCE_DENIED, "the journal may not be read: add the account to the group "
                               "systemd-journal");
    if (!f.readable)
        give_up(SOURCE_MISSING, "there is no journal of systemd");
}

/* ---- records ---- */

static bool take_field(struct slice data, const char *name, struct slice *value)
{
    struct slice rest = data;
    if (!slice_take(&rest, slice_of(name)))
        return false;
    *value = rest;
    return true;
}

static uint32_t number(struct slice s)
{
    uint64_t n;
    return slice_number(&s, &n) && s.n == 0 && n <= UINT32_MAX ? (uint32_t)n : 0;
}

/* The fields of systemd.journal-fields(7) that matter. What the library returns lives until the next call. */
struct fields {
    char host[256], tag[132], command[132];
    uint32_t logged_pid, real_pid;
    bool stdout_, foreign;
};

static void take_fields(struct fields *f)
{
    const void *data;
    size_t size;
    struct slice value;
    sd_journal_restart_data(self.journal);
    while (sd_journal_enumerate_available_data(self.journal, &data, &size) > 0) {
        struct slice s = {data, size};
        if (take_field(s, "SYSLOG_IDENTIFIER=", &value))
            slice_copy(f->tag, sizeof f->tag, value);
        else if (take_field(s, "_HOSTNAME=", &value))
            slice_copy(f->host, sizeof f->host, value);
        else if (take_field(s, "_COMM=", &value))
            slice_copy(f->command, sizeof f->command, value);
        else if (take_field(s, "SYSLOG_PID=", &value))
            f->logged_pid = number(value);
        else if (take_field(s, "_PID=", &value))
            f->real_pid = number(value);
        else if (take_field(s, "CONTAINER_ID=", &value))
            f->stdout_ = true;
        else if (take_field(s, "_TRANSPORT=", &value)) {
            f->stdout_ |= slice_eq(value, SLICE("stdout"));
            f->foreign = slice_eq(value, SLICE("kernel")) || slice_eq(value, SLICE("audit")) ||
                         slice_eq(value, SLICE("driver"));
        }
    }
}

static void take_record(void)
{
    struct fields f = {.logged_pid = 0};
    const void *data;
    size_t size;
    uint64_t time_us;
    take_fields(&f);
    if (f.foreign || sd_journal_get_realtime_usec(self.journal, &time_us) < 0 ||
        sd_journal_get_data(self.journal, "MESSAGE", &data, &size) < 0)
        return;
    struct log_record r = {.time_us = (int64_t)time_us,
                           .host = slice_of(f.host),
                           .tag = slice_of(f.tag[0] ? f.tag : f.command),
                           .pid = f.logged_pid ? f.logged_pid : f.real_pid,
                           .text = slice_skip((struct slice){data, size}, strlen("MESSAGE=")),
                           .stdout_ = f.stdout_};
    self.frame.size += (uint32_t)log_line_write(&r, self.body + self.frame.size);
    self.frame.time_ms = (int64_t)(time_us / 1000);
}

static void keep_cursor(void)
{
    char *cursor = NULL;
    if (sd_journal_get_cursor(self.journal, &cursor) < 0 || strlen(cursor) >= JOURNAL_CURSOR)
        give_up(SOURCE_MISSING, "the journal gives no cursor");
    strcpy(self.cursor, cursor);
    free(cursor);
}

/* The first record behind a place that was sought: is it the one that was read last, the next, or a later one? */
static bool known_already(void)
{
    self.check = false;
    if (!self.cursor[0])
        return false;
    if (sd_journal_test_cursor(self.journal, self.cursor) > 0)
        return true;
    char *cursor = NULL;
    if (sd_journal_get_cursor(self.journal, &cursor) < 0 ||
        !journal_cursor_follows(self.cursor, cursor))
        self.frame.gap = 1;
    free(cursor);
    return false;
}

/* Goes behind the record that was read last, which may be gone: then to the oldest that came after it. */
static void seek(void)
{
    int r = self.cursor[0] ? sd_journal_seek_cursor(self.journal, self.cursor)
                           : sd_journal_seek_head(self.journal);
    if (r < 0) { /* not a cursor */
        sd_journal_seek_head(self.journal);
        self.frame.gap = 1;
        self.cursor[0] = '\0';
    }
    self.check = true;
}

/* Takes a record; the cursor is asked for once a frame. */
static void step(void)
{
    if (self.check && known_already())
        return;
    take_record();
    self.moved = true;
    if (JOURNAL_BODY - self.frame.size < LOG_LINE_MAX) {
        keep_cursor();
        send_frame(SOURCE_CATCHING_UP);
    }
}

/* The end: says so, if it was not said at this place, and waits for more. */
static void wait_for_more(bool *said)
{
    if (self.moved)
        keep_cursor();
    if (self.moved || self.frame.gap || !*said)
        send_frame(SOURCE_OK);
    *said = true;
    int r = sd_journal_wait(self.journal, WAIT_US);
    if (r == SD_JOURNAL_INVALIDATE) /* files came or went, perhaps unread ones */
        seek();
    if (r < 0)
        give_up(SOURCE_MISSING, strerror(-r));
}

static void open_journal(const char *directory)
{
    int r = *directory ? sd_journal_open_directory(&self.journal, directory, 0)
                       : sd_journal_open(&self.journal, SD_JOURNAL_LOCAL_ONLY);
    if (r < 0)
        give_up(SOURCE_MISSING, strerror(-r));
    sd_journal_set_data_threshold(self.journal, LOG_LINE_MAX + 16);
}

int main(int argc, char **argv)
{
    bool said = false;
    pid_t parent = getppid();
    if (argc != 3 || strlen(argv[2]) >= JOURNAL_CURSOR || isatty(STDOUT_FILENO)) {
        fprintf(stderr, "mailmond-journal is started by mailmond-collect\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return 0;
    strcpy(self.cursor, argv[2]);
    check_access(argv[1]);
    open_journal(argv[1]);
    seek();
    for (;;) {
        int r = sd_journal_next(self.journal);
        if (r < 0)
            give_up(SOURCE_MISSING, strerror(-r));
        if (r > 0)
            step();
        else
            wait_for_more(&said);
    }
}
