"""mailmond beside a real Exim 4.96: known mail goes through a private daemon (exim_site.py), once with the
log selectors that Exim has by itself and the spool in one directory, once with all selectors and a split spool;
what SNMP shows must be exactly what was sent, and the queue what Exim's own tools say.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE_EXIM, the first of 100 free ports (25500)."""
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import exim_site as es
from daemon import BUILD, Daemon
from snmp_lab import PATIENCE

pytestmark = pytest.mark.skipif(
    not es.available() or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk"),
    reason="needs root, Exim's package (make deps), snmpbulkwalk and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE_EXIM", "25500"))
ROUNDS = 26
REJECTED, DEFERRED, SENT, BOUNCED, EXPIRED, HELD, FAILED_CONNECTION = 4, 6, 17, 18, 19, 20, 15


class Truth(Counter):
    """What was done, by what it must count: (group or "", object)."""

    def received(self, group, recipients=1):
        for g, prefix in (("", "mta"), (group, "mtaGroup")):
            self[g, f"{prefix}ReceivedMessages"] += 1
            self[g, f"{prefix}ReceivedRecipients"] += recipients

    def sent(self, group, recipients=1, of_mta=1):
        self["", "mtaTransmittedMessages"] += of_mta
        self["", "mtaTransmittedRecipients"] += recipients
        self[group, "mtaGroupTransmittedMessages"] += 1
        self[group, "mtaGroupTransmittedRecipients"] += recipients
        self[group, SENT] += recipients

    def bounced(self, group, recipients=1, messages=1):
        self[group, BOUNCED] += recipients
        self[group, "mailmonChannelFailedRecipients"] += recipients
        self[group, "mailmonChannelFailedMessages"] += messages

    def returned(self):
        """A notice went to the sender, at ok.test."""
        self["own-in", "mailmonChannelBouncesGenerated"] += 1
        self.received("own-in")
        self.sent("smtp_ok")

    def deferred(self, group, recipients=1):
        self[group, DEFERRED] += recipients
        self[group, "mailmonChannelAttemptedRecipients"] += recipients
        self[group, "mailmonChannelAttemptedMessages"] += 1

    def refused(self, group):
        self[group, FAILED_CONNECTION] += 1
        self[group, "mtaGroupFailedOutboundAssociations"] += 1

    def rejected(self, recipients=1):
        self["smtp-in", REJECTED] += 1
        self["smtp-in", "mtaGroupRejectedMessages"] += 1
        self["smtp-in", "mailmonChannelRejectedRecipients"] += recipients


def shown(walk, name):
    """The same numbers as SNMP shows them."""
    found = Counter()
    appl = walk.appl(name)
    groups = {i: g for i, g in walk.column("mtaGroupName").items() if i[0] == appl}
    for (column, *index), value in walk.items():
        if column == "mailmonEntryCount" and tuple(index[:2]) in groups:
            found[groups[tuple(index[:2])], index[2]] = value
        elif tuple(index) in groups:
            found[groups[tuple(index)], column] = value
        elif index == [appl]:
            found["", column] = value
    return found


class Lab:
    def __init__(self, folder, base, everything):
        self.everything = everything
        self.spool = Path(tempfile.mkdtemp(prefix="mm-exim-", dir="/dev/shm"))
        self.site = es.Site(folder / "exim", base, spool=self.spool, split=everything,
                            selectors=es.ALL_SELECTORS if everything else es.DEFAULT_SELECTORS)
        self.exim = self.site.exim
        log = folder / "exim" / "log"
        self.daemon = Daemon(folder / "agent", base + 20, {"exim": [
            {"name": "exim", "queue_directory": self.spool, "pid_file": folder / "exim/exim.pid",
             "log": log / "mainlog", "reject_log": log / "rejectlog",
             "panic_log": log / "paniclog", "listen": [f"127.0.0.1:{base + es.SMTP}"]}]})
        self.truth = Truth()

    def start(self):
        try:
            self.site.start("-q30m")
            self.daemon.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        if self.daemon.process:
            self.daemon.stop()
        self.site.stop()
        shutil.rmtree(self.spool)

    def settle(self, good, seconds=6):
        end = time.monotonic() + seconds * PATIENCE
        while True:
            walk = self.daemon.walk()
            if good(walk) or time.monotonic() > end:
                return walk
            time.sleep(0.2)

    def differences(self, walk):
        seen = shown(walk, "exim")
        return [f"{k}: {v} expected, {seen[k]} seen"
                for k, v in self.truth.items() if seen[k] != v]

    def check(self):
        """The log is read, and every number is what it must be."""
        self.exim.idle()
        walk = self.settle(lambda w: not self.differences(w))
        assert not self.differences(walk), "\n".join(self.differences(walk))
        return walk


