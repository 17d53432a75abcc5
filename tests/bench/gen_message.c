/*
 * Messages in flight of gen_postfix_log and what becomes of them: activation, deferral, bounces,
 * expiry, removal. Owns every struct message; a slot's number is part of its queue id, so
 * ids never clash within an instance, though they are used again after removal, as Postfix does.
 */
#include <stdlib.h>
#include <string.h>
#include "gen.h"

enum { QMGR_PID = 811, ATTEMPTS_MAX = 6 };

static struct message *slots;
static uint32_t *free_slots, *live;
static unsigned free_count;
unsigned messages_live;

void messages_init(void)
{
    unsigned n = options.in_flight + options.in_flight / 4 + 4096;
    slots = calloc(n, sizeof *slots);
    free_slots = calloc(n, sizeof *free_slots);
    live = calloc(n, sizeof *live);
    if (!slots || !free_slots || !live)
        abort();
    while (free_count < n) {
        free_slots[free_count] = n - 1 - free_count;
        free_count++;
    }
}

struct message *message_at(unsigned i)
{
    return &slots[live[i]];
}

static char *put_base(char *p, uint64_t value, unsigned base, int width)
{
    static const char digits[] = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
    char reversed[24];
    int n = 0;
    for (; value > 0 || n < width; value /= base)
        reversed[n++] = digits[value % base];
    while (n > 0)
        *p++ = reversed[--n];
    *p = 0;
    return p;
}

/* In the mixed mode, now and then an id of the second instance is one in use in the first. */
static bool copy_id(struct message *m)
{
    if (m->instance == 0 || options.ids != ID_MIX || messages_live == 0 || !rarely(0.05))
        return false;
    struct message *other = message_at(rnd(messages_live));
    if (other->instance != 0 || other->id_copied)
        return false;
    memcpy(m->id, other->id, sizeof m->id);
    other->id_copied = true;
    return true;
}

static void make_id(struct message *m, uint32_t slot)
{
    bool is_long = options.ids == ID_LONG || (options.ids == ID_MIX && m->instance == 1);
    if (copy_id(m))
        return;
    if (!is_long) {
        snprintf(m->id, sizeof m->id, "%05X%X", (unsigned)(clock_us % 1000000), 0x10D000 + slot);
        return;
    }
    char *p = put_base(m->id, clock_us / 1000000, 52, 6);
    p = put_base(p, clock_us % 1000000, 52, 4);
    *p++ = 'z';
    put_base(p, 1000000 + slot, 51, 1);
}

struct message *message_new(unsigned instance, enum group origin)
{
    if (free_count == 0)
        abort();
    uint32_t slot = free_slots[--free_count];
    struct message *m = &slots[slot], old = *m;
    bool again = old.queued_once && old.instance == instance && instance == 0 && rarely(0.03);
    memset(m, 0, sizeof *m);
    m->instance = (uint8_t)instance;
    m->origin = origin;
    m->state = MESSAGE_ENTERING;
    m->size = chance(0.9) ? 700 + skewed(60000) : 60000 + skewed(20000000);
    if (again) { /* short ids come back as soon as inode and microsecond do */
        memcpy(m->id, old.id, sizeof m->id);
        m->id_copied = old.id_copied;
    } else {
        make_id(m, slot);
    }
    return m;
}

void message_add_rcpt(struct message *m, struct mailbox to)
{
    if (m->rcpt_count < RCPT_MAX)
        m->rcpt[m->rcpt_count++] = (struct rcpt){to, RCPT_NEW, false};
}

static void go_live(struct message *m)
{
    m->position = messages_live;
    live[messages_live++] = (uint32_t)(m - slots);
}

void message_free(struct message *m)
{
    if (m->state != MESSAGE_ENTERING) {
        uint32_t last = live[--messages_live];
        live[m->position] = last;
        slots[last].position = m->position;
    }
    m->state = MESSAGE_FREE;
    free_slots[free_count++] = (uint32_t)(m - slots);
}

void message_cleanup(struct message *m)
{
    uint64_t n = rng();
    line(m->instance, "cleanup", 3000 + (unsigned)(n & 31), "%s: %smessage-id=<%08x.%u.%x@%s>",
         m->id, n % 101 == 0 ? "resent-" : "", (unsigned)n, (unsigned)(n >> 32) % 99999,
         (unsigned)(n >> 44), domains[m->from.domain].name);
}

const char *message_sender(const struct message *m, char text[256])
{
    if (m->kind == KIND_PROBE)
        return "double-bounce@mx1.hosted.example";
    return m->null_sender ? "" : mailbox_text(m->from, text);
}

