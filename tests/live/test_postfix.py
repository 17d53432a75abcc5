"""mailmond beside a real Postfix: known mail goes through a private site (postfix_site.py), and
what SNMP shows must have changed by exactly that. Each test gives its mail and the whole change of
all counters; the sums of the three breakdowns are looked at after each.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (23000),
and MAILMOND_RECORD, a file that gets the log of the site at the end: so, and with -k "not after",
tests/data/postfix_site.log was recorded."""
import os
import re
import shutil
import signal
import smtplib
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import postfix_site as ps
from daemon import BUILD, Daemon
from snmp_lab import PATIENCE, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not ps.available() or not (BUILD / "mailmond").exists()
    or not shutil.which("snmpbulkwalk"),
    reason="needs root, Postfix, snmpbulkwalk and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "23000"))
ENTRIES = ("badCommand dequeued enqueued rejected failedSilently deferred returned aborted "
           "delayWarning partlyDeferred closed opened authentication connectionRejected "
           "connectionFailed etrn sent bounced expired held discarded").split()
APPL_COUNTERS = ("mtaReceivedMessages mtaReceivedRecipients mtaTransmittedMessages "
                 "mtaTransmittedRecipients mtaLoopsDetected applAccumulatedInboundAssociations "
                 "applAccumulatedOutboundAssociations applRejectedInboundAssociations "
                 "applFailedOutboundAssociations").split()
GROUP_COUNTERS = [f"mtaGroup{c}" for c in (
    "ReceivedMessages RejectedMessages TransmittedMessages ReceivedRecipients "
    "TransmittedRecipients AccumulatedInboundAssociations AccumulatedOutboundAssociations "
    "RejectedInboundAssociations FailedOutboundAssociations LoopsDetected").split()] + [
    f"mailmonChannel{c}" for c in (
        "DeliveredFirstTime AttemptedMessages AttemptedRecipients RejectedRecipients "
        "FailedMessages FailedRecipients Expired BouncesGenerated QueueTimeCount").split()]
ERROR_SIDES = {"mtaGroupInboundErrorCount": "in", "mtaGroupInternalErrorCount": "internal",
               "mtaGroupOutboundErrorCount": "out"}


# ---- What a walk says, as numbers that can be subtracted ----

def counters(walk):
    """{(appl, group or "", what): count} of every counter of messages, recipients, associations."""
    appl, group, found = walk.column("applName"), walk.column("mtaGroupName"), Counter()
    for (column, *index), value in walk.items():
        if column in APPL_COUNTERS:
            found[appl[index[0]], "", column] = value
            continue
        what = ENTRIES[index[2] - 1] if column == "mailmonEntryCount" else \
            (ERROR_SIDES[column], index[2]) if column in ERROR_SIDES else \
            column if column in GROUP_COUNTERS else None
        name = group.get(tuple(index[:2]))  # None: a row that came during the walk
        if what and name:
            found[appl[index[0]], name, what] = value
    return Counter({k: v for k, v in found.items() if v})


class Change(Counter):
    """The change of all counters that some mail must make. Codes are mtaStatusCode's."""

    def __init__(self, appl="postfix"):
        super().__init__()
        self.appl = appl

    def plus(self, group, n=1, *what):
        for w in what:
            self[self.appl, group, w] += n
        return self

    def connected(self, group="smtpd", n=1, counted=None):
        """n connections came and went; `counted` of them were taken (all)."""
        counted = n if counted is None else counted
        self.plus(group, n, "opened", "closed")
        self.plus(group, counted, "mtaGroupAccumulatedInboundAssociations")
        return self.plus("", counted, "applAccumulatedInboundAssociations")

    def received(self, group, recipients=1, messages=1):
        for g, prefix in (("", "mta"), (group, "mtaGroup")):
            self.plus(g, messages, f"{prefix}ReceivedMessages")
            self.plus(g, recipients, f"{prefix}ReceivedRecipients")
        return self.plus(group, messages, "enqueued")

    def association(self, group, n=1):
        self.plus(group, n, "mtaGroupAccumulatedOutboundAssociations", "opened")
        return self.plus("", n, "applAccumulatedOutboundAssociations")

    def sent(self, group, recipients=1, messages=1, of_mta=1, first=True):
        """`of_mta`: messages that no other transport had sent before."""
        self.plus("", of_mta, "mtaTransmittedMessages")
        self.plus("", recipients, "mtaTransmittedRecipients")
        self.plus(group, recipients, "mtaGroupTransmittedRecipients", "sent")
        self.plus(group, messages, "mtaGroupTransmittedMessages", "mailmonChannelQueueTimeCount")
        return self.plus(group, messages if first else 0, "mailmonChannelDeliveredFirstTime")

    def by_smtp(self, recipients=1, of_mta=1, first=True, group="smtp"):
        return self.sent(group, recipients, of_mta=of_mta, first=first).association(group)

    def deferred(self, group, code, recipients=1, messages=1, side="out"):
        self.plus(group, recipients, "deferred", "mailmonChannelAttemptedRecipients", (side, code))
        return self.plus(group, messages, "mailmonChannelAttemptedMessages")

    def refused(self, group="smtp", attempts=1, recipients=1):
        """No connection to the next host."""
        self.plus(group, attempts, "mtaGroupFailedOutboundAssociations", "connectionFailed")
        self.plus("", attempts, "applFailedOutboundAssociations")
        return self.deferred(group, 4004001, recipients)

    def failed(self, group, recipients=1, messages=1):
        self.plus(group, messages, "mailmonChannelFailedMessages")
        return self.plus(group, recipients, "mailmonChannelFailedRecipients")

    def bounced(self, group, code, recipients=1, messages=1, side="out"):
        self.plus(group, recipients, "bounced", (side, code))
        return self.failed(group, recipients, messages)

    def returned(self):
        """A notice of non-delivery went to the sender, at ok.test."""
        self.plus("cleanup", 1, "mailmonChannelBouncesGenerated")
        return self.received("cleanup").by_smtp()

    def rejected(self, code, group="smtpd", recipients=1):
        self.plus(group, 1, "mtaGroupRejectedMessages", "rejected", ("in", code))
        return self.plus(group, recipients, "mailmonChannelRejectedRecipients")


