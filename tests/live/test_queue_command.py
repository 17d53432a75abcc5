"""When queued mail is tried next, as the mail systems' own commands tell it: a real Exim 4.96's retry hints
and a real OpenSMTPD 6.8's scheduler, against what mailmond shows; and what it says if it may not ask."""
import os
import re
import shutil
import tempfile
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


def test_exim(folder):
    site = es.Site(folder / "exim", BASE)
    dump = [es.UNPACKED / "usr/sbin/exim_dumpdb", site.exim.spool, "retry"]
    settings = {"name": "exim", "config_file": site.exim.config, "queue_directory": site.exim.spool,
                "pid_file": site.exim.folder / "exim.pid", "log": site.exim.log,
                "queue_command_interval": "5 s"}
    daemon = None
    try:
        site.start()
        for domain in "temporary", "refused", "datatemporary", "ok":
            site.exim.send([f"a@{domain}.test", f"b@{domain}.test"])
        site.exim.idle()
        daemon = Daemon(folder / "mailmond", BASE + 90, {"user": "root", "exim": [
            {**settings, "queue_command": [str(w) for w in dump]}]}).start()
        wait_until(lambda: destinations(daemon.walk()).get("temporary.test") is not None, 15)
        walk = daemon.walk()
        seen = destinations(walk)
        # The rule is 15 min; of a host that is down the hints name no domain.
        assert 800 < seen["temporary.test"] <= 900 and 800 < seen["datatemporary.test"] <= 900
        assert seen["refused.test"] is None
        wait_until(lambda: 80000 < daemon.walk().of("mtaGroupScheduledRetry", "exim", "input")
                   <= 90000, 10)
        assert source(walk, "exim next attempts") == ("ok", "")
        daemon.stop()
        daemon = Daemon(folder / "other", BASE + 91, {"exim": [
            {**settings, "queue_command": ["/bin/false"]}]}).start()
        wait_until(lambda: source(daemon.walk(), "exim next attempts")[0] == "stale", 15)
        walk = daemon.walk()
        assert not any(destinations(walk).values())
        assert "sudo" in source(walk, "exim next attempts")[1]
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
        waits = [int(n) for n in re.findall(r"\|pending\|(\d+)\|", site.control("show", "queue"))]
        walk = daemon.walk()
        seen = destinations(walk)
        assert all(min(waits) - 8 <= seen[d] <= max(waits) + 8 for d in
                   ("temporary.test", "data.test"))
        wait_until(lambda: abs(daemon.walk().of("mtaGroupScheduledRetry", "opensmtpd", "queue") / 100
                               - min(waits)) < 12, 10)
        assert daemon.walk().of("mailmonChannelDeferred", "opensmtpd", "queue") == 2
        assert daemon.walk().of("mailmonChannelActive", "opensmtpd", "queue") == 0
        site.control("remove", *sorted({line[:8] for line in
                                        site.control("show", "queue").splitlines()})[:1])
        wait_until(lambda: daemon.walk().of("mailmonChannelDeferred", "opensmtpd", "queue") == 1, 15)
    finally:
        if daemon:
            daemon.stop()
        site.stop()
