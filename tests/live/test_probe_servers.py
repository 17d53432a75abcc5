"""Response times of a real Postfix and a real Dovecot, with TLS and logins: every step is there, the
mailbox is counted, Postfix's and Dovecot's logs hold no lost connection, and mailmond does not count
itself as traffic.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (20200)."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import dovecot_site as ds
import fault_peer as fp
import postfix_site as ps
from daemon import BUILD, Daemon
from postfix_site import wait_until
from test_probe import Cells

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not ps.available() or not ds.available()
    or not (BUILD / "mailmond-probe").exists(), reason="needs root, Postfix, Dovecot and the programs")

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "20200"))
SMTP, SUBMISSION, SMTPS, SCREEN = range(BASE + 20, BASE + 24)
AUTH = BASE + 18
SERVICES = """\
127.0.0.1:{smtp} inet n - n - - smtpd -o smtpd_tls_security_level=may
127.0.0.1:{submission} inet n - n - - smtpd -o syslog_name={{name}}/submission
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
127.0.0.1:{smtps} inet n - n - - smtpd -o syslog_name={{name}}/smtps -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
127.0.0.1:{screen} inet n - n - 1 postscreen -o postscreen_greet_action=enforce
  -o postscreen_greet_wait=1s -o postscreen_cache_map= -o postscreen_dnsbl_sites=
  -o postscreen_access_list= -o syslog_name={{name}}/screen