def mail_round(lab, n):
    """Eleven messages, three of them refused, on one connection; and what they must count."""
    t, e = lab.truth, lab.exim
    with smtplib.SMTP("127.0.0.1", e.port(es.SMTP), "client.test", timeout=30,
                      source_address=(es.CLIENT, 0)) as c:
        def send(sender, *recipients):
            text = f"Subject: round {n}\r\nMessage-ID: <{time.time_ns()}@client.test>\r\n\r\ntext\r\n"
            try:
                return c.sendmail(sender, recipients, text)
            except smtplib.SMTPRecipientsRefused as refusal:
                return refusal.recipients
        assert send("sender@ok.test", f"one{n}@ok.test") == {}
        t.received("smtp-in")
        t.sent("smtp_ok")
        assert send("sender@ok.test", "a@ok.test", "b@ok.test", "c@ok.test", "d@permanent.test") == {}
        t.received("smtp-in", 4)
        t.sent("smtp_ok", 3)
        t.bounced("smtp_permanent")
        t.returned()
        assert send("", "games@local.test") == {}
        t.received("smtp-in")
        t.sent("local_mbox")
        assert send("sender@ok.test", "team@local.test") == {}  # a list of three
        t.received("smtp-in")
        t.sent("local_mbox", 3)
        assert send("sender@ok.test", "announce@local.test") == {}  # games and list are in team too
        t.received("smtp-in")
        t.sent("local_mbox", 3)
        t.sent("smtp_ok", 2, of_mta=0)
        assert send("sender@ok.test", "nowhere@local.test", "postmaster@local.test",
                    '"a => b R=evil T=evil"@ok.test') == {}
        t.received("smtp-in", 3)
        t.sent(":blackhole:")
        t.sent("local_mbox", of_mta=0)
        t.sent("smtp_ok", of_mta=0)
        for refused in ("grey@ok.test", "nobody@local.test", "x@elsewhere.test"):
            assert send("sender@ok.test", refused)
            t.rejected()
        assert send("sender@ok.test", f"cut{n}@cut.test") == {}
        t.received("smtp-in")
        t.sent("smtp_cut")


def mail_that_stays(lab):
    """Deferred, refused, expired, frozen, of unknown transport; tried twice."""
    t, e = lab.truth, lab.exim
    for n in range(5):
        assert e.send([f"late{n}@temporary.test", f"too{n}@temporary.test"]) == {}
        e.idle()
        t.received("smtp-in", 2 if lab.everything else 0)
        t.deferred("smtp_temporary", 2)
    for n in range(3):
        assert e.send([f"away{n}@refused.test"]) == {}
        e.idle()
        t.received("smtp-in", 1 if lab.everything else 0)
    t.deferred("smtp_refused")  # the other two: "retry time not reached"
    t.refused("smtp_refused")
    assert e.send(["gone@expire.test"]) == {}
    t.received("smtp-in", 1 if lab.everything else 0)
    t.deferred("smtp_expire")
    t.refused("smtp_expire")
    assert e.send(["held@ok.test"]) == {}
    t.received("smtp-in", 1 if lab.everything else 0)
    t["smtp-in", HELD] += 1
    assert e.send(["x@permanent.test"], sender="") == {}
    t.received("smtp-in")
    t.bounced("smtp_permanent")
    t["smtp-in", HELD] += 1
    e.submit(["u@unroutable.test"], sender="sender@ok.test")
    t.received("local-in")
    t.bounced(":routing:")
    t.returned()


