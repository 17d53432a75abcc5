/* Log text in, cells out: each rule of tally.h, and the sums of docs/postfix.md after every line. */
#include "tally_world.h"

#define P  "2026-11-21T10:00:00+00:00 mx postfix/"
#define P2 "2026-11-21T10:05:00+00:00 mx postfix/"
#define CLIENT(id, peer)                                                                           \
    P "smtpd[7]: " id ": client=" peer "\n" P "cleanup[8]: " id ": message-id=<m@x>\n"
#define ACTIVE(id, size, nrcpt)                                                                    \
    P "qmgr[9]: " id ": from=<a@x>, size=" size ", nrcpt=" nrcpt " (queue active)\n"
#define RETRY(id, size, nrcpt)                                                                     \
    P2 "qmgr[9]: " id ": from=<a@x>, size=" size ", nrcpt=" nrcpt " (queue active)\n"
#define SMTP(id, to, use, dsn, status)                                                             \
    P "smtp[20]: " id ": to=<" to ">, relay=mx.y[192.0.2.1]:25, " use                              \
      "delay=2.5, delays=1/0/1/0.5, dsn=" dsn ", status=" status "\n"
#define SENT(id, to)     SMTP(id, to, "", "2.0.0", "sent (250 2.0.0 Ok: queued as 77AA)")
#define AGAIN(id, to)    SMTP(id, to, "conn_use=2, ", "2.0.0", "sent (250 Ok)")
#define DEFERRED(id, to) SMTP(id, to, "", "4.2.2", "deferred (host mx.y said: 452 4.2.2 full)")
#define BOUNCED(id, to)  SMTP(id, to, "", "5.1.1", "bounced (host mx.y said: 550 5.1.1 no)")
#define FILTERED(id, to, as)                                                                       \
    P "smtp[20]: " id ": to=<" to ">, relay=127.0.0.1[127.0.0.1]:10024, delay=2, "                 \
      "delays=1/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as " as ")\n"
#define LOCAL(id, to)                                                                              \
    P "local[21]: " id ": to=<" to ">, relay=local, delay=1, delays=1/0/0/0, dsn=2.0.0, "          \
      "status=sent (delivered to mailbox)\n"
#define MADE(id) P "cleanup[8]: " id ": message-id=<m@x>\n"
#define FORWARDED(id, to, as)                                                                      \
    P "local[21]: " id ": to=<" to ">, relay=local, delay=1, delays=1/0/0/0, dsn=2.0.0, "          \
      "status=sent (forwarded as " as ")\n"
#define REMOVED(id) P "qmgr[9]: " id ": removed\n"
#define HOST        "h.x[192.0.2.9]"

