/*
 * The message is written into the caller's room by one writer that never passes its end. All texts of a
 * transition are without control characters (alarm_text.c), and so nothing of them can end a header.
 */
#include "notice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct writer {
    char *out;
    size_t n, size;
};

static void add(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct writer *w, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = w->size - w->n;
    int n = vsnprintf(w->out + w->n, room, format, args);
    va_end(args);
    w->n = n < 0 || (size_t)n >= room ? w->size : w->n + (size_t)n;
    if (w->n == w->size) /* full: stays so */
        w->n = w->size - 1;
}

static int length(struct slice s)
{
    return s.p ? (int)s.n : 0;
}

static const char *start(struct slice s)
{
    return s.p ? s.p : "";
}

/* The value as people read it: a number, or the word that it stands for. */
static void value_text(const struct transition *x, char text[80])
{
    struct slice words = TEXT_GET(x->value_text);
    if (TEXT_GET(x->unit).p || !words.p)
        snprintf(text, 80, "%" PRId64, x->value);
    else
        snprintf(text, 80, "%.*s", length(words), words.p);
}

static void format_time(char *text, size_t size, const char *format, int64_t real_ms)
{
    time_t t = (time_t)(real_ms / 1000);
    struct tm local;
    if (!localtime_r(&t, &local) || !strftime(text, size, format, &local))
        text[0] = '\0';
}

/* The lines of the body, as Sun's server wrote them. */
static void add_summary(struct writer *w, const struct notice *n, const struct transition *x)
{
    char at[64], value[80];
    struct slice id = TEXT_GET(x->id), instance = TEXT_GET(x->instance),
                 description = TEXT_GET(x->description);
    bool words = !TEXT_GET(x->unit).p;
    const char *side = x->direction < 0 ? "under" : "over";
    format_time(at, sizeof at, "%d/%b/%Y:%H:%M:%S %z",
                x->value_at == MODEL_NEVER ? x->at : x->value_at);
    value_text(x, value);
    add(w, "Server instance: %s\n", n->server_instance);
    add(w, "Alarmid: %.*s\n", length(id), start(id));
    add(w, "Instance: %.*s\n", length(instance), start(instance));
    add(w, "Description: %.*s\n", length(description), start(description));
    add(w, "Current measured value (%s): %s\n", at, value);
    if (!words) {
        add(w, "Lowest recorded value: %" PRId64 "\n", x->low);
        add(w, "Highest recorded value: %" PRId64 "\n", x->high);
    }
    add(w, "Monitoring interval: %" PRIu64 " seconds\n", x->check_interval_s);
    if (words) {
        add(w, "Alarm condition is when it is %s\n",
            x->event == ALARM_EVENT_CLEARED ? "otherwise" : value);
        add(w, "Number of times: %" PRIu64 "\n", x->crossings);
    } else {
        add(w, "Alarm condition is when %s threshold of %" PRId64 "\n", side, x->threshold);
        add(w, "Number of times %s threshold: %" PRIu64 "\n", side, x->crossings);
    }
}

/*
 * The value of a Subject: as it is if it is ASCII, else as encoded words (RFC 2047) of at most 45
 * octets, cut where a character ends.
 */
static void add_subject(struct writer *w, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bool ascii = true;
    for (const char *p = text; *p; p++)
        ascii &= (unsigned char)*p < 0x80;
    if (ascii) {
        add(w, "Subject: %s\n", text);
        return;
    }
    add(w, "Subject:");
    for (size_t left = strlen(text); left;) {
        size_t n = left < 45 ? left : 45;
        while (n < left && n > 41 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        add(w, " =?UTF-8?B?");
        for (size_t i = 0; i < n; i += 3) {
            unsigned b[3] = {(unsigned char)text[i], i + 1 < n ? (unsigned char)text[i + 1] : 0,
                             i + 2 < n ? (unsigned char)text[i + 2] : 0};
            unsigned bits = b[0] << 16 | b[1] << 8 | b[2];
            add(w, "%c%c%c%c", digits[bits >> 18], digits[bits >> 12 & 63],
                i + 1 < n ? digits[bits >> 6 & 63] : '=', i + 2 < n ? digits[bits & 63] : '=');
        }
        text += n;
        left -= n;
        add(w, left ? "?=\n" : "?=");
    }
    add(w, "\n");
}

/* The sentence on a state, without what begins the subject anyway; numbers have the form of Sun's server. */
static struct slice sentence_of(const struct transition *x)
{
    struct slice text = TEXT_GET(x->text);
    if (!text.p || TEXT_GET(x->unit).p)
        return (struct slice){NULL, 0};
    if (!slice_take(&text, SLICE("cleared: ")))
        slice_take(&text, SLICE("still: "));
    return text;
}

static void add_message(struct writer *w, const struct notice *n, const struct transition *x)
{
    char date[64], value[80], subject[400];
    struct slice instance = TEXT_GET(x->instance), description = TEXT_GET(x->description);
    format_time(date, sizeof date, "%a, %d %b %Y %H:%M:%S %z", x->at);
    value_text(x, value);
    const char *event = x->event == ALARM_EVENT_CLEARED ? "CLEARED" : "ALARM";
    struct slice sentence = sentence_of(x);
    if (sentence.n)
        snprintf(subject, sizeof subject, "%s: %.*s", event, (int)sentence.n, sentence.p);
    else
        snprintf(subject, sizeof subject, "%s: %.*s of \"%.*s\" is %s", event, length(description),
                 start(description), length(instance), start(instance), value);
    add_subject(w, subject);
    add(w, "Date: %s\nFrom: %s\nTo: %s\n", date, n->sender, n->recipient);
    add(w, "Message-ID: <%" PRIu64 ".%" PRId64 ".mailmond@%s>\n", x->number, x->at, n->host);
    add(w, "Auto-Submitted: auto-generated\nMIME-Version: 1.0\n"
           "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n");
    add_summary(w, n, x);
}

static void add_template(struct writer *w, const struct notice *n, const struct transition *x)
{
    char value[80], summary[4096], description[130], instance[130];
    struct writer s = {summary, 0, sizeof summary};
    struct slice d = TEXT_GET(x->description), i = TEXT_GET(x->instance);
    value_text(x, value);
    add_summary(&s, n, x);
    snprintf(description, sizeof description, "%.*s", length(d), start(d));
    snprintf(instance, sizeof instance, "%.*s", length(i), start(i));
    const char *const parts[] = {n->sender, n->recipient, description, instance, value, summary};
    size_t next = 0;
    for (const char *p = n->template; *p;) {
        const char *mark = strstr(p, "%s");
        if (!mark || next == sizeof parts / sizeof parts[0]) {
            add(w, "%s", p);
            break;
        }
        add(w, "%.*s%s", (int)(mark - p), p, parts[next++]);
        p = mark + 2;
    }
}

size_t notice_write(const struct notice *n, const struct transition *x, char *out, size_t size)
{
    struct writer w = {out, 0, size};
    if (n->template)
        add_template(&w, n, x);
    else
        add_message(&w, n, x);
    return w.n < size - 1 ? w.n : 0;
}
