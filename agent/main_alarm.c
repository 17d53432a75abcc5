/* Rules, engine and stream wired together; see main_alarm.h. */
#include "main_alarm.h"

#include "log.h"

#define STEP_MAX 256 /* transitions of one tick; more come with the next */

static struct agent *agent_of(const struct alarm_work *w)
{
    return model_find(w->model, MODEL_AGENT, (uint32_t[3]){1, 0, 0}, NULL);
}

static void count(const struct alarm_work *w)
{
    struct agent *a = agent_of(w);
    uint64_t waiting = transitions_waiting(w->transitions, READER_SNMP);
    uint64_t dropped = transitions_dropped(w->transitions) + w->given_up;
    uint64_t accepted = transitions_taken(w->transitions, READER_SNMP);
    if (!a || (a->notifications_pending == waiting && a->notifications_lost == dropped &&
               a->notifications_sent == accepted))
        return;
    a->notifications_pending = waiting;
    a->notifications_lost = dropped;
    a->notifications_sent = accepted;
    model_touch(w->model, MODEL_AGENT);
}

bool alarm_work_start(struct alarm_work *w, const struct config *c, struct alarm_rules *rules,
                      struct model *m, struct names *n, struct store *store,
                      const struct slots_back *back, int64_t now_ms,
                      int64_t real_minus_monotonic_ms)
{
    struct alarm_limits limits = {c->notify_per_minute, c->flap_changes, c->flap_time_s};
    *w = (struct alarm_work){.rules = rules, .model = m};
    w->transitions = transitions_new(m);
    w->alarms = alarm_new(rules, &limits, m, n, now_ms);
    if (!w->transitions || !w->alarms ||
        !transitions_load(w->transitions, store, back->acknowledged, real_minus_monotonic_ms))
        return false;
    count(w);
    return true;
}

/* A line of the log for each change of an alarm. */
static void say(const struct transition *x)
{
    struct slice text = TEXT_GET(x->text), id = TEXT_GET(x->id);
    log_msg(x->event == ALARM_EVENT_RAISED    ? LOG_LEVEL_WARNING
            : x->event == ALARM_EVENT_CLEARED ? LOG_LEVEL_NOTICE
                                              : LOG_LEVEL_INFO,
            "alarm %.*s: %.*s", (int)id.n, id.p, (int)text.n, text.p);
}

bool alarm_work_tick(struct alarm_work *w, bool judge, const struct slots_back *back,
                     int64_t now_ms, int64_t real_minus_monotonic_ms)
{
    static struct transition made[STEP_MAX];
    unsigned n = judge ? alarm_step(w->alarms, now_ms, made, STEP_MAX) : 0;
    for (unsigned i = 0; i < n; i++) {
        say(&made[i]);
        if (!transitions_add(w->transitions, &made[i], real_minus_monotonic_ms))
            log_error("out of memory: the notification of this alarm is lost");
    }
    transitions_done(w->transitions, READER_SNMP, back->acknowledged);
    w->given_up = back->given_up;
    bool fresh = transitions_show(w->transitions, real_minus_monotonic_ms);
    count(w);
    return fresh;
}

bool alarm_work_stored(struct alarm_work *w, bool ok, int64_t real_minus_monotonic_ms)
{
    transitions_stored(w->transitions, ok);
    bool fresh = transitions_show(w->transitions, real_minus_monotonic_ms);
    count(w);
    return fresh;
}
