/*
 * Exim: asks `exim -bP` for the settings that matter (its own reading of its configuration; it is meant for
 * any user and writes nothing), else takes them from the configuration's text, else Debian's. One daemon is
 * looked for; others are named by their config_file. See detect.h.
 */
#include <stdlib.h>
#include <unistd.h>
#include "detect.h"
#include "exim_names.h"

#define PATH            "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/exim/bin"
#define SPOOL_DIRECTORY "/var/spool/exim4"
#define LOG_FILE_PATH   "/var/log/exim4/%slog"
#define PID_FILE        "/run/exim4/exim.pid"

struct slice detect_exim_value(struct slice text, const char *name)
{
    struct slice line;
    while (detect_line(&text, &line)) {
        line = slice_trim(line);
        if (slice_starts(line, SLICE("begin ")))
            break; /* a section: the main settings end */
        struct slice value = detect_value(line, name, SLICE("="));
        if (value.p)
            return value;
    }
    return (struct slice){NULL, 0};
}

/* The next item of a list with colons between; a doubled one stands for itself (IPv6 addresses). */
static bool next_item(struct slice *list, char item[128])
{
    size_t n = 0;
    *list = slice_trim(*list);
    if (list->n == 0)
        return false;
    while (list->n) {
        bool two = list->n > 1 && list->p[0] == ':' && list->p[1] == ':';
        if (*list->p == ':' && !two)
            break;
        if (n < 127)
            item[n++] = *list->p;
        *list = slice_skip(*list, two ? 2 : 1);
    }
    *list = slice_skip(*list, 1);
    while (n && item[n - 1] == ' ')
        n--;
    item[n] = '\0';
    return true;
}

bool detect_exim_log(struct slice log_file_path, const char *spool, const char *log,
                     char path[4096])
{
    char item[128], file[128] = "";
    bool files = log_file_path.n == 0;
    while (next_item(&log_file_path, item)) {
        if (strcmp(item, "syslog") == 0)
            continue;
        files = true;
        if (!file[0])
            snprintf(file, sizeof file, "%s", item);
    }
    if (!files)
        return false;
    const char *name = file[0] ? file : "log/%slog", *percent = strstr(name, "%s");
    int head = percent ? (int)(percent - name) : (int)strlen(name);
    snprintf(path, 4096, "%s%s%.*s%s%s", *name == '/' ? "" : spool, *name == '/' ? "" : "/", head,
             name, percent ? log : "", percent ? percent + 2 : "");
    return true;
}

/* "smtp" or "465"; 0: neither. */
static unsigned port_of(const char *text)
{
    static const struct {
        const char *name;
        unsigned port;
    } names[] = {
        {"smtp", 25}, {"smtps", 465}, {"ssmtp", 465}, {"submissions", 465}, {"submission", 587}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, text) == 0)
            return names[i].port;
    unsigned long port = strtoul(text, NULL, 10);
    return port <= 65535 ? (unsigned)port : 0;
}

static void add_listener(struct config_mta *m, const char *address, unsigned port)
{
    char text[256];
    bool any = !*address || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::0") == 0 ||
               strcmp(address, "::") == 0;
    const char *service = port == 465 ? EXIM_SMTPS : port == 587 ? EXIM_SUBMISSION : EXIM_SMTP;
    bool six = strchr(address, ':') != NULL;
    snprintf(text, sizeof text, "%s%s%s:%u %s", any || !six ? "" : "[", any ? "" : address,
             any || !six ? "" : "]", port, service);
    detect_add(&m->listen, slice_of(text));
}

/* local_interfaces may give a port to an address, "127.0.0.1.25" or "[::1]:25": those are left to the
 * configuration of mailmond. */
void detect_exim_listeners(struct config_mta *m, struct slice ports, struct slice interfaces)
{
    char port[128], address[128];
    if (ports.n == 0)
        ports = SLICE("25");
    while (next_item(&ports, port)) {
        struct slice rest = interfaces;
        unsigned number = port_of(port);
        if (number == 0)
            continue;
        if (rest.n == 0 || *rest.p == '<')
            add_listener(m, "", number);
        else
            while (next_item(&rest, address))
                add_listener(m, address, number);
    }
}

