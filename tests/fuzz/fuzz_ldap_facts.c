/* LDIF of a directory server, made of any octets: counts stay within their bounds, and what comes of
 * it passes the check of a record. */
#include <stdlib.h>
#include "../../collectors/ldap_record.h"
#include "../unit/ldap_ldif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ldap_result r;
    ldap_result_init(&r, LDAP_JOB_MONITOR);
    ldif_read((struct slice){(const char *)data, size}, &r.facts);
    if (!ldap_result_check(&r, sizeof r, LDAP_JOB_MONITOR))
        abort();
    return 0;
}
