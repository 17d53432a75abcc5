"""mailmond beside a real Sendmail 8.17: more than 200 messages whose truth is known go through a private
site (sendmail_site.py), and what SNMP shows must have changed by exactly that."""
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from daemon import BUILD, Daemon
import mta_truth
from mta_truth import Truth, kill_collector
from postfix_site import wait_until
from sendmail_site import Sendmail, SUBMISSION
from snmp_lab import Client, Process

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk")
    or not shutil.which("m4"), reason="needs root, m4, snmpbulkwalk and the programs in B")

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "26000"))
ROUNDS = 10
# Connections are not compared: Sendmail does not log those it takes, nor that it uses one again.
WITHOUT = ("applAccumulatedOutboundAssociations", "applAccumulatedInboundAssociations")


@pytest.fixture(scope="module")
def lab():
    folder = Path(tempfile.mkdtemp(prefix="mailmond-sendmail-"))
    folder.chmod(0o755)
    site = Sendmail(folder / "site", BASE)
    daemon = None
    try:
        site.start()
        daemon = Daemon(folder / "mailmond", BASE + 90, {"sendmail": [{
            "name": "sendmail", "log": site.log, "pid_file": site.pid_file,
            "queue_directory": site.queue, "statistics_file": site.statistics,
            "listen": [f"127.0.0.1:{BASE}"]}]}).start()
        yield site, daemon
    finally:
        if daemon:
            daemon.stop()
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)


def inject(site):
    """Every kind of mail, ROUNDS times; what it must change. 23 messages a round are taken."""
    t = Truth()
    for _ in range(ROUNDS):
        site.send(["a@ok.test"])
        z = site.size
        t.received("smtpd", 1, z).sent("smtp", 1, z)
        site.send(["a@ok.test"], service=SUBMISSION)
        t.received("smtpd", 1, site.size).sent("smtp", 1, site.size)
        site.send(["a@ok.test", "b@ok.test", "c@ok.test"])  # one line of three recipients
        t.received("smtpd", 3, site.size).sent("smtp", 3, site.size)
        site.send(["games@local.test"])
        t.received("smtpd", 1, site.size).sent("local", 1, site.size)
        site.send(["games@local.test", "news@local.test", "a@ok.test", "b@other.test"])
        z = site.size
        t.received("smtpd", 4, z).sent("local", 2, z).sent("smtp", 2, z, again=True)
        site.send(["team@local.test"])  # an alias of three
        t.received("smtpd", 1, site.size).sent("local", 3, site.size)
        site.send(["mixed@local.test"])
        z = site.size
        t.received("smtpd", 1, z).sent("local", 1, z).sent("smtp", 1, z, again=True)
        site.send(["owned@local.test"])  # a list with an owner: a copy with an id of its own
        z = site.size
        t.received("smtpd", 1, z).sent("local", 1, z).sent("smtp", 1, z, again=True)
        site.send(["announce@local.test"])  # a mailing list
        z = site.size
        t.received("smtpd", 1, z).sent("local", 2, z).sent("smtp", 3, z, again=True)
        site.send(["nowhere@local.test"])
        t.received("smtpd", 1, site.size).sent("*file*", 1, site.size)
        site.send(["piped@local.test"])
        t.received("smtpd", 1, site.size).sent("prog", 1, site.size)
        site.send(["a@ok.test"], sender="")
        t.received("smtpd", 1, site.size).sent("smtp", 1, site.size)
        site.send(["a@temporary.test", "b@temporary.test"])
        t.received("smtpd", 2, site.size).deferred("esmtp", 2)
        site.send(["a@refused.test"])
        t.received("smtpd", 1, site.size).deferred("relay", 1)
        t.plus("relay", 1, "mtaGroupFailedOutboundAssociations")
        t.plus("", 1, "applFailedOutboundAssociations")
        site.send(["a@data.test"])  # its mailer delivers on demand: queued only
        t.received("smtpd", 1, site.size)
        site.send(["a@permanent.test"])  # and a notice goes to the sender
        t.received("smtpd", 1, site.size).failed("smtp8", 1)
        t.received("sendmail", 1, 0).sent("smtp", 1, 0).plus("sendmail", 1,
                                                             "mailmonChannelBouncesGenerated")
        site.send(["a@permanent.test"], sender="")  # ... or to the postmaster
        t.received("smtpd", 1, site.size).failed("smtp8", 1)
        t.received("sendmail", 1, 0).sent("local", 1, 0).plus("sendmail", 1,
                                                              "mailmonChannelBouncesGenerated")
        site.send(["a@permanent.test", "b@ok.test"])
        z = site.size
        t.received("smtpd", 2, z).failed("smtp8", 1).sent("smtp", 1, z)
        t.received("sendmail", 1, 0).sent("smtp", 1, 0).plus("sendmail", 1,
                                                             "mailmonChannelBouncesGenerated")
        site.send(["hold@ok.test"])  # quarantined
        t.received("smtpd", 1, site.size)
        site.send(["nosuch@local.test", "games@local.test"])
        t.rejected("smtpd").received("smtpd", 1, site.size).sent("local", 1, site.size)
        site.send(["blocked@ok.test"])
        site.send(["grey@ok.test"])
        site.send(["nosuch@local.test"])
        site.send(["x@elsewhere.test"])
        t.rejected("smtpd", n=4)
        site.send(["a@ok.test"], sender="spam@bad.test")
        t.rejected("smtpd", recipient=False)
        try:
            site.send(["a@ok.test"], source="127.0.0.66")
        except OSError:
            pass
        t.plus("smtpd", 1, "mtaGroupRejectedInboundAssociations")
        t.plus("", 1, "applRejectedInboundAssociations")
    return t