static const struct {
    const char *title, *log, *expected;
} cases[] = {
    {"received at the first queue active, transmitted at the first sent",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "3000", "2") SENT("A1B2C3D4E5", "b@y.test")
         AGAIN("A1B2C3D4E5", "c@y.test") REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 mta:received_bytes=3000 mta:received_recipients=2 "
     "smtpd:received_messages=1 smtpd:received_bytes=3000 smtpd:received_recipients=2 "
     "mta:transmitted_messages=1 mta:transmitted_bytes=3000 mta:transmitted_recipients=2 "
     "smtp:transmitted_messages=1 smtp:transmitted_bytes=3000 smtp:transmitted_recipients=2 "
     "smtp:accumulated_outbound=1 mta:accumulated_outbound=1 smtp:delivered_first_time=1 "
     "smtp:queue_time_sum_ms=2500 smtp:queue_time_count=1 smtp:queue_time_first_count=1 "
     "smtpd+ENQUEUED:count=1 smtp+SENT:count=2 smtp:attempted_messages=0 messages=0"},
    {"mailmond's own associations are no traffic",
     P "smtpd[7]: connect from localhost[127.15.66.1]\n" P
       "smtpd[7]: disconnect from localhost[127.15.66.1] ehlo=1 quit=1 commands=2\n" P
       "smtpd[7]: NOQUEUE: reject: RCPT from localhost[127.15.66.1]: 554 5.7.1 <a@b>: Relay access "
       "denied; from=<> to=<a@b> proto=ESMTP helo=<me>\n" P
       "smtpd[7]: connect from h.x[192.0.2.9]\n",
     "mta:accumulated_inbound=1 smtpd:accumulated_inbound=1 smtpd:rejected_messages=0 "
     "192.0.2.9:connections=1 smtpd+OPENED:count=1"},
    {"a message that is cut off is forgotten: its id may come again",
     CLIENT("A1B2C3D4E5", HOST) P
     "smtpd[7]: A1B2C3D4E5: lost connection after DATA (9 bytes) from " HOST "\n",
     "mta:received_messages=0 messages=0"},
    {"... but not one that is queued",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") P
     "smtpd[7]: A1B2C3D4E5: lost connection after DATA (9 bytes) from " HOST "\n",
     "mta:received_messages=1 messages=1"},
    {"nothing counts before the queue manager has it", CLIENT("A1B2C3D4E5", HOST),
     "mta:received_messages=0 smtpd:received_messages=0 messages=1"},
    {"several transports: messages split, recipients do not",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "3") SENT("A1B2C3D4E5", "b@y.test")
         LOCAL("A1B2C3D4E5", "root@x") LOCAL("A1B2C3D4E5", "bin@x") REMOVED("A1B2C3D4E5"),
     "mta:transmitted_messages=1 mta:transmitted_bytes=100 mta:transmitted_recipients=3 "
     "smtp:transmitted_messages=1 local:transmitted_messages=1 local:transmitted_bytes=100 "
     "local:transmitted_recipients=2 local:accumulated_outbound=-"},
    {"several recipients through a filter: each has a line of the same hop",
     P "smtpd[6]: connect from localhost[127.0.0.1]\n" CLIENT("A1B2C3D4E5", HOST)
         ACTIVE("A1B2C3D4E5", "3000", "3") CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]")
             ACTIVE("B1B2C3D4E5", "3400", "3") FILTERED("A1B2C3D4E5", "b@y.test", "B1B2C3D4E5")
                 FILTERED("A1B2C3D4E5", "c@y.test", "B1B2C3D4E5")
                     FILTERED("A1B2C3D4E5", "d@y.test", "B1B2C3D4E5") REMOVED("A1B2C3D4E5")
                         SENT("B1B2C3D4E5", "b@y.test") AGAIN("B1B2C3D4E5", "c@y.test")
                             AGAIN("B1B2C3D4E5", "d@y.test") REMOVED("B1B2C3D4E5"),
     "mta:transmitted_messages=1 mta:transmitted_recipients=3 smtp:transmitted_messages=1 "
     "smtp:transmitted_recipients=3 mta:transmitted_bytes=3400 messages=0"},
    {"... told after what came back was removed: owed once",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "3000", "2")
         CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("B1B2C3D4E5", "3400", "2")
             SENT("B1B2C3D4E5", "b@y.test") AGAIN("B1B2C3D4E5", "c@y.test") REMOVED("B1B2C3D4E5")
                 FILTERED("A1B2C3D4E5", "b@y.test", "B1B2C3D4E5")
                     FILTERED("A1B2C3D4E5", "c@y.test", "B1B2C3D4E5") REMOVED("A1B2C3D4E5")
                         CLIENT("C1B2C3D4E5", HOST) ACTIVE("C1B2C3D4E5", "100", "1")
                             CLIENT("D1B2C3D4E5", HOST) ACTIVE("D1B2C3D4E5", "100", "1"),
     "mta:received_messages=3 mta:transmitted_messages=1 mta:transmitted_recipients=2 "
     "smtp:transmitted_recipients=2"},
    {"recipients that expand: more results than recipients",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") LOCAL("A1B2C3D4E5", "all@x")
         LOCAL("A1B2C3D4E5", "u1@x") LOCAL("A1B2C3D4E5", "u2@x") REMOVED("A1B2C3D4E5"),
     "mta:received_recipients=1 mta:transmitted_recipients=3 mta:transmitted_messages=1 "
     "messages=0"},
    {"deferred, then sent",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") DEFERRED("A1B2C3D4E5", "b@Y.test")
         DEFERRED("A1B2C3D4E5", "c@y.TEST"),
     "smtp:attempted_recipients=2 smtp:attempted_messages=1 smtp:attempted_bytes=100 "
     "@y.test:queued=2 @y.test:deferred=2 @y.test:deferrals=2 @y.test:last_status_code=4002002 "
     "smtp!4002002:outbound=2 smtp+DEFERRED:count=2 mta:transmitted_recipients=0"},
    {"... it becomes active",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") DEFERRED("A1B2C3D4E5", "b@y.test")
         DEFERRED("A1B2C3D4E5", "c@y.test") RETRY("A1B2C3D4E5", "100", "2"),
     "@y.test:queued=2 @y.test:deferred=0 mta:received_messages=1"},
    {"... one is sent, one deferred again",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") DEFERRED("A1B2C3D4E5", "b@y.test")
         DEFERRED("A1B2C3D4E5", "c@y.test") RETRY("A1B2C3D4E5", "100", "2")
             SENT("A1B2C3D4E5", "b@y.test") DEFERRED("A1B2C3D4E5", "c@y.test"),
     "@y.test:queued=1 @y.test:deferred=1 @y.test:deliveries=1 smtp:delivered_first_time=0 "
     "smtp:attempted_messages=2 smtp:attempted_recipients=3 smtp:queue_time_count=1 "
     "smtp:queue_time_first_count=0"},
    {"... and removed by hand",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") DEFERRED("A1B2C3D4E5", "b@y.test")
         P "postsuper[9]: A1B2C3D4E5: removed\n",
     "@y.test:queued=0 @y.test:deferred=0 messages=0"},
    {"bounced, with its notice",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") BOUNCED("A1B2C3D4E5", "b@y.test")
         BOUNCED("A1B2C3D4E5", "c@y.test") P
     "cleanup[8]: F1B2C3D4E5: message-id=<n@x>\n" P
     "bounce[6]: A1B2C3D4E5: sender non-delivery notification: F1B2C3D4E5\n" P
     "qmgr[9]: F1B2C3D4E5: from=<>, size=900, nrcpt=1 (queue active)\n" REMOVED("A1B2C3D4E5"),
     "smtp:failed_messages=1 smtp:failed_recipients=2 smtp:failed_bytes=100 "
     "smtp!5001001:outbound=2 "
     "smtp+BOUNCED:count=2 cleanup:bounces_generated=1 cleanup:received_messages=1 "
     "cleanup:received_bytes=900 mta:received_messages=2 mta:transmitted_messages=0 messages=1"},
    {"expired: those left over fail where they were tried last",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "3") SENT("A1B2C3D4E5", "a@y.test")
         DEFERRED("A1B2C3D4E5", "b@y.test") DEFERRED("A1B2C3D4E5", "c@y.test") P
     "qmgr[9]: A1B2C3D4E5: from=<a@x>, status=expired, returned to sender\n" REMOVED("A1B2C3D4E5"),
     "smtp:expired=1 smtp:failed_messages=1 smtp:failed_recipients=2 smtp!4004007:internal=1 "
     "smtp+EXPIRED:count=1 @y.test:queued=0 messages=0"},
    {"a short id used again: its last line is missing",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") DEFERRED("A1B2C3D4E5", "b@y.test")
         CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "50", "1") SENT("A1B2C3D4E5", "b@z.test")
             REMOVED("A1B2C3D4E5"),
     "mta:received_messages=2 mta:received_bytes=150 mta:transmitted_bytes=50 @y.test:queued=0 "
     "smtp:delivered_first_time=1 messages=0"},
    {"... by a message that the MTA makes",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") P
     "cleanup[8]: A1B2C3D4E5: message-id=<n@x>\n" ACTIVE("A1B2C3D4E5", "50", "1")
         DEFERRED("A1B2C3D4E5", "b@y.test"),
     "mta:received_messages=2 cleanup:received_messages=1 smtpd:received_messages=1 messages=1"},
    {"... while it was not yet sure that it was received",
     CLIENT("A1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("A1B2C3D4E5", "100", "1")
         CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "50", "1"),
     "mta:received_messages=2 mta:received_bytes=150"},
    {"the log begins midway: delivery without a beginning",
     SENT("A1B2C3D4E5", "b@y.test") AGAIN("A1B2C3D4E5", "c@y.test") REMOVED("A1B2C3D4E5")
         REMOVED("A1B2C3D4E6") P "qmgr[9]: A1B2C3D4E7: from=<a@x>, status=expired, returned to "
                                 "sender\n",
     "mta:received_messages=0 mta:transmitted_messages=1 mta:transmitted_recipients=2 "
     "mta:transmitted_bytes=0 messages=0"},
    {"the log begins midway: a message that is older, by its long id",
     P "qmgr[9]: 3Zz1yv0CtSz1dLJH: from=<a@x>, size=10, nrcpt=1 (queue active)\n",
     "mta:received_messages=0 messages=1"},
    {"no client line: of unknown origin", ACTIVE("A1B2C3D4E5", "100", "1") REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 cleanup:received_messages=1"},
    {"submitted by a local program",
     P "pickup[5]: A1B2C3D4E5: uid=0 from=<root>\n" P
       "cleanup[8]: A1B2C3D4E5: message-id=<m@x>\n" ACTIVE("A1B2C3D4E5", "100", "1"),
     "mta:received_messages=1 pickup:received_messages=1 pickup:submitted_messages=1"},
    {"authenticated",
     P "smtpd[7]: A1B2C3D4E5: client=" HOST
       ", sasl_method=PLAIN, sasl_username=u\n" ACTIVE("A1B2C3D4E5", "100", "1"),
     "smtpd+AUTHENTICATION:with_sasl=1 smtpd+ENQUEUED:with_sasl=1 mta:received_messages=1"},
    {"a filter brings it back, with its old id",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1")
         CLIENT("B1B2C3D4E5", "localhost[127.0.0.1], orig_queue_id=A1B2C3D4E5, orig_client=" HOST)
             ACTIVE("B1B2C3D4E5", "120", "1") FILTERED("A1B2C3D4E5", "b@y.test", "B1B2C3D4E5")
                 REMOVED("A1B2C3D4E5") SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5"),
     "mta:received_messages=1 mta:received_bytes=100 mta:transmitted_messages=1 "
     "mta:transmitted_recipients=1 mta:transmitted_bytes=120 messages=0"},
    {"a filter brings it back, without: the next message pays, and from then on it is known",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1")
         CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("B1B2C3D4E5", "120", "1")
             FILTERED("A1B2C3D4E5", "b@y.test", "B1B2C3D4E5") REMOVED("A1B2C3D4E5")
                 SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5") CLIENT("A2B2C3D4E5", HOST)
                     ACTIVE("A2B2C3D4E5", "100", "1") CLIENT("B2B2C3D4E5", "localhost[127.0.0.1]")
                         ACTIVE("B2B2C3D4E5", "120", "1")
                             FILTERED("A2B2C3D4E5", "b@y.test", "B2B2C3D4E5"),
     "mta:received_messages=2 mta:transmitted_messages=1 mta:transmitted_recipients=1 messages=2"},
    {"from this host, and not delivered yet",
     CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("B1B2C3D4E5", "120", "1"),
     "mta:received_messages=1 smtpd:received_messages=1"},
    {"the hop is logged after what came back is gone",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1")
         CLIENT("B1B2C3D4E5", "localhost[127.0.0.1], orig_queue_id=A1B2C3D4E5, orig_client=" HOST)
             ACTIVE("B1B2C3D4E5", "120", "1") SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5")
                 FILTERED("A1B2C3D4E5", "b@y.test", "B1B2C3D4E5") REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 mta:transmitted_messages=1 mta:transmitted_recipients=1 "
     "mta:transmitted_bytes=120 messages=0"},
    {"the same without its old id: the next message pays",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1")
         CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("B1B2C3D4E5", "120", "1")
             SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5")
                 FILTERED("A1B2C3D4E5", "b@y.test", "B1B2C3D4E5") REMOVED("A1B2C3D4E5")
                     CLIENT("C1B2C3D4E5", HOST) ACTIVE("C1B2C3D4E5", "1000", "1"),
     "mta:received_messages=2 mta:received_bytes=1100 smtpd:received_messages=2 "
     "mta:transmitted_messages=1 mta:transmitted_recipients=1 messages=1"},
    {"another host's reply names a message of ours",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1")
         CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("B1B2C3D4E5", "120", "1")
             SMTP("A1B2C3D4E5", "b@y.test", "", "2.0.0", "sent (250 Ok: queued as B1B2C3D4E5)"),
     "mta:transmitted_recipients=1"},
    {"an alias: what is sent on is the same message",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") LOCAL("A1B2C3D4E5", "c@x.test")
         MADE("B1B2C3D4E5") ACTIVE("B1B2C3D4E5", "120", "2")
             FORWARDED("A1B2C3D4E5", "list@x.test", "B1B2C3D4E5") SENT("B1B2C3D4E5", "b@y.test")
                 SENT("B1B2C3D4E5", "d@y.test") REMOVED("A1B2C3D4E5") REMOVED("B1B2C3D4E5"),
     "mta:received_messages=1 mta:received_bytes=100 mta:received_recipients=1 "
     "smtpd:received_messages=1 mta:transmitted_messages=1 mta:transmitted_recipients=3 "
     "local:transmitted_messages=1 local:transmitted_recipients=1 smtp:transmitted_messages=1 "
     "smtp:transmitted_recipients=2 messages=0"},
    {"... told before it is queued, and sent to others too",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") MADE("B1B2C3D4E5")
         FORWARDED("A1B2C3D4E5", "list@x.test", "B1B2C3D4E5") ACTIVE("B1B2C3D4E5", "120", "1")
             SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5") LOCAL("A1B2C3D4E5", "c@x.test")
                 REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 mta:received_recipients=2 mta:transmitted_messages=1 "
     "mta:transmitted_recipients=2 messages=0"},
    {"... sent before it is told",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") LOCAL("A1B2C3D4E5", "c@x.test")
         MADE("B1B2C3D4E5") ACTIVE("B1B2C3D4E5", "120", "1") SENT("B1B2C3D4E5", "b@y.test")
             FORWARDED("A1B2C3D4E5", "list@x.test", "B1B2C3D4E5") REMOVED("B1B2C3D4E5")
                 REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 mta:transmitted_messages=1 mta:transmitted_bytes=100 messages=0"},
    {"... and nothing but what was sent on is delivered",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") MADE("B1B2C3D4E5")
         ACTIVE("B1B2C3D4E5", "120", "1") SENT("B1B2C3D4E5", "b@y.test") FORWARDED(
             "A1B2C3D4E5", "list@x.test", "B1B2C3D4E5") REMOVED("B1B2C3D4E5") REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 mta:transmitted_messages=1 mta:transmitted_bytes=120 messages=0"},
    {"... told after it is gone: the next that is sent pays",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") LOCAL("A1B2C3D4E5", "c@x.test")
         MADE("B1B2C3D4E5") ACTIVE("B1B2C3D4E5", "100", "1") SENT("B1B2C3D4E5", "b@y.test")
             REMOVED("B1B2C3D4E5") FORWARDED("A1B2C3D4E5", "list@x.test", "B1B2C3D4E5")
                 REMOVED("A1B2C3D4E5") CLIENT("C1B2C3D4E5", HOST) ACTIVE("C1B2C3D4E5", "100", "1")
                     SENT("C1B2C3D4E5", "b@y.test"),
     "mta:received_messages=2 mta:transmitted_messages=2 mta:transmitted_bytes=200 messages=1"},
    {"... told after it is gone: the next that is received pays",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") MADE("B1B2C3D4E5")
         ACTIVE("B1B2C3D4E5", "100", "1") SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5")
             FORWARDED("A1B2C3D4E5", "list@x.test", "B1B2C3D4E5") REMOVED("A1B2C3D4E5")
                 CLIENT("C1B2C3D4E5", HOST) ACTIVE("C1B2C3D4E5", "100", "1"),
     "mta:received_messages=2 mta:received_bytes=200 mta:transmitted_messages=1 messages=1"},
    {"... and mail of this host's clients waits for nothing",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") MADE("B1B2C3D4E5")
         FORWARDED("A1B2C3D4E5", "list@x.test", "B1B2C3D4E5")
             CLIENT("C1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("C1B2C3D4E5", "100", "1"),
     "mta:received_messages=2"},
    {"a notice is received when the log says that it is one",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") BOUNCED("A1B2C3D4E5", "b@y.test")
         MADE("B1B2C3D4E5") ACTIVE("B1B2C3D4E5", "50", "1") P
     "bounce[9]: A1B2C3D4E5: sender non-delivery notification: B1B2C3D4E5\n",
     "mta:received_messages=2 cleanup:received_messages=1 cleanup:bounces_generated=1"},
    {"... also when it is named before it is queued (Postfix 3.11)",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") BOUNCED("A1B2C3D4E5", "b@y.test") P
     "bounce[9]: A1B2C3D4E5: sender non-delivery notification: B1B2C3D4E5\n" MADE("B1B2C3D4E5")
         ACTIVE("B1B2C3D4E5", "50", "1") REMOVED("A1B2C3D4E5") SENT("B1B2C3D4E5", "b@z.test")
             REMOVED("B1B2C3D4E5"),
     "mta:received_messages=2 cleanup:received_messages=1 cleanup:bounces_generated=1 "
     "mta:transmitted_messages=1 messages=0"},
    {"... one that came to nothing, and is named again",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") BOUNCED("A1B2C3D4E5", "b@y.test") P
     "bounce[9]: A1B2C3D4E5: sender non-delivery notification: B1B2C3D4E5\n" P
     "bounce[9]: warning: A1B2C3D4E5: sender notification failed to a@x: queue file write error\n" P
     "bounce[9]: A1B2C3D4E5: sender non-delivery notification: C1B2C3D4E5\n" MADE("C1B2C3D4E5")
         ACTIVE("C1B2C3D4E5", "50", "1"),
     "mta:received_messages=2 cleanup:received_messages=1 cleanup:bounces_generated=1"},
    {"... a warning of a delay, which is no bounce",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") DEFERRED("A1B2C3D4E5", "b@y.test")
         P "bounce[9]: A1B2C3D4E5: sender delay notification: B1B2C3D4E5\n" MADE("B1B2C3D4E5")
             ACTIVE("B1B2C3D4E5", "50", "1"),
     "mta:received_messages=2 cleanup:bounces_generated=0 cleanup+DELAY_WARNING:count=1"},
    {"submitted over loopback, no filter",
     CLIENT("B1B2C3D4E5", "localhost[127.0.0.1]") ACTIVE("B1B2C3D4E5", "120", "1")
         SENT("B1B2C3D4E5", "b@y.test") REMOVED("B1B2C3D4E5"),
     "mta:received_messages=1 smtpd:received_messages=1 mta:transmitted_messages=1"},
    {"requeued by hand: the same message",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") SENT("A1B2C3D4E5", "b@y.test")
         DEFERRED("A1B2C3D4E5", "c@z.test") P
     "postsuper[9]: A1B2C3D4E5: requeued\n" P2
     "pickup[5]: C1B2C3D4E5: uid=104 from=<a@x> orig_id=A1B2C3D4E5\n" P2
     "cleanup[8]: C1B2C3D4E5: message-id=<m@x>\n" RETRY("C1B2C3D4E5", "150", "1")
         SENT("C1B2C3D4E5", "c@z.test"),
     "mta:received_messages=1 mta:received_recipients=2 mta:transmitted_messages=1 "
     "mta:transmitted_recipients=2 smtp:transmitted_messages=1 smtp:delivered_first_time=1 "
     "@z.test:queued=0 messages=1"},
    {"requeued by hand before it was received",
     CLIENT("A1B2C3D4E5", HOST) P
     "postsuper[9]: A1B2C3D4E5: placed on hold\n" P2
     "pickup[5]: C1B2C3D4E5: uid=104 from=<a@x> orig_id=A1B2C3D4E5\n" RETRY("C1B2C3D4E5", "150",
                                                                            "1"),
     "mta:received_messages=1 smtpd:received_messages=1 messages=1"},
    {"requeued by hand, of a message that this log does not know",
     P "pickup[5]: C1B2C3D4E5: uid=104 from=<a@x> orig_id=A1B2C3D4E5\n" ACTIVE("C1B2C3D4E5", "150",
                                                                               "1"),
     "mta:received_messages=0 messages=1"},
    {"an address verification probe is no mail",
     P "cleanup[8]: A1B2C3D4E5: message-id=<m@x>\n" P
       "qmgr[9]: A1B2C3D4E5: from=<double-bounce@x>, size=300, nrcpt=1 (queue active)\n" SMTP(
           "A1B2C3D4E5", "b@y.test", "", "2.1.5", "deliverable (250 2.1.5 Ok)")
           REMOVED("A1B2C3D4E5"),
     "mta:received_messages=0 mta:transmitted_messages=0 mta:transmitted_recipients=0 messages=0"},
    {"... but a notice to the postmaster has the same sender",
     P "cleanup[8]: A1B2C3D4E5: message-id=<m@x>\n" P
       "qmgr[9]: A1B2C3D4E5: from=<double-bounce@x>, size=300, nrcpt=1 (queue active)\n" LOCAL(
           "A1B2C3D4E5", "postmaster@x") REMOVED("A1B2C3D4E5"),
     "mta:received_messages=1 cleanup:received_messages=1 mta:transmitted_messages=1"},
    {"held and released",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "1") P
     "postsuper[9]: A1B2C3D4E5: placed on hold\n" P
     "postsuper[9]: A1B2C3D4E5: released from hold\n" ACTIVE("A1B2C3D4E5", "100", "1")
         SENT("A1B2C3D4E5", "b@y.test"),
     "smtpd+HELD:count=1 mta:received_messages=1 mta:transmitted_messages=1"},
    {"rejected by cleanup, after its client",
     CLIENT("A1B2C3D4E5", HOST) P
     "cleanup[8]: A1B2C3D4E5: reject: header Subject: x from h.x[192.0.2.9]; from=<a@x> to=<b@x> "
     "proto=ESMTP helo=<h>: 5.7.1 message content rejected\n",
     "smtpd:rejected_messages=1 smtpd:rejected_recipients=0 smtpd!5007001:inbound=1 "
     "smtpd+REJECTED:count=1 mta:received_messages=0 messages=0"},
    {"a recipient is refused",
     P "smtpd[7]: connect from " HOST "\n" P "smtpd[7]: NOQUEUE: reject: RCPT from " HOST
       ": 554 5.7.1 <b@y>: Relay access denied; from=<a@x> to=<b@y> proto=ESMTP helo=<h>\n",
     "smtpd:rejected_messages=1 smtpd:rejected_recipients=1 smtpd!5007001:inbound=1 "
     "192.0.2.9:rejected=1 192.0.2.9:connections=1 mta:accumulated_inbound=1"},
    {"discarded",
     CLIENT("A1B2C3D4E5", HOST) P
     "cleanup[8]: A1B2C3D4E5: discard: header Subject: x from h.x[192.0.2.9]; "
     "from=<a@x> to=<b@x> proto=ESMTP helo=<h>: bye\n",
     "smtpd+DISCARDED:count=1 mta:received_messages=0 messages=0"},
    {"a refused connection is owed",
     P "smtpd[7]: connect from " HOST "\n" P
       "smtpd[7]: warning: Connection rate limit exceeded: 61 from " HOST " for service smtp\n" P
       "smtpd[7]: connect from " HOST "\n" P "smtpd[7]: connect from " HOST "\n",
     "mta:accumulated_inbound=2 smtpd:accumulated_inbound=2 mta:rejected_inbound=1 "
     "smtpd:rejected_inbound=1 smtpd+OPENED:count=3 192.0.2.9:connections=3 192.0.2.9:rejected=1"},
    {"postscreen: counted where it is screened, and once for the MTA",
     P "postscreen[7]: CONNECT from [192.0.2.9]:4321 to [192.0.2.1]:25\n" P
       "postscreen[7]: PASS NEW [192.0.2.9]:4321\n" P "smtpd[7]: connect from " HOST "\n" P
       "postscreen[7]: CONNECT from [192.0.2.8]:4321 to [192.0.2.1]:25\n" P
       "postscreen[7]: NOQUEUE: reject: CONNECT from [192.0.2.8]:4321: too many connections\n" P
       "smtpd[7]: connect from " HOST "\n",
     "postscreen:accumulated_inbound=2 smtpd:accumulated_inbound=2 mta:accumulated_inbound=2 "
     "postscreen:rejected_inbound=1 mta:rejected_inbound=1 192.0.2.9:connections=2"},
    {"an association that cannot be opened",
     P "smtp[20]: connect to mx.y[192.0.2.1]:25: Connection refused\n",
     "smtp:failed_outbound=1 mta:failed_outbound=1 smtp+CONNECTION_FAILED:count=1"},
    {"TLS",
     P "smtpd[7]: connect from " HOST "\n" P
       "smtpd[7]: Anonymous TLS connection established from " HOST ": TLSv1.3 with c\n",
     "smtpd+OPENED:count=1 smtpd+OPENED:with_tls=1"},
    {"bad commands and authentication",
     P "smtpd[7]: warning: " HOST ": SASL LOGIN authentication failed: x\n" P
       "smtpd[7]: disconnect from " HOST " ehlo=1 unknown=0/3 commands=1/4\n" P
       "smtpd[7]: lost connection after EHLO from " HOST "\n",
     "smtpd+AUTHENTICATION:count=1 192.0.2.9:auth_failures=1 smtpd+BAD_COMMAND:count=3 "
     "smtpd+CLOSED:count=1 smtpd+ABORTED:count=1"},
    {"loops",
     SMTP("A1B2C3D4E5", "b@y.test", "", "5.4.6",
          "bounced (mail for y loops back to "
          "myself)"),
     "mta:loops_detected=1 smtp:loops_detected=1"},
    {"the mail system starts and stops",
     P "master[1]: daemon started -- version 3.7.11, configuration /etc/postfix\n",
     "mta:log_status=1"},
    {"... stopping", P "postfix-script[1]: stopping the Postfix mail system\n", "mta:log_status=6"},
    {"... stopped", P "master[1]: terminating on signal 15\n", "mta:log_status=2"},
    {"a submission service is a group of its own",
     P "submission/smtpd[7]: A1B2C3D4E5: client=" HOST
       ", sasl_method=PLAIN, sasl_username=u\n" ACTIVE("A1B2C3D4E5", "100", "1"),
     "submission/smtpd:received_messages=1 smtpd:received_messages=- mta:received_messages=1"},
    {"one group for each relay of pipe",
     P "pipe[20]: A1B2C3D4E5: to=<b@y>, relay=dovecot, delay=2, delays=1/0/1/0, dsn=2.0.0, "
       "status=sent (delivered via dovecot service)\n",
     "pipe/dovecot:transmitted_recipients=1 mta:transmitted_recipients=1"},
    {"discard's mail is transmitted, and dropped",
     P "discard[20]: A1B2C3D4E5: to=<b@y>, relay=none, delay=2, delays=1/0/1/0, dsn=2.0.0, "
       "status=sent (y)\n",
     "discard:transmitted_recipients=1 discard+DISCARDED:count=1"},
    {"an absurd size",
     CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "18446744073709551615", "4294967295")
         CLIENT("B1B2C3D4E5", HOST) ACTIVE("B1B2C3D4E5", "18446744073709551614", "99999999999"),
     "mta:received_bytes=2199023255552 mta:received_recipients=8589934590"},
    {"one name for a service that receives and one that delivers",
     P "pipe[20]: A1B2C3D4E5: to=<b@y>, relay=smtpd, delay=2, delays=1/0/1/0, dsn=2.0.0, "
       "status=sent (delivered via smtpd service)\n" P "pipe/smtpd[7]: B1B2C3D4E5: client=" HOST
       "\n" ACTIVE("B1B2C3D4E5", "100", "1"),
     "pipe/smtpd:transmitted_recipients=1 pipe/smtpd:received_messages=- "
     "cleanup:received_messages=1 mta:received_messages=1"},
    {"a tag without its service (RFC 5424): each line's service by its shape",
     "<22>1 2026-11-21T10:00:00Z mx postfix 7 - - connect from " HOST "\n"
     "<22>1 2026-11-21T10:00:00Z mx postfix 7 - - A1B2C3D4E5: client=" HOST "\n"
     "<22>1 2026-11-21T10:00:00Z mx postfix 7 - - A1B2C3D4E5: message-id=<m@x>\n"
     "<22>1 2026-11-21T10:00:00Z mx postfix 7 - - A1B2C3D4E5: from=<a@x>, size=1, nrcpt=1 (queue "
     "active)\n"
     "<22>1 2026-11-21T10:00:00Z mx postfix 7 - - A1B2C3D4E5: to=<b@y.test>, "
     "relay=mx.y[192.0.2.1]:25, delay=2.5, delays=1/0/1/0.5, dsn=2.0.0, status=sent (250 Ok)\n"
     "<22>1 2026-11-21T10:00:00Z mx postfix 7 - - A1B2C3D4E5: removed\n",
     "smtpd:accumulated_inbound=1 smtpd:received_messages=1 smtp:transmitted_messages=1 "
     "messages=0"},
};

static void test_cases(void **state)
{
    (void)state;
    uint64_t wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w;
        world_open(&w, NULL, 64);
        for (struct slice rest = slice_of(cases[i].log); rest.n;) {
            struct slice line = slice_head(rest, slice_find(rest, '\n') + 1);
            rest = slice_skip(rest, line.n);
            maillog_lines(&w.log, line);
            world_check_sums(&w);
            world_check_waits(&w);
        }
        wrong += world_expect(&w, cases[i].title, cases[i].expected) + w.log.unrecognised;
        world_close(&w);
    }
    assert_int_equal(wrong, 0);
}

