"""A real Cyrus IMAP, some two hundred clients, and what mailmond shows of them: difference 0."""
import os
import re
import signal
import tempfile
import time

import pytest

import cyrus_site
from daemon import Daemon
from postfix_site import wait_until
from test_dovecot import shown

BASE, SNMP = 27400, 27460


@pytest.fixture(scope="module")
def site():
    with tempfile.TemporaryDirectory(prefix="cyrus-") as folder:  # pytest's is closed to others
        s = cyrus_site.Site(folder, BASE).start()
        yield s
        s.stop()


@pytest.fixture(scope="module")
def daemon(site, tmp_path_factory):
    quota = [str(x) for x in site.inside("setpriv", f"--reuid={cyrus_site.UID}",
                                         f"--regid={cyrus_site.GID}", "--clear-groups",
                                         "/usr/lib/cyrus/bin/quota")]
    d = Daemon(tmp_path_factory.mktemp("mailmond"), SNMP, {
        "detect": False, "user": "root", "publish_user": "root",
        "cyrus": [{"log": site.log, "pid_file": site.pid_file, "proc_directory": site.proc,
                   "interval": "5 s"}],
        "quotas": [{"format": "cyrus", "interval": "10 s", "warn": 1, "command": quota}]}).start()
    yield d
    d.stop()


def access(cells, service, column):
    return cells.of("mailmonAccess" + column, "cyrus/" + service)


def test_truth(site, daemon):
    base = 1  # the site's, which made the mailboxes
    assert access(shown(daemon, lambda c: access(c, "imap", "GoodLogins") == base), "imap", "GoodLogins") == base
    truth = {("imap", "GoodLogins"): base, ("imap", "FailedLogins"): 0, ("imap", "Expunged"): 0,
             ("imap", "Appended"): 0, ("pop3", "GoodLogins"): 0, ("pop3", "Fetched"): 0,
             ("lmtp", "Appended"): 0}
    for n in range(40):
        users = ["u1", "u2"] if n % 2 else ["u1"]
        assert set(site.lmtp(users, f"m{n}")) == {250}
        truth["lmtp", "Appended"] += len(users)
    assert site.lmtp(["u1"], "m1") == [250]  # a duplicate: not stored again
    for n in range(70):
        site.imap("u1" if n % 2 else "u2", 20 + n).logout()
        truth["imap", "GoodLogins"] += 1
    for n in range(30):
        site.imap_bad("u1" if n % 2 else "nobody", 100 + n)
        truth["imap", "FailedLogins"] += 1
    for n in range(30):
        client = site.pop3("u2", 140 + n)
        client.retr(1)
        client.quit()
        truth["pop3", "GoodLogins"] += 1
        truth["pop3", "Fetched"] += 1
    client = site.imap("u1", 180)
    client.select()
    client.append("INBOX", None, None, b"Subject: a\r\n\r\nb\r\n")
    client.store("1:4", "+FLAGS", "\\Deleted")
    client.expunge()
    client.logout()
    truth["imap", "GoodLogins"] += 1
    truth["imap", "Appended"] += 1
    truth["imap", "Expunged"] += 4
    assert sum(truth.values()) >= 200

    def right(cells):
        wrong = {k: (access(cells, *k), n) for k, n in truth.items() if access(cells, *k) != n}
        assert not wrong, "(shown, injected)"
        assert access(cells, "imap", "CurrentConnections") == 0
        octets = [line for line in site.log.read_text().splitlines()
                  if "cyrus/imap[" in line and "auditlog: traffic" in line]
        assert access(cells, "imap", "OctetsOut") == sum(
            int(line.rpartition("bytes_out=<")[2].rstrip(">")) for line in octets)
        row = cells.index("mailmonLogEventName", "cyrus: duplicate eliminated")
        assert cells["mailmonLogEventMatches", row] == 1
        assert cells.of("applOperStatus", "cyrus/imap") == "up"
        assert set(cells.column("mailmonSourceUnrecognised").values()) == {0}
    daemon.shows(right)