def recipients_left(exim):
    """As exim -bp lists them: those without a D."""
    return len(re.findall(r"^ {10}\S+@\S+$", exim.run("-bp"), re.M))


def check_queue(lab):
    """The queue as exim -bpc, exim -bp and exiqsumm show it."""
    e = lab.exim
    listing = e.run("-bp")
    frozen, messages = listing.count("*** frozen ***"), int(e.run("-bpc"))

    summary = subprocess.run([es.UNPACKED / "usr/sbin/exiqsumm"], input=listing, text=True,
                             capture_output=True, check=True).stdout
    total = int(re.search(r"^\s*(\d+) .*TOTAL", summary, re.M)[1])
    assert messages > 0 and total == recipients_left(e)
    queued = Counter(a.rpartition("@")[2] for a in
                     re.findall(r"^ {10}(\S+@\S+)$", listing, re.M))

    def right(walk):
        assert walk.of("mtaStoredMessages", "exim") == messages
        of = [walk.of(c, "exim", "input") for c in
              ("mtaGroupStoredMessages", "mailmonChannelHeld", "mtaGroupStoredRecipients")]
        assert of == [messages, frozen, total]
        assert 0 < walk.of("mtaGroupScheduledRetry", "exim", "input") <= 180000  # -q30m
        for index, domain in walk.column("mailmonDestinationDomain").items():
            if domain in ("temporary.test", "refused.test"):
                assert walk["mailmonDestinationQueued", *index] == queued[domain], domain
    lab.daemon.shows(right, 30)


@pytest.fixture(scope="module", params=["default selectors", "all selectors, split spool"])
def lab(request):
    folder = Path(tempfile.mkdtemp(prefix="mm-", dir="/tmp"))
    folder.chmod(0o755)
    running = None
    everything = request.param.startswith("all")
    try:
        running = Lab(folder, BASE + 50 * everything, everything)
        yield running.start()
    finally:
        if running:
            running.stop()
        shutil.rmtree(folder)


def test_known_mail(lab):
    """Two hundred messages and more."""
    for n in range(ROUNDS):
        mail_round(lab, n)
    walk = lab.check()
    assert lab.truth["", "mtaReceivedMessages"] >= 200
    assert walk.of("applOperStatus", "exim") == "up"
    assert walk.of("applVersion", "exim") == lab.exim.version()
    assert ("applAccumulatedInboundAssociations", walk.appl("exim")) in walk or not lab.everything
    unrecognised = walk.column("mailmonSourceUnrecognised")
    assert sum(unrecognised.values()) == 0
    names = [n for i, n in walk.column("mtaGroupName").items()]
    assert "evil" not in names and len(names) == len(set(names))


def test_mail_that_stays(lab):
    t, e = lab.truth, lab.exim
    mail_that_stays(lab)
    lab.check()
    check_queue(lab)
    time.sleep(2.5)  # expire.test's retry rule has a second
    e.run("-qff")
    e.idle()
    for _ in range(5):
        t.deferred("smtp_temporary", 2)
    for _ in range(3):
        t.deferred("smtp_refused")
        t.refused("smtp_refused")
    t.deferred("smtp_expire")
    t.bounced("smtp_expire")
    t["smtp_expire", EXPIRED] += 1
    t["smtp_expire", "mailmonChannelExpired"] += 1
    t.refused("smtp_expire")
    t.returned()
    t.bounced("smtp_permanent", messages=0)  # the null sender's, thawed by force and frozen again
    t["smtp-in", HELD] += 1
    t.sent("smtp_ok")  # held@ok.test
    if not lab.everything:
        for key in (("", "mtaReceivedRecipients"), ("smtp-in", "mtaGroupReceivedRecipients")):
            t[key] += 2
    lab.check()
    check_queue(lab)