/* The tag of one instance, the service behind a content filter, and another instance's mail. */
static void test_instances(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    tally_alias(w.tally, &mta_postfix, SLICE(""), SLICE("submission"), SLICE("postfix"),
                SLICE("submission"));
    tally_internal_service(w.tally, SLICE("postfix"), SLICE("reinject/smtpd"));
    world_feed(&w, "2026-11-21T10:00:00Z mx submission/smtpd[7]: A1B2C3D4E5: client=" HOST "\n"
                   "2026-11-21T10:00:00Z mx postfix/reinject/smtpd[7]: B1B2C3D4E5: client=" HOST
                   "\n" ACTIVE("A1B2C3D4E5", "100", "1") ACTIVE("B1B2C3D4E5", "100", "1"));
    world_feed(&w, "2026-11-21T10:00:00Z mx postfix-out/smtpd[7]: A1B2C3D4E5: client=" HOST "\n"
                   "2026-11-21T10:00:00Z mx postfix-out/qmgr[7]: A1B2C3D4E5: from=<>, size=7, "
                   "nrcpt=1 (queue active)\n");
    assert_int_equal(world_expect(&w, "instances",
                                  "submission/smtpd:received_messages=1 mta:received_messages=1 "
                                  "messages=3 reinject/smtpd:received_messages=0"),
                     0);
    assert_int_equal(world_cell(&w, "postfix-out", SLICE("mta:received_bytes")), 7);
    assert_int_equal(w.model.tables[MODEL_APPL].count, 2);
    world_check_sums(&w);
    world_close(&w);
}

