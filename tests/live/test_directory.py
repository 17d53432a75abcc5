"""mailmond beside real directory servers: what SNMP shows must have changed by exactly the operations
that were made, and by none of mailmond's own; and every way in which a server can fail ends in the
right status while the others are asked as ever.

Environment: MAILMOND_BUILD or B (build), MAILMOND_DIRECTORY_BASE, the first of 60 free ports (24100)."""
import os
import pwd
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import slapd_site as ss
from daemon import BUILD, Daemon
from snmp_lab import wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not ss.available() or not (BUILD / "mailmond-directory").exists()
    or not shutil.which("snmpbulkwalk"),
    reason="needs root, slapd, ldap-utils, openssl, snmpbulkwalk and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_DIRECTORY_BASE", "24100"))
DS_MIB = ".1.3.6.1.2.1.66"
COUNTERS = ["applAccumulatedInboundAssociations"] + [f"dsApplIf{c}" for c in (
    "InOps CompareOps AddEntryOps RemoveEntryOps ModifyEntryOps ModifyRDNOps SearchOps Referrals "
    "OutBytes").split()]


def account():
    """Of mailmond's processes that are started as root."""
    for name in ("mailmond", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no account nobody")


class Site:
    """Servers, certificates and a password below one folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mailmond-directory-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.certificates = self.folder / "certificates"
        self.certificates.mkdir()
        ss.make_certificates(self.certificates)
        self.password = self.folder / "password"
        self.password.write_text(ss.PASSWORD + "\n")
        self.password.chmod(0o600)
        self.wrong = self.folder / "wrong"
        self.wrong.write_text("guess\n")
        self.wrong.chmod(0o600)
        self.servers = {}

    def server(self, name, offset, **more):
        user = account()
        s = ss.Slapd(self.folder / name, BASE + offset, self.certificates,
                     (user.pw_uid, user.pw_gid), **more)
        self.servers[name] = s
        return s.start()

    def reader(self, **more):
        return {"bind_dn": ss.READER, "password_file": self.password, **more}

    def close(self):
        for s in self.servers.values():
            s.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Watcher(Daemon):
    """With DIRECTORY-SERVER-MIB in its walks, and every directory asked each second."""

    def __init__(self, folder, offset, directories=(), responses=(), **settings):
        lists = {"directories": [{"interval": "1 s", **d} for d in directories],
                 "responses": [{"interval": "1 s", "host": "127.0.0.1", **r} for r in responses]}
        super().__init__(folder, BASE + offset,
                         {**{k: v for k, v in lists.items() if v}, "detect": False, **settings})

    def walk(self):
        cells = super().walk()
        for oid, kind, value in self.client.values("snmpbulkwalk", DS_MIB):
            if kind is not None:
                key, decoded = self.decode(oid, kind, value)
                cells[key] = decoded
        return cells

    def counters(self, appl):
        w = self.walk()
        index = w.appl(appl)
        return Counter({k[0]: v for k, v in w.items() if k[0] in COUNTERS and k[1] == index})

    def source(self, name):
        """(status, last error)"""
        w = self.walk()
        index = w.index("mailmonSourceName", f"{name} directory")
        return w.get(("mailmonSourceStatus", index)), w.get(("mailmonSourceLastError", index))

    def looks(self, name):
        """How often a directory was asked with success."""
        w = self.walk()
        return w.get(("mailmonSourceItems", w.index("mailmonSourceName", f"{name} directory")), 0)

    def asked(self, name, times=2):
        """Waits until a directory was asked that often from now on; the first of them may have begun before."""
        seen = [self.looks(name)]

        def more():
            if (now := self.looks(name)) > seen[-1]:  # entries of cn=Monitor
                seen.append(now)
            return len(seen) > times
        assert wait_for(more, 10 + 2 * times)[0], self.text()

    def await_(self, what, expected, seconds=10):
        found, _ = wait_for(lambda: what() == expected, seconds, 0.2)
        assert found, f"{what()}, not {expected}\n{self.text()[-3000:]}"

    def status(self, name):
        return self.walk().of("applOperStatus", name)


@pytest.fixture(scope="module")
def site():
    s = Site()
    s.server("slapd", 0)
    yield s
    s.close()


@pytest.fixture
def watch(tmp_path):
    started = []

    def start(directories=(), responses=(), **settings):
        tmp_path.chmod(0o755)
        d = Watcher(tmp_path / f"mailmond{len(started)}", 50 + len(started), directories, responses,
                    **settings)
        started.append(d)
        for parent in (d.folder, *d.folder.parents):
            if parent != Path("/") and parent.stat().st_uid == os.geteuid():
                parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
        return d.start()
    yield start
    for d in started:
        if d.process:
            d.stop()


def local(site, name="slapd", server="slapd"):
    return {"name": name, "uri": site.servers[server].local}


def test_operations(site, watch):
    """Known operations, while the server is also asked over ldapi, ldap, StartTLS and ldaps, and its
    response time is measured: the counters of all four rows move by just these operations."""
    s = site.servers["slapd"]
    ways = [local(site),
            site.reader(name="plain", uri=s.uri),
            site.reader(name="starttls", uri=s.uri, starttls=True,
                        ca_file=site.certificates / "ca.pem"),
            site.reader(name="tls", uri=f"ldaps://127.0.0.1:{s.port + 1}",
                        ca_file=site.certificates / "ca.pem")]
    d = watch(ways[:1], [{"name": "lookup", "protocol": "ldap", "port": s.port, "appl": "slapd",
                          "base": ss.SUFFIX, "filter": "(uid=postmaster)"}])
    d.await_(lambda: d.source("slapd")[0], "ok")
    d.asked("slapd", 1)
    before = d.counters("slapd")
    assert set(before) == set(COUNTERS)
    names = [f"cn=t{i},{ss.SUFFIX}" for i in range(20)]
    s.run("ldapadd", text="\n\n".join(f"dn: {n}\nobjectClass: organizationalRole\ncn: {n[3:n.index(',')]}"
                                      for n in names) + "\n")
    s.run("ldapmodify", text="\n\n".join(
        f"dn: {n}\nchangetype: modify\nreplace: description\ndescription: x" for n in names[:7]) + "\n")
    for n in names[:3]:
        s.run("ldapcompare", n, "description:x", check=False)
    s.run("ldapmodrdn", names[0], "cn=renamed")
    s.run("ldapdelete", *names[1:], f"cn=renamed,{ss.SUFFIX}")
    for scope in ("base", "one", "sub"):
        s.run("ldapsearch", "-b", ss.SUFFIX, "-s", scope, "dn")
    s.run("ldapsearch", "-b", "dc=nowhere", check=False)
    assert subprocess.run(["ldapwhoami", "-x", "-H", s.uri, "-D", ss.READER, "-w", "guess"],
                          capture_output=True, check=False).returncode == 49
    d.asked("slapd", 3)
    change = d.counters("slapd") - before
    octets = change.pop("dsApplIfOutBytes")
    connections = 1 + 1 + 3 + 1 + 1 + 4 + 1
    operations = {"AddEntryOps": 20, "ModifyEntryOps": 7, "CompareOps": 3, "ModifyRDNOps": 1,
                  "RemoveEntryOps": 20, "SearchOps": 4}
    expected = Counter({f"dsApplIf{k}": n for k, n in operations.items()})
    expected["dsApplIfReferrals"] = 2  # ou=elsewhere, in two of the searches
    # each connection has a bind and an unbind
    expected["dsApplIfInOps"] = sum(operations.values()) + 2 * connections
    expected["applAccumulatedInboundAssociations"] = connections
    assert change == expected
    assert octets > 14 * (sum(operations.values()) + connections) - 14
    # ... and then nothing, however often it is asked
    quiet = d.counters("slapd")
    d.asked("slapd", 3)
    assert d.counters("slapd") == quiet
    d.stop()
    # also over a restart of mailmond, which remembers what it asked
    again = Watcher(d.folder, 50, ways[:1])
    try:
        again.start()
        again.asked("slapd", 2)
        w = again.counters("slapd")
        assert w == quiet, "own questions came back"
    finally:
        again.stop()
    # a server that is no longer asked is no longer shown
    without = Watcher(d.folder, 50, [{**local(site), "name": "another"}])
    without.client.serves = lambda: without.walk().column("applName")  # whose row is not the first
    try:
        names = without.start().walk()
        assert list(names.column("applName").values()) == ["another"]
        assert "slapd directory" not in names.column("mailmonSourceName").values()
    finally:
        without.stop()


def test_every_way_in(site, watch):
    """ldapi, ldap, StartTLS and ldaps show the same server."""
    s, ca = site.servers["slapd"], {"ca_file": site.certificates / "ca.pem"}
    d = watch([local(site), site.reader(name="plain", uri=s.uri),
               site.reader(name="starttls", uri=s.uri, starttls=True, **ca),
               site.reader(name="tls", uri=f"ldaps://127.0.0.1:{s.port + 1}", **ca)])
    for name in ("slapd", "plain", "starttls", "tls"):
        d.await_(lambda n=name: d.source(n)[0], "ok")

    def right(w):
        for name in ("slapd", "plain", "starttls", "tls"):
            assert w.of("applVersion", name).startswith("slapd 2.")
            assert w.of("applOperStatus", name) == "up"  # congested while all four questions are in its four threads
            assert w.of("dsMasterEntries", name) == 5
            assert w.get(("dsApplIfProtocolIndex", w.appl(name), 1)) == 1
            assert w.get(("dsApplIfProtocol", w.appl(name), 1)).endswith("27.4.389")
            assert w.get(("dsApplIfSimpleAuthBinds", w.appl(name), 1)) is None
        disk = w.index("mailmonDiskPath", f"slapd: mdb {ss.SUFFIX}")
        assert w[("mailmonDiskTotalMB", disk)] == 16 and w[("mailmonDiskPercentAvailable", disk)] >= 95
    d.shows(right)
    assert ss.PASSWORD not in d.text() + d.ask("--dump-config")
    programs = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert not re.search(f"mailmond.*{ss.PASSWORD}", programs)


def test_sessions(site, watch):
    """Who is connected, and not mailmond itself."""
    s = site.servers["slapd"]
    d = watch([local(site)])
    d.await_(lambda: d.source("slapd")[0], "ok")
    with socket.create_connection(("127.0.0.1", s.port)), socket.create_connection(("127.0.0.1", s.port)) as bound:
        dn, password = ss.ADMIN.encode(), ss.PASSWORD.encode()
        bind = b"\x02\x01\x03\x04%c%b\x80%c%b" % (len(dn), dn, len(password), password)  # RFC 4511, 4.2
        message = b"\x02\x01\x01\x60%c%b" % (len(bind), bind)
        bound.sendall(b"\x30%c%b" % (len(message), message))
        assert bound.recv(100)[5:10] == b"\x61\x07\x0a\x01\x00"  # success
        index = d.walk().appl("slapd")

        def users():
            return sorted(v for i, v in d.walk().column("mailmonSessionUser").items() if i[0] == index)

        def right(w):
            assert users() == ["", ss.ADMIN]
            assert w.of("applInboundAssociations", "slapd") == 2
            assert set(w.column("assocRemoteApplication").values()) == {"127.0.0.1"}
            assert set(w.column("assocApplicationType").values()) == {"uainitiator"}
            states = {i[1]: v for i, v in w.column("mailmonConnectionCount").items() if i[0] == index}
            assert states[2] == 2  # listen: ldap and ldaps
        d.shows(right)
    d.await_(users, [])


def test_server_restarts(site, watch):
    """Its counters begin again, and applUptime says so; while it is down, nothing is made up."""
    s = site.servers["slapd"]
    d = watch([local(site)])
    d.await_(lambda: d.source("slapd")[0], "ok")
    for _ in range(5):
        s.run("ldapsearch", "-b", "", "-s", "base")
    d.asked("slapd")
    w = d.walk()
    before, up = d.counters("slapd"), w.of("applUptime", "slapd")
    assert before["dsApplIfSearchOps"] >= 5 and w.of("applInboundAssociations", "slapd") == 0
    s.stop(signal.SIGKILL)
    d.await_(lambda: (d.status("slapd"), d.source("slapd")[0]), ("down", "missing"))
    assert d.walk().of("applInboundAssociations", "slapd") is None
    assert d.counters("slapd") == before
    time.sleep(1.1)
    s.start()
    d.await_(lambda: d.status("slapd"), "up")
    d.asked("slapd")
    after = d.counters("slapd")
    assert after["dsApplIfSearchOps"] < before["dsApplIfSearchOps"]
    assert d.walk().of("applUptime", "slapd") > up
    assert len(re.findall("slapd directory: ok again", d.text())) == 1


def test_hung_server(site, watch):
    """A stopped slapd and a black hole make their rows stale; the other is asked as ever."""
    other = site.server("other", 4)
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", BASE + 8))
        hole.listen(0)
        full = [socket.socket() for _ in range(3)]
        for f in full:
            f.setblocking(False)
            f.connect_ex(("127.0.0.1", BASE + 8))
        d = watch([{**local(site), "timeout": "700 ms"}, local(site, "other", "other"),
                   {"name": "hole", "uri": f"ldap://127.0.0.1:{BASE + 8}", "timeout": "700 ms"}])
        d.await_(lambda: d.source("slapd")[0], "ok")
        site.servers["slapd"].send(signal.SIGSTOP)
        try:
            d.await_(lambda: (d.status("slapd"), *d.source("slapd")),
                     ("halted", "stale", "login: no answer within the time allowed"))
            d.await_(lambda: (d.status("hole"), *d.source("hole")),
                     ("down", "stale", "connect: no answer within the time allowed"))
            d.asked("other", 3)
            d.await_(lambda: d.status("other"), "up")
        finally:
            site.servers["slapd"].send(signal.SIGCONT)
        d.await_(lambda: d.status("slapd"), "up")
        for f in full:
            f.close()
    other.stop()


def test_refusals(site, watch):
    """Wrong passwords, nobody, bad certificates: the server is up, the source says what is wrong."""
    s = site.servers["slapd"]
    bad = site.server("expired", 10, certificate="expired")
    odd = site.server("odd", 14, certificate="other")
    ca = {"ca_file": site.certificates / "ca.pem"}
    d = watch([{"name": "guess", "uri": s.uri, "bind_dn": ss.READER, "password_file": site.wrong},
               {"name": "nobody", "uri": s.uri},
               {"name": "expired", "uri": f"ldaps://127.0.0.1:{bad.port + 1}", **ca},
               {"name": "odd", "uri": odd.uri, "starttls": True, **ca},
               {"name": "unknown", "uri": f"ldaps://127.0.0.1:{s.port + 1}"},
               {"name": "nowhere", "uri": "ldap://nowhere.invalid"}])
    for name, source, error in (
            ("guess", "denied", "bind: 49 Invalid credentials"),
            ("nobody", "denied", "it answers, but shows no numbers: search: 32 No such object; "
                                 "see docs/openldap.md"),
            ("expired", "malformed", "TLS: the certificate has expired"),
            ("odd", "malformed", "TLS: the certificate is for another host"),
            ("unknown", "malformed", "TLS: the certificate is not signed by a known authority")):
        d.await_(lambda n=name: (*d.source(n), d.status(n)), (source, error, "up"))
    d.await_(lambda: d.status("nowhere"), "down")
    lines = d.text().count("guess directory: denied")
    time.sleep(2.5)
    assert lines == d.text().count("guess directory: denied") == 1
    bad.stop()
    odd.stop()


def test_response_times(site, watch):
    """The probes' side: each way to fail in its status and words, and the steps of one that is well."""
    s, ca = site.servers["slapd"], {"ca_file": site.certificates / "ca.pem"}
    bad = site.server("expired2", 20, certificate="expired")
    # two servers that refer to each other
    there = site.server("there", 24, referral=f"{s.uri}/ou=elsewhere,{ss.SUFFIX}")
    here = site.server("here", 28, referral=f"{there.uri}/ou=elsewhere,{ss.SUFFIX}")
    probe = {"protocol": "ldap", "port": s.port}
    tls = {"protocol": "ldaps", "port": bad.port + 1, **ca}
    code = {**probe, "base": f"cn=%s,ou=codes,{ss.SUFFIX}"}
    cases = {
        "well": ({**probe, "base": ss.SUFFIX, "filter": "(uid=postmaster)", "starttls": True,
                  "user": ss.READER, "password_file": site.password, **ca}, "up", "0 Success"),
        "root": (probe, "up", "0 Success"),
        "guess": ({**probe, "user": ss.READER, "password_file": site.wrong}, "authFailed",
                  "bind: 49 Invalid credentials"),
        "nothing": ({**probe, "base": ss.SUFFIX, "filter": "(uid=x)"}, "protocolError",
                    f'search: nothing is found by (uid=x) below "{ss.SUFFIX}"'),
        "busy": ({**code, "base": code["base"] % "busy"}, "congested", "search: 51 Server is busy"),
        "unavailable": ({**code, "base": code["base"] % "unavailable"}, "congested",
                        "search: 52 Server is unavailable"),
        "slow": ({**code, "base": code["base"] % "slow", "timeout": "20 s", "step_timeout": "500 ms"},
                 "timedOut", "search: no answer within the time allowed"),
        "loop": ({**probe, "port": here.port, "base": f"uid=a,ou=elsewhere,{ss.SUFFIX}"},
                 "protocolError", f"search: 10 Referral to {there.uri}/uid=a,ou=elsewhere,{ss.SUFFIX}??base"),
        "expired": ({**tls, "tls_verify": True}, "tlsError", "TLS: the certificate has expired"),
        "shown": (tls, "up", "0 Success"),
        "refused": ({**probe, "port": BASE + 49}, "refused", "connect: Connection refused"),
        "no tls": ({**tls, "port": s.port}, "tlsError", None),
    }
    d = watch([local(site)], [{"name": n, **c[0]} for n, c in cases.items()])
    for name, (_, status, reply) in cases.items():
        def row(column, n=name):
            w = d.walk()
            return w.get((f"mailmonResponse{column}", w.index("mailmonResponseName", n)))
        d.await_(lambda r=row: (r("Status"), r("LastReply") if reply else None), (status, reply))
        assert (row("Failures") == 0) == (status == "up")

    def right(w):
        index = w.index("mailmonResponseName", "well")
        steps = {v: w[("mailmonStepLast", *i)] for i, v in w.column("mailmonStepName").items()
                 if i[0] == index}
        assert list(steps) == ["resolve", "connect", "tls", "login", "search", "quit"]
        assert 85 <= w[("mailmonResponseCertDaysLeft", index)] <= 90
        assert abs(sum(steps.values()) / 1000 - w[("mailmonResponseTotal", index)]) < 2
        for name in ("expired", "shown"):
            i = w.index("mailmonResponseName", name)
            assert w[("mailmonResponseCertDaysLeft", i)] in (-3, -4)
            assert w[("mailmonResponseCertError", i)] == "the certificate has expired"
        slow = w.index("mailmonResponseName", "slow")
        assert w[("mailmonResponseTotal", slow)] >= 500  # the step's time: what all may take is more than the server's 3 s
    d.shows(right)
    out = subprocess.run([BUILD / "mailmond", "--probe", s.uri], capture_output=True, text=True, timeout=100)
    assert out.returncode == 0 and "Search Time:" in out.stdout and "Status: up" in out.stdout
    for who, code in (("postmaster", 0), ("nobody", 2)):
        url = f"{s.uri}/{ss.SUFFIX}??sub?(uid={who})"
        assert subprocess.run([BUILD / "mailmond", "--probe", url], capture_output=True,
                              timeout=100).returncode == code
    for server in (bad, there, here):
        server.stop()


class Delay:
    """Passes one connection after the other on to a server; each answer comes `seconds` later."""

    def __init__(self, port, server, seconds):
        self.server, self.seconds = server, seconds
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self.server)) as server:
                while data := client.recv(65536):
                    server.sendall(data)
                    if data[5:6] == b"\x42":  # unbind
                        break
                    select.select([server], [], [])
                    time.sleep(self.seconds)  # by then all of the answer is there
                    client.sendall(server.recv(65536))