def test_by_hand(lab):
    """exim -Mf, -Mt, -Mg, -Mrm."""
    t, e = lab.truth, lab.exim
    queue = {re.search(r"^ {10}(\S+)$", e.run("-bp").split(i)[1], re.M)[1]: i for i in e.queue()}
    away = [queue[f"away{n}@refused.test"] for n in range(3)]
    e.run("-Mf", *away)
    t["smtp-in", HELD] += 3
    lab.check()
    check_queue(lab)
    e.run("-Mt", away[0])
    check_queue(lab)
    e.run("-Mrm", away[0], away[1])
    e.run("-Mg", away[2])
    e.idle()
    t["smtp_refused", BOUNCED] += 1
    t["smtp_refused", "mailmonChannelExpired"] += 0  # not of its age
    t.returned()
    lab.check()
    check_queue(lab)


def test_journal(lab):
    """A delivery that waits for a server, then is cut off: Exim's -J tells who has got the message."""
    t, e = lab.truth, lab.exim
    gate = lab.site.sinks[0].gate
    gate.clear()
    before = lab.daemon.walk().of("mtaGroupStoredRecipients", "exim", "input")
    here = len(e.text())
    assert e.send(["games@local.test", "news@local.test", "a@ok.test", "b@ok.test"]) == {}
    es.wait_until(lambda: "=> games <" in e.text()[here:] and "=> news <" in e.text()[here:])
    (journal,) = lab.spool.glob("input/**/*-J")
    assert recipients_left(e) == before + 2
    check_queue(lab)
    for runner in (p for p in Path("/proc").glob("[0-9]*") if e.delivers(p, journal.name[:-2])):
        os.kill(int(runner.name), 9)
    e.idle()
    assert journal.exists()
    check_queue(lab)
    gate.set()
    t.received("smtp-in", 4)
    t.sent("local_mbox", 2)
    t.sent("smtp_ok", 2, of_mta=0)
    e.run("-M", journal.name[:-2])
    lab.check()
    assert not journal.exists()
    check_queue(lab)


def test_restart_and_rotation(lab):
    """Nothing is lost and nothing is counted twice, as Debian rotates (mainlog, mainlog.1, .gz)."""
    e, log = lab.exim, lab.exim.log
    lab.daemon.stop()
    mail_round(lab, 100)
    e.idle()
    log.rename(log.with_suffix(".1"))
    mail_round(lab, 101)
    e.idle()
    subprocess.run(["gzip", log.with_suffix(".1")], check=True)
    lab.daemon.start()
    mail_round(lab, 102)
    lab.check()


def stored(walk, queue):
    """Messages, recipients, and in the table of ages."""
    if queue not in walk.column("mtaGroupName").values():
        return None
    ages = sum(v for i, v in walk.column("mailmonAgeMessages").items()
               if i[:2] == walk.group("exim", queue))
    return (walk.of("mtaGroupStoredMessages", "exim", queue),
            walk.of("mtaGroupStoredRecipients", "exim", queue), ages)