/* pipe(8) hands mail to a filter, which gives it to the sendmail command; what others give to that is mail. */
static void test_pipe_filter(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    tally_internal_service(w.tally, SLICE("postfix"), SLICE("pipe/filter"));
    tally_internal_service(w.tally, SLICE("postfix"), SLICE("pickup/uid=103"));
    world_feed(&w, CLIENT("A1B2C3D4E5", HOST) ACTIVE("A1B2C3D4E5", "100", "2") P
               "pickup[7]: B1B2C3D4E5: uid=103 from=<s@a.test>\n" ACTIVE("B1B2C3D4E5", "120", "2")
                   SENT("B1B2C3D4E5", "a@b.test") SENT("B1B2C3D4E5", "c@b.test")
                       REMOVED("B1B2C3D4E5"));
    for (int n = 0; n < 2; n++)
        world_feed(&w,
                   P "pipe[8]: A1B2C3D4E5: to=<a@b.test>, relay=filter, delay=1, delays=1/0/0/0, "
                     "dsn=2.0.0, status=sent (delivered via filter service)\n");
    world_feed(&w, REMOVED("A1B2C3D4E5") P
               "pickup[7]: C1B2C3D4E5: uid=1030 from=<s@a.test>\n" ACTIVE("C1B2C3D4E5", "10", "1"));
    assert_int_equal(world_expect(&w, "filter",
                                  "smtpd:received_messages=1 pickup:received_messages=1 "
                                  "mta:received_recipients=3 mta:transmitted_messages=1 "
                                  "mta:transmitted_recipients=2 smtp:transmitted_messages=1 "
                                  "pipe/filter:transmitted_messages=0 messages=1"),
                     0);
    world_check_sums(&w);
    world_close(&w);
}

