/*
 * Connections by process: a table in which a number that is new takes the place of one that is 1024
 * apart.
 */
#include "served.h"

#include "../agent/model.h"

#define APART_MS 1500 /* logs tell whole seconds */

void served_begin(struct served *s, int64_t at)
{
    if (!s->began)
        s->since_at = at;
    s->began = true;
}

void served_add(struct served *s, uint32_t pid, int64_t at)
{
    unsigned i = pid % SERVED_SLOTS;
    if (s->of[i].pid != pid) {
        s->of[i].pid = pid;
        s->of[i].count = 0;
        s->of[i].first_at = at;
    }
    s->of[i].count++;
}

uint64_t served_by(const struct served *s, uint32_t pid, int64_t started_at)
{
    unsigned i = pid % SERVED_SLOTS;
    if (!s->began || started_at < s->since_at - APART_MS || s->of[i].pid != pid ||
        s->of[i].first_at < started_at - APART_MS) /* it was another's number then */
        return MODEL_ABSENT;
    return s->of[i].count;
}
