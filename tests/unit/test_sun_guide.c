/*
 * The examples of "MTA Message Logging Examples" of the Administration Guide, each whole, and what its notes say as
 * numbers. (The stored copies of the guide lost the addresses; these are of its printed form.)
 */
#include "tally_world.h"

#include <time.h>

#define THOR                                                                                       \
    " dns;thor.siroe.com (TCP|206.184.139.12|2788|192.160.253.66|25) (THOR.SIROE.COM -- Server "   \
    "ESMTP [iMS V5.0 #8694]) smtp;250 2.1.5 marlowe@siroe.com and options OK.\n"
#define GATEWAY                                                                                    \
    " dns;gw.varrius.com (TCP|206.184.139.12|2788|192.160.253.66|25) (gw.varrius.com -- SMTP "     \
    "Sendmail) smtp;250 OK.\n"
#define LIST     "19-Jan-1998 20:01:"
#define BOGUS    "19-JAN-1998 20:"
#define NONESUCH "20-JAN-1998 13:11:"
#define RETRIED  "15-Jan-1998 "
#define RETRY_TO " adam@hosta.sesta.com rfc822;user@some.org user@some.org imta/queue/tcp_local/"
#define RETRY_ID ".00 <01IRUD7SVA3Q9UN2D4@sesta.com>"
#define CONVERT  "04-Feb-1998 00:06:"
#define AMY      "9 amy@siroe.edu rfc822;bert@sesta.com "
#define AMY_ID   ".00 <01IT5UALL14498509E@siroe.edu>\n"
#define OUT      "19-Feb-1998 10:52:"
#define OUT_ID   ".00 <01ITRF7BDHS6000FCN@SESTA.COM>"
#define OUT_TO(user, host)                                                                         \
    " 1 adam@sesta.com rfc822;" user "@" host " " user "@" host " imta/queue/tcp_local/"
#define IN "19-Feb-1998 17:02:"

