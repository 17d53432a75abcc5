"""mailmond beside a real OpenSMTPD 6.8: more than 200 messages whose truth is known go through a private
site (opensmtpd_site.py), and what SNMP shows must have changed by exactly that."""
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from daemon import BUILD, Daemon
import mta_truth
from mta_truth import Truth, counters, kill_collector
from opensmtpd_site import OpenSmtpd, SUBMISSION
from postfix_site import wait_until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk"),
    reason="needs root, snmpbulkwalk and the programs in B")

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "26000")) + 100
ROUNDS = 11
# Octets have a test of their own; associations to other hosts are shared by chance.
WITHOUT = ("applAccumulatedOutboundAssociations", "mailmonChannelReceivedOctets",
           "mailmonChannelTransmittedOctets")


@pytest.fixture(scope="module")
def lab():
    folder = Path(tempfile.mkdtemp(prefix="mailmond-opensmtpd-"))
    folder.chmod(0o755)
    site = OpenSmtpd(folder / "site", BASE)
    daemon = None
    try:
        site.start()
        daemon = Daemon(folder / "mailmond", BASE + 90, {"opensmtpd": [{
            "name": "opensmtpd", "log": site.log, "queue_directory": site.spool,
            "listen": [f"127.0.0.1:{BASE}"]}]}).start()
        yield site, daemon
    finally:
        if daemon:
            daemon.stop()
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)


def returned(t):
    """A notice went to the sender at ok.test."""
    t.received("local", 1, 0).sent("mta", 1, 0)
    return t.plus("local", 1, "mailmonChannelBouncesGenerated")


def inject(site):
    """Every kind of mail, ROUNDS times; what it must change. 21 messages a round are taken."""
    t = Truth()
    sessions = 0
    for _ in range(ROUNDS):
        for recipients, sender in ((["a@ok.test"], "sender@ok.test"), (["a@ok.test"], ""),
                                   (["a@ok.test", "b@ok.test", "c@ok.test"], "sender@ok.test")):
            site.send(recipients, sender)
            t.received("smtpd", len(recipients), 0).sent("mta", len(recipients), 0)
        site.send(["a@ok.test"], service=SUBMISSION)
        t.received("smtpd", 1, 0).sent("mta", 1, 0)
        site.send(["games@local.test"])
        t.received("smtpd", 1, 0).sent("mda", 1, 0)
        site.send(["games@local.test", "news@local.test", "a@ok.test", "b@other.test"])
        t.received("smtpd", 4, 0).sent("mda", 2, 0).sent("mta", 2, 0, again=True)
        site.send(["team@local.test"])  # an alias of three
        t.received("smtpd", 1, 0).sent("mda", 3, 0)
        site.send(["mixed@local.test"])
        t.received("smtpd", 1, 0).sent("mda", 1, 0).sent("mta", 1, 0, again=True)
        site.send(["announce@local.test"])  # a mailing list
        t.received("smtpd", 1, 0).sent("mda", 3, 0).sent("mta", 3, 0, again=True)
        site.send(["a@temporary.test", "b@temporary.test"])
        t.received("smtpd", 2, 0).deferred("mta", 2)
        site.send(["a@data.test"])
        t.received("smtpd", 1, 0).deferred("mta", 1)
        site.send(["a@permanent.test"])
        returned(t.received("smtpd", 1, 0).failed("mta", 1))
        site.send(["a@permanent.test"], sender="")  # nobody to tell
        t.received("smtpd", 1, 0).failed("mta", 1)
        site.send(["a@permanent.test", "b@ok.test"])
        returned(t.received("smtpd", 2, 0).failed("mta", 1).sent("mta", 1, 0))
        site.submit(["a@ok.test"])
        t.received("local", 1, 0).sent("mta", 1, 0)
        site.submit(["games@local.test", "a@permanent.test"], "sender@ok.test")
        returned(t.received("local", 2, 0).sent("mda", 1, 0).failed("mta", 1))
        site.send(["nosuch@local.test", "games@local.test"])
        t.rejected("smtpd").received("smtpd", 1, 0).sent("mda", 1, 0)
        for recipient in "blocked@ok.test", "nosuch@local.test", "x@elsewhere.test":
            site.send([recipient])
        site.send(["a@ok.test"], sender="spam@bad.test")
        t.rejected("smtpd", n=4)
        site.send(["a@ok.test"], body=("y" * 70 + "\n") * 4000)
        t.rejected("smtpd", recipient=False)
        sessions += 20
    return t.plus("", sessions, "applAccumulatedInboundAssociations")