def check_sums(walk):
    """What groups must add up to, at every instant (docs/postfix.md)."""
    for index, name in walk.column("applName").items():
        if ("mtaReceivedMessages", index) not in walk:
            continue
        groups = [g for g in walk.column("mtaGroupName") if g[0] == index]

        def total(column, hierarchy):
            return sum(walk.get((column, *g), 0) for g in groups
                       if walk["mtaGroupHierarchy", *g] == hierarchy)

        def mta(what):
            return walk.get((f"mta{what}", index))

        assert {walk["mtaGroupHierarchy", *g] for g in groups} <= {-1, -2, -3}
        names = [walk["mtaGroupName", *g] for g in groups]
        assert len(names) == len(set(names)), f"{name}: {names}"
        for what in ("Messages", "Recipients"):
            assert mta(f"Received{what}") == total(f"mtaGroupReceived{what}", -1), name
            assert mta(f"Stored{what}") == total(f"mtaGroupStored{what}", -3), name
        assert mta("TransmittedRecipients") == total("mtaGroupTransmittedRecipients", -2), name
        assert mta("TransmittedMessages") <= total("mtaGroupTransmittedMessages", -2), name
        # Volumes are rounded to 1024 octets a cell; octets are added exactly.
        octets = total("mailmonChannelReceivedOctets", -1)
        assert abs(mta("ReceivedVolume") - octets / 1024) < 1, name
        assert mta("TransmittedVolume") <= total("mailmonChannelTransmittedOctets", -2) / 1024 + 1
        assert abs(mta("StoredVolume") - total("mtaGroupStoredVolume", -3)) <= 5, name
        for g in groups:
            check_group(walk, g)


def check_group(walk, g):
    """A group has the columns of its breakdown, and its ages add up to what it stores."""
    hierarchy, name = walk["mtaGroupHierarchy", *g], walk["mtaGroupName", *g]
    for its, column in ((-1, "mtaGroupReceivedMessages"), (-2, "mtaGroupTransmittedMessages"),
                        (-3, "mtaGroupStoredMessages")):
        expected = its == hierarchy and name != "corrupt"  # damaged mail is not stored for delivery
        assert ((column, *g) in walk) == expected, (name, column)
    if hierarchy == -3 and name != "corrupt":
        ages = [v for k, v in walk.items() if k[0] == "mailmonAgeMessages" and k[1:3] == g]
        assert len(ages) == 11 and sum(ages) == walk["mtaGroupStoredMessages", *g], name


# ---- The lab ----

class Lab:
    def __init__(self, folder, base, instances=None, **how):
        self.site = ps.Site(folder, base, **how)
        self.main, self.out = self.site.main, self.site.out
        self.daemon = Daemon(folder / "agent", base + 40, {"postfix": instances or [
            {"name": "postfix", "config_directory": self.main.config,
             "internal_services": ["reinject/smtpd"]},
            {"name": "postfix-out", "config_directory": self.out.config}]})
        self.last, self.failed, self.taught = None, 0, False

    def start(self):
        try:
            self.site.start()
            self.daemon.start()
            self.walk = self.read_to_end()
            self.last = counters(self.walk)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        if self.daemon.process:
            self.daemon.stop()
        self.site.stop()

    def read_all(self, walk):
        """Is all of the logs in this walk?"""
        logs = {str(p.log): p.octets_logged() for p in (self.main, self.out)}
        found = {walk["mailmonSourceTarget", i]: walk["mailmonSourceOctets", i]
                 for i, kind in walk.column("mailmonSourceKind").items() if kind == "log"}
        return found == logs and not any(walk.column("mailmonSourceBehind").values())

    def settle(self, what=lambda walk: True, seconds=8):
        """A walk that has all of the logs and for which what(walk) is true; the last one if not."""
        seen = {}

        def right():
            seen["walk"] = self.daemon.walk()
            return self.read_all(seen["walk"]) and what(seen["walk"])
        wait_for(right, seconds, 0.1)
        return seen["walk"]

    def read_to_end(self):
        """A walk of one moment, when all of the logs has been read: the tables of the one that tells so may be older
        than that."""
        self.settle()
        return self.daemon.walk()

    def shows(self, check, seconds=8):
        """The first walk that has all of the logs and that check(walk) finds nothing wrong with; it asserts."""
        def right(walk):
            assert self.read_all(walk)
            check(walk)
        return self.daemon.shows(right, seconds)

    def shows_status(self, status, name="postfix"):
        def right(walk):
            assert walk.of("applOperStatus", name) == status
        return self.shows(right)

    def change(self, expected, under_way=0):
        """Waits until the counters have changed by exactly this since the last call and all mail but so many
        messages has been delivered or put off."""
        expected = Counter({k: v for k, v in expected.items() if v})

        def difference(walk):
            now = counters(walk)
            return Counter({k: now[k] - self.last[k] for k in now.keys() | self.last.keys()
                            if now[k] != self.last[k]})
        walk = self.settle(lambda w: difference(w) == expected, 6)
        seen = difference(walk)
        self.walk, self.last = walk, counters(walk)
        wrong = [f"{k}: {expected[k]} expected, {seen[k]} seen"
                 for k in sorted(expected.keys() | seen.keys(), key=str) if expected[k] != seen[k]]
        assert not wrong, "\n".join(wrong + self.main.text().splitlines()[-12:])
        self.settle_stored(under_way)
        return self.walk

    def settle_stored(self, under_way):
        """Waits until what is stored agrees with Postfix's own list, and then for the sums."""
        wrong = []

        def agree(walk):
            queues = {p: p.queue() for p in (self.main, self.out)}
            wrong[:] = [d for p, queue in queues.items() for d in stored_differences(walk, p.name, queue)]
            moving = [q for queue in queues.values() for q in queue
                      if q["queue_name"] in ("maildrop", "incoming", "active")]
            if len(moving) != under_way:
                wrong.append(f"{under_way} messages under way expected: {moving}")
            return not wrong
        self.walk = self.settle(agree)
        assert not wrong, "\n".join(wrong)
        check_sums(self.walk)

    def wait_empty(self):
        """Nothing is under way any more, and all of it has been read."""
        instances = (self.main, self.out)
        ps.wait_until(lambda: not any(p.queue() for p in instances) and all(p.has_told_all() for p in instances))
        self.walk = self.read_to_end()
        self.last = counters(self.walk)