def settle(daemon, truth):
    return mta_truth.settle(daemon, "sendmail", truth, WITHOUT, 20)



def test_truth(lab):
    """Difference 0 over all counters, after a kill of the collector, and after another attempt."""
    site, daemon = lab
    truth = inject(site)
    assert truth["", "mtaReceivedMessages"] >= 200
    assert not settle(daemon, truth)
    kill_collector(daemon)
    assert not settle(daemon, truth)
    walk = daemon.walk()
    assert not any(walk.column("mailmonSourceUnrecognised").values()), daemon.text()
    site.quiet()
    site.run_queue()
    truth.deferred("esmtp", 2, ROUNDS).deferred("relay", 1, ROUNDS)
    truth.plus("relay", ROUNDS, "mtaGroupFailedOutboundAssociations")
    truth.plus("", ROUNDS, "applFailedOutboundAssociations")
    assert not settle(daemon, truth)
    queued = {"mqueue": (3 * ROUNDS, 4 * ROUNDS), "hold": (ROUNDS, ROUNDS)}
    wait_until(lambda: stored(daemon.walk()) == queued, 20)
    assert sum(n for n, _ in queued.values()) == len(site.queued())


def stored(walk):
    """{queue: (messages, recipients)}"""
    return {g: tuple(walk.of(f"mtaGroupStored{what}", "sendmail", g)
                     for what in ("Messages", "Recipients")) for g in ("mqueue", "hold")}


def test_statistics(lab):
    """Associations come from Sendmail's own statistics, which are still what they were."""
    site, daemon = lab
    site.quiet()
    program = "/usr/libexec/sendmail/mailstats"
    told = site.overlay.run(program, "-C", "/etc/mail/sendmail.cf", "-P", check=False)
    taken = int(next(line for line in told.splitlines() if line.split()[:1] == ["C"]).split()[1])
    assert taken >= 25 * ROUNDS
    wait_until(lambda: daemon.walk().of("applAccumulatedInboundAssociations", "sendmail") == taken,
               15)