/* What exim says of its settings; NULL: there is none, or it does not answer. */
static char *ask(const char *path, const char *config_file)
{
    static const char *const programs[] = {"exim4", "exim"};
    static const char *const settings[] = {"spool_directory", "log_file_path", "pid_file_path",
                                           "daemon_smtp_ports", "local_interfaces"};
    char *argv[16], *text = NULL;
    for (size_t p = 0; p < 2 && !text; p++) {
        unsigned n = 0;
        argv[n++] = (char *)programs[p];
        if (config_file) {
            argv[n++] = "-C";
            argv[n++] = (char *)config_file;
        }
        argv[n++] = "-bP";
        for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
            argv[n++] = (char *)settings[i];
        argv[n] = NULL;
        text = detect_run(path, argv);
    }
    return text;
}

/* The value, or what Debian has. */
static char *value_or(struct slice text, const char *name, const char *otherwise)
{
    struct slice value = detect_exim_value(text, name);
    return detect_copy(value.n && *value.p == '/' ? value : slice_of(otherwise));
}

static void fill_logs(struct config_mta *m, struct slice log_file_path, struct err_list *notes)
{
    char path[4096];
    if (log_file_path.p == NULL)
        log_file_path = SLICE(LOG_FILE_PATH);
    bool files = detect_exim_log(log_file_path, m->queue_directory, "main", path);
    if (!m->log && files)
        m->log = detect_copy(slice_of(path));
    if (!m->log && !(m->log = detect_syslog_file("")))
        detect_note(m, notes, "it logs to syslog, and no log of that was found below /var/log");
    if (!m->reject_log && detect_exim_log(log_file_path, m->queue_directory, "reject", path))
        m->reject_log = detect_copy(slice_of(path));
    if (!m->panic_log && detect_exim_log(log_file_path, m->queue_directory, "panic", path))
        m->panic_log = detect_copy(slice_of(path));
}

/* Completes an instance; settings: what exim or its configuration says. */
static void fill(struct config_mta *m, struct slice settings, struct err_list *notes)
{
    if (!m->name)
        m->name = detect_copy(SLICE("exim"));
    if (!m->queue_directory)
        m->queue_directory = value_or(settings, "spool_directory", SPOOL_DIRECTORY);
    if (!m->pid_file)
        m->pid_file = value_or(settings, "pid_file_path", PID_FILE);
    fill_logs(m, detect_exim_value(settings, "log_file_path"), notes);
    if (m->listen.count == 0)
        detect_exim_listeners(m, detect_exim_value(settings, "daemon_smtp_ports"),
                              detect_exim_value(settings, "local_interfaces"));
}

static char *settings_of(const char *path, const struct config_mta *m, struct err_list *notes)
{
    char *settings = ask(path, m->config_file);
    if (settings)
        return settings;
    settings = detect_text(m->config_file ? m->config_file : "/var/lib/exim4/config.autogenerated");
    detect_note(m, notes, "exim -bP does not answer; %s",
                settings ? "its configuration's text is taken as it stands"
                         : "the directories that Debian uses are assumed");
    return settings;
}

static void add_found(struct config *c, const char *path, struct err_list *notes)
{
    if (detect_has(c, "exim"))
        return;
    char *settings = ask(path, NULL);
    struct slice spool = detect_exim_value(slice_of(settings), "spool_directory");
    char *directory = detect_copy(spool);
    /* A package that was removed may have left its program or its configuration. */
    if (spool.n && access(directory, F_OK) == 0) {
        struct config_mta m = config_mta_new("exim");
        fill(&m, slice_of(settings), notes);
        detect_note(&m, notes, "found: spool %s, log %s", m.queue_directory,
                    m.log ? m.log : "unknown");
        detect_add_mta(c, m);
    }
    free(directory);
    free(settings);
}

void detect_exim(struct config *c, const char *path, struct err_list *notes)
{
    path = path ? path : PATH;
    if (c->detect)
        add_found(c, path, notes);
    for (unsigned i = 0; i < c->mta_count; i++) {
        struct config_mta *m = &c->mtas[i];
        if (strcmp(m->type, "exim") != 0 || detect_elsewhere(m, notes))
            continue;
        if (m->source_file) {
            char *settings = settings_of(path, m, notes);
            fill(m, slice_of(settings), notes);
            free(settings);
        }
        char input[4096];
        snprintf(input, sizeof input, "%s/input", m->queue_directory);
        detect_readable(m, input, true, notes);
        if (m->log && !strchr(m->log, '%'))
            detect_readable(m, m->log, false, notes);
    }
}
