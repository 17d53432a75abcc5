/* Which lines of a utility's output are understood, see sun_utility.h. Pure. */
#include "sun_counters.h"
#include "sun_utility.h"

bool sun_knows_counters(struct slice line)
{
    return sun_counters_line(line);
}

bool sun_knows_counter(struct slice line)
{
    struct sun_counter c;
    return sun_counter_next(&line, &c);
}

bool sun_knows_statistic(struct slice line)
{
    uint64_t value;
    struct slice what;
    return sun_statistic_next(&line, &value, &what);
}

bool sun_knows_database(struct slice line)
{
    return sun_knows_counter(line) || sun_knows_statistic(line);
}

bool sun_knows_quota(struct slice line)
{
    struct sun_quota q;
    return sun_quota_next(&line, &q);
}

bool sun_knows_connected(struct slice line)
{
    struct sun_connected c;
    return sun_connected_next(&line, &c);
}

bool sun_knows_last_access(struct slice line)
{
    struct sun_last_access a;
    return sun_last_access_next(&line, &a);
}

bool sun_knows_finding(struct slice line)
{
    enum sun_finding is;
    uint64_t number;
    struct slice found;
    return sun_reconstruct_next(&line, &is, &number, &found);
}

/* Headings, rules, and what a utility says of itself, as the guides print them. */
static bool is_frame(struct slice line)
{
    static const char *const beginnings[] = {
        "Monitor counter",
        "registry ",
        "counterobject ",
        "count = ",
        "...",
        "Channel ",
        "---",
        "Domain (",
        "diskquota ",
        "# of ",
        "quota usage for ",
        "UID ",
        "Feature is ",
        "reconstruct: Start",
        "reconstruct: Done",
    };
    line = slice_trim(line);
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (slice_starts(line, slice_of(beginnings[i])))
            return true;
    return line.n == 0;
}

struct sun_judged sun_judge_lines(struct slice text, sun_knows_line *knows)
{
    struct sun_judged j = {.sample = {text.p, 0}};
    while (text.n) {
        struct slice line = slice_line(&text);
        while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
            line.n--;
        if (knows(line)) {
            j.known++;
        } else if (!is_frame(line)) {
            j.sample = j.unknown++ ? j.sample : line;
        }
    }
    return j;
}
