/*
 * What the publisher is compared with: the same table (mailmonDestinationTable's size: rows by ten
 * columns, two integers as index, OIDs as long) as an AgentX subagent the way Net-SNMP's own helpers do it, with
 * table_tdata.
 *   bench_tdata AGENTX_SOCKET ROWS
 */
#include <net-snmp/net-snmp-config.h>
#include <net-snmp/net-snmp-includes.h>
#include <net-snmp/agent/net-snmp-agent-includes.h>
#include <signal.h>

#define COLUMNS 10

struct cells {
    u_long number[COLUMNS];
    char text[32];
};

static const oid root[] = {1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1567, 1, 6};

/* Column 1 is text, the others are numbers. */
static int handler(netsnmp_mib_handler *h, netsnmp_handler_registration *r,
                   netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    (void)h, (void)r, (void)info;
    for (netsnmp_request_info *q = requests; q; q = q->next) {
        const struct cells *c = netsnmp_tdata_extract_entry(q);
        const netsnmp_table_request_info *t = netsnmp_extract_table_info(q);
        if (!c || !t)
            continue;
        if (t->colnum == 1)
            snmp_set_var_typed_value(q->requestvb, ASN_OCTET_STR, c->text, strlen(c->text));
        else
            snmp_set_var_typed_value(q->requestvb, ASN_GAUGE, &c->number[t->colnum - 1],
                                     sizeof c->number[0]);
    }
    return SNMP_ERR_NOERROR;
}

static void add_rows(netsnmp_tdata *table, u_long rows)
{
    for (u_long i = 1; i <= rows; i++) {
        netsnmp_tdata_row *row = netsnmp_tdata_create_row();
        struct cells *c = calloc(1, sizeof *c);
        u_long appl = 1 + (i > rows / 2);
        if (!row || !c)
            exit(EXIT_FAILURE);
        snprintf(c->text, sizeof c->text, "text-%lx", i * 2654435761u);
        for (u_long k = 0; k < COLUMNS; k++)
            c->number[k] = (i * 7919 + k) % 100000;
        row->data = c;
        netsnmp_tdata_row_add_index(row, ASN_UNSIGNED, &appl, sizeof appl);
        netsnmp_tdata_row_add_index(row, ASN_UNSIGNED, &i, sizeof i);
        netsnmp_tdata_add_row(table, row);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return EXIT_FAILURE;
    setenv("MIBS", "", 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
    netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, argv[1]);
    init_agent("bench_tdata");
    netsnmp_tdata *table = netsnmp_tdata_create_table("bench", 0);
    netsnmp_table_registration_info *shape = SNMP_MALLOC_TYPEDEF(netsnmp_table_registration_info);
    netsnmp_table_helper_add_indexes(shape, ASN_UNSIGNED, ASN_UNSIGNED, 0);
    shape->min_column = 1;
    shape->max_column = COLUMNS;
    netsnmp_tdata_register(netsnmp_create_handler_registration("bench", handler, root,
                                                               OID_LENGTH(root), HANDLER_CAN_RONLY),
                           table, shape);
    add_rows(table, strtoul(argv[2], NULL, 10));
    init_snmp("bench_tdata");
    for (;;)
        agent_check_and_process(1);
}
