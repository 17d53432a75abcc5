"""A real Dovecot, a few hundred clients, and what mailmond shows of them: difference 0."""
import os
import re
import signal
import socket
import tempfile
import threading
import time

import pytest

import dovecot_site
from daemon import Daemon
from postfix_site import wait_until

BASE, SNMP = 27200, 27260


@pytest.fixture(scope="module")
def site():
    assert dovecot_site.available(), "install dovecot: make deps"
    with tempfile.TemporaryDirectory(prefix="dovecot-") as folder:  # pytest's is closed to others
        s = dovecot_site.Site(folder, BASE, userip=3).start()
        yield s
        s.stop()


@pytest.fixture(scope="module")
def daemon(site, tmp_path_factory):
    d = Daemon(tmp_path_factory.mktemp("mailmond"), SNMP, {
        "detect": False,
        "dovecot": [{"log": site.log, "pid_file": site.folder / "run" / "master.pid",
                     "who": ["doveadm", "-c", site.conf, "-f", "tab", "who", "-1"],
                     "interval": "5 s", "protocols": ["imap", "submission"]}],
        "quotas": [{"format": "dovecot", "interval": "10 s", "warn": 50,
                    "command": ["doveadm", "-c", site.conf, "-f", "tab", "quota", "get", "-A"]}],
        "log_events": [{"name": "probe disconnects", "source": site.log, "severity": "minor",
                        "pattern": "imap-login*no auth attempts"}],
        "user": "root", "publish_user": "root"}).start()
    yield d
    d.stop()


def shown(daemon, what):
    """The cells once what(cells) is true."""
    cells = {}

    def ready():
        cells["now"] = daemon.walk()
        return what(cells["now"])
    try:
        wait_until(ready, 10, 0.2)
    except TimeoutError:
        pass
    return cells["now"]


def access(cells, service, column):
    return cells.of("mailmonAccess" + column, "dovecot/" + service)


def test_truth(site, daemon):
    """Every login, failure and delivery, counted by us and by mailmond."""
    before = daemon.walk()
    base = {(s, c): access(before, s, c) if "dovecot/" + s in
            before.column("applName").values() else None
            for s in ("imap", "pop3", "lmtp", "managesieve")
            for c in ("Connections", "GoodLogins", "FailedLogins", "FailedConnections",
                      "TlsSessions", "Appended", "Fetched", "Expunged", "OctetsIn", "OctetsOut")}
    truth = dict.fromkeys(base, 0)

    def count(service, **more):
        for column, n in more.items():
            truth[service, column] += n

    for n in range(60):
        client = site.imap(f"u{n % 9 + 1}", 20 + n, tls=n % 3 == 0)
        client.noop()
        client.logout()
        count("imap", Connections=1, GoodLogins=1, TlsSessions=n % 3 == 0)
    for n in range(40):
        client = site.pop3(f"u{n % 9 + 1}", 20 + n, tls=n % 4 == 0)
        client.quit()
        count("pop3", Connections=1, GoodLogins=1, TlsSessions=n % 4 == 0)
    for n in range(25):
        site.imap_bad(f"u{n % 9 + 1}", 100 + n)
        count("imap", Connections=1, FailedLogins=1)
    for n in range(15):
        site.pop3_bad(f"u{n % 9 + 1}", 130 + n)
        count("pop3", Connections=1, FailedLogins=1)
    for n in range(10):
        dovecot_site.ImapFrom(BASE + dovecot_site.IMAP, f"127.0.0.{150 + n}", False).shutdown()
        count("imap", Connections=1, FailedConnections=1)
    for n in range(20):
        users = [f"u{k}" for k in range(1, 2 + n % 4)]
        assert set(site.lmtp(users)) == {250}
        count("lmtp", Connections=1, Appended=len(users))
    for n in range(15):
        s, lines, good = site.sieve(f"u{n % 9 + 1}", 170 + n)
        assert good
        lines.write(b"LOGOUT\r\n")
        lines.flush()
        lines.read()
        s.close()
        count("managesieve", Connections=1, GoodLogins=1)
    client = site.imap("u1", 199)
    exists = int(client.select()[1][0])
    client.fetch("1:5", "(BODY[])")
    client.store("1:3", "+FLAGS", "\\Deleted")
    client.expunge()
    client.logout()
    assert exists > 5
    count("imap", Connections=1, GoodLogins=1, Fetched=5, Expunged=3)
    client = site.pop3("u2", 199)
    for n in (1, 2):
        client.retr(n)
        client.dele(n)
    client.quit()
    count("pop3", Connections=1, GoodLogins=1, Fetched=2, Expunged=2)

    assert sum(truth.values()) >= 200

    def right(cells):
        is_ = {k: (access(cells, *k) or 0) - (base[k] or 0) for k in truth}
        wrong = {k: (is_[k], n) for k, n in truth.items()
                 if not k[1].startswith("Octets") and is_[k] != n}
        assert not wrong, "(shown, injected)"
        for service in ("imap", "managesieve"):
            assert (access(cells, service, "OctetsIn"), access(cells, service, "OctetsOut")) == octets(site, service), \
                f"{site.log.read_text()}\n{daemon.text()}"
        assert cells.of("applOperStatus", "dovecot/imap") == "up"
        assert cells.of("applVersion", "dovecot/imap").startswith("2.")
        assert access(cells, "submission", "GoodLogins") == 0
        assert set(cells.column("mailmonSourceUnrecognised").values()) == {0}
    daemon.shows(right)