/* A transaction that its client broke off is forgotten after a day; a held one is not. */
static void test_abandoned(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 64);
    world_feed(&w, CLIENT("A1B2C3D4E5", HOST) CLIENT("B1B2C3D4E5", HOST) P
               "postsuper[9]: B1B2C3D4E5: placed on hold\n" CLIENT("C1B2C3D4E5", HOST)
                   ACTIVE("C1B2C3D4E5", "10", "1"));
    assert_int_equal(tally_messages(w.tally)->count, 3);
    for (unsigned i = 0; i < 16; i++) /* each looks at one row */
        world_feed(&w, "2026-11-23T10:00:00Z mx postfix/smtpd[7]: D1B2C3D4E5: client=" HOST "\n");
    uint16_t appl = 1;
    assert_null(messages_find(tally_messages(w.tally), appl, queue_id_pack(SLICE("A1B2C3D4E5"))));
    assert_non_null(
        messages_find(tally_messages(w.tally), appl, queue_id_pack(SLICE("B1B2C3D4E5"))));
    assert_non_null(
        messages_find(tally_messages(w.tally), appl, queue_id_pack(SLICE("C1B2C3D4E5"))));
    world_close(&w);
}

/* The real log, line by line. */
static void test_real_log(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL, 1000);
    FILE *f = fopen("tests/data/postfix_real.log", "r");
    if (!f)
        skip();
    char line[4096];
    while (fgets(line, sizeof line, f)) {
        world_feed(&w, line);
        world_check_sums(&w);
    }
    fclose(f);
    world_check_waits(&w);
    assert_true(world_cell(&w, "postfix", SLICE("mta:received_messages")) > 10);
    world_close(&w);
}

