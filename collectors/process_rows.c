/*
 * From the processes that were seen to a row. No state.
 */
#include "process_rows.h"

#include <stdlib.h>
#include <unistd.h>

#define SAME_MS 2000 /* starts this near are one: clocks are set between two runs of mailmond */

/* The processor time that a process has used since the pass before. */
static uint64_t used(const struct proc_seen *s, const struct proc_seen *before, unsigned count)
{
    const struct proc_seen *was =
        count ? bsearch(s, before, count, sizeof *s, proc_seen_compare) : NULL;
    if (!was || was->start_ticks != s->start_ticks)
        return s->cpu_ticks;
    return s->cpu_ticks > was->cpu_ticks ? s->cpu_ticks - was->cpu_ticks : 0;
}

struct process_sum process_sum(unsigned want, const struct proc_seen *seen, unsigned count,
                               const struct proc_seen *before, unsigned before_count)
{
    struct process_sum sum = {0};
    for (unsigned i = 0; i < count; i++) {
        if (seen[i].want != want)
            continue;
        sum.running++;
        sum.rss_pages += seen[i].rss_pages;
        sum.cpu_ticks += used(&seen[i], before, before_count);
        if (!sum.oldest || seen[i].start_ticks < sum.oldest->start_ticks)
            sum.oldest = &seen[i];
    }
    return sum;
}

static enum process_status status(const struct process *row, const struct process_rule *rule,
                                  int64_t now_ms)
{
    if (row->running < rule->min)
        return PROCESS_TOO_FEW;
    if (rule->max && row->running > rule->max)
        return PROCESS_TOO_MANY;
    if (rule->max_life_ms && row->oldest_at != MODEL_NEVER &&
        now_ms - row->oldest_at > (int64_t)rule->max_life_ms)
        return PROCESS_TOO_OLD;
    if (rule->max_connections && row->connections_served != MODEL_ABSENT &&
        row->connections_served >= rule->max_connections)
        return PROCESS_TOO_OLD;
    return PROCESS_OK;
}

/* Is it another process than the one that was known? The first one ever is no restart. */
static bool count_restart(struct process *row, const struct proc_seen *is)
{
    int64_t apart_ms = row->oldest_at - row->main_started_at;
    bool known = row->main_started_at != MODEL_NEVER;
    if (known && row->main_pid == is->pid && apart_ms <= SAME_MS && apart_ms >= -SAME_MS)
        return false;
    row->restarts += known;
    row->main_pid = is->pid;
    row->main_started_at = row->oldest_at;
    return true;
}

bool process_row_set(struct process *row, const struct process_rule *rule,
                     const struct process_sum *sum, int64_t now_ms, int64_t passed_ms)
{
    uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
    row->running = sum->running;
    row->oldest_at = sum->oldest ? proc_start_ms(sum->oldest->start_ticks) : MODEL_NEVER;
    row->resident_kb = sum->rss_pages * (page / 1024);
    row->cpu_per_mille =
        passed_ms > 0 ? sum->cpu_ticks * 1000000 / hz / (uint64_t)passed_ms : MODEL_ABSENT;
    row->status = status(row, rule, now_ms);
    return rule->one && sum->oldest && count_restart(row, sum->oldest);
}
