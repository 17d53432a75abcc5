/* Any octets over a result of mailmond-directory, first as a patch in a good one (offset, octets), so
 * that the fuzzer gets past the mark; a result that is taken has counts within bounds and whole texts. */
#include <stdlib.h>
#include "../../collectors/ldap_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct ldap_result *r)
{
    const struct ldap_facts *f = &r->facts;
    size_t sum = TEXT_GET(r->error).n + TEXT_GET(f->version).n;
    for (uint64_t i = 0; i < f->session_count; i++)
        for (size_t k = 0; k < TEXT_GET(f->sessions[i].user).n; k++)
            if ((unsigned char)f->sessions[i].user.bytes[k] < ' ')
                abort();
    for (uint64_t i = 0; i < f->database_count; i++)
        sum += TEXT_GET(f->databases[i].context).n;
    for (uint64_t i = 0; i < f->consumer_count; i++)
        sum += TEXT_GET(f->consumers[i].provider).n;
    if (sum > 255 * (LDAP_DATABASES_MAX + LDAP_CONSUMERS_MAX + 2))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ldap_result r;
    while (size >= 4) {
        size_t at = (size_t)(data[0] | data[1] << 8 | data[2] << 16), n = data[3];
        ldap_result_init(&r, LDAP_JOB_MONITOR);
        data += 4, size -= 4;
        n = n < size ? n : size;
        if (at < sizeof r)
            memcpy((char *)&r + at, data, n < sizeof r - at ? n : sizeof r - at);
        if (ldap_result_check(&r, sizeof r, LDAP_JOB_MONITOR))
            use(&r);
        data += n, size -= n;
    }
    return 0;
}