void message_activate(struct message *m)
{
    char from[256];
    if (m->state == MESSAGE_ENTERING)
        go_live(m);
    line(m->instance, "qmgr", QMGR_PID + m->instance,
         "%s: from=<%s>, size=%u, nrcpt=%u (queue active)", m->id, message_sender(m, from), m->size,
         m->rcpt_count);
    if (!m->queued_once && m->kind != KIND_PROBE && m->kind != KIND_REINJECTED)
        truth_received(m);
    m->state = MESSAGE_ACTIVE;
    m->queued_once = true;
    m->activations++;
    m->ever_deferred |= m->attempted_mask != 0;
    m->attempted_mask = 0;
    m->batches = 0;
    m->pid_base = (uint16_t)rnd(400);
    for (unsigned i = 0; i < m->rcpt_count; i++) {
        m->rcpt[i].tried = m->rcpt[i].state == RCPT_DONE;
        if (m->rcpt[i].state == RCPT_DEFERRED)
            m->rcpt[i].state = RCPT_RETRYING;
    }
}

void message_hold_on_entry(struct message *m)
{
    go_live(m);
    m->state = MESSAGE_HELD;
}

static void remove_message(struct message *m)
{
    line(m->instance, "qmgr", QMGR_PID + m->instance, "%s: removed", m->id);
    message_free(m);
}

/* --- a message's life ------------------------------------------------------------------------- */

static void notify_sender(struct message *m, const char *what)
{
    struct message *n = message_new(m->instance, IN_CLEANUP);
    n->null_sender = true;
    n->from = m->from;
    n->size = 2000 + rnd(3000);
    message_add_rcpt(n, m->from);
    message_cleanup(n);
    line(m->instance, "bounce", 4000 + rnd(30), "%s: sender %s notification: %s", m->id, what,
         n->id);
    message_activate(n);
}

static void return_bounced(struct message *m)
{
    m->bounced_now = false;
    if (m->null_sender)
        return;
    notify_sender(m, "non-delivery");
    truth_bounce_made(m->instance);
}

static void expire(struct message *m)
{
    char from[256];
    line(m->instance, "qmgr", QMGR_PID + m->instance,
         "%s: from=<%s>, status=%s, returned to sender", m->id, message_sender(m, from),
         chance(0.1) ? "force-expired" : "expired");
    truth_expired(m);
    return_bounced(m);
    remove_message(m);
}

static void end_activation(struct message *m)
{
    bool waits = false;
    for (unsigned i = 0; i < m->rcpt_count; i++)
        waits |= m->rcpt[i].state != RCPT_DONE;
    if (m->bounced_now)
        return_bounced(m);
    if (!waits) {
        remove_message(m);
    } else if (m->activations >= ATTEMPTS_MAX - (options.rare > 1 ? 3 : 0)) {
        expire(m);
    } else {
        m->state = MESSAGE_DEFERRED;
        if (m->activations >= 2 && !m->warned && !m->null_sender && chance(0.3)) {
            m->warned = true;
            notify_sender(m, "delay");
            truth_entry(m->instance, IN_CLEANUP, CODE_DELAY_WARNING);
        }
    }
}

static void act_by_hand(struct message *m, const char *what)
{
    line(m->instance, "postsuper", 20000 + rnd(9000), "%s: %s", m->id, what);
}

static void advance_active(struct message *m)
{
    if (m->kind != KIND_PROBE && rarely(0.003)) {
        message_activate(m); /* qmgr was restarted */
        return;
    }
    if (!message_deliver(m))
        end_activation(m);
}

static void advance_deferred(struct message *m)
{
    if (rarely(0.008)) {
        act_by_hand(m, "removed");
        message_free(m);
    } else if (rarely(0.008)) {
        act_by_hand(m, "placed on hold");
        truth_entry(m->instance, m->origin, CODE_HELD);
        m->state = MESSAGE_HELD;
    } else if (chance(0.6)) {
        message_activate(m);
    }
}

static void advance_held(struct message *m)
{
    if (chance(0.05)) {
        act_by_hand(m, "removed");
        message_free(m);
    } else if (chance(0.2)) {
        act_by_hand(m, "released from hold");
        message_activate(m);
    }
}

void message_advance(struct message *m)
{
    if (m->state == MESSAGE_ACTIVE)
        advance_active(m);
    else if (m->state == MESSAGE_DEFERRED)
        advance_deferred(m);
    else
        advance_held(m);
}