def test_beside_snmpd(lab, tmp_path):
    """What Net-SNMP's own mta_sendmail reads of sendmail.cf, the statistics file and the queue, side by
    side with ours, where the two mean the same."""
    site, daemon = lab
    port = BASE + 95
    config = tmp_path / "snmpd.conf"
    config.write_text(f"rocommunity public 127.0.0.1\nagentaddress udp:127.0.0.1:{port}\n"
                      f"sendmail_config {site.overlay.upper / 'etc/mail/sendmail.cf'}\n"
                      f"sendmail_stats {site.statistics}\nsendmail_queue {site.queue}\n"
                      "sendmail_index 1\nsendmail_stats_t 1\nsendmail_queue_t 1\n")
    snmpd = Process(["snmpd", "-f", "-LE", "i", "-I", "-smux", "-C", "-c", config,
                     "-x", tmp_path / "agentx"], tmp_path / "snmpd.log",
                    env=dict(os.environ, MIBS="", SNMP_PERSISTENT_DIR=str(tmp_path / "state")))
    try:
        client = Client(port, community="public")
        root = ".1.3.6.1.2.1.28."
        wait_until(lambda: client.uptime(0.2) is not None, 10)
        theirs = {oid[len(root):]: value for oid, _, value in client.values("snmpbulkwalk", root[:-1])}
    finally:
        snmpd.stop()
    ours = daemon.walk()
    names = {k.split(".")[-1]: bytes.fromhex(v).decode() for k, v in theirs.items()
             if k.startswith("2.1.25.1.")}

    def of_mailer(column, name):
        number = next(n for n, its in names.items() if its == name)
        return theirs[f"2.1.{column}.1.{number}"]

    assert theirs["1.1.1.1"] == ours.of("mtaReceivedMessages", "sendmail")
    for mailer in "smtp", "prog", "*file*":
        assert of_mailer(5, mailer) == ours.of("mtaGroupTransmittedMessages", "sendmail", mailer)
    # Sendmail counts transactions; the local mailer has one for each recipient.
    assert of_mailer(5, "local") == ours.of("mtaGroupTransmittedRecipients", "sendmail", "local")
    assert theirs["1.1.2.1"] == ours.of("mtaGroupStoredMessages", "sendmail", "mqueue")
    # It does not count recipients that do not exist as rejected.
    rejected = sum(v for k, v in theirs.items() if k.startswith("2.1.3.1."))
    assert rejected == ours.of("mtaGroupRejectedMessages", "sendmail", "smtpd") - 2 * ROUNDS


def test_queue_groups():
    """Mail lies in the directories of its mailer's queue group, as mailq lists it."""
    folder = Path(tempfile.mkdtemp(prefix="mailmond-sendmail-"))
    folder.chmod(0o755)
    site = Sendmail(folder / "site", BASE + 40, groups=True)
    daemon = None
    try:
        site.start()
        daemon = Daemon(folder / "mailmond", BASE + 91, {"sendmail": [{
            "name": "sendmail", "log": site.log, "pid_file": site.pid_file,
            "queue_directory": site.queue, "listen": [f"127.0.0.1:{BASE + 40}"]}]}).start()
        for _ in range(6):
            site.send(["a@temporary.test", "b@temporary.test"])
        site.send(["a@data.test"])
        site.send(["a@ok.test"])
        site.quiet()
        wait_until(lambda: stored(daemon.walk())["mqueue"] == (7, 13), 20)
        listed = site.overlay.run("/usr/libexec/sendmail/sendmail", "-bp", "-C",
                                  "/etc/mail/sendmail.cf")
        assert "Total requests: 7" in listed
        where = {str(p.parent.relative_to(site.queue)) for p in site.queue.rglob("qf?*")}
        assert where <= {".", "slow1", "slow2/qf"} and len(where) >= 2
        octets = sum(p.stat().st_size for p in site.queue.rglob("df?*") if p.is_file())
        walk = daemon.walk()
        assert walk.of("mtaGroupStoredVolume", "sendmail", "mqueue") >= octets // 1024
        ages = [v for i, v in walk.column("mailmonAgeMessages").items()
                if i[:2] == walk.group("sendmail", "mqueue")]
        assert sum(ages) == 7
    finally:
        if daemon:
            daemon.stop()
        site.stop()
        shutil.rmtree(folder, ignore_errors=True)