def stored_differences(walk, appl, queue):
    found = []
    for name in ("maildrop", "incoming", "active", "deferred", "hold", None):
        mine = [q for q in queue if name in (q["queue_name"], None)]
        prefix = "mtaGroup" if name else "mta"
        messages, recipients, volume = (walk.of(f"{prefix}Stored{c}", appl, name)
                                        for c in ("Messages", "Recipients", "Volume"))
        octets = sum(q["message_size"] for q in mine)
        if (messages, recipients) != (len(mine), sum(len(q["recipients"]) for q in mine)) or \
                volume is None or abs(volume - octets / 1024) >= 1:
            found.append(f"{appl} {name}: {messages} messages, {recipients} recipients, "
                         f"{volume} KiB; postqueue: {mine}")
    return found


@pytest.fixture
def lab(running, request):
    """The lab with empty queues; what a test that failed left behind is no trouble of the next."""
    failed = request.session.testsfailed
    if running.site.reset() or failed != running.failed:
        running.failed = failed
        running.wait_empty()
    return running


@pytest.fixture(scope="module")
def running():
    folder = Path(tempfile.mkdtemp(prefix="mm-", dir="/tmp"))
    folder.chmod(0o755)
    lab = None
    try:
        lab = Lab(folder, BASE)
        yield lab.start()
        if "MAILMOND_RECORD" in os.environ:
            Path(os.environ["MAILMOND_RECORD"]).write_text(
                lab.main.text().replace(str(folder), "/tmp/site"))
    finally:
        if lab:
            lab.stop()
        shutil.rmtree(folder)


def queue_id_of(lab, recipient):
    found = [q["queue_id"] for q in lab.main.queue()
             if any(r["address"] == recipient for r in q["recipients"])]
    assert len(found) == 1
    return found[0]


# ---- What is found without being told ----

def test_detect(lab):
    """What main.cf and master.cf tell is found when only the directory is configured."""
    daemon = Daemon(lab.daemon.folder / "detect", BASE + 41, {
        "postfix": [{"config_directory": lab.main.config}, {"config_directory": lab.out.config}]})
    text = daemon.ask("--detect")
    assert f'queue_directory = "{lab.main.spool}"' in text
    assert f'log = "{lab.out.log}"' in text
    assert re.search(r'name = "postfix-out"', text)
    for service in (ps.SMTP, ps.SUBMISSION, ps.REINJECT, ps.POSTSCREEN):
        assert f'"127.0.0.1:{lab.main.port(service)}' in text
    assert re.search(r'syslog_names = [\[(] "submission" [\])]', text)
    assert re.search(r'internal_services = [\[(] "reinject/smtpd", "back/smtpd" [\])]', text)


def test_applications(lab):
    walk = lab.walk
    assert set(walk.column("applName").values()) == {"postfix", "postfix-out"}
    for name in ("postfix", "postfix-out"):
        assert walk.of("applOperStatus", name) == "up"
        assert re.fullmatch(r"\d+\.\d+\S*", walk.of("applVersion", name))
        assert walk.of("applUptime", name) is not None
    assert {walk.of("mtaGroupHierarchy", "postfix", q) for q in
            ("maildrop", "incoming", "active", "deferred", "hold", "corrupt")} == {-3}


def test_all_sources_are_ok(lab):
    def right(walk):
        status, error = walk.column("mailmonSourceStatus"), walk.column("mailmonSourceLastError")
        assert set(status.values()) == {"ok"}, [(i, s, error.get(i)) for i, s in status.items()]
        assert walk["mailmonAgentSourcesNotOk", 0] == 0
        assert walk["mailmonAgentMasterState", 0] == "embedded"
    lab.shows(right)


# ---- Delivery ----

def test_sent(lab):
    lab.main.send(["a@ok.test"])
    lab.change(Change().connected().received("smtpd").by_smtp())


def test_two_recipients_of_one_host(lab):
    lab.main.send(["a@ok.test", "b@ok.test"])
    lab.change(Change().connected().received("smtpd", 2).by_smtp(2))


def test_pickup(lab):
    lab.main.submit(["a@ok.test"])
    lab.change(Change().received("pickup").by_smtp())


def test_null_sender(lab):
    lab.main.send(["a@ok.test"], sender="")
    lab.change(Change().connected().received("smtpd").by_smtp())


@pytest.mark.parametrize("recipient, transport", [
    ("games@local.test", "local"), ("nowhere@local.test", "local"),
    ("one@virtual.test", "virtual"), ("a@pipe.test", "pipe/archive")])
def test_transport(lab, recipient, transport):
    lab.main.send([recipient])
    lab.change(Change().connected().received("smtpd").sent(transport))


def test_lmtp(lab):
    lab.main.send(["a@lmtp.test", "b@lmtp.test"])
    lab.change(Change().connected().received("smtpd", 2).by_smtp(2, group="lmtp"))
    assert len(lab.site.sinks[ps.LMTP].taken) == 2
    assert lab.walk.of("mtaGroupMailProtocol", "postfix", "lmtp").endswith(".24")


def test_discard(lab):
    lab.main.send(["a@discard.test"])
    lab.change(Change().connected().received("smtpd").sent("discard")
               .plus("discard", 1, "discarded"))


def test_several_transports(lab):
    """One message for seven transports is one message of the MTA, and one of each."""
    lab.main.send(["a@ok.test", "games@local.test", "two@virtual.test", "a@lmtp.test",
                   "a@pipe.test", "a@discard.test"])
    lab.change(Change().connected().received("smtpd", 6).by_smtp().sent("local", of_mta=0)
               .sent("virtual", of_mta=0).by_smtp(of_mta=0, group="lmtp")
               .sent("pipe/archive", of_mta=0).sent("discard", of_mta=0)
               .plus("discard", 1, "discarded"))


