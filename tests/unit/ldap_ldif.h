/* A minimal reader of unfolded LDIF, as `ldapsearch -LLL -o ldif-wrap=no` prints it, into facts. */
#ifndef LDAP_LDIF_H
#define LDAP_LDIF_H

#include "../../collectors/ldap_facts.h"

static inline void ldif_read(struct slice text, struct ldap_facts *f)
{
    struct ldap_entry e = {.name = ""};
    ldap_facts_init(f);
    while (text.n) {
        struct slice line = slice_cut(&text, '\n');
        if (!line.p) {
            line = text;
            text.n = 0;
        }
        struct slice attribute = slice_cut(&line, ':');
        if (!attribute.p)
            continue;
        line = slice_trim(line);
        if (slice_eq(attribute, SLICE("dn")))
            ldap_facts_entry(f, line, &e);
        else
            ldap_facts_value(f, &e, attribute, line);
    }
    ldap_facts_end(f);
}

#endif
