/*
 * What people read of an alarm: the name of an instance, the value with its unit, the sentence.
 * Internal to alarm*.c.
 */
#ifndef ALARM_TEXT_H
#define ALARM_TEXT_H

#include "alarm_rule.h"

#define INSTANCE_MAX 127

/*
 * The name of a row: names of what it belongs to and its own, "postfix/deferred"; numbers where there
 * is no name; a scalar has that of its group. At most INSTANCE_MAX octets.
 */
void alarm_instance(const struct model *m, const struct alarm_rule *r, const void *row,
                    char text[INSTANCE_MAX + 1]);
/* Does the rule's pattern mean this row: by its name, its own part of it, or its dotted index? */
bool alarm_matches(const struct alarm_rule *r, const void *row, const char *instance);
/* value_text of a row, from its current value. */
void alarm_value_text(const struct alarm_rule *r, struct alarm *a);

enum alarm_why { WHY_VALUE, WHY_FLAPPING, WHY_GONE };
/* Fills a transition from an alarm's row. r: its rule, or NULL if there is none any more. */
void alarm_tell(const struct alarm *a, const struct alarm_rule *r, enum alarm_event event,
                enum alarm_why why, uint64_t flaps, int64_t now_ms, struct transition *t);

#endif