def test_named_queue(lab):
    """A queue that Exim makes when first asked for has rows of its own; a message moves to it by -MG."""
    t, e = lab.truth, lab.exim
    for n in range(3):
        assert e.send(["parked@ok.test", f"slow{n}@temporary.test"]) == {}
        t.received("smtp-in", 2 if lab.everything else 0)
    assert e.send(["later@ok.test"]) == {}
    t.received("smtp-in", 1 if lab.everything else 0)
    before = int(e.run("-bpc"))
    assert e.run("-bpc", "-qGslow").strip() == "3"

    def right(walk):
        assert stored(walk, "slow/input") == (3, 6, 3)
        assert walk.of("mtaGroupStoredMessages", "exim", "input") == before
        assert walk.of("mtaStoredMessages", "exim") == before + 3
    lab.daemon.shows(right, 20)
    moved, = (i for i in e.queue() if re.search(r"^ {10}later@ok.test$", e.run("-bp").split(i)[1]
                                                .split("<")[1], re.M))
    e.run("-MG", "slow", moved)
    walk = lab.settle(lambda w: stored(w, "slow/input") == (4, 7, 4), 20)
    assert stored(walk, "slow/input") == (4, 7, 4)
    assert walk.of("mtaGroupScheduledRetry", "exim", "slow/input") == 0  # -q30m is of the others
    e.run("-qGslow")
    e.idle()
    for _ in range(3):
        t.sent("smtp_ok")
        t.deferred("smtp_temporary")
    t.sent("smtp_ok")
    if not lab.everything:
        for key in (("", "mtaReceivedRecipients"), ("smtp-in", "mtaGroupReceivedRecipients")):
            t[key] += 4
    lab.check()
    walk = lab.settle(lambda w: stored(w, "slow/input") == (3, 3, 3), 20)
    assert stored(walk, "slow/input") == (3, 3, 3)
    assert sum(walk.column("mailmonSourceUnrecognised").values()) == 0


def test_other_logs(lab):
    """The reject log is a source; the panic log is well while it does not exist."""
    walk = lab.daemon.walk()
    rows = {target: i for i, target in walk.column("mailmonSourceTarget").items()}
    reject, panic = (rows[str(lab.exim.log.with_name(n))] for n in ("rejectlog", "paniclog"))
    assert walk["mailmonSourceItems", reject] > 0
    assert walk["mailmonSourceStatus", panic] == "ok"
    lab.exim.log.with_name("paniclog").write_text("2026-11-22 00:00:00 something is wrong\n")

    def right(walk):
        assert walk["mailmonSourceItems", panic] == 1
        event = walk.index("mailmonLogEventName", "exim panic log")
        assert walk["mailmonLogEventMatches", event] == 1
        assert walk["mailmonLogEventSeverity", event] == "major"
    lab.daemon.shows(right)


def test_outbound(lab):
    """An association to another host that is open, also where the log tells no port."""
    t, e = lab.truth, lab.exim

    def deliver():
        assert e.send(["a@plain.test"]) == {}
        t.received("smtp-in", 1)
        t.sent("smtp_plain")
    deliver()
    lab.check()  # the transport is known
    lab.site.plain.gate.clear()
    try:
        deliver()

        def right(walk):
            assert walk.of("applOutboundAssociations", "exim") == 1
            groups = walk.column("mtaGroupOutboundAssociations")
            assert sum(groups.values()) == 1
            if lab.everything:  # else every transport may use the port
                assert groups[walk.group("exim", "smtp_plain")] == 1
            assert es.PLAIN[0] in walk.column("assocRemoteApplication").values()
        lab.daemon.shows(right, 15)
    finally:
        lab.site.plain.gate.set()
    lab.check()
    walk = lab.settle(lambda w: w.of("applOutboundAssociations", "exim") == 0, 15)
    assert walk.of("applOutboundAssociations", "exim") == 0


def test_down(lab):
    lab.exim.stop()
    walk = lab.settle(lambda w: w.of("applOperStatus", "exim") == "down", 15)
    assert walk.of("applOperStatus", "exim") == "down"


def test_detect(lab):
    """What the configuration's text tells is found when only its name is given."""
    daemon = Daemon(lab.daemon.folder / "detect", BASE + 99,
                    {"exim": [{"config_file": lab.exim.config}]})
    text = daemon.ask("--detect")
    assert f'queue_directory = "{lab.spool}"' in text
    assert f'log = "{lab.exim.log}"' in text
    assert f'pid_file = "{lab.exim.folder}/exim.pid"' in text
    assert f':{lab.exim.port(es.SMTP)} smtp-in"' in text