def exact(measured):
    """Did each step once take just the server's time? Not each time, where others want the processor too."""
    return all(min(m[n] for m in measured) < 220 for n in (0, 1))


def test_measured(site, watch):
    """Each step takes as long as the server does, and not longer."""
    delay = Delay(BASE + 47, site.servers["slapd"].port, 0.2)
    d = watch([local(site)], [{"name": "late", "protocol": "ldap", "port": BASE + 47, "base": ss.SUFFIX,
                               "user": ss.READER, "password_file": site.password}])
    d.await_(lambda: list(d.walk().column("mailmonResponseStatus").values()), ["up"])
    measured = []
    while len(measured) < 5 or len(measured) < 40 and not exact(measured):
        checks = sum(d.walk().column("mailmonResponseChecks").values())
        wait_for(lambda n=checks: sum(d.walk().column("mailmonResponseChecks").values()) > n, 20)
        w = d.walk()
        steps = {v: w[("mailmonStepLast", *i)] / 1000 for i, v in w.column("mailmonStepName").items()}
        measured.append((steps["login"], steps["search"]))
    delay.listener.close()
    assert all(v >= 200 for m in measured for v in m), measured
    assert exact(measured), measured


def test_a_question_in_hand(site, watch):
    """What it adds to the server's counters is ours, also where mailmond is stopped or reloaded meanwhile."""
    delay = Delay(BASE + 46, site.servers["slapd"].port, 0.2)
    d = watch([site.reader(name="late", uri=f"ldap://127.0.0.1:{BASE + 46}")])
    d.asked("late", 2)
    quiet = d.counters("late")
    for n in range(2):
        d.stop()
        d.start()
        d.asked("late", 1)
        os.kill(d.process.pid, signal.SIGHUP)
        wait_for(lambda: d.text().count("mail systems") == 2 * n + 3, 10)
    d.asked("late", 2)
    assert d.counters("late") == quiet
    delay.listener.close()