def test_sessions_and_quota(site, daemon):
    """The proc directory tells of an end that the log does not."""
    begin = time.monotonic()
    one, two = site.imap("u1", 30), site.pop3("u2", 31)

    def right(cells):
        assert access(cells, "imap", "CurrentConnections") == access(cells, "pop3", "CurrentConnections") == 1
        assert access(cells, "imap", "UsersLoggedIn") == 1
        rows = {user: i for i, user in cells.column("mailmonSessionUser").items()}
        assert set(rows) == {"u1", "u2"}
        for user, service, address in (("u1", "imap", "127.0.0.30"), ("u2", "pop3", "127.0.0.31")):
            assert rows[user][0] == cells.appl(f"cyrus/{service}")
            assert cells["assocRemoteApplication", *rows[user]] == address
            assert cells["mailmonSessionAuthentication", *rows[user]] == "plaintext"
            # a log has whole seconds
            assert 0 <= cells["mailmonSessionAge", *rows[user]] <= time.monotonic() - begin + 2
            assert cells.of("applInboundAssociations", f"cyrus/{service}") == 1
    daemon.shows(right)
    pids = [int(p.name) for p in site.proc.iterdir() if p.name.isdigit() and "\tu1\t" in p.read_text()]
    assert len(pids) == 1
    time.sleep(5)  # a young session is not judged
    os.kill(pids[0], signal.SIGKILL)
    (site.proc / str(pids[0])).unlink()

    def ended(cells):
        assert access(cells, "imap", "CurrentConnections") == 0
        assert access(cells, "pop3", "CurrentConnections") == 1
        row = cells.index("mailmonQuotaOwner", "user/u1")
        assert cells["mailmonQuotaQuota", row] == 20
        assert cells["mailmonQuotaPercent", row] > 1
    daemon.shows(ended, 15)
    one.shutdown()
    two.quit()


def told(site, name):
    """What promstatsd reports."""
    return sum(int(n) for n in re.findall(rf"^{name}{{[^}}]*}} (\d+)", site.report.read_text(), re.M))


@pytest.mark.parametrize("by_http", (False, True), ids=("file", "http"))
def test_metrics(site, tmp_path, by_http):
    """promstatsd's report, by its file and as httpd serves it, fills what the log leaves absent."""
    metrics = f"http://127.0.0.1:{BASE + cyrus_site.HTTP}/metrics" if by_http else site.report
    d = Daemon(tmp_path, SNMP + 1 + by_http, {
        "detect": False, "user": "root", "publish_user": "root",
        "cyrus": [{"log": site.log, "pid_file": site.pid_file, "proc_directory": site.proc,
                   "metrics": metrics, "interval": "5 s"}]}).start()
    try:
        before = told(site, "cyrus_imap_(?:select|examine)_total")
        octets = told(site, "cyrus_lmtp_received_bytes_total")
        client = site.imap("u1", 200)
        client.select()
        client.select("INBOX", readonly=True)
        client.append("INBOX", None, None, b"Subject: a\r\n\r\nb\r\n")
        client.logout()
        assert site.lmtp(["u2"], f"metrics{by_http}") == [250]
        wait_until(lambda: told(site, "cyrus_lmtp_received_bytes_total") > octets, 10)
        octets = told(site, "cyrus_lmtp_received_bytes_total")

        def right(cells):
            assert access(cells, "imap", "MailboxesSelected") == before + 2
            assert access(cells, "lmtp", "OctetsIn") == octets
            i = cells.index("mailmonSourceName", "cyrus metrics")
            assert cells["mailmonSourceStatus", i] == "ok"
            assert set(cells.column("mailmonSourceUnrecognised").values()) == {0}
        d.shows(right)
        if by_http:
            assert site.log.read_text().count("GET /metrics") > 0
    finally:
        d.stop()
