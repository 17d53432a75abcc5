/*
 * Lists of addresses as mail logs write them: "<a@b>,<c@d>", "a,b", "\"|/bin/x y\",<e@f>". Addresses are written
 * by strangers: what stands in quotes or angle brackets does not end one.
 */
#ifndef RECIPIENTS_H
#define RECIPIENTS_H

#include "../agent/slice.h"

/*
 * Takes the first address off *list, without its angle brackets and a name, and the comma after it. n == 0 with
 * p != NULL is "<>"; p == NULL: there is none.
 */
struct slice recipients_next(struct slice *list);

/*
 * How many octets of `text` are a list of addresses, which ends at a blank or a comma with a blank behind it;
 * *count: how many they are.
 */
size_t recipients_length(struct slice text, unsigned *count);
/*
 * The same where a name may stand with an address, "john public <a@b>" or "a@b (john)", as Sendmail logs what -t
 * found.
 */
size_t recipients_named_length(struct slice text, unsigned *count);

#endif