/* The ports by which the sockets of deliveries are known: those that a log tells, else SMTP's. */
static void test_relay_ports(void **state)
{
    (void)state;
    static const struct {
        const char *relay;
        unsigned ports[3];
    } relays[] = {
        {"mx.y[192.0.2.1]:2525", {2525}},
        {"mx.y[192.0.2.1]", {25, 465, 587}},
        {"mx.y[2001:db8::7]", {25, 465, 587}},
        {"mx.y[2001:db8::7]:24", {24}},
        {"mx.y[/var/run/lmtp]", {0}},
        {"mx.y[192.0.2.1]:70000", {0}},
        {"none", {0}},
    };
    static const unsigned all[] = {24, 25, 465, 587, 2525, 70000 & 0xffff};
    for (size_t n = 0; n < sizeof relays / sizeof relays[0]; n++) {
        struct world w;
        char line[256];
        world_open(&w, NULL, 100);
        snprintf(line, sizeof line,
                 P "smtp[20]: A1B2C3D4E5: to=<b@y.test>, relay=%s, delay=1, delays=0/0/0/1, "
                   "dsn=2.0.0, status=sent (250 Ok)\n",
                 relays[n].relay);
        world_feed(&w, line);
        const struct appl *a = model_row(&w.model, MODEL_APPL, 0);
        for (size_t p = 0; p < sizeof all / sizeof all[0]; p++) {
            bool told = false;
            for (unsigned i = 0; i < 3; i++)
                told |= relays[n].ports[i] == all[p];
            assert_int_equal(tally_relay_service(w.tally, a, (uint16_t)all[p]) != NULL, told);
        }
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),       cmocka_unit_test(test_instances),
        cmocka_unit_test(test_pipe_filter), cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_real_log),    cmocka_unit_test(test_relay_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
