/*
 * A lean walker for measurements: walks columns side by side in one PDU until the first one ends,
 * keeps no value, and prints how many varbinds a second that was. bwalk HOST:PORT next|bulk
 * REPETITIONS COLUMN_OID...
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <stdbool.h>
#include <time.h>

#define COLUMNS_MAX 32

struct column {
    oid root[MAX_OID_LEN], at[MAX_OID_LEN];
    size_t root_length, at_length;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static netsnmp_pdu *make_request(const struct column *columns, int count, bool bulk,
                                 long repetitions)
{
    netsnmp_pdu *pdu = snmp_pdu_create(bulk ? SNMP_MSG_GETBULK : SNMP_MSG_GETNEXT);
    if (bulk) {
        pdu->non_repeaters = 0;
        pdu->max_repetitions = repetitions;
    }
    for (int i = 0; i < count; i++)
        snmp_add_null_var(pdu, columns[i].at, columns[i].at_length);
    return pdu;
}

/* Moves the columns on; false when the first of them has ended. */
static bool take_response(const netsnmp_pdu *pdu, struct column *columns, int count, long *varbinds)
{
    int i = 0;
    for (netsnmp_variable_list *v = pdu->variables; v; v = v->next_variable, i++) {
        struct column *c = &columns[i % count];
        if (v->type == SNMP_ENDOFMIBVIEW ||
            netsnmp_oid_is_subtree(c->root, c->root_length, v->name, v->name_length) != 0)
            return false;
        memcpy(c->at, v->name, v->name_length * sizeof(oid));
        c->at_length = v->name_length;
        ++*varbinds;
    }
    return i > 0;
}

static void *open_session(char *peer)
{
    netsnmp_session s;
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    setenv("MIBS", "", 1);
    init_snmp("bwalk");
    snmp_sess_init(&s);
    s.version = SNMP_VERSION_2c;
    s.peername = peer;
    s.community = (u_char *)"public";
    s.community_len = 6;
    s.timeout = 10000000;
    s.retries = 0;
    return snmp_sess_open(&s);
}

static int walk(void *session, struct column *columns, int count, bool bulk, long repetitions)
{
    long varbinds = 0, packets = 0;
    double from = seconds();
    for (bool more = true; more; packets++) {
        netsnmp_pdu *response = NULL;
        netsnmp_pdu *request = make_request(columns, count, bulk, repetitions);
        int status = snmp_sess_synch_response(session, request, &response);
        if (status != STAT_SUCCESS || !response || response->errstat) {
            fprintf(stderr, "bwalk: status %d, error %ld\n", status,
                    response ? response->errstat : -1L);
            return EXIT_FAILURE;
        }
        more = take_response(response, columns, count, &varbinds);
        snmp_free_pdu(response);
    }
    double time = seconds() - from;
    printf("%ld varbinds, %ld packets, %.3f s, %.0f varbinds/s\n", varbinds, packets, time,
           (double)varbinds / time);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct column columns[COLUMNS_MAX];
    int count = argc - 4;
    if (count < 1 || count > COLUMNS_MAX) {
        fputs("usage: bwalk HOST:PORT next|bulk REPETITIONS COLUMN_OID...\n", stderr);
        return EXIT_FAILURE;
    }
    void *session = open_session(argv[1]);
    for (int i = 0; i < count; i++) {
        struct column *c = &columns[i];
        c->root_length = MAX_OID_LEN;
        if (!read_objid(argv[4 + i], c->root, &c->root_length)) {
            fprintf(stderr, "bwalk: bad OID %s\n", argv[4 + i]);
            return EXIT_FAILURE;
        }
        memcpy(c->at, c->root, sizeof c->at);
        c->at_length = c->root_length;
    }
    if (!session) {
        fputs("bwalk: no session\n", stderr);
        return EXIT_FAILURE;
    }
    return walk(session, columns, count, strcmp(argv[2], "bulk") == 0, atol(argv[3]));
}