def alias(c):
    """Three mailboxes, by an alias."""
    return c.received("smtpd").sent("local", 3)


def mixed_alias(c):
    """A mailbox, and what is sent on under a queue id of its own: one message as before."""
    return c.received("smtpd").sent("local").by_smtp(of_mta=0)


def mailing_list(c):
    """The list is sent on as one message of five recipients, one of which is an alias for two."""
    return c.received("smtpd").sent("local", 2).by_smtp(3, of_mta=0)


@pytest.mark.parametrize("name, count", [("team", alias), ("mixed", mixed_alias),
                                         ("announce", mailing_list)])
def test_alias(lab, name, count):
    lab.main.send([f"{name}@local.test"])
    lab.change(count(Change().connected()))


def test_list_by_pickup(lab):
    lab.main.submit(["announce@local.test"])
    lab.change(Change().received("pickup").sent("local", 2).by_smtp(3, of_mta=0))


def test_forwarded_and_bounced(lab):
    """Nothing but the message that was sent on has a result."""
    lab.main.send(["away@local.test"])
    lab.change(Change().connected().received("smtpd").association("smtp")
               .bounced("smtp", 5001001).returned())


def test_two_hundred(lab):
    """More than 200 messages of every kind, one behind the other."""
    main, c = lab.main, Change()
    for n in range(15):
        for recipients, sender in ((["a@ok.test"], "sender@ok.test"), (["a@ok.test"], ""),
                                   ([f"{x}@ok.test" for x in "abcd"], "sender@ok.test")):
            main.send(recipients, sender=sender)
            c.connected().received("smtpd", len(recipients)).by_smtp(len(recipients))
        for name, count in ("team", alias), ("mixed", mixed_alias), ("announce", mailing_list):
            main.send([f"{name}@local.test"])
            count(c.connected())
        main.send(["a@ok.test", "games@local.test", "two@virtual.test", "a@lmtp.test",
                   "a@pipe.test", "a@discard.test"])
        c.connected().received("smtpd", 6).by_smtp().sent("local", of_mta=0)
        c.sent("virtual", of_mta=0).by_smtp(of_mta=0, group="lmtp")
        c.sent("pipe/archive", of_mta=0).sent("discard", of_mta=0).plus("discard", 1, "discarded")
        main.submit(["a@ok.test"])
        c.received("pickup").by_smtp()
        main.send(["a@permanent.test"])
        c.connected().received("smtpd").association("smtp").bounced("smtp", 5001001).returned()
        main.send(["a@ok.test", "b@permanent.test"])
        c.connected().received("smtpd", 2).by_smtp()
        c.association("smtp").bounced("smtp", 5001001).returned()
        main.send(["a@permanent.test"], sender="")
        c.connected().received("smtpd").association("smtp").bounced("smtp", 5001001)
        main.send(["a@ok.test", "blocked@ok.test", "grey@ok.test"])
        c.connected().received("smtpd").by_smtp().rejected(5007001).rejected(4007001)
        main.send(["a@ok.test"], sender="spam@bad.test")
        c.connected().rejected(5007001, recipients=0)
    assert c["postfix", "", "mtaReceivedMessages"] >= 200
    ps.wait_until(lambda: not main.queue())
    lab.change(c)


def test_error_transport_bounces(lab):
    lab.main.submit(["a@error.test"])
    lab.change(Change().received("pickup").bounced("error", 5001002, side="internal").returned())


def test_error_transport_defers(lab):
    lab.main.submit(["a@later.test"])
    walk = lab.change(Change().received("pickup").deferred("error", 4003000, side="internal"))
    assert walk.of("mtaGroupStoredMessages", "postfix", "deferred") == 1
    lab.main.run("postsuper", "-d", queue_id_of(lab, "a@later.test"))
    lab.change(Change())


def test_second_instance(lab):
    """postfix hands over to postfix-out: each counts it once, long and short ids."""
    lab.main.send(["a@out.test"])
    expected = Change().connected().received("smtpd").by_smtp()
    out = Change("postfix-out").connected().received("smtpd").by_smtp()
    lab.change(expected + out)


# ---- What is not delivered at once ----

def next_retry(lab, destination):
    """Of a destination; the time of its queue file is known a refresh after the log."""
    cell = ("mailmonDestinationNextRetry", *destination)
    return lab.settle(lambda walk: walk.get(cell) is not None).get(cell)


def test_deferred_and_delivered(lab):
    main, sink, begin = lab.main, lab.site.sinks[ps.TEMPORARY], time.monotonic()
    main.send(["a@temporary.test", "b@temporary.test"], message_id="<oldest@client.test>")
    walk = lab.change(Change().connected().received("smtpd", 2).association("smtp")
                      .deferred("smtp", 4002001, 2))
    of = lambda column: walk.of(column, "postfix", "deferred")
    assert of("mtaGroupStoredMessages") == 1 and of("mtaGroupStoredRecipients") == 2
    assert of("mtaGroupOldestMessageId") == "<oldest@client.test>"
    passed = time.monotonic() - begin + 2  # in the log and in a queue file's name are whole seconds
    assert 0 <= of("mtaGroupOldestMessageStored") < 100 * passed
    assert 100 * (1000 - passed) < of("mtaGroupScheduledRetry") <= 100000  # minimal_backoff_time
    assert of("mailmonChannelDeferred") == 1
    row = walk.index("mailmonDestinationDomain", "temporary.test")
    cell = lambda column: walk.get((f"mailmonDestination{column}", *row))
    assert (cell("Queued"), cell("Deferred"), cell("Deferrals")) == (2, 2, 2)
    assert cell("LastStatusCode") == 4002001 and "450 4.2.1 not now" in cell("LastReason")
    assert 0 <= cell("OldestAge") < passed
    retry = next_retry(lab, row)
    assert 1000 - (time.monotonic() - begin + 2) < retry <= 1000
    reason = walk.of("mailmonEntryLastReason", "postfix", "smtp", ENTRIES.index("deferred") + 1)
    assert "450 4.2.1 not now" in reason
    sink.replies.clear()
    main.run("postqueue", "-f")
    walk = lab.change(Change().by_smtp(2, first=False))
    cell = lambda column: walk.get((f"mailmonDestination{column}", *row))
    assert (cell("Queued"), cell("Deferred"), cell("Deliveries")) == (0, 0, 2)
    assert cell("NextRetry") is None


