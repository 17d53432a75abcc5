"""When queued mail is tried next, as the mail systems' own commands tell it: a real Exim 4.96's retry hints
and a real OpenSMTPD 6.8's scheduler, against what mailmond shows; and what it says if it may not ask."""
import os
import re
import shutil
import smtplib
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pytest

import exim_site as es
from daemon import BUILD, Daemon
from opensmtpd_site import OpenSmtpd
from postfix_site import wait_until

pytestmark = pytest.mark.skipif(
    not es.available() or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk"),
    reason="needs root, Exim's package (make deps), snmpbulkwalk and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE_QUEUE", "26600"))


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="mailmond-attempts-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def destinations(walk):
    """{domain: seconds until the next attempt, None: absent}"""
    return {domain: walk.get(("mailmonDestinationNextRetry", *i))
            for i, domain in walk.column("mailmonDestinationDomain").items()}


def source(walk, name):
    """(status, last error)"""
    i = walk.index("mailmonSourceName", name)
    return walk["mailmonSourceStatus", i], walk.get(("mailmonSourceLastError", i), "")


def statistics(site):
    """What OpenSMTPD says of itself: {name: number}, 0 if it says nothing."""
    lines = site.control("show", "stats").splitlines()
    return defaultdict(int, ((k, int(v)) for k, v in (line.split("=", 1) for line in lines)
                             if v.isdigit()))


def test_exim(folder):
    site = es.Site(folder / "exim", BASE)
    dump = [es.UNPACKED / "usr/sbin/exim_dumpdb", site.exim.spool, "retry"]
    settings = {"name": "exim", "config_file": site.exim.config, "queue_directory": site.exim.spool,
                "pid_file": site.exim.folder / "exim.pid", "log": site.exim.log,
                "queue_command_interval": "5 s"}
    daemon = None
    try:
        site.start()
        begin = time.monotonic()
        for domain in "temporary", "refused", "datatemporary", "ok":
            site.exim.send([f"a@{domain}.test", f"b@{domain}.test"])
        site.exim.idle()
        daemon = Daemon(folder / "mailmond", BASE + 90, {"user": "root", "exim": [
            {**settings, "queue_command": [str(w) for w in dump]}]}).start()

        def right(walk):
            seen, passed = destinations(walk), time.monotonic() - begin
            # The rule is 15 min; of a host that is down the hints name no domain.
            for domain in "temporary.test", "datatemporary.test":
                assert 898 - passed <= seen[domain] <= 900
            assert seen["refused.test"] is None
            assert 100 * (898 - passed) <= walk.of("mtaGroupScheduledRetry", "exim", "input") <= 90000
            assert source(walk, "exim next attempts") == ("ok", "")
        daemon.shows(right, 25)
        daemon.stop()
        daemon = Daemon(folder / "other", BASE + 91, {"exim": [
            {**settings, "queue_command": ["/bin/false"]}]}).start()

        def refused(walk):
            status, error = source(walk, "exim next attempts")
            assert status == "stale" and "sudo" in error
        assert not any(destinations(daemon.shows(refused, 15)).values())
    finally:
        if daemon:
            daemon.stop()
        site.stop()



