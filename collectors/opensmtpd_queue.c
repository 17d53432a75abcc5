/*
 * What OpenSMTPD's smtpctl prints. `show queue`: a line for each envelope, fields with a bar between;
 * addresses may hold bars, so what follows them is known by its shape. `show stats`: a name and a number
 * on each line. Pure.
 */
#include "../agent/model.h"
#include "field.h"
#include "opensmtpd_queue.h"

#define ENVELOPE 16 /* digits of an envelope, of which the first are its message's */
#define MESSAGE  8
#define NUMBERS  4 /* created, last try, last bounce, tries */

/* "1795326013|1795326013|0|1|pending|396|" at the front of s. */
static bool take_state(struct slice s, int64_t now_s, struct mta_attempt *a)
{
    uint64_t n;
    for (unsigned i = 0; i < NUMBERS; i++)
        if (!s.n || !slice_digit(*s.p) || !slice_number(&s, &n) || !TAKE(s, "|"))
            return false;
    struct slice state = slice_cut(&s, '|');
    bool pending = slice_eq(state, SLICE("pending"));
    a->active = slice_eq(state, SLICE("inflight"));
    a->waits = pending;
    if (pending && slice_number(&s, &n) && n < UINT32_MAX)
        a->at_s = now_s + (int64_t)n;
    return pending || a->active || slice_eq(state, SLICE("invalid"));
}

/* "2bbb058c47fc9d5e|inet4|mta||from|to|to|" and what take_state takes. */
static bool take_envelope(struct slice line, int64_t now_s, struct mta_attempt *a)
{
    struct slice rest = line, recipient = {NULL, 0};
    *a = (struct mta_attempt){.at_s = 0};
    struct slice id = slice_cut(&rest, '|');
    if (id.n != ENVELOPE)
        return false;
    a->message = slice_head(id, MESSAGE);
    a->id = queue_id_pack(a->message);
    slice_cut(&rest, '|');
    slice_cut(&rest, '|');
    struct slice flags = slice_cut(&rest, '|');
    bool paused = HAS(flags, "suspend");
    while (rest.n) {
        if (take_state(rest, now_s, a)) {
            a->address = recipient;
            a->held = paused && a->waits;
            if (a->held) {
                a->waits = false;
                a->at_s = 0;
            }
            return true;
        }
        recipient = slice_cut(&rest, '|');
        if (!recipient.p)
            return false;
    }
    return false;
}

bool opensmtpd_attempt(struct slice *text, int64_t now_s, struct mta_attempt *a)
{
    while (text->n)
        if (take_envelope(slice_line(text), now_s, a))
            return true;
    return false;
}

bool opensmtpd_levels(struct slice text, struct mta_levels *l)
{
    *l = (struct mta_levels){.uptime_s = MODEL_ABSENT, .busy = {{"mta", 0}, {"mda", 0}}};
    const struct {
        struct slice name;
        uint64_t *level;
    } known[] = {{TEXT("uptime"), &l->uptime_s},
                 {TEXT("smtp.session"), &l->inbound},
                 {TEXT("mta.session"), &l->outbound},
                 {TEXT("scheduler.ramqueue.message"), &l->stored_messages},
                 {TEXT("scheduler.envelope"), &l->stored_recipients},
                 {TEXT("mta.task.running"), &l->busy[0].messages},
                 {TEXT("mda.running"), &l->busy[1].messages}};
    while (text.n) {
        struct slice number = slice_line(&text), name = slice_cut(&number, '=');
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (slice_eq(name, known[i].name) && (!slice_number(&number, known[i].level) ||
                                                  number.n || *known[i].level > UINT32_MAX))
                *known[i].level = MODEL_ABSENT; /* smtpd lost count: it is below zero */
    }
    return l->uptime_s != MODEL_ABSENT;
}
