/*
 * The tables of qmonitor.log and systest.log. No state.
 */
#include "record_text.h"

#include <stdio.h>
#include <string.h>

static const char system_table[] = "+--------------------------------------------------------------"
                                   "---------------------------------"
                                   "----+\n"
                                   "|                                 System and Queue monitoring "
                                   "data                              "
                                   "    |\n"
                                   "+-----+----------------+------------+---------+----------------"
                                   "------------+-------------------"
                                   "-----+\n"
                                   "|     | Msgs in Queue  | Available  |         |            CPU "
                                   "            |   TCP/IP Connectio"
                                   "ns   |\n"
                                   "|Time |  act  |  held  |    swap    |Scanrate |  us  | sys  |  "
                                   "wt  |  id   |smtp|imap|pop3|ldap"
                                   "|http|\n"
                                   "+-----+-------+--------+------------+---------+------+------+--"
                                   "----+-------+----+----+----+----"
                                   "+----+\n";

static const char test_table[] =
    "+--------------------------------------------------------+-----------------+\n"
    "|                 Message Delivery time                  |                 |\n"
    "+----------+-----------+------------+------------+-------+-----------------+\n"
    "| Test run | Username: | Msg submit |  Msg retr  | Total |      Error      |\n"
    "| at time: |           |   SMTP:    |    POP:    | Time: |                 |\n"
    "+----------+-----------+------------+------------+-------+-----------------+\n";

enum record_service record_service_of(uint16_t port)
{
    switch (port) {
    case 25:
    case 465:
    case 587:
        return RECORD_SMTP;
    case 143:
    case 993:
        return RECORD_IMAP;
    case 110:
    case 995:
        return RECORD_POP3;
    case 389:
    case 636:
        return RECORD_LDAP;
    case 80:
    case 443:
        return RECORD_HTTP;
    default:
        return RECORD_SERVICES;
    }
}

static size_t collected(char *text, size_t size, const struct tm *at)
{
    return strftime(text, size, "DATE COLLECTED: %d %b %Y", at);
}

size_t record_system_head(char *text, size_t size, const struct tm *at, const char *instance)
{
    size_t n = collected(text, size, at);
    snprintf(text + n, size - n, " instance name = %.64s\n%s", instance, system_table);
    return strlen(text);
}

size_t record_test_head(char *text, size_t size, const struct tm *at)
{
    size_t n = collected(text, size, at);
    snprintf(text + n, size - n, "\n%s", test_table);
    return strlen(text);
}

/* A number as text; one that is not known is a dash. */
static const char *number(char text[24], uint64_t value)
{
    if (value == UINT64_MAX)
        return "-";
    snprintf(text, 24, "%llu", (unsigned long long)value);
    return text;
}

size_t record_system_line(char *text, size_t size, const struct record_system *r)
{
    char b[13][24], swap[26];
    snprintf(swap, sizeof swap, "%s%s", number(b[0], r->swap_kb),
             r->swap_kb == UINT64_MAX ? "" : "k");
    snprintf(text, size,
             "|%02d:%02d|%6s |%7s |%11s |%8s |%5s |%5s |%5s |%6s |%4s|%4s|%4s|%4s|%4s|\n",
             r->at.tm_hour, r->at.tm_min, number(b[1], r->active), number(b[2], r->held), swap,
             number(b[3], r->scan_rate), number(b[4], r->user), number(b[5], r->system),
             number(b[6], r->wait), number(b[7], r->idle), number(b[8], r->connections[0]),
             number(b[9], r->connections[1]), number(b[10], r->connections[2]),
             number(b[11], r->connections[3]), number(b[12], r->connections[4]));
    return strlen(text);
}

static const char *cell(char text[128], struct slice s)
{
    size_t n = 0;
    for (; n < s.n && n < 127; n++)
        text[n] = (unsigned char)s.p[n] < ' ' || s.p[n] == '|' || s.p[n] == 127 ? '?' : s.p[n];
    text[n] = 0;
    return text;
}

size_t record_test_line(char *text, size_t size, const struct record_test *r)
{
    char b[4][128], total[24];
    snprintf(text, size, "| %02d:%02d:%02d | %-9s | %-10s | %-10s |%6s | %-15s |\n", r->at.tm_hour,
             r->at.tm_min, r->at.tm_sec, cell(b[0], r->user), cell(b[1], r->submit_host),
             cell(b[2], r->retrieve_host),
             r->total_ms == UINT64_MAX ? "" : number(total, r->total_ms), cell(b[3], r->error));
    return strlen(text);
}
