/* See ldap_record.h. */
#include "ldap_record.h"

#define REQUEST_MARK 0x6c647131u
#define RESULT_MARK  0x6c647231u
#define LATEST_S     (INT64_C(1) << 35) /* in a thousand years */
#define LONGEST_US   (UINT64_C(3600) * 1000000)

const char *const ldap_step_names[LDAP_STEPS] = {"resolve", "connect", "tls",
                                                 "login",   "search",  "quit"};

void ldap_request_init(struct ldap_request *r, enum ldap_job job)
{
    memset(r, 0, sizeof *r);
    r->mark = REQUEST_MARK;
    r->size = sizeof *r;
    r->job = job;
}

bool ldap_request_check(struct ldap_request *r, size_t size)
{
    if (size != sizeof *r || r->mark != REQUEST_MARK || r->size != sizeof *r)
        return false;
    r->uri[sizeof r->uri - 1] = r->bind_dn[sizeof r->bind_dn - 1] = 0;
    r->password[sizeof r->password - 1] = r->ca_file[sizeof r->ca_file - 1] = 0;
    r->source[sizeof r->source - 1] = r->base[sizeof r->base - 1] = 0;
    r->filter[sizeof r->filter - 1] = 0;
    return (r->job == LDAP_JOB_MONITOR || r->job == LDAP_JOB_PROBE) && r->uri[0] != 0;
}

void ldap_result_init(struct ldap_result *r, enum ldap_job job)
{
    memset(r, 0, sizeof *r);
    r->mark = RESULT_MARK;
    r->size = sizeof *r;
    r->job = job;
    r->status = RESPONSE_UNKNOWN;
    for (int i = 0; i < LDAP_STEPS; i++)
        r->steps_us[i] = MODEL_ABSENT;
    r->reply.length = r->error.length = r->cert_error.length = TEXT_ABSENT;
    ldap_facts_init(&r->facts);
}

static void clean(uint8_t *length, char *bytes, size_t size)
{
    if (*length > size)
        *length = TEXT_ABSENT;
    for (size_t i = 0; *length != TEXT_ABSENT && i < *length; i++)
        if ((unsigned char)bytes[i] < ' ' || bytes[i] == 0x7f)
            bytes[i] = '?';
}
#define CLEAN(member) clean(&(member).length, (member).bytes, sizeof(member).bytes)

static void bound_time(int64_t *s)
{
    if (*s < 0 || *s > LATEST_S)
        *s = 0;
}

static bool check_facts(struct ldap_facts *f)
{
    if (f->server > LDAP_SERVER_389 || f->database_count > LDAP_DATABASES_MAX ||
        f->consumer_count > LDAP_CONSUMERS_MAX || f->session_count > LDAP_SESSIONS_MAX ||
        f->listener_count > LDAP_LISTENERS_MAX)
        return false;
    CLEAN(f->version);
    CLEAN(f->monitor_base);
    CLEAN(f->context);
    bound_time(&f->started_s);
    bound_time(&f->now_s);
    for (uint64_t i = 0; i < f->listener_count; i++)
        if (f->listeners[i] > UINT16_MAX)
            return false;
    for (uint64_t i = 0; i < f->database_count; i++) {
        CLEAN(f->databases[i].backend);
        CLEAN(f->databases[i].context);
        CLEAN(f->databases[i].directory);
    }
    for (uint64_t i = 0; i < f->consumer_count; i++) {
        CLEAN(f->consumers[i].provider);
        bound_time(&f->consumers[i].last_connect_s);
        bound_time(&f->consumers[i].last_contact_s);
        bound_time(&f->consumers[i].next_connect_s);
    }
    for (uint64_t i = 0; i < f->session_count; i++) {
        CLEAN(f->sessions[i].peer);
        CLEAN(f->sessions[i].user);
        bound_time(&f->sessions[i].since_s);
    }
    return true;
}

bool ldap_result_check(struct ldap_result *r, size_t size, enum ldap_job job)
{
    if (size != sizeof *r || r->mark != RESULT_MARK || r->size != sizeof *r || r->job != job ||
        r->status < RESPONSE_UNKNOWN || r->status > RESPONSE_CONGESTED || r->step >= LDAP_STEPS ||
        r->total_us > LONGEST_US)
        return false;
    for (int i = 0; i < LDAP_STEPS; i++)
        if (r->steps_us[i] != MODEL_ABSENT && r->steps_us[i] > LONGEST_US)
            return false;
    CLEAN(r->reply);
    CLEAN(r->error);
    CLEAN(r->cert_error);
    bound_time(&r->cert_not_after_s);
    return check_facts(&r->facts);
}