def test_connection_refused(lab):
    lab.main.send(["a@refused.test"])
    walk = lab.change(Change().connected().received("smtpd").refused())
    reason = walk.of("mtaGroupOutboundConnectFailureReason", "postfix", "smtp")
    assert "Connection refused" in reason
    lab.main.run("postsuper", "-d", queue_id_of(lab, "a@refused.test"))
    lab.change(Change())


def test_bounced(lab):
    lab.main.send(["a@permanent.test"])
    lab.change(Change().connected().received("smtpd").association("smtp")
               .bounced("smtp", 5001001).returned())


def test_bounce_of_null_sender_is_dropped(lab):
    lab.main.send(["a@permanent.test"], sender="")
    lab.change(Change().connected().received("smtpd").association("smtp").bounced("smtp", 5001001))


def test_part_sent_part_deferred_part_bounced(lab):
    lab.main.send(["a@ok.test", "a@refused.test", "a@permanent.test"])
    lab.change(Change().connected().received("smtpd", 3).by_smtp().refused()
               .association("smtp").bounced("smtp", 5001001).returned())
    lab.main.run("postsuper", "-d", queue_id_of(lab, "a@refused.test"))
    lab.change(Change())


def test_one_process_two_hosts(lab):
    """Associations are told apart by where they go, not by the process alone (relay has one)."""
    lab.main.send(["a@serial-a.test", "a@serial-b.test"])
    lab.change(Change().connected().received("smtpd", 2).association("relay/smtp", 2)
               .sent("relay/smtp", 2))


def test_first_time(lab):
    """A recipient that is deferred does not make the others of its message late."""
    gate = lab.site.sinks[ps.SLOW].gate
    gate.clear()
    pattern = "to=<a@refused.test>.*status=deferred"
    before = len(re.findall(pattern, lab.main.text()))
    lab.main.send(["a@refused.test", "a@slow.test"])
    lab.main.wait_log(pattern, before + 1)
    gate.set()
    lab.change(Change().connected().received("smtpd", 2).refused().by_smtp())


def test_expired(lab):
    lab.main.send(["a@refused.test"])
    lab.change(Change().connected().received("smtpd").refused())
    lab.main.run("postsuper", "-e", queue_id_of(lab, "a@refused.test"))
    lab.main.run("postqueue", "-f")
    lab.main.wait_log("status=force-expired")
    lab.change(Change().failed("smtp").returned()
               .plus("smtp", 1, "expired", "mailmonChannelExpired", ("internal", 4004007)))


def test_loop(lab):
    """Mail that carries this host's own Delivered-To comes back."""
    m = "Delivered-To: games@local.test\nSubject: round\n\ntext\n"
    with smtplib.SMTP("127.0.0.1", lab.main.port(ps.SMTP), "client.test",
                      source_address=(ps.CLIENT, 0)) as c:
        c.sendmail("sender@ok.test", ["games@local.test"], m)
    lab.change(Change().connected().received("smtpd").bounced("local", 5004006, side="internal")
               .plus("local", 1, "mtaGroupLoopsDetected").plus("", 1, "mtaLoopsDetected")
               .returned())


# ---- Refused, held, thrown away ----

def test_rejected_recipients(lab):
    refused = lab.main.send(["a@ok.test", "blocked@ok.test", "grey@ok.test"])
    assert set(refused) == {"blocked@ok.test", "grey@ok.test"}
    walk = lab.change(Change().connected().received("smtpd").by_smtp()
                      .rejected(5007001).rejected(4007001))
    assert walk.of("mailmonEntryLastReason", "postfix", "smtpd", ENTRIES.index("rejected") + 1)


def test_rejected_only_recipient(lab):
    assert lab.main.send(["blocked@ok.test"])
    lab.change(Change().connected().rejected(5007001))


def test_rejected_sender(lab):
    assert lab.main.send(["a@ok.test"], sender="spam@bad.test")
    lab.change(Change().connected().rejected(5007001, recipients=0))


def test_rejected_content(lab):
    assert lab.main.send(["a@ok.test"], subject="a VIRUS")
    lab.change(Change().connected().rejected(5007001, recipients=0))


def test_too_large(lab):
    with smtplib.SMTP("127.0.0.1", lab.main.port(ps.SMTP), "client.test",
                      source_address=(ps.CLIENT, 0)) as c:
        c.ehlo()
        code, _ = c.mail("sender@ok.test", ["SIZE=200000"])
        assert code == 552
    lab.change(Change().connected().rejected(5003004, recipients=0))


def test_discarded_content(lab):
    assert not lab.main.send(["a@ok.test"], subject="DROP me")
    lab.change(Change().connected().plus("smtpd", 1, "discarded"))


def test_rejected_connection(lab):
    """A connection that is refused is none: the next that is taken makes up for it."""
    with pytest.raises(smtplib.SMTPConnectError):
        lab.main.send(["a@ok.test"], source="127.0.0.66")
    lab.main.send(["a@ok.test"])
    walk = lab.change(Change().connected(n=2, counted=1).received("smtpd").by_smtp()
                      .plus("smtpd", 1, "mtaGroupRejectedInboundAssociations", "aborted",
                            "connectionRejected", ("in", 5007001))
                      .plus("", 1, "applRejectedInboundAssociations"))
    assert "Access denied" in walk.of("mtaGroupInboundRejectionReason", "postfix", "smtpd")


def test_aborted_and_bad_command(lab):
    with lab.main.connect() as s:
        s.sendall(b"EHLO client.test\r\n")
        s.recv(1000)
        s.sendall(b"NONSENSE\r\n")
        s.recv(1000)
    lab.change(Change().connected().plus("smtpd", 1, "aborted", "badCommand"))


