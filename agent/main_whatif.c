/* mailmond --what-if: days, the history's file and messages; the rest is in whatif.c. */
#include "main_whatif.h"

#include <stdio.h>
#include <time.h>
#include "whatif.h"

/* Midnight at the beginning of a day and so many days later, local time. */
static bool midnight(const char *option, const char *day, int later, int64_t *at_s)
{
    int year, month, mday;
    char rest;
    struct tm local;
    bool good = sscanf(day, "%4d-%2d-%2d%c", &year, &month, &mday, &rest) == 3 && year >= 1970 &&
                month >= 1 && month <= 12 && mday >= 1 && mday <= 31;
    if (good) {
        local = (struct tm){
            .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = mday + later, .tm_isdst = -1};
        *at_s = (int64_t)mktime(&local);
        return true;
    }
    fprintf(stderr, "mailmond: %s %s: a day is YYYY-MM-DD\n", option, day);
    return false;
}

int whatif_mode(const struct config *c, const struct alarm_rules *rules, const char *dir,
                const char *from, const char *to)
{
    struct whatif w = {.config = c, .rules = rules, .from_s = 0, .to_s = INT64_MAX};
    char error[4352];
    if ((from && !midnight("--from", from, 0, &w.from_s)) ||
        (to && !midnight("--to", to, 1, &w.to_s)))
        return 2;
    if (w.from_s >= w.to_s) {
        fprintf(stderr, "mailmond: --from %s is after --to %s\n", from, to);
        return 2;
    }
    struct history *h = history_open(dir, false, error, sizeof error);
    if (!h) {
        fprintf(stderr, "mailmond: %s\n", error);
        return 1;
    }
    bool ok = whatif_print(&w, h, stdout);
    const char *why = *history_error(h) ? history_error(h) : "out of memory";
    if (!ok)
        fprintf(stderr, "mailmond: %s/history.db: %s\n", dir, why);
    history_close(h);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written)
        fputs("mailmond: the standard output cannot be written\n", stderr);
    return ok && written ? 0 : 1;
}
