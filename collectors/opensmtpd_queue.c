/*
 * OpenSMTPD's scheduler, as `smtpctl show queue` prints it: a line for each envelope, fields with a bar
 * between. Pure. The invariant: addresses may hold bars, so what follows them is known by its shape.
 */
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
    while (rest.n) {
        if (take_state(rest, now_s, a)) {
            a->address = recipient;
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