def test_hold_and_release(lab):
    lab.main.send(["held@ok.test"])
    walk = lab.change(Change().connected().plus("smtpd", 1, "held"))
    assert walk.of("mailmonChannelHeld", "postfix", "hold") == 1
    lab.main.run("postsuper", "-H", queue_id_of(lab, "held@ok.test"))
    lab.main.run("postqueue", "-f")
    lab.change(Change().received("smtpd").by_smtp())


def test_postsuper_hold_and_delete(lab):
    lab.main.send(["a@refused.test"])
    lab.change(Change().connected().received("smtpd").refused())
    lab.main.run("postsuper", "-h", queue_id_of(lab, "a@refused.test"))
    walk = lab.change(Change().plus("smtpd", 1, "held"))
    assert walk.of("mtaGroupStoredMessages", "postfix", "hold") == 1
    assert walk.of("mtaGroupStoredMessages", "postfix", "deferred") == 0
    lab.main.run("postsuper", "-d", queue_id_of(lab, "a@refused.test"))
    lab.change(Change())


def test_postsuper_deletes_all(lab):
    """It names none in the log: what waited for a destination waits no more."""
    lab.main.send(["a@refused.test", "b@temporary.test"])
    walk = lab.change(Change().connected().received("smtpd", 2).refused()
                      .association("smtp").deferred("smtp", 4002001, messages=0))
    rows = [walk.index("mailmonDestinationDomain", d) for d in ("refused.test", "temporary.test")]
    before = {(row, c): walk[c, *row] for row in rows for c in ("mailmonDestinationDeferrals",)}
    assert [walk["mailmonDestinationQueued", *row] for row in rows] >= [1, 1]
    assert lab.main.drop_all()

    def none_waits(walk):
        assert [walk["mailmonDestinationQueued", *row] for row in rows] == [0, 0]
        assert not any(("mailmonDestinationOldestAge", *row) in walk for row in rows)
        assert before == {(row, c): walk[c, *row] for row, c in before}
    lab.shows(none_waits)
    lab.change(Change())


def test_requeue(lab):
    """postsuper -r: pickup takes it in again under a new id; it was received before."""
    lab.main.send(["a@temporary.test"])
    lab.change(Change().connected().received("smtpd").association("smtp").deferred("smtp", 4002001))
    lab.site.sinks[ps.TEMPORARY].replies.clear()
    lab.main.run("postsuper", "-r", queue_id_of(lab, "a@temporary.test"))
    lab.main.wait_log("orig_id=")
    walk = lab.change(Change().by_smtp(first=False))
    row = walk.index("mailmonDestinationDomain", "temporary.test")
    assert walk["mailmonDestinationQueued", *row] == 0


# ---- Other ways in ----

def test_submission_service(lab):
    """Its own syslog_name: a group of the same instance."""
    lab.main.send(["a@ok.test"], service=ps.SUBMISSION)
    lab.change(Change().connected("submission/smtpd").received("submission/smtpd").by_smtp())


def test_mail_from_this_host_that_waits(lab):
    """Mail of a client on the same host is received when it is, not when it has been delivered: as
    long as no content filter is known to give mail back without saying so, see the next test."""
    gate = lab.site.sinks[ps.SLOW].gate
    gate.clear()
    try:
        lab.main.send(["a@slow.test"], source="127.0.0.1")
        lab.change(Change().connected().received("smtpd"), under_way=1)
    finally:
        gate.set()
        lab.wait_empty()


def queued_before_told(postfix):
    """Was what came back from the filter last queued before the log told that it came back?

    qmgr and the client of the filter write at the same time."""
    text = postfix.text()
    told = list(re.finditer(r"filter/smtp\[\d+\]: .* queued as (\w+)\)$", text, re.M))[-1]
    return f": {told[1]}: from=<" in text[:told.start()]


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("service, transport, back", [
    (ps.FILTERED, "filter/smtp", "reinject/smtpd"),  # by a service that is configured as internal
    (ps.FILTERED_XFORWARD, "xfilter/smtp", "back/smtpd"),  # ... that tells the queue id it had
    (ps.FILTERED_PLAIN, "filter/smtp", "back/smtpd"),  # ... of which nothing is known
], ids=["internal", "xforward", "unknown"])
def test_content_filter(lab, service, transport, back, late):
    """What a filter gives back was received before, and giving it is no transmission. That the
    filter took it is logged before, or after what it gave back has been delivered."""
    gate, lab.site.late_filter = lab.site.sinks[ps.SLOW].gate, late
    pattern = rf"{transport}\[\d+\]: .*to=<a@slow.test>.*queued as"
    before = len(re.findall(pattern, lab.main.text()))
    if not late:
        gate.clear()
    lab.main.send(["a@slow.test"], service=service)
    lab.main.wait_log(pattern, before + 1)
    gate.set()
    expected = (Change().connected().received("smtpd").association(transport).connected(back)
                .by_smtp())
    if service == ps.FILTERED_PLAIN and (late or not lab.taught and queued_before_told(lab.main)):
        # it was counted in vain at the service where it came back; the next message pays for that
        lab.main.send(["b@ok.test"])
        expected = expected.connected().received(back).by_smtp()
    lab.taught |= service == ps.FILTERED_PLAIN
    lab.change(expected)


def test_address_verification(lab):
    """Probes are no mail."""
    assert not lab.main.send(["verified@ok.test"], service=ps.VERIFY)
    lab.change(Change().connected().received("smtpd").by_smtp().association("smtp"))
    assert lab.main.send(["b@permanent.test"], service=ps.VERIFY)
    lab.change(Change().connected().rejected(5001001).association("smtp"))


def test_postscreen_passes(lab):
    lab.main.send(["a@ok.test"], service=ps.POSTSCREEN)
    lab.change(Change().connected().received("smtpd").by_smtp()
               .plus("postscreen", 1, "opened", "mtaGroupAccumulatedInboundAssociations"))