def test_opensmtpd(folder):
    site = OpenSmtpd(folder / "site", BASE + 10)
    daemon = None
    try:
        site.start()
        command = site.overlay.command("/usr/sbin/smtpctl", "show", "queue")
        daemon = Daemon(folder / "mailmond", BASE + 92, {"user": "root", "opensmtpd": [{
            "name": "opensmtpd", "log": site.log, "queue_directory": site.spool,
            "listen": [f"127.0.0.1:{BASE + 10}"], "queue_command": [str(w) for w in command],
            "queue_command_interval": "5 s"}]}).start()
        for domain in "temporary", "data", "ok":
            site.send([f"a@{domain}.test", f"b@{domain}.test"])
        wait_until(lambda: site.control("show", "queue").count("|pending|") == 4)
        wait_until(lambda: all(destinations(daemon.walk()).get(d) for d in
                               ("temporary.test", "data.test")), 25)

        def right(walk):
            waits = [int(n) for n in re.findall(r"\|pending\|(\d+)\|", site.control("show", "queue"))]
            seen = destinations(walk)
            assert waits
            assert all(min(waits) - 8 <= seen[d] <= max(waits) + 8 for d in
                       ("temporary.test", "data.test"))
            assert abs(walk.of("mtaGroupScheduledRetry", "opensmtpd", "queue") / 100 - min(waits)) < 12
            assert walk.of("mailmonChannelDeferred", "opensmtpd", "queue") == 2
            assert walk.of("mailmonChannelActive", "opensmtpd", "queue") == 0
        daemon.shows(right, 20)
        paused = next(line for line in site.control("show", "queue").splitlines()
                      if "@data.test" in line)[:8]
        site.control("pause", "envelope", paused)

        def held(walk):
            assert walk.of("mailmonChannelHeld", "opensmtpd", "queue") == 1
            assert walk.of("mailmonChannelDeferred", "opensmtpd", "queue") == 1
            assert destinations(walk)["data.test"] is None
        daemon.shows(held, 15)
        site.control("remove", paused)
        wait_until(lambda: daemon.walk().of("mailmonChannelHeld", "opensmtpd", "queue") == 0, 15)
    finally:
        if daemon:
            daemon.stop()
        site.stop()


def test_opensmtpd_unseen(folder):
    """Its sockets, its process, its queue and the beginning of its log are out of reach, as in a container: what it
    says of itself is there instead, and gone when it answers no more."""
    site = OpenSmtpd(folder / "site", BASE + 20)
    daemon = None
    try:
        site.start()
        command = [str(w) for w in site.overlay.command("/usr/sbin/smtpctl", "show", "stats")]
        nothing = folder / "nothing"
        nothing.touch()
        asked = {"queue_directory": nothing, "config_file": nothing, "statistics_command": command,
                 "statistics_command_interval": "5 s"}
        daemon = Daemon(folder / "mailmond", BASE + 93, {"user": "root", "opensmtpd": [
            {"name": "opensmtpd", "log": site.log, **asked},
            {"name": "silent", "log": nothing, **asked}]}).start()
        os.mkfifo(site.mail / "news", 0o666)
        (site.mail / "news").chmod(0o666)
        site.send(["games@local.test"])  # so that the log knows who delivers
        for _ in range(2):
            site.send(["a@temporary.test", "b@temporary.test", "news@local.test"])
        wait_until(lambda: site.text().count("TempFail") >= 4 and " mda delivery " in site.text())
        with smtplib.SMTP("127.0.0.1", site.port(0), "probe.test"):

            def told_of(walk):
                told = statistics(site)
                for name in "opensmtpd", "silent":
                    up = (daemon.client.uptime() - walk.of("applUptime", name)) / 100
                    assert abs(up - told["uptime"]) <= 4
                    assert walk.of("applOperStatus", name) == "up"
                    assert walk.of("applInboundAssociations", name) == told["smtp.session"] == 1
                    assert walk.of("applOutboundAssociations", name) == told["mta.session"]
                    assert walk.of("mtaStoredMessages", name) == walk.of("mtaGroupStoredMessages", name, "queue") == 2
                    assert walk.of("mtaStoredRecipients", name) == told["scheduler.envelope"] == 6
                assert walk.of("mailmonChannelActive", "opensmtpd", "mda") == told["mda.running"] == 2
                assert walk.of("mailmonChannelActive", "opensmtpd", "mta") == told["mta.task.running"] == 0
            daemon.shows(told_of, 25)
        site.process.terminate()

        def gone(walk):
            status, error = source(walk, "silent statistics")
            assert status == "stale" and "smtpd" in error
            for column in "mtaStoredRecipients", "applInboundAssociations":
                assert walk.of(column, "silent") is None
            assert walk.of("mailmonChannelActive", "opensmtpd", "mda") is None
            assert walk.of("applOperStatus", "opensmtpd") == "down"  # its log says so
        daemon.shows(gone, 25)
    finally:
        if daemon:
            daemon.stop()
        site.stop()