smtpd pass - - n - - smtpd
""".format(smtp=SMTP, submission=SUBMISSION, smtps=SMTPS, screen=SCREEN)
AUTH_LISTENER = f"service auth {{\n  inet_listener {{\n    port = {AUTH}\n  }}\n}}"


class Servers:
    def __init__(self, folder):
        self.folder = folder
        folder.chmod(0o755)
        self.certificates = fp.make_certificates(folder / "certificates")
        self.dovecot = ds.Site(folder / "dovecot", BASE, more=AUTH_LISTENER)
        for name, file in (("cert.pem", "good.crt"), ("cert.key", "good.key")):
            shutil.copy(self.certificates / file, self.dovecot.folder / name)
        self.postfix = ps.Postfix(folder / "postfix", "postfix", BASE + 40, services=SERVICES)
        self.postfix.run("postconf", "-e", f"smtpd_tls_chain_files = {self.certificates}/good.pem",
                         "smtpd_sasl_type = dovecot", f"smtpd_sasl_path = inet:127.0.0.1:{AUTH}",
                         "smtpd_tls_loglevel = 1")
        self.password = folder / "password"
        self.password.write_text("pw-u1\n")
        self.wrong = folder / "wrong"
        self.wrong.write_text("nonsense\n")
        for p in (self.password, self.wrong):
            p.chmod(0o600)

    def services(self):
        ca = {"ca_file": self.certificates / "ca.pem", "tls_verify": True}
        login = {"user": "u1", "password_file": self.password, **ca}
        port = self.dovecot.base
        return [
            service("smtp", "smtp", SMTP, appl="postfix"),
            service("smtp starttls", "smtp", SMTP, starttls=True, **ca),
            service("smtp rcpt", "smtp", SMTP, sender="<>", recipient="root@local.test"),
            service("smtp refused", "smtp", SMTP, sender="<>", recipient="blocked@ok.test"),
            service("smtp by name", "smtp", SMTP, host="localhost", address_family="ipv4"),
            service("screened", "smtp", SCREEN),
            service("submission", "submission", SUBMISSION, starttls=True, **login),
            service("submission, wrong", "submission", SUBMISSION, starttls=True,
                    **{**login, "password_file": self.wrong}, source="127.0.0.9"),
            service("smtps", "smtps", SMTPS, **login),
            service("lmtp", "lmtp", port + ds.LMTP),
            service("imap", "imap", port + ds.IMAP, **{k: login[k] for k in ("user", "password_file")}),
            service("imap starttls", "imap", port + ds.IMAP, starttls=True, **login),
            service("imaps", "imaps", port + ds.IMAPS, **login),
            service("imap, wrong", "imaps", port + ds.IMAPS,
                    **{**login, "password_file": self.wrong}, source="127.0.0.9"),
            service("pop3", "pop3", port + ds.POP3, starttls=True, **login),
            service("pop3s", "pop3s", port + ds.POP3S, **login),
            service("sieve", "managesieve", port + ds.SIEVE, starttls=True, **login),
            service("metrics", "http", port + ds.METRICS, path="/metrics"),
        ]


def service(name, protocol, port, **more):
    return {"name": name, "protocol": protocol, "host": "127.0.0.1", "port": port, "interval": 2,
            "timeout": 15000, "step_timeout": 10000, **more}


@pytest.fixture(scope="module")
def servers():
    folder = Path(tempfile.mkdtemp(prefix="mailmond-servers-"))
    s = Servers(folder)
    try:
        s.dovecot.start()
        s.postfix.start()
        s.logged = len(s.dovecot.log.read_text())  # the site itself looks whether it serves
        s.dovecot.lmtp(["u1"])
        s.dovecot.lmtp(["u1"])
        yield s
    finally:
        s.postfix.stop()
        s.dovecot.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def watched(servers):
    """The daemon after three rounds of probes, stopped in good order at the end."""
    p = servers.postfix
    daemon = Daemon(servers.folder / "mailmond", BASE + 30, {
        "responses": servers.services(),
        "dovecot": [{"log": servers.dovecot.log, "protocols": ["imap", "pop3", "managesieve"]}],
        "postfix": [{"name": "postfix", "config_directory": p.config, "queue_directory": p.spool,
                     "log": p.log, "listen": [f"127.0.0.1:{n}" for n in (SMTP, SUBMISSION, SMTPS)]}]})
    daemon.start()
    try:
        wait_until(lambda: all(n >= 3 for n in daemon.walk().column("mailmonResponseChecks").values()),
                   40, 0.5)
        yield daemon
    finally:
        daemon.stop()


GOOD = {
    "smtp": "connect greeting helo quit",
    "smtp starttls": "connect tls greeting helo quit",
    "smtp rcpt": "connect greeting helo mail rcpt quit",
    "smtp by name": "resolve connect greeting helo quit",
    "screened": "connect greeting helo quit",
    "submission": "connect tls greeting helo login quit",
    "smtps": "connect tls greeting helo login quit",
    "lmtp": "connect greeting helo quit",
    "imap": "connect greeting helo login select quit",
    "imap starttls": "connect tls greeting helo login select quit",
    "imaps": "connect tls greeting helo login select quit",
    "pop3": "connect tls greeting helo login select quit",
    "pop3s": "connect tls greeting helo login select quit",
    "sieve": "connect tls greeting helo login quit",
    "metrics": "connect request",
}


def test_every_service_answers_with_its_steps(watched):
    for name, steps in GOOD.items():
        def right(walk, name=name, steps=set(steps.split())):
            row = Cells(walk, name)
            assert (row.Status, row.Failures, set(row.steps)) == ("up", 0, steps), (name, row.LastReply)
            assert abs(sum(row.steps.values()) / 1000 - row.Total) <= 1, (name, row.Total, row.steps)
        walk = watched.shows(right)
    assert Cells(walk, "smtp").Appl == walk.appl("postfix")
    assert Cells(walk, "screened").steps["greeting"] > 900_000  # postscreen waits a second


def test_mailbox_is_counted(watched):
    walk = watched.walk()
    for name in ("imap", "imap starttls", "imaps"):
        row = Cells(walk, name)
        assert (row.MailboxMessages, row.MailboxUnseen) == (2, 2)
    for name in ("pop3", "pop3s"):
        assert Cells(walk, name).MailboxMessages == 2


def test_certificates(watched):
    walk = watched.walk()
    for name in ("smtp starttls", "submission", "smtps", "imap starttls", "imaps", "pop3", "pop3s",
                 "sieve"):
        row = Cells(walk, name)
        assert row.CertError == "" and row.CertDaysLeft in (89, 90), name
    assert Cells(walk, "smtp").CertDaysLeft is None


def test_wrong_password_and_refusal(watched):
    def right(walk):
        submission, imap, refused = (Cells(walk, n) for n in ("submission, wrong", "imap, wrong",
                                                              "smtp refused"))
        assert submission.Status == "authFailed" and submission.LastReply.startswith("535 5.7.8")
        assert imap.Status == "authFailed" and "AUTHENTICATIONFAILED" in imap.LastReply
        assert refused.Status == "protocolError" and "blocked recipient" in refused.LastReply
        assert submission.ConsecutiveFailures == submission.Failures >= 3
    watched.shows(right)


def test_leaves_in_good_order(watched, servers):
    """No connection was lost, none broken off."""
    servers.postfix.wait_log(r"disconnect from \S*\[127\.15\.66\.1\].* quit=1", 20)
    log = servers.postfix.text()
    assert "lost connection" not in log and "timeout after" not in log
    assert "SSL_accept error" not in log
    log = servers.dovecot.log.read_text()[servers.logged:]
    assert "Disconnected: Logged out" in log
    assert not re.findall(r".*(?:Connection closed|read\(size=|Inactivity).*", log)


def test_own_connections_are_no_traffic(watched, servers):
    """Only the one with a source of its own counts."""
    assert "connect from unknown[127.15.66.1]" in servers.postfix.text()
    walk = watched.walk()
    peers = set(walk.column("mailmonPeerAddressText").values())
    assert peers <= {"127.0.0.1", "127.0.0.9"}  # without a login in the clear: ours
    assert walk.of("mailmonChannelRejectedMessages", "postfix", "smtpd") == 0

    def others():
        return len(re.findall(r"smtpd\[\d+\]: connect from \S*\[127\.0\.0\.9\]", servers.postfix.text()))
    begin = others()
    seen = wait_until(lambda: (n := watched.walk().of("applAccumulatedInboundAssociations", "postfix")) >= begin and n,
                      10, 0.5)
    assert seen <= others()
    assert "127.15.66.1" not in walk.column("assocRemoteApplication").values()


def test_own_logins_are_no_users(watched, servers):
    """But those in the clear, which Dovecot takes only from the address that they go to."""
    def right(walk):
        good = {walk["applName", i]: n for i, n in walk.column("mailmonAccessGoodLogins").items()}
        assert good["dovecot/pop3"] == good["dovecot/managesieve"] == 0
        log = servers.dovecot.log.read_text()
        for protocol in ("imap", "pop3"):
            assert len(re.findall(rf"{protocol}-login: Info: Login: .*rip=127\.15\.66\.1,", log)) >= 6
        others = len(re.findall(r"imap-login: Info: Login: .*rip=127\.0\.0\.1,", log))
        assert others - 2 <= good["dovecot/imap"] <= others
    watched.shows(right)


def test_asked_once_by_hand(watched, servers):
    out = watched.ask("--probe", "imaps")
    for line in ("Imaps Statistics for: 127.0.0.1:", "Connect Time: ", "TLS Time: ", "Greeting Time: ",
                 "Login Time: ", "Select Time: ", "Quit Time: ", "Total Time: ", "Messages: 2",
                 "Status: up"):
        assert f"\n{line}" in "\n" + out
    assert "pw-u1" not in out
    url = subprocess.run([BUILD / "mailmond", "--config", "/dev/null", "--probe",
                          f"smtp+starttls://localhost:{SMTP}"], capture_output=True, text=True)
    assert url.returncode == 0 and "TLS Time: " in url.stdout and "issuer" in url.stdout


def engine(protocol, port, *options):
    """What the engine says of one probe."""
    return subprocess.run([BUILD / "bench_probe", protocol, "127.0.0.1", str(port), "1", "1", "verbose",
                           *options], capture_output=True, text=True, check=True).stdout.splitlines()[0]


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_message_goes_round(servers, protocol):
    """What round trips are made of: handed in by LMTP, found by its Message-ID among others, read and
    removed; then it is gone, and the others are there."""
    port = servers.dovecot.base
    login = ["user=u2", "password=pw-u2", "mailbox=INBOX"]
    own = f"search=Message-ID:<round-{protocol}@mailmond.test>"
    servers.dovecot.lmtp(["u2"])
    sent = engine("lmtp", port + ds.LMTP, "sender=", "recipient=u2",
                  f"message=Subject: x\nMessage-ID:\n <round-{protocol}@mailmond.test>\n\n.dot\n..\n")
    assert sent.startswith("up 250 2.0.0 <u2>") and " sending=" in sent
    servers.dovecot.lmtp(["u2"])
    where = port + (ds.IMAP if protocol == "imap" else ds.POP3)
    before = engine(protocol, where, *login)
    count = int(re.search(r"messages=(\d+)", before)[1])
    found = engine(protocol, where, *login, own, "retrieve", "remove")
    assert found.startswith("up ") and found.endswith(" found=1"), found
    for step in ("login", "select", "search", "retrieve", "delete", "quit"):
        assert f" {step}=" in found
    again = engine(protocol, where, *login, own, "retrieve", "remove")
    assert again.endswith(f" messages={count - 1} found=0") and " retrieve=" not in again, again


def test_a_hung_server_is_timed_out(watched, servers):
    """SIGSTOP of Dovecot: the kernel takes the connection, nobody speaks."""
    config = servers.folder / "hung.conf"
    config.write_text("responses = ( { name = \"hung\"; protocol = \"imap\"; host = \"127.0.0.1\"; "
                      f"port = {servers.dovecot.base}; step_timeout = 500; }} );\n")
    go_on = servers.dovecot.hang()
    try:
        out = subprocess.run([BUILD / "mailmond", "--config", config, "--probe", "hung"],
                             capture_output=True, text=True)
        assert out.returncode == 2 and "Reply: greeting: no answer within 0.5 s" in out.stdout
    finally:
        go_on()