def octets(site, service):
    """(in, out): what Dovecot itself wrote as totals of its sessions."""
    total_in = total_out = 0
    for line in site.log.read_text().splitlines():
        # "Disconnected", or "Connection closed" if the client was quicker
        # ... and without a user, once in some thousand times, if the process has forgotten it
        if (f" {service}(" in line or f" {service}: " in line) and (" in=" in line or " bytes=" in line):
            words = dict(w.split("=", 1) for w in line.split() if "=" in w)
            a, b = (words["in"], words["out"]) if service == "imap" else words["bytes"].split("/")
            total_in += int(a)
            total_out += int(b)
    return total_in, total_out


def test_sessions(site, daemon):
    """Who is logged in, from the log and after a restart of mailmond and of Dovecot."""
    clients = [site.imap("u1", 30), site.imap("u1", 31), site.imap("u2", 32), site.pop3("u3", 33)]

    def sessions(cells):
        appl = cells.appl("dovecot/imap")
        return sorted(v for i, v in cells.column("mailmonSessionUser").items() if i[0] == appl)

    def remotes_of(cells):
        appl = cells.appl("dovecot/imap")
        return {i: v for i, v in cells.column("assocRemoteApplication").items() if i[0] == appl}

    def right(cells):
        assert sessions(cells) == ["u1", "u1", "u2"]
        assert access(cells, "imap", "CurrentConnections") == 3
        assert access(cells, "pop3", "CurrentConnections") == 1
        assert access(cells, "imap", "UsersLoggedIn") == 2
        assert cells.of("applInboundAssociations", "dovecot/imap") == 3
        assert cells.column("mailmonStoreUsersLoggedIn") == {1: 3}
        assert cells.column("mailmonStoreStatus") == {1: "ok"}
        assert sorted(remotes_of(cells).values()) == ["127.0.0.30", "127.0.0.31", "127.0.0.32"]
    remotes = remotes_of(daemon.shows(right))
    cells = daemon.walk()  # the tables of that one may be of several moments
    counted = {k: v for k, v in cells.items() if k[0].startswith("mailmonAccess") and k[0][13:] in
               ("Connections", "GoodLogins", "FailedLogins", "OctetsIn", "OctetsOut", "Fetched")}
    daemon.stop(signal.SIGKILL)
    daemon.start()
    again = shown(daemon, lambda c: {k: c.get(k) for k in counted} == counted)
    assert {k: again.get(k) for k in counted} == counted, "nothing lost, nothing twice"
    clients[0].logout()

    def without_one(cells):
        assert sessions(cells) == ["u1", "u2"]
        again = remotes_of(cells)
        assert sorted(again.values()) == ["127.0.0.31", "127.0.0.32"]
        assert set(again.items()) < set(remotes.items()), "an association keeps its index"
    daemon.shows(without_one)
    for client in clients[1:3]:
        client.shutdown()
    clients[3].quit()
    cells = shown(daemon, lambda c: access(c, "imap", "CurrentConnections") == 0 and
                  access(c, "imap", "UsersLoggedIn") == 0)
    assert access(cells, "imap", "CurrentConnections") == 0
    assert access(cells, "imap", "UsersLoggedIn") == 0