def test_replication(site, watch):
    """A consumer's row of dsIntTable tells of its provider, also when that is gone."""
    s = site.servers["slapd"]
    more = (f'syncrepl rid=001 provider={s.uri} type=refreshAndPersist retry="1 +" '
            f'searchbase="{ss.SUFFIX}" bindmethod=simple binddn="{ss.ADMIN}" credentials="{ss.PASSWORD}"\n'
            f"updateref {s.uri}")
    site.server("copy", 30, more=more)
    d = watch([local(site, "copy", "copy")])
    d.await_(lambda: d.source("copy")[0], "ok")
    d.await_(lambda: d.walk().of("dsCopyEntries", "copy"), 5)
    w = d.walk()
    key = (w.appl("copy"), 1, 1)
    assert w.of("dsMasterEntries", "copy") is None
    assert w[("dsIntEntURL", *key)] == s.uri

    def behind():
        cells = d.walk()
        return cells[("dsIntEntTimeOfLastAttempt", *key)] - cells[("dsIntEntTimeOfLastSuccess", *key)]
    assert wait_for(lambda: behind() <= 100, 12)[0]
    s.stop()
    assert wait_for(lambda: behind() >= 200, 12)[0]
    s.start()
    site.servers["copy"].stop()


def test_detected(site, tmp_path):
    """A slapd that listens on a local socket is found, and what is printed works unchanged."""
    d = Watcher(tmp_path / "found", 55, detect=True)
    text = d.ask("--detect")
    found = re.search(r"^directories = \((.*?)^\);", text, re.M | re.S)[1]
    assert f'uri = "{site.servers["slapd"].local}"' in found.replace("%2D", "-")
    printed = tmp_path / "printed.conf"
    printed.write_text(text)
    checked = subprocess.run([BUILD / "mailmond", "--config", printed, "--check"], capture_output=True,
                             text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.fixture
def broken(tmp_path):
    """The programs, with a mailmond-directory that does what it is told."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for p in ("mailmond", "mailmond-collect", "mailmond-publish"):
        shutil.copy2(BUILD / p, programs)
    tmp_path.chmod(0o755)
    return programs


@pytest.mark.parametrize("script,status,error", [
    ("exit 3", "stale", "mailmond-directory ended with code 3"),
    ("kill -9 $$", "stale", "mailmond-directory was killed by signal 9"),
    ("head -c 50000 /dev/urandom", "stale", "mailmond-directory gave a result that makes no sense"),
    ("head -c 5000000 /dev/zero; exit 1", "stale", "mailmond-directory ended with code 1"),
    ("exec sleep 100", "stale", "mailmond-directory did not end in time and was killed"),
    (None, "stale", "mailmond-directory ended with code 127"),
])
def test_mad_helper(site, broken, tmp_path, script, status, error):
    if script:
        helper = broken / "mailmond-directory"
        helper.write_text(f"#!/bin/sh\n{script}\n")
        helper.chmod(0o755)
    d = Watcher(tmp_path / "mailmond", 56, [{**local(site), "timeout": "200 ms"}])
    d.command = lambda *options: [broken / "mailmond", "--config", d.config, "--state",
                                  d.folder / "state", *options]
    d.start()
    try:
        d.await_(lambda: d.source("slapd"), (status, error))
        assert d.status("slapd") is None
        assert "mailmond-collect was killed" not in d.text()
    finally:
        d.stop()


def test_nothing_stays(site, watch):
    """Hundreds of failed questions: no descriptor, no memory, no process is left of them."""
    responses = [{"name": f"r{i}", "protocol": "ldap", "port": BASE + 49} for i in range(60)]
    d = watch([local(site)], responses)
    collect = int(subprocess.run(["pgrep", "-P", str(d.process.pid), "-f", "mailmond-collect"],
                                 capture_output=True, text=True, check=True).stdout)

    def checks():
        return sum(d.walk().column("mailmonResponseChecks").values())

    def resources():
        status = Path(f"/proc/{collect}/status").read_text()
        return (len(os.listdir(f"/proc/{collect}/fd")), int(re.search(r"VmRSS:\s+(\d+)", status)[1]))
    assert wait_for(lambda: checks() >= 240, 30, 0.3)[0]  # threads and tables have what they keep
    before = resources()
    assert wait_for(lambda: checks() >= 720, 45, 0.3)[0]
    assert wait_for(lambda: resources()[0] <= before[0] + 12, 10, 0.05)[0]  # between two rounds of questions
    after = resources()
    assert after[1] <= before[1] + 4096, f"{before} {after}"  # more with each that waits at the same time


def test_not_without_a_directory():
    """No program but one knows libldap."""
    for program in ("mailmond", "mailmond-collect", "mailmond-publish", "mailmond-directory"):
        needed = subprocess.run(["readelf", "-d", BUILD / program], capture_output=True, text=True,
                                check=True).stdout
        assert ("libldap" in needed) == (program == "mailmond-directory")