def settle(daemon, truth):
    return mta_truth.settle(daemon, "opensmtpd", truth, WITHOUT, 40)



def test_truth(lab):
    """Difference 0 over all counters, also after a kill of the collector."""
    site, daemon = lab
    truth = inject(site)
    truth.plus("", site.text().count(" smtp connected address=127.0.0.1 "),  # to see that it is up
               "applAccumulatedInboundAssociations")
    assert truth["", "mtaReceivedMessages"] >= 200
    assert not settle(daemon, truth)
    kill_collector(daemon)
    assert not settle(daemon, truth)
    walk = daemon.walk()
    assert sum(walk.column("mailmonChannelReceivedOctets").values()) == sum(
        int(n) for n in re.findall(r" smtp message msgid=\w+ size=(\d+)", site.text()))
    assert not any(walk.column("mailmonSourceUnrecognised").values()), daemon.text()

    def stored(walk):
        assert [walk.of(f"mtaGroupStored{what}", "opensmtpd", "queue") for what in ("Recipients", "Messages")] == \
            [3 * ROUNDS, 2 * ROUNDS]
    daemon.shows(stored, 20)
    assert len(site.control("show", "queue").splitlines()) == 3 * ROUNDS


def test_statistics(lab):
    """What OpenSMTPD counts by itself (smtpctl show stats) is what the log told."""
    site, daemon = lab
    def ask():
        return dict(line.split("=", 1) for line in site.control("show", "stats").splitlines())

    def right(walk):
        def total(column):
            return sum(walk.column(column).values())
        told = ask()
        # A notice is made of an envelope of its own, which counts as delivered.
        assert int(told["scheduler.delivery.ok"]) == total("mtaGroupTransmittedRecipients") + \
            total("mailmonChannelBouncesGenerated")
        assert int(told["scheduler.delivery.tempfail"]) == total("mailmonChannelAttemptedRecipients")
        assert int(told["scheduler.delivery.permfail"]) == total("mailmonChannelFailedRecipients")
        assert int(told["scheduler.envelope"]) == walk.of("mtaStoredRecipients", "opensmtpd")
        assert int(told["smtp.session"]) == walk.of("applInboundAssociations", "opensmtpd") == 0
    walk, told = daemon.shows(right), ask()
    up = (daemon.client.uptime() - walk.of("applUptime", "opensmtpd")) / 100
    assert int(told["uptime"]) - 2 < up < int(ask()["uptime"]) + 2


def test_expired_and_removed(lab):
    """Envelopes that the queue ends without another try."""
    site, daemon = lab
    before = counters(daemon.walk(), "opensmtpd")
    site.send(["a@expire.test"])
    site.send(["keep@temporary.test", "drop@temporary.test"])
    t = Truth().received("smtpd", 1, 0).deferred("mta", 1).failed("mta", 1)
    returned(t.received("smtpd", 2, 0).deferred("mta", 2))
    t.plus("", 2, "applAccumulatedInboundAssociations")
    wait_until(lambda: "to=<drop@temporary.test>" in site.text())
    line = next(n for n in site.control("show", "queue").splitlines() if "|drop@" in n)
    site.control("remove", line[:16])
    site.wait_log(" Expire for ", seconds=60)
    t.update(before)
    assert not settle(daemon, t)

    def right(walk):
        assert walk.of("mailmonChannelExpired", "opensmtpd", "mta") == 1
        waiting = {d: walk["mailmonDestinationQueued", *i] for i, d in
                   walk.column("mailmonDestinationDomain").items()}
        assert waiting["expire.test"] == 0
        assert waiting["temporary.test"] == 2 * ROUNDS + 1
        assert not any(walk.column("mailmonSourceUnrecognised").values()), daemon.text()
    daemon.shows(right)