/* clang-format off */
static const struct world_case examples[] = {
    {"1: a local user sends an outgoing message: enqueued to tcp_local, and sent to a remote server",
     "19-Jan-1998 19:16:57.64 l            tcp_local    E 1 adam@sesta.com rfc822;marlowe@siroe.com marlowe@siroe.com\n"
     "19-Jan-1998 19:17:01.16 tcp_local                  D 1 adam@sesta.com rfc822;marlowe@siroe.com marlowe@siroe.com" THOR,
     "mta:received_messages=1 mta:received_bytes=1024 mta:transmitted_messages=1 l:submitted_messages=1 "
     "tcp_local:received_messages=1 tcp_local:transmitted_messages=1 tcp_local+DEQUEUED:count=1"},
    {"2: with file name and message id",
     "19-Jan-1998 19:16:57.64 l            tcp_local    E 1 adam@sesta.com rfc822;marlowe@siroe.com marlowe@siroe.com "
     "/imta/queue/tcp_local/ZZ01ISKLSKLZLI90N15M.00 <01ISKLSKC2QC90N15M@sesta.com>\n"
     "19-Jan-1998 19:17:01.16 tcp_local                  D 1 adam@sesta.com rfc822;marlowe@siroe.com marlowe@siroe.com "
     "/imta/queue/tcp_local/ZZ01ISKLSKLZLI90N15M.00 <01ISKLSKC2QC90N15M@sesta.com>" THOR,
     "mta:received_messages=1 mta:transmitted_messages=1 tcp_local:delivered_first_time=1 "
     "tcp_local:queue_time_sum_ms=3520 tcp_local:queue_time_count=1 messages=0"},
    {"3: to a list: one message, two files, one of them with two recipients",
     LIST "44.10 l    l            E 1 adam@sesta.com rfc822;test-list@sesta.com bob imta/queue/l/ZZ01ISKND3DE1K90N15M.00 <01ISKND2H8MS90N15M@sesta.com>\n"
     LIST "44.81 l            tcp_local    E 1 adam@sesta.com rfc822;test-list@sesta.com carol@varrius.com imta/queue/tcp_local/ZZ01ISKND2WS1I90N15M.00 <01ISKND2H8MS90N15M@sesta.com>\n"
     LIST "44.81 l            tcp_local    E 1 adam@sesta.com rfc822;test-list@sesta.com david@varrius.com imta/queue/tcp_local/ZZ01ISKND2WS1I90N15M.00 <01ISKND2H8MS90N15M@sesta.com>\n"
     LIST "50.69 l                         D 1 adam@sesta.com rfc822;test-list@sesta.com bob imta/queue/l/ZZ01ISKND3DE1K90N15M.00 <01ISKND2H8MS90N15M@sesta.com>\n"
     LIST "57.36 tcp_local                  D 1 adam@sesta.com rfc822;test-list@sesta.com carol@varrius.com imta/queue/tcp_local/ZZ01ISKND2WS1I90N15M.00 <01ISKND2H8MS90N15M@sesta.com>" GATEWAY
     "19-Jan-1998 20:02:06.14 tcp_local                  D 1 adam@sesta.com rfc822;test-list@sesta.com david@varrius.com imta/queue/tcp_local/ZZ01ISKND2WS1I90N15M.00 <01ISKND2H8MS90N15M@sesta.com>" GATEWAY,
     "mta:received_messages=1 mta:received_recipients=3 mta:transmitted_messages=1 mta:transmitted_recipients=3 "
     "l:received_messages=1 l:transmitted_messages=1 l:submitted_messages=2 l:submitted_recipients=3 "
     "tcp_local:received_messages=1 tcp_local:received_recipients=2 tcp_local:transmitted_messages=1 "
     "tcp_local:transmitted_recipients=2 messages=0"},
    {"4: to a domain that does not exist: returned, with a notification to the sender and the postmaster by way of process",
     BOGUS "49:04 l            tcp_local    E 1 adam@sesta.com rfc822;user@very.bogus.com user@very.bogus.com imta/queue/tcp_local/ZZ01ISKP0S0LVQ94DTZB.00 <01ISKP0RYMAS94DU0K@SESTA.COM>\n"
     BOGUS "49:33 tcp_local    process      E 1  rfc822;adam@sesta.com adam@sesta.com imta/queue/process/ZZ01ISKP23BUQS94DTYL.00 <01ISKP22MW8894DTAS@sesta.com>,<01ISKP0RYMAS94DU0K@SESTA.COM>\n"
     BOGUS "49:33 tcp_local    process      E 1  rfc822;postmaster@sesta.com postmaster@sesta.com imta/queue/process/ZZ01ISKP23BUQS94DTYL.00 <01ISKP22MW8894DTAS@sesta.com>,<01ISKP0RYMAS94DU0K@SESTA.COM>\n"
     BOGUS "50:07 tcp_local                  R 1 adam@sesta.com rfc822;user@very.bogus.com user@very.bogus.com imta/queue/tcp_local/ZZ01ISKP0S0LVQ94DTZB.00 <01ISKP0RYMAS94DU0K@SESTA.COM> Illegal host/domain name found\n"
     BOGUS "50:08 process      l            E 3  rfc822;adam@sesta.com adam imta/queue/l/ZZ01ISKP23BUQS94DTYM.00 <01ISKP22MW8894DTAS@sesta.com>\n"
     BOGUS "50:08 process      l            E 3  rfc822;postmaster@sesta.com postmaster imta/queue/l/ZZ01ISKP23BUQS94DTYM.00 <01ISKP22MW8894DTAS@sesta.com>\n"
     BOGUS "50:12 l                         D 3  rfc822;adam@sesta.com adam imta/queue/l/ZZ01ISKP23BUQS94DTYM.00 <01ISKP22MW8894DTAS@sesta.com>\n"
     BOGUS "50:12 l                         D 3  rfc822;postmaster@sesta.com postmaster imta/queue/l/ZZ01ISKP23BUQS94DTYM.00 <01ISKP22MW8894DTAS@sesta.com>\n",
     "tcp_local:received_messages=1 tcp_local:transmitted_messages=1 tcp_local:failed_messages=1 "
     "tcp_local:failed_recipients=1 tcp_local+RETURNED:count=1 tcp_local:submitted_messages=1 "
     "tcp_local:bounces_generated=1 process:received_messages=1 process:received_recipients=2 "
     "process:submitted_messages=1 process:submitted_recipients=2 l:received_messages=1 l:received_recipients=2 "
     "l:transmitted_messages=1 l:transmitted_recipients=2 "
     "mta:transmitted_messages=1 mta:transmitted_recipients=2"},
    {"5: to a user that does not exist there: the remote server's own words and code",
     NONESUCH "05 l            tcp_local    E 1 adam@sesta.com rfc822;nonesuch@siroe.com nonesuch@siroe.com /imta/queue/tcp_local/ZZ01ISLNBB1JOE94DUWH.00 <01ISLNBAWV3094DUWH@sesta.com>\n"
     NONESUCH "11 tcp_local                  R 1 adam@sesta.com rfc822;nonesuch@siroe.com nonesuch@siroe.com /imta/queue/tcp_local/ZZ01ISLNBB1JOE94DUWH.00 <01ISLNBAWV3094DUWH@sesta.com> "
     "dns;thor.siroe.com (TCP|206.184.139.12|2788|192.160.253.66|25) (THOR.SIROE.COM -- Server ESMTP [iMS V5.0 #8694]) smtp; 553 unknown or illegal user: nonesuch@siroe.com\n",
     "tcp_local:failed_messages=1 tcp_local:transmitted_messages=1 mta:transmitted_messages=0 "
     "tcp_local!5001003:outbound=1 tcp_local+RETURNED:count=1"},
    {"6: a remote side's attempt to relay is rejected: no original recipient",
     "28-May-1998 12:02:23 tcp_local                  J 0 harold@varrius.com rfc822; alan@siroe.com 550 5.7.1 Relaying not permitted: alan@siroe.com\n",
     "tcp_local:rejected_messages=1 tcp_local:rejected_recipients=1 tcp_local+REJECTED:count=1 "
     "tcp_local!5007001:inbound=1 mta:received_messages=0"},
    {"7: three attempts fail, ZZ, ZY, ZX; the fourth does not",
     RETRIED "10:31:05.18 tcp_internal   tcp_local   E 3" RETRY_TO "ZZ01IS3D2ZP7FQ9UN54R" RETRY_ID "\n"
     RETRIED "10:31:10.37 tcp_local                  Q 3" RETRY_TO "ZZ01IS3D2ZP7FQ9UN54R" RETRY_ID " TCP active open: Failed connect()    Error: no route to host\n"
     RETRIED "12:45:39.48 tcp_local                  Q 3" RETRY_TO "ZY01IS3D2ZP7FQ9UN54R" RETRY_ID " TCP active open: Failed connect()    Error: no route to host\n"
     RETRIED "16:45:24.72 tcp_local                  Q 3" RETRY_TO "ZX01IS67NY4RRK9UN7GP" RETRY_ID " TCP active open: Failed connect() Error: connection refused\n"
     RETRIED "20:45:51.55 tcp_local                  D 3" RETRY_TO "ZX01IS67NY4RRK9UN7GP" RETRY_ID " dns;host.some.org (TCP|206.184.139.12|2788|192.1.1.1|25) (All set, fire away) smtp; 250 Ok\n",
     "tcp_local:received_messages=1 tcp_local:attempted_messages=3 tcp_local:attempted_recipients=3 "
     "tcp_local:transmitted_messages=1 tcp_local:delivered_first_time=0 tcp_local+DEFERRED:count=3 "
     "tcp_internal:submitted_messages=1 mta:transmitted_messages=1 @some.org:deferrals=3 @some.org:deliveries=1 messages=0"},
    {"8: through the conversion channel: enqueued there, to l, dequeued there, delivered",
     CONVERT "26.72 tcp_local    conversion   E " AMY "bert@sesta.com imta/queue/conversion/ZZ01IT5UAMZAQW98509E" AMY_ID
     CONVERT "29.06 conversion   l            E " AMY "bert imta/queue/l/ZZ01IT5UAOXLDW98509E" AMY_ID
     CONVERT "29.31 conversion                D " AMY "bert imta/queue/conversion/ZZ01IT5UAMZAQW98509E" AMY_ID
     CONVERT "32.62 l                         D " AMY "bert imta/queue/l/ZZ01IT5UAOXLDW98509E" AMY_ID,
     "mta:received_messages=1 mta:transmitted_messages=1 tcp_local:submitted_messages=1 "
     "conversion:received_messages=1 conversion:transmitted_messages=1 conversion:submitted_messages=1 "
     "l:received_messages=1 l:transmitted_messages=1 l:queue_time_sum_ms=3560 messages=0"},
    {"9: outbound connections: three recipients, two files, two connections of one process",
     OUT "05.41 1e488.0 l            tcp_local    E" OUT_TO("bobby", "hosta.sesta.com") "ZZ01ITRF7BO388000FCN" OUT_ID "\n"
     OUT "05.41 1e488.0 l            tcp_local    E" OUT_TO("carl", "hosta.sesta.com") "ZZ01ITRF7BO388000FCN" OUT_ID "\n"
     OUT "05.74 1e488.1 l            tcp_local    E" OUT_TO("dave", "sesta.com") "ZZ01ITRF7C11FU000FCN" OUT_ID "\n"
     OUT "10.79 1f625.2.0 tcp_local    -            O TCP|206.184.139.12|5900|206.184.139.66|25 SMTP/sesta.com/mailhub.sesta.com\n"
     OUT "10.87 1f625.3.0 tcp_local    -            O TCP|206.184.139.12|5901|206.184.139.70|25 SMTP/hosta.sesta.com/hosta.sesta.com\n"
     OUT "12.28 1f625.3.1 tcp_local                  D" OUT_TO("bobby", "hosta.sesta.com") "ZZ01ITRF7BO388000FCN" OUT_ID " dns;hosta.sesta.com (TCP|206.184.139.12|5901|206.184.139.70|25) (hosta.sesta.com -- Server ESMTP [iMS V5.0 #8790]) smtp;250 2.1.5 bobby@hosta.sesta.com and options OK.\n"
     OUT "12.28 1f625.3.1 tcp_local                  D" OUT_TO("carl", "hosta.sesta.com") "ZZ01ITRF7BO388000FCN" OUT_ID " dns;hosta.sesta.com (TCP|206.184.139.12|5901|206.184.139.70|25) (hosta.sesta.com -- Server ESMTP [iMS V5.0 #8790]) smtp;250 2.1.5 carl@hosta.sesta.com and options OK.\n"
     OUT "12.40 1f625.3.2 tcp_local      -            C TCP|206.184.139.12|5901|206.184.139.70|25 SMTP/hosta.sesta.com/hosta.sesta.com\n"
     OUT "13.01 1f625.2.1 tcp_local                  D" OUT_TO("dave", "sesta.com") "ZZ01ITRF7C11FU000FCN" OUT_ID " dns;mailhub.sesta.com (TCP|206.184.139.12|5900|206.184.139.66|25) (MAILHUB.SESTA.COM -- Server ESMTP [iMS V5.0 #8694]) smtp;250 2.1.5 dave@sesta.com and options OK.\n"
     OUT "13.05 1f625.2.2 tcp_local      -            C TCP|206.184.139.12|5900|206.184.139.66|25 SMTP/sesta.com/mailhub.sesta.com\n",
     "mta:received_messages=1 mta:received_recipients=3 mta:accumulated_outbound=2 mta:accumulated_inbound=0 "
     "mta:transmitted_messages=1 mta:transmitted_recipients=3 tcp_local:received_messages=2 "
     "tcp_local:transmitted_messages=2 tcp_local:accumulated_outbound=2 tcp_local+OPENED:count=2 "
     "tcp_local+CLOSED:count=2 messages=0"},
    {"10: an inbound connection opens, brings a message, and closes",
     IN "08.70 tcp_local    +            O TCP|206.184.139.12|25|192.160.253.66|1244 SMTP\n"
     IN "26.65 tcp_local    l             E 1 service@siroe.com rfc822;adam@sesta.com adam THOR.SIROE.COM (THOR.SIROE.COM [192.160.253.66])\n"
     IN "27.05 tcp_local    +             C TCP|206.184.139.12|25|192.160.253.66|1244 SMTP\n"
     IN "31.73 l                          D 1 service@siroe.com rfc822;adam@sesta.com adam\n",
     "mta:accumulated_inbound=1 mta:received_messages=1 mta:transmitted_messages=1 tcp_local:accumulated_inbound=1 "
     "tcp_local:submitted_messages=1 l:transmitted_messages=1 192.160.253.66:connections=1 "
     "tcp_local+OPENED:count=1 tcp_local+CLOSED:count=1"},
    {"monitoring: a delivery failure, as grep prints it",
     "mail.log:06-Oct-2003 00:24:03.66 501d.0b.9 ims-ms Q 5 durai.balusamy@Sun.COM rfc822;durai.balusamy@Sun.COM "
     "durai@ims-ms-daemon <00ce01c38bda$c7e2b240$6501a8c0@guindy> Mailbox is busy\n",
     "ims-ms:attempted_messages=1 ims-ms:attempted_bytes=5120 ims-ms+DEFERRED:count=1 ims-ms!4000000:internal=1"},
};
/* clang-format on */

static void notes(void **state)
{
    (void)state;
    world_check_cases(&mta_sun, examples, sizeof examples / sizeof examples[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(notes)};
    setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
