"""Response times: servers that do each wrong thing (fault_peer.py), and a real Postfix and Dovecot.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (20100)."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import fault_peer as fp
from daemon import BUILD, Daemon
from postfix_site import alive, wait_until
from snmp_lab import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not (BUILD / "mailmond-probe").exists(),
                                reason="needs root and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "20100"))
STEP_S, WHOLE_S = 3, 5
SECRET = "Geheim-4711"


@pytest.fixture(scope="module")
def folder():
    path = Path(tempfile.mkdtemp(prefix="mailmond-probe-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def certificates(folder):
    return fp.make_certificates(folder / "certificates")


@pytest.fixture(scope="module")
def password(folder):
    path = folder / "password"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


def service(name, protocol, port, **more):
    return {"name": name, "protocol": protocol, "host": "127.0.0.1", "port": port, "interval": 1,
            "timeout": int(WHOLE_S * 1000), "step_timeout": int(STEP_S * 1000),
            "warn_after": 1500, "fail_after": 4500, **more}


class Cells:
    """A row of mailmonResponseTable and its steps in microseconds."""

    def __init__(self, walk, name):
        i = walk.index("mailmonResponseName", name)
        for cell in ("Status", "Total", "LastReply", "Checks", "Failures", "ConsecutiveFailures",
                     "CertDaysLeft", "CertError", "MailboxMessages", "MailboxUnseen", "Minimum",
                     "Maximum", "Mean", "Appl", "Port"):
            setattr(self, cell, walk.get((f"mailmonResponse{cell}", i)))
        names = walk.column("mailmonStepName")
        self.steps = {n: walk[("mailmonStepLast", *k)] for k, n in names.items() if k[0] == i}


def probe_process(daemon):
    """The one mailmond-probe of this daemon, or None."""
    found = [int(p.parent.name) for p in Path("/proc").glob("[0-9]*/comm")
             if reads(p) == "mailmond-probe\n"]
    ours = descendants(daemon.process.process.pid)
    found = [p for p in found if p in ours]
    return found[0] if found else None


def reads(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def descendants(pid):
    children = reads(Path(f"/proc/{pid}/task/{pid}/children")).split()
    return [int(c) for c in children] + [d for c in children for d in descendants(int(c))]


# ---- Each fault: the right status and text within its deadline ----

def tenmegabytes(c):
    for _ in range(160):
        c.sendall(b"220-" + b"x" * 65532)
    fp.hold(c)


def stalls(c):
    c.recv(1000)
    fp.hold(c)


def faults(certificates, password):
    """{name: (serve or None, protocol, settings, status, pattern of the text)}"""
    login = {"user": "u", "password_file": password}
    ca = {"ca_file": certificates / "ca.pem"}
    smtp = fp.dialog(b"220 mx\r\n", fp.SMTP)
    pem = certificates / "good.pem"
    return {
        "silent": (fp.hold, "smtp", {}, "timedOut", rf"greeting: no answer within {STEP_S} s$"),
        "drip": (fp.drip(b"220 slow.test ESMTP\r\n", 1), "smtp", {}, "timedOut",
                 rf"greeting: no whole answer within {STEP_S} s, only \d octets$"),
        "drip, whole": (fp.drip(b"220-\r\n" * 9, 0.15), "pop3", {}, "protocolError", "greeting: "),
        "banner of another": (fp.say(b"SSH-2.0-OpenSSH_9.2\r\n"), "smtp", {}, "protocolError",
                              "greeting: this is not the protocol's language"),
        "refuses in the banner": (fp.dialog(b"554 5.7.1 go away\r\n", fp.SMTP), "smtp", {},
                                  "protocolError", "554 5.7.1 go away"),
        "10 MB banner": (tenmegabytes, "smtp", {}, "protocolError",
                         "greeting: the answer is longer than 64 kB"),
        "421": (fp.say(b"421 4.3.2 too busy\r\n", then=fp.close), "smtp", {}, "congested",
                "421 4.3.2 too busy"),
        "BYE": (fp.say(b"* BYE too many\r\n", then=fp.close), "imap", {}, "congested",
                r"\* BYE too many"),
        "closes": (fp.close, "smtp", {}, "down", "greeting: the server closed the connection"),
        "resets": (fp.reset, "smtp", {}, "down", "greeting: |connect: Connection reset"),
        "closes within": (fp.say(b"+OK hi\r\n+O", 0.1, then=fp.close), "pop3", {}, "down",
                          "helo: the server closed|helo: Connection reset"),
        "NUL": (fp.say(b"220 mx\0 ESMTP\r\n"), "smtp", {}, "protocolError",
                "greeting: a NUL octet in the answer"),
        "NULs only": (fp.say(b"\0" * 100000), "imap", {}, "protocolError", "greeting: a NUL"),
        "random": (lambda c: c.sendall(os.urandom(60000)), "pop3", {}, "protocolError",
                   "greeting: "),
        "endless lines": (lambda c: [c.sendall(b"220-more\r\n" * 1000) for _ in range(10000)],
                          "smtp", {}, "protocolError", "greeting: the answer is longer than 64 kB"),
        "hangs after EHLO": (fp.dialog(b"220 mx\r\n", [("EHLO", None)]), "smtp", {}, "timedOut",
                             f"helo: no answer within {STEP_S} s"),
        "no STARTTLS": (smtp, "smtp", {"starttls": True}, "tlsError", "502 no"),
        "TLS fails": (fp.say(b"220 plain\r\n"), "smtps", {}, "tlsError",
                      "tls: the handshake failed: wrong version number"),
        "TLS stalls": (stalls, "imaps", {}, "timedOut", f"tls: no answer from 127.0.0.1 within {STEP_S} s"),
        "TLS is closed": (lambda c: c.recv(10), "pop3s", {}, "tlsError", "tls: "),
        "expired": (fp.with_tls(certificates / "expired.pem", smtp), "smtps", ca, "up", "250"),
        "expired, strict": (fp.with_tls(certificates / "expired.pem", smtp), "smtps",
                            {**ca, "tls_verify": True}, "tlsError",
                            "tls: certificate has expired"),
        "other's": (fp.with_tls(certificates / "other.pem", smtp), "smtps", ca, "up", "250"),
        "unknown CA": (fp.with_tls(pem, smtp), "smtps", {}, "up", "250"),
        "login refused": (fp.dialog(b"* OK\r\n", [fp.IMAP[0], ("LOGIN", b"TAG NO wrong\r\n"),
                                                   fp.IMAP[3]]), "imap", login, "authFailed",
                          "NO wrong"),
        "100,000 messages": (fp.dialog(b"* OK\r\n", fp.IMAP), "imap", login, "up", "OK"),
        "POP3, no UIDL, 100,000": (fp.dialog(b"+OK\r\n", fp.POP3), "pop3", login, "up",
                                   r"\+OK 100000"),
        "huge literal": (fp.dialog(b"* OK\r\n", [("CAPABILITY", b"* X {4000000000}\r\n")]), "imap",
                         {}, "protocolError", "helo: the answer is longer"),
        "500": (fp.dialog(b"", [("HEAD", b"HTTP/1.1 500 oops\r\n\r\n")]), "http", {},
                "protocolError", "request: the server failed"),
        "503": (fp.dialog(b"", [("HEAD", b"HTTP/1.1 503 later\r\n\r\n")]), "http", {}, "congested",
                "HTTP/1.1 503 later"),
        "slow": (fp.dialog(b"220 mx\r\n", fp.SMTP, delay=0.6), "smtp", {}, "slow", "250-mx.test"),
        "sieve busy": (fp.say(b"BYE (TRYLATER) \"no\"\r\n", then=fp.close), "managesieve", {},
                       "congested", "BYE"),
    }


def no_mail(folder):
    """An instance of Postfix of which there is nothing but a log."""
    log = folder / "mail.log"
    log.write_text("Nov 21 12:00:00 mx1 postfix/master[8]: daemon started -- version 3.7.11, "
                   "configuration /etc/postfix\n")
    return {"name": "postfix", "log": log, "listen": [":1"]}


@pytest.fixture(scope="module")
def ill(folder, certificates, password):
    """A daemon that asks every faulty server: (daemon, what is expected, peers)."""
    expected, services, peers = faults(certificates, password), [], []
    for name, (serve, protocol, more, _, _) in expected.items():
        peers.append(fp.Peer(serve))
        services.append(service(name, protocol, peers[-1].port, **more))
    hole = fp.BlackHole()
    peers.append(hole)
    services.append(service("not our source", "imap", peers[0].port, source="192.0.2.7"))
    expected["not our source"] = (None, "imap", {}, "unknown", "$")
    services.append(service("refused", "imap", fp.closed_port()))
    expected["refused"] = (None, "imap", {}, "refused", r"connect: Connection refused \(127.0.0.1 port")
    services.append(service("black hole", "smtp", hole.port))
    expected["black hole"] = (None, "smtp", {}, "timedOut", f"connect: no answer from 127.0.0.1 within {STEP_S} s")
    services.append({**service("no such name", "smtp", 25), "host": "no-such-host.invalid"})
    expected["no such name"] = (None, "smtp", {}, "down|timedOut", "resolve: ")
    daemon = Daemon(folder / "ill", BASE, {"responses": services, "postfix": [no_mail(folder)]})
    daemon.start()
    try:
        wait_until(lambda: sum(n >= 2 for n in daemon.walk().column(
            "mailmonResponseChecks").values()) >= len(services) - 1, 30, 0.5)
        yield daemon, expected, peers
    finally:
        daemon.stop()
        for p in peers:
            p.stop()


def fault_of(row, status, text):
    """What is not as it should be. A good one may have been late on a machine that is."""
    if not re.fullmatch(status, row.Status) or not re.match(text, row.LastReply or ""):
        return f"{row.Status}, {row.LastReply!r}"
    if row.Status == "unknown":  # nothing was asked: nothing is said of the server
        return row.Checks and f"{row.Checks} checks"
    good = row.Status in ("up", "slow")
    if (row.ConsecutiveFailures == 0) != good or (row.Failures < row.Checks) != good:
        return f"{row.Checks} checks, {row.Failures} failures"
    return row.Total is not None and row.Total > WHOLE_S * 1000 + 1000 and f"ended after {row.Total} ms"


def test_every_fault_has_its_status_and_text(ill):
    daemon, expected, _ = ill
    wrong = dict.fromkeys(expected)

    def none_is():
        walk = daemon.walk()
        for name in list(wrong):
            wrong[name] = fault_of(Cells(walk, name), *expected[name][3:])
            if not wrong[name]:
                del wrong[name]
        return not wrong
    assert wait_for(none_is, 20, 0.5)[0], wrong


def test_certificates_are_data(ill):
    def right(walk):
        assert Cells(walk, "expired").CertError == "certificate has expired"
        assert Cells(walk, "expired").CertDaysLeft in (-2, -1)
        assert Cells(walk, "other's").CertError == "it is for other.test"
        assert "unable to get local issuer certificate" in Cells(walk, "unknown CA").CertError
        assert Cells(walk, "unknown CA").CertDaysLeft in (89, 90)
        assert Cells(walk, "silent").CertError is None
    ill[0].shows(right)


def test_mailboxes_and_steps(ill):
    def right(walk):
        imap, pop3 = Cells(walk, "100,000 messages"), Cells(walk, "POP3, no UIDL, 100,000")
        assert (imap.MailboxMessages, imap.MailboxUnseen) == (100000, 99999)
        assert (pop3.MailboxMessages, pop3.MailboxUnseen) == (100000, None)
        assert set(imap.steps) == {"connect", "greeting", "helo", "login", "select", "quit"}
        assert Cells(walk, "silent").steps["greeting"] >= STEP_S * 1e6 - 10_000
    ill[0].shows(right)

    def exact(walk):
        slow = Cells(walk, "slow")
        assert all(600_000 <= slow.steps[s] <= 640_000 for s in ("greeting", "helo", "quit"))
        assert slow.Minimum <= slow.Mean <= slow.Maximum and slow.Minimum >= 1800
    ill[0].shows(exact, 20)


def test_sources_are_well(ill):
    """That a server is ill is no fault of ours."""
    def right(walk):
        kinds = walk.column("mailmonSourceKind")
        probes = [i for i, k in kinds.items() if k == "probe"]
        assert len(probes) == len(ill[1])
        for i in probes:
            ours = walk[("mailmonSourceName", i)] == "probe not our source"
            assert walk[("mailmonSourceStatus", i)] == ("stale" if ours else "ok")
            if ours:
                assert "Cannot assign requested address" in walk[("mailmonSourceLastError", i)]
    ill[0].shows(right)


def test_one_line_for_each_change(ill):
    log = ill[0].text()
    assert len(re.findall(r"response silent: timed out: greeting", log)) == 1


def test_a_killed_probing_process_is_replaced(ill):
    daemon = ill[0]
    pid = wait_until(lambda: probe_process(daemon))
    os.kill(pid, signal.SIGKILL)
    new = wait_until(lambda: (p := probe_process(daemon)) and p != pid and p, 10)
    checks = Cells(daemon.walk(), "slow").Checks
    wait_until(lambda: Cells(daemon.walk(), "slow").Checks > checks, 10, 0.3)
    assert probe_process(daemon) == new


def test_a_hung_probing_process_is_replaced(ill):
    """One that no longer answers would leave every row as it was, with a source that is ok."""
    daemon = ill[0]
    pid = wait_until(lambda: probe_process(daemon))
    os.kill(pid, signal.SIGSTOP)
    new = wait_until(lambda: (p := probe_process(daemon)) and p != pid and p, WHOLE_S + 20)
    checks = Cells(daemon.walk(), "slow").Checks
    wait_until(lambda: Cells(daemon.walk(), "slow").Checks > checks, 10, 0.3)
    assert probe_process(daemon) == new
    assert "does not answer any more" in daemon.text()


def test_no_secret_is_shown(ill):
    daemon = ill[0]
    for pid in descendants(daemon.process.process.pid):
        assert SECRET not in reads(Path(f"/proc/{pid}/cmdline"))
    assert SECRET not in daemon.text()
    assert SECRET not in daemon.ask("--dump") + daemon.ask("--dump-config")


def test_counts_outlive_a_restart(ill, folder):
    daemon = ill[0]
    before = Cells(daemon.walk(), "refused")
    pids = descendants(daemon.process.process.pid)
    daemon.stop()
    wait_until(lambda: not any(alive(p) for p in pids), 20)
    daemon.start()

    def right(walk):
        after = Cells(walk, "refused")
        assert after.Status == "refused"
        assert after.Checks >= before.Checks and after.ConsecutiveFailures >= before.ConsecutiveFailures
        assert after.Checks == after.Failures
    daemon.shows(right)


# ---- Thousands of them ----

def test_ten_thousand_faults_leave_nothing(certificates):
    """Descriptors and memory of the engine are flat."""
    smtp = fp.dialog(b"220 mx\r\n", fp.SMTP)
    peers = [fp.Peer(s, backlog=1000) for s in (
        fp.close, fp.reset, fp.say(b"421 no\r\n", then=fp.close), fp.say(b"\0\0\r\n", then=fp.close),
        fp.say(b"garbage\r\n", then=fp.close), fp.say(b"220 mx\r\n250", then=fp.close), smtp)]
    ports = ",".join(str(p.port) for p in peers) + f",{fp.closed_port()}"
    tls = [fp.Peer(s, backlog=1000) for s in (
        fp.close, fp.say(b"220 plain\r\n", then=fp.close),
        fp.with_tls(certificates / "expired.pem", smtp))]
    tls_ports = ",".join(str(p.port) for p in tls)
    for protocol, ports, count in (("smtp", ports, 8800), ("smtps", tls_ports, 1200)):
        out = subprocess.run([BUILD / "bench_probe", protocol, "127.0.0.1", ports, str(count), "50",
                              "step_ms=20000"], capture_output=True, text=True, check=True, timeout=600).stdout
        figures = dict(re.findall(r"(\w+) (-?[\d.]+)", out))
        assert int(figures["fds_added"]) == 0, out
        assert int(figures["grown_kb"]) < 1024, out
        assert "timedOut" not in out, out
    for p in peers + tls:
        p.stop()


# ---- Names ----

@pytest.mark.parametrize("silent, status", [(True, "timed out"), (False, "down")])
def test_name_servers_that_hang_or_fail(folder, silent, status):
    """In a mount and network namespace of its own, with a resolv.conf that names such a server."""
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:9\n")
    script = folder / "names.py"
    script.write_text(
        f"import subprocess, sys, time\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import fault_peer\nsubprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)\n"
        f"fault_peer.NameServer(silent={silent})\nbegan = time.monotonic()\n"
        f"r = subprocess.run([{str(BUILD / 'mailmond')!r}, '--config', '/dev/null', '--probe', "
        "'smtp://mx.site.test:25'], capture_output=True, text=True)\n"
        "print(r.stdout + r.stderr, r.returncode, time.monotonic() - began)\n")
    out = subprocess.run(["unshare", "-m", "-n", "sh", "-c",
                          f"mount --bind {folder}/resolv.conf /etc/resolv.conf && "
                          f"exec /usr/bin/python3 {script}"],
                         capture_output=True, text=True, timeout=60).stdout
    assert f"Status: {status}\nReply: resolve: " in out, out
    assert float(out.split()[-1]) < 20, out  # not nine attempts


def ask(url):
    return subprocess.run([BUILD / "mailmond", "--config", "/dev/null", "--probe", url],
                          capture_output=True, text=True)


def test_ipv6():
    peer = fp.Peer(fp.dialog(b"220 mx\r\n", fp.SMTP), address="::1")
    out = ask(f"smtp://[::1]:{peer.port}")
    assert out.returncode == 0 and "Status: up" in out.stdout, out.stdout + out.stderr
    peer.stop()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_name_with_two_addresses(folder, address):
    """The one that refuses is passed over, whichever it is."""
    peer = fp.Peer(fp.dialog(b"220 mx\r\n", fp.SMTP), address=address)
    (folder / "hosts").write_text("127.0.0.1 two.site.test\n::1 two.site.test\n")
    out = subprocess.run(["unshare", "-m", "sh", "-c",
                          f"mount --bind {folder}/hosts /etc/hosts && exec {BUILD}/mailmond --config "
                          f"/dev/null --probe smtp://two.site.test:{peer.port}"],
                         capture_output=True, text=True).stdout
    assert "Status: up" in out, out
    peer.stop()


def test_without_its_program(folder):
    """mailmond-probe is missing: said once, and the daemon lives."""
    bare = folder / "bare"
    bare.mkdir()
    for name in ("mailmond", "mailmond-collect", "mailmond-publish"):
        shutil.copy(BUILD / name, bare / name)
    config = folder / "bare.conf"
    config.write_text("interval = 100; responses = ( { name = \"x\"; protocol = \"smtp\"; host = "
                      f"\"127.0.0.1\"; interval = 1; }} ); run_dir = \"{folder}/bare\";\n"
                      f"user = \"root\"; publish_user = \"root\"; snmp = {{ mode = \"standalone\"; "
                      f"listen = \"udp:127.0.0.1:{BASE + 1}\"; }};\n")
    with open(folder / "bare.log", "w") as out:
        p = subprocess.Popen([bare / "mailmond", "--config", config, "--state", folder / "bare.state",
                              "--foreground"], stdout=out, stderr=out)
    wait_until(lambda: "nothing is probed" in (folder / "bare.log").read_text())
    time.sleep(3)
    alive_still = p.poll() is None
    p.terminate()
    p.wait(60)
    log = (folder / "bare.log").read_text()
    assert alive_still and log.count("no such file or directory; nothing is probed") == 1, log
    assert log.count("probe x: missing: mailmond-probe cannot be started") == 1