def test_postscreen_rejects(lab):
    """A client that talks first is answered and sent away; the connection counts as refused."""
    with socket.create_connection(("127.0.0.1", lab.main.port(ps.POSTSCREEN)), 10,
                                  source_address=("127.0.0.5", 0)) as s:
        s.sendall(b"EHLO early.test\r\n")
        s.settimeout(5 * PATIENCE)
        answers = b""
        while b"\n250 " not in answers:
            answers += s.recv(1000)
        s.sendall(b"MAIL FROM:<early@bad.test>\r\nRCPT TO:<a@ok.test>\r\nQUIT\r\n")
        while s.recv(1000):
            pass
    lab.main.send(["a@ok.test"], service=ps.POSTSCREEN)
    lab.change(Change().connected().received("smtpd").by_smtp()
               .plus("postscreen", 2, "opened").plus("postscreen", 1, "closed")
               .plus("postscreen", 1, "mtaGroupAccumulatedInboundAssociations",
                     "mtaGroupRejectedInboundAssociations", "connectionRejected", ("in", 5005001))
               .plus("", 1, "applRejectedInboundAssociations"))


# ---- Queues ----

def test_maildrop(lab):
    pickup = lab.main.process("pickup")
    os.kill(pickup, signal.SIGSTOP)
    try:
        lab.main.submit(["a@ok.test"])

        def dropped(walk):
            assert walk.of("mtaGroupStoredMessages", "postfix", "maildrop") == 1
            assert walk.of("mailmonChannelMaildrop", "postfix", "maildrop") == 1
        lab.shows(dropped)
    finally:
        os.kill(pickup, signal.SIGCONT)
    lab.change(Change().received("pickup").by_smtp())


def test_incoming_and_active(lab):
    qmgr, gate = lab.main.process("qmgr"), lab.site.sinks[ps.SLOW].gate
    gate.clear()
    try:
        os.kill(qmgr, signal.SIGSTOP)
        lab.main.send(["a@slow.test"], message_id="<waits@client.test>")

        def incoming(walk):
            assert walk.of("mtaGroupStoredMessages", "postfix", "incoming") == 1
            assert walk.of("mailmonChannelIncoming", "postfix", "incoming") == 1
            assert walk.of("mtaGroupOldestMessageId", "postfix", "incoming") == "<waits@client.test>"
        lab.shows(incoming)
        os.kill(qmgr, signal.SIGCONT)
        walk = lab.change(Change().connected().received("smtpd"), under_way=1)
        assert walk.of("mtaGroupStoredMessages", "postfix", "incoming") == 0
        assert walk.of("mtaGroupStoredMessages", "postfix", "active") == 1
        assert walk.of("mailmonChannelActive", "postfix", "active") == 1
        assert walk[("mailmonAgeMessages", *walk.group("postfix", "active"), 1)] == 1
        wait_outbound(lab, 1)
    finally:
        os.kill(qmgr, signal.SIGCONT)
        gate.set()
    lab.change(Change().by_smtp())
    wait_outbound(lab, 0)


def wait_outbound(lab, n):
    """Open associations to the next host, as sockets show them."""
    def right(walk):
        assert walk.of("applOutboundAssociations", "postfix") == n
        assert walk.of("mtaGroupOutboundAssociations", "postfix", "smtp") == n
        index = walk.appl("postfix")
        rows = [i for i, kind in walk.column("assocApplicationType").items()
                if i[0] == index and kind == "peerresponder"]
        assert len(rows) == n
        for row in rows:
            assert walk["assocRemoteApplication", *row] == "127.0.0.1"
            assert walk["mtaGroupAssociationIndex", *walk.group("postfix", "smtp"), row[1]] == row[1]
    lab.shows(right, 12)


# ---- Associations ----

def two_from_one_host(walk):
    assert walk.of("applInboundAssociations", "postfix") == 2
    assert walk.of("applInboundAssociations", "postfix-out") == 1
    assert walk.of("mtaGroupInboundAssociations", "postfix", "smtpd") == 2
    index = walk.appl("postfix")
    rows = [i for i in walk.column("assocRemoteApplication") if i[0] == index]
    assert [walk["assocRemoteApplication", *i] for i in rows] == ["127.0.0.7"] * 2
    assert {walk["assocApplicationType", *i] for i in rows} == {"peerinitiator"}
    assert all(walk["assocApplicationProtocol", *i].endswith(".25") for i in rows)
    smtpd = walk.group("postfix", "smtpd")
    assert sorted(k[3] for k in walk if k[0] == "mtaGroupAssociationIndex" and
                  k[1:3] == smtpd) == sorted(i[1] for i in rows)
    assert walk["mailmonConnectionCount", index, 5] == 2  # established, RFC 4022
    peer = [k[1:] for k in walk if k[0] == "mailmonPeerCurrent" and k[1] == index and
            k[-4:] == (127, 0, 0, 7)]
    assert len(peer) == 1 and walk["mailmonPeerCurrent", *peer[0]] == 2
    assert walk["mailmonPeerConnections", *peer[0]] == 2


def test_open_associations(lab):
    held = [lab.main.connect(source="127.0.0.7"), lab.main.connect(source="127.0.0.7"),
            lab.out.connect(ps.OUT)]
    try:
        lab.shows(two_from_one_host, 12)
    finally:
        for s in held:
            s.close()

    def none(walk):
        assert walk.of("applInboundAssociations", "postfix") == walk.of("applInboundAssociations", "postfix-out") == 0
        assert not walk.column("assocRemoteApplication")
        assert not walk.column("mtaGroupAssociationIndex")
    lab.shows(none, 12)
    lab.change(Change().connected(n=2).plus("smtpd", 2, "aborted") +
               Change("postfix-out").connected().plus("smtpd", 1, "aborted"))


def test_open_association_of_submission(lab):
    """The group of an open connection is that of its service, whatever its port."""
    s = lab.main.connect(ps.SUBMISSION)
    try:
        def right(walk):
            assert walk.of("applInboundAssociations", "postfix") == 1
            assert walk.of("mtaGroupInboundAssociations", "postfix", "submission/smtpd") == 1
        lab.shows(right, 12)
    finally:
        s.close()
    lab.change(Change().connected("submission/smtpd").plus("submission/smtpd", 1, "aborted"))


# ---- The mail system as a whole ----

