/*
 * Alarms by mail: a reader of the stream of transitions, whose queue the store keeps. One message at a time; what
 * cannot be sent is tried again, and given up politely.
 *
 * The queue is the stream itself: READER_MAIL says how far it came, and the store keeps that. While a
 * message is under way the reader stands before it, so that a crash sends it again rather than never.
 */
#include "main_mail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../collectors/prober.h"
#include "log.h"
#include "main_consumer.h"
#include "notice.h"
#include "secret.h"

#define RETRY_MIN_MS 60000
#define RETRY_MAX_MS 1800000

static struct {
    struct transitions *transitions;
    struct collect *collect;
    const struct config_notice *config;
    bool on, busy, failing;
    uint64_t number; /* under way */
    int64_t at_ms;   /* of the transition, real time */
    int64_t next_ms, delay_ms;
    char *template;
} self;

/* The template is read once. NULL: there is none, or it cannot be read, which is said. */
static char *read_template(const struct config_notice *n)
{
    if (!n->template_file)
        return n->template && *n->template ? strdup(n->template) : NULL;
    char *text = calloc(1, NOTICE_MAX);
    FILE *in = text ? fopen(n->template_file, "re") : NULL;
    if (in && fread(text, 1, NOTICE_MAX - 1, in) > 0) {
        fclose(in);
        return text;
    }
    log_warning("the template of alarm mail cannot be read: %s: %s; the built-in form is used",
                n->template_file, strerror(errno));
    if (in)
        fclose(in);
    free(text);
    return NULL;
}

static bool is_told(const struct transition *x)
{
    return x->event != ALARM_EVENT_CLEARED || self.config->cleared;
}

/* Did the server refuse this message for good? */
static bool is_refused(const struct probe_result *r)
{
    return r->reply[0] == '5' && r->step >= STEP_MAIL && r->step <= STEP_SENDING;
}

static void forget(void)
{
    transitions_done(self.transitions, READER_MAIL, self.number);
    self.delay_ms = 0;
    self.next_ms = self.collect->monotonic_ms;
}

static void put_off(const char *why)
{
    if (!self.failing)
        log_warning("alarms cannot be sent by mail through %s: %s; they wait", self.config->host,
                    why);
    self.failing = true;
    self.delay_ms = self.delay_ms ? self.delay_ms * 2 : RETRY_MIN_MS;
    if (self.delay_ms > RETRY_MAX_MS)
        self.delay_ms = RETRY_MAX_MS;
    self.next_ms = self.collect->monotonic_ms + self.delay_ms;
    int64_t age_ms = collect_real_ms(self.collect) - self.at_ms;
    if (age_ms < (int64_t)self.config->give_up_s * 1000)
        return;
    log_warning("the mail of alarm %llu is given up after %lld s", (unsigned long long)self.number,
                (long long)(age_ms / 1000));
    transitions_done(self.transitions, READER_MAIL, self.number);
}

static void on_done(void *arg, const struct probe_result *r)
{
    (void)arg;
    self.busy = false;
    if (r->status == RESPONSE_UP) {
        if (self.failing)
            log_notice("alarms are sent by mail again");
        self.failing = false;
        forget();
    } else if (is_refused(r)) {
        log_warning("%s refuses the mail of alarm %llu for good: %s", self.config->host,
                    (unsigned long long)self.number, r->reply);
        forget();
    } else {
        put_off(r->reply[0] ? r->reply : "no answer");
    }
}

bool main_mail_send(struct collect *c, const char *message,
                    void (*done)(void *arg, const struct probe_result *r), char why[512])
{
    const struct config_notice *n = &c->config->notice;
    char secret[256] = "";
    if (n->password_file && !secret_read(n->password_file, secret, sizeof secret, why))
        return false;
    struct probe_request r = {
        .protocol = strcmp(n->tls, "smtps") == 0 ? PROTOCOL_SMTPS : PROTOCOL_SMTP,
        .port = (uint16_t)n->port,
        .strict = true,
        .timeout_ms = 120000,
        .step_timeout_ms = 60000,
        .host = n->host,
        .ca_file = n->ca_file,
        .want = {.helo = main_mail_host(),
                 .user = n->user,
                 .password = n->user ? secret : NULL,
                 .sender = n->sender,
                 .recipient = n->recipient,
                 .message = message,
                 .starttls = strcmp(n->tls, "starttls") == 0},
    };
    snprintf(why, 512, "mailmond-probe cannot be asked");
    bool asked = prober_ask(c, &r, done, NULL);
    secret_wipe(secret, sizeof secret);
    return asked;
}

const char *main_mail_host(void)
{
    static char host[256];
    if (!host[0] && (gethostname(host, sizeof host - 1) < 0 || !host[0]))
        strcpy(host, "localhost");
    return host;
}

static void start(struct collect *c, const char *state_dir, struct transitions *stream)
{
    (void)state_dir;
    self.collect = c;
    self.transitions = stream;
    self.config = &c->config->notice;
    self.on = self.config->enabled;
    if (!self.on)
        return;
    self.template = read_template(self.config);
    log_notice("alarms are sent by mail to %s through %s", self.config->recipient,
               self.config->host);
}

static void tick(struct collect *c)
{
    struct transition x;
    if (self.busy || (self.on && c->monotonic_ms < self.next_ms))
        return;
    while (transitions_next(self.transitions, READER_MAIL, &x)) {
        self.number = x.number;
        self.at_ms = x.at;
        if (self.on && is_told(&x)) {
            char message[NOTICE_MAX];
            const struct config_notice *n = self.config;
            const struct notice notice = {.sender = n->sender,
                                          .recipient = n->recipient,
                                          .server_instance = n->server_instance ? n->server_instance
                                                                                : main_mail_host(),
                                          .host = main_mail_host(),
                                          .template = self.template};
            if (notice_write(&notice, &x, message, sizeof message)) {
                char why[512];
                self.busy = main_mail_send(c, message, on_done, why);
                if (!self.busy)
                    put_off(why);
                return;
            }
            log_warning("the mail of alarm %llu is too long for its template; it is not sent",
                        (unsigned long long)x.number);
        }
        transitions_done(self.transitions, READER_MAIL, x.number);
    }
}

const struct consumer consumer_mail = {NULL, start, tick, NULL, NULL};