def test_limit(site, daemon):
    """mail_max_userip_connections = 3: the fourth is refused."""
    before = access(daemon.walk(), "imap", "LimitReached")
    clients = [site.imap("u7", 40) for _ in range(3)]
    with pytest.raises(Exception):
        site.imap("u7", 40)
    cells = shown(daemon, lambda c: access(c, "imap", "LimitReached") == before + 1 and
                  c.of("applRejectedInboundAssociations", "dovecot/imap") == before + 1)
    assert access(cells, "imap", "LimitReached") == before + 1
    assert cells.of("applRejectedInboundAssociations", "dovecot/imap") == before + 1
    for client in clients:
        client.logout()


def test_log_events_and_quota(site, daemon):
    assert site.lmtp(["u9"], octets=700_000) == [250]
    assert site.lmtp(["u9"], octets=700_000) == [552]

    def right(cells):
        row = cells.index("mailmonLogEventName", "dovecot: mailbox quota")
        assert cells["mailmonLogEventMatches", row] == 1
        row = cells.index("mailmonLogEventName", "probe disconnects")
        log = site.log.read_text().splitlines()
        assert cells["mailmonLogEventMatches", row] == sum(
            "imap-login" in x and "no auth attempts" in x for x in log)
        assert cells["mailmonLogEventSeverity", row] == "minor"
        row = cells.index("mailmonQuotaOwner", "u9")
        assert 60 <= cells["mailmonQuotaPercent", row] <= 80
        assert cells["mailmonQuotaQuota", row] == 1024
        assert cells["mailmonQuotaAccounts", 0] == 9
        assert cells["mailmonQuotaOverWarn", 0] == 1
    daemon.shows(right, 15)


def test_restart(site, daemon):
    """Dovecot dies without a word: its next start ends all sessions."""
    client = site.imap("u5", 50)
    shown(daemon, lambda c: access(c, "imap", "CurrentConnections") == 1)
    os.kill(site.pid, signal.SIGKILL)
    cells = shown(daemon, lambda c: c.of("applOperStatus", "dovecot/imap") == "down")
    assert cells.of("applOperStatus", "dovecot/imap") == "down"
    site.pid = None
    client.shutdown()

    def up():
        try:
            return site.start()
        except Exception:
            return None
    wait_until(up, 20, 0.5)
    cells = shown(daemon, lambda c: c.of("applOperStatus", "dovecot/imap") == "up" and
                  access(c, "imap", "CurrentConnections") == 0)
    assert cells.of("applOperStatus", "dovecot/imap") == "up"
    assert access(cells, "imap", "CurrentConnections") == 0


def test_clients_in_a_hurry(site, tmp_path):
    """Who says goodbye at once: the line of the end may come before that of the login, which another process writes."""
    def come_and_go(user):
        for n in range(40):
            address = ("127.0.0.1", BASE + dovecot_site.IMAP)
            with socket.create_connection(address, 30, (f"127.0.1.{n + 1}", 0)) as s, s.makefile("rb") as lines:
                lines.readline()
                s.sendall(f"a LOGIN {user} pw-{user}\r\nb LOGOUT\r\n".encode())
                lines.read()
    clients = [threading.Thread(target=come_and_go, args=(f"u{n}",)) for n in range(1, 5)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    d = Daemon(tmp_path, SNMP + 2, {  # nobody but the log tells who is there
        "detect": False, "user": "root", "publish_user": "root",
        "dovecot": [{"log": site.log, "pid_file": site.folder / "run" / "master.pid"}]}).start()

    def right(cells):
        log = site.log.read_text()
        nameless = len(re.findall(r" imap: Info: .* in=\d+ out=", log))  # ends that tell not whose they are: rare
        assert access(cells, "imap", "GoodLogins") == log.count("imap-login: Info: Login: ") >= 160
        assert access(cells, "imap", "CurrentConnections") == len(cells.column("mailmonSessionUser")) <= nameless
    try:
        d.shows(right)
    finally:
        d.stop()


def test_disk_sleeps(site, tmp_path):
    """While nobody comes or goes nothing is written, however often the server is looked at (every 5 s)."""
    d = Daemon(tmp_path, SNMP + 1, {
        "detect": False, "checkpoint_interval": 1, "user": "root", "publish_user": "root",
        "dovecot": [{"log": site.log, "pid_file": site.folder / "run" / "master.pid"}]}).start()

    def written():
        return [(f.name, f.stat().st_mtime_ns) for f in sorted((d.folder / "state").glob("state.db*"))]

    def quiet():
        before = written()
        time.sleep(11)
        return before == written()
    try:
        assert access(shown(d, lambda c: access(c, "imap", "Connections")), "imap", "Connections")
        assert written() and any(quiet() for _ in range(4))
    finally:
        d.stop()