def test_dump_shows_the_same(lab):
    walk, dump = lab.read_to_end(), lab.daemon.dump()
    for name in APPL_COUNTERS + GROUP_COUNTERS:
        for key in (k for k in walk if k[0] == name):
            assert dump[key].split(": ")[-1] == str(walk[key]), key


def test_nothing_is_unknown(lab):
    """Every line that this Postfix wrote is recognised."""
    walk = lab.read_to_end()
    assert not any(walk.column("mailmonSourceUnrecognised").values()), lab.daemon.text()


def test_volume(lab):
    """Octets are those that Postfix logged: once for each message that was received."""
    octets, size, gone, skip = 0, {}, {}, set()
    for line in lab.main.text().splitlines():
        found = re.match(r".{15} \S+ (\S+?)\[\d+\]: ([0-9A-F]+): (.*)", line)
        if not found:
            continue
        tag, queue_id, rest = found.groups()
        if rest.startswith(("client=", "uid=")):
            skip.discard(queue_id)  # short ids are used again
            if tag in ("postfix/reinject/smtpd", "postfix/back/smtpd") or "orig_id=" in rest:
                skip.add(queue_id)
        queued = re.match(r"from=<(.*)>, size=(\d+)", rest)
        if queued and queue_id not in skip and not queued[1].startswith("double-bounce"):
            size.setdefault(queue_id, int(queued[2]))
            gone.pop(queue_id, 0)
        forwarded = re.search(r"\(forwarded as (\w+)\)$", rest)
        if forwarded and forwarded[1] in gone:  # delivered before local said so
            octets -= gone.pop(forwarded[1])
        elif forwarded and not size.pop(forwarded[1], 0):
            skip.add(forwarded[1])
        if rest == "removed":
            gone[queue_id] = size.pop(queue_id, 0)
            octets += gone[queue_id]
    walk = lab.read_to_end()
    total = sum(v for (c, *i), v in walk.items() if c == "mailmonChannelReceivedOctets"
                and i[0] == walk.appl("postfix"))
    assert total == octets + sum(size.values())


def test_daemon_restart_loses_nothing(lab):
    lab.daemon.stop()
    lab.main.send(["a@ok.test"])
    lab.main.wait_log("status=sent")
    lab.daemon.start()
    lab.change(Change().connected().received("smtpd").by_smtp())


def test_congested(lab):
    """postscreen says so itself when too many clients wait at once (postscreen_pre_queue_limit). One that talks
    too early is kept until it goes away, if postscreen came to see that in time."""
    held = []

    def right(walk):
        while re.findall(r"(\w+) STRESS mode", lab.main.text())[-1:] != ["entering"] and len(held) < 200:
            held.append(socket.create_connection(("127.0.0.1", lab.main.port(ps.POSTSCREEN)), 5 * PATIENCE,
                                                 source_address=(f"127.0.1.{len(held) + 1}", 0)))
            held[-1].sendall(b"EHLO early.test\r\n")
            time.sleep(0.02)
        assert walk.of("applOperStatus", "postfix") == "congested"
        assert walk.of("applOperStatus", "postfix-out") == "up"
    try:
        lab.shows(right)
    finally:
        for s in held:
            s.close()
    lab.shows_status("up")
    lab.wait_empty()


def test_down_and_up_again(lab):
    before = lab.daemon.walk().of("applUptime", "postfix")
    lab.main.stop()
    lab.shows_status("down")
    lab.shows_status("up", "postfix-out")
    lab.main.start()

    def right(walk):
        assert walk.of("applOperStatus", "postfix") == "up"
        assert walk.of("applUptime", "postfix") > before
        assert walk.of("applLastChange", "postfix") >= walk.of("applUptime", "postfix") - 100
    lab.shows(right)
    lab.main.send(["a@ok.test"])
    lab.wait_empty()


def test_restarting(lab):
    """Between the start of postfix-script and that of master the instance is restarting."""
    lab.main.stop()
    lab.shows_status("down")
    line = re.search(r"^.*postfix-script\[\d+\]: starting the Postfix mail system$",
                     lab.main.text(), re.M).group(0)
    with lab.main.log.open("a") as log:  # as a slow start would leave it
        log.write(time.strftime("%b %e %H:%M:%S") + line[15:] + "\n")
    try:
        lab.shows_status("restarting")
    finally:
        lab.main.start()
    lab.shows_status("up")


def test_shared_log_and_other_ids():
    """Two instances that write one log, with long ids where the first test had short ones."""
    folder = Path(tempfile.mkdtemp(prefix="mm-", dir="/tmp"))
    folder.chmod(0o755)
    lab = Lab(folder, BASE + 50, shared_log=True, long_ids=True)
    try:
        lab.start()
        assert lab.main.log == lab.out.log
        lab.main.send(["a@refused.test"], message_id="<long@client.test>")
        lab.main.send(["a@out.test"])
        lab.change(Change().connected(n=2).received("smtpd", 2, 2).by_smtp().refused() +
                   Change("postfix-out").connected().received("smtpd").by_smtp())
        assert len(lab.main.queue()[0]["queue_id"]) > 12
        assert lab.walk.of("mtaGroupOldestMessageId", "postfix", "deferred") == "<long@client.test>"
        lab.out.send(["a@out.test"], service=ps.OUT)
        lab.change(Change("postfix-out").connected().received("smtpd").by_smtp())
        assert len([k for k in lab.walk.column("mailmonSourceKind").values() if k == "log"]) == 1
        assert not any(lab.walk.column("mailmonSourceUnrecognised").values())
        rotate(lab)
    finally:
        lab.stop()
        shutil.rmtree(folder)


def rotate(lab):
    """Postfix's own rotation, compressed a second later: nothing is lost or read twice."""
    row = lab.walk.index("mailmonSourceKind", "log")
    lab.main.send(["b@ok.test"])
    lab.main.run("postfix", "logrotate")
    lab.main.send(["b@ok.test"])
    ps.wait_until(lambda: list(lab.main.log.parent.glob("mail.log.*.gz")))
    walk = lab.change(Change().connected(n=2).received("smtpd", 2, 2).by_smtp().by_smtp())
    assert walk["mailmonSourceRotations", row] == 1
