/*
 * The daily report by schedule: mailmond-report is run for the day before, and what it prints is written to
 * a directory, sent by mail, or both.
 *
 * One program a day. It runs beside the loop with a deadline; its output is at most MESSAGE_MAX octets, as
 * that is what mailmond-probe takes for a mail. A report that cannot be made or sent is said and not tried
 * again: the history keeps the day, and mailmond-report can be run by hand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../collectors/child.h"
#include "log.h"
#include "main_consumer.h"
#include "main_mail.h"
#include "program.h"

#define PROGRAM     "mailmond-report"
#define MESSAGE_MAX (PROBE_PACKED_MAX - 8192) /* with its header, and the texts of the request */
#define TIMEOUT_S   120
#define DAY_S       86400

static struct {
    struct collect *collect;
    char program[600], state[512];
    struct child *child;
    time_t next; /* by the clock of the wall, which may be set */
    bool on, mailing;
} self;

static time_t real_s(const struct collect *c)
{
    return (time_t)(collect_real_ms(c) / 1000);
}

/* The next time that the clock of the wall shows this minute; mktime knows of summer time. */
static time_t next_time(const struct collect *c, time_t now)
{
    struct tm local;
    if (!localtime_r(&now, &local))
        return now + DAY_S;
    for (int day = 0; day < 3; day++) {
        struct tm then = local;
        then.tm_mday += day;
        then.tm_hour = (int)c->config->report_at_min / 60;
        then.tm_min = (int)c->config->report_at_min % 60;
        then.tm_sec = 0;
        then.tm_isdst = -1;
        time_t at = mktime(&then);
        if (at > now)
            return at;
    }
    return now + DAY_S;
}

static void on_mailed(void *arg, const struct probe_result *r)
{
    (void)arg;
    self.mailing = false;
    if (r->status == RESPONSE_UP)
        log_notice("the daily report was sent to %s", self.collect->config->notice.recipient);
    else
        log_warning("the daily report cannot be sent: %s", r->reply);
}

static void mail(struct slice text)
{
    const struct config_notice *n = &self.collect->config->notice;
    char why[512], date[64] = "", day[32] = "";
    time_t now = real_s(self.collect);
    struct tm local;
    char *message = malloc(MESSAGE_MAX + 2048);
    if (!message || !localtime_r(&now, &local)) {
        free(message);
        return;
    }
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", &local);
    local.tm_mday--;
    local.tm_isdst = -1;
    mktime(&local);
    strftime(day, sizeof day, "%d %b %Y", &local);
    snprintf(message, MESSAGE_MAX + 2048,
             "From: %s\nTo: %s\nSubject: mail report of %s, %s\nDate: %s\n"
             "Message-ID: <%lld.report.mailmond@%s>\nAuto-Submitted: auto-generated\n"
             "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
             "Content-Transfer-Encoding: 8bit\n\n%.*s",
             n->sender, n->recipient, main_mail_host(), day, date, (long long)now, main_mail_host(),
             (int)text.n, text.p);
    self.mailing = main_mail_send(self.collect, message, on_mailed, why);
    if (!self.mailing)
        log_warning("the daily report cannot be sent: %s", why);
    free(message);
}

static void on_report(void *arg, const char *error, struct slice text)
{
    (void)arg;
    const struct config *c = self.collect->config;
    self.child = NULL;
    if (*error)
        log_warning("%s: %s%s", PROGRAM, error,
                    c->report_directory ? "" : "; set directory in report = { ... } for long ones");
    else if (c->report_directory)
        log_notice("the daily report is in %s", c->report_directory);
    if (!*error && c->report_mail && text.n)
        mail(text);
}

static void run(struct collect *c)
{
    const struct config *config = c->config;
    const char *argv[16] = {self.program, "--day", "yesterday", "--state", self.state};
    unsigned n = 5;
    if (config->report_template) {
        argv[n++] = "--template";
        argv[n++] = config->report_template;
    }
    if (config->report_directory) {
        argv[n++] = "--output";
        argv[n++] = config->report_directory;
        if (config->report_mail)
            argv[n++] = "--print";
    }
    self.child = child_start(c->loop, argv, MESSAGE_MAX, TIMEOUT_S, on_report, NULL);
    if (!self.child)
        log_warning("%s: %s", self.program, strerror(errno));
}

/* The program beside this one, or in the directory of administrators' programs. */
static void find_program(void)
{
    if (!program_beside(PROGRAM, self.program, sizeof self.program) ||
        access(self.program, X_OK) != 0)
        snprintf(self.program, sizeof self.program, "%s", PROGRAM); /* by PATH */
}

static void start(struct collect *c, const char *state_dir, struct transitions *stream)
{
    (void)stream;
    self.collect = c;
    self.on = c->config->report_directory || c->config->report_mail;
    if (!self.on)
        return;
    find_program();
    if (c->config->report_directory && mkdir(c->config->report_directory, 0750) != 0 &&
        errno != EEXIST)
        log_warning("report: %s: %s", c->config->report_directory, strerror(errno));
    snprintf(self.state, sizeof self.state, "%s", state_dir);
    self.next = next_time(c, real_s(c));
}

static void tick(struct collect *c)
{
    time_t now = real_s(c);
    bool due = now >= self.next;
    if (!self.on || (!due && self.next - now < 2 * DAY_S))
        return;
    self.next = next_time(c, now); /* also of a clock that was set back by days */
    if (due && !self.child && !self.mailing)
        run(c);
}

static void stop(struct collect *c)
{
    (void)c;
    if (self.child)
        child_forget(self.child);
    self.child = NULL;
}

const struct consumer consumer_daily = {NULL, start, tick, NULL, stop};
