"""Two instances each of real servers on one host. What `mailmond --detect` makes of a configuration that
names little more than their directories, or nothing, is a configuration file that works unchanged: it passes
--check, and a daemon on it counts for each instance what went through that one.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE_DETECTED, the first of 300 free ports (28200)."""
import imaplib
import os
import shutil
import smtplib
import subprocess
import tempfile
from pathlib import Path

import pytest

import dovecot_site as ds
import exim_site as es
import postfix_site as ps
from daemon import BUILD, Daemon
from opensmtpd_site import OpenSmtpd
from overlay import Overlay
from postfix_site import wait_until
from sendmail_site import Sendmail

pytestmark = pytest.mark.skipif(
    not es.available() or not ds.available() or not (BUILD / "mailmond").exists()
    or not shutil.which("snmpbulkwalk") or not shutil.which("m4"),
    reason="needs root, the servers' packages (make deps) and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE_DETECTED", "28200"))


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="mm-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def detected(daemon, command=()):
    """The daemon, on what --detect printed of its configuration; it has been checked."""
    asked = subprocess.run([*map(str, command), *map(str, daemon.command("--detect"))], text=True,
                           capture_output=True, check=True, timeout=60)
    printed = daemon.folder / "detected.conf"
    printed.write_text(asked.stdout)
    daemon.config = printed
    checked = subprocess.run([*map(str, command), *map(str, daemon.command("--check"))], text=True,
                             capture_output=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr
    return daemon


def send(port, count, recipient="games@local.test"):
    for n in range(count):
        with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=30,
                          source_address=("127.0.0.2", 0)) as client:
            client.sendmail("sender@ok.test", [recipient], f"Subject: {n}\r\n\r\ntext\r\n")


def received(walk, name):
    return walk.of("mtaReceivedMessages", name) if name in walk.column("applName").values() else None


def test_several_of_each(folder):
    """Every instance has rows of its own, though two have one account, one program and perhaps one log."""
    sites, daemon = [], None
    postfix = ps.Site(folder / "postfix", BASE, shared_log=True)
    exims = [es.Exim(folder / f"exim{n}", BASE + 40 + 20 * n) for n in range(2)]
    dovecots = [ds.Site(folder / f"dovecot{n}", BASE + 80 + 20 * n) for n in range(2)]
    smtpds = [OpenSmtpd(folder / f"opensmtpd{n}", BASE + 120 + 20 * n) for n in range(2)]
    sendmails = [Sendmail(folder / f"sendmail{n}", BASE + 160 + 20 * n) for n in range(2)]
    try:
        for site in (postfix, *exims, *dovecots, *smtpds, *sendmails):
            sites.append(site)
            site.start()
        daemon = detected(Daemon(folder / "agent", BASE + 299, {
            "postfix": [{"config_directory": p.config} for p in (postfix.main, postfix.out)],
            "exim": [{"name": f"exim{n}", "config_file": e.config} for n, e in enumerate(exims)],
            "dovecot": [{"name": f"dovecot{n}", "log": d.log, "protocols": ["imap"],
                         "pid_file": d.folder / "run/master.pid"} for n, d in enumerate(dovecots)],
            "opensmtpd": [{"name": f"opensmtpd{n}", "log": s.log, "queue_directory": s.spool,
                           "listen": [f"127.0.0.1:{s.base}"]} for n, s in enumerate(smtpds)],
            "sendmail": [{"name": f"sendmail{n}", "log": s.log, "queue_directory": s.queue,
                          "pid_file": s.pid_file, "statistics_file": s.statistics,
                          "listen": [f"127.0.0.1:{s.base}"]} for n, s in enumerate(sendmails)]})).start()
        truth = {}
        for n, (name, port) in enumerate((
                ("postfix", postfix.main.port(ps.SMTP)), ("exim0", exims[0].port(es.SMTP)),
                ("exim1", exims[1].port(es.SMTP)), ("opensmtpd0", smtpds[0].base),
                ("opensmtpd1", smtpds[1].base), ("sendmail0", sendmails[0].base),
                ("sendmail1", sendmails[1].base)), 2):
            send(port, n)
            truth[name] = n
        send(postfix.main.port(ps.SMTP), 3, "a@out.test")  # handed over to the second instance
        truth["postfix"] += 3
        truth["postfix-out"] = 3
        for n, d in enumerate(dovecots):
            for _ in range(3 + n):
                d.imap("u1").logout()

        def right(walk):
            assert {name: received(walk, name) for name in truth} == truth
            assert [walk.of("mailmonAccessGoodLogins", f"dovecot{n}/imap") for n in range(2)] == [3, 4]
            assert set(walk.column("applName").values()) == {
                *truth, "dovecot0/imap", "dovecot1/imap"}
            assert set(walk.column("mailmonSourceUnrecognised").values()) == {0}
            for name in truth:
                if not name.startswith("opensmtpd"):  # it has no pid file
                    assert walk.of("applOperStatus", name) == "up", name
                assert walk.of("applInboundAssociations", name) == 0, name
                if name != "postfix-out":
                    assert walk.of("mtaTransmittedMessages", name) == truth[name]
        daemon.shows(right, 20)
        # One is stopped: the other is none the worse.
        exims[0].stop()
        wait_until(lambda: daemon.walk().of("applOperStatus", "exim0") == "down", 15, 0.5)
        assert daemon.walk().of("applOperStatus", "exim1") == "up"
    finally:
        if daemon and daemon.process:
            daemon.stop()
        for site in reversed(sites):
            site.stop()


EXIM_CONF = """primary_hostname = ex.lab.test
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = acl_rcpt
begin acl
acl_rcpt:
  accept
begin routers
everything:
  driver = accept
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  directory = /var/mail/all
  maildir_format
  user = Debian-exim
"""


class EximAtHome:
    """Exim as Debian has it: program, configuration, spool and logs where they usually are."""

    def __init__(self, folder, base):
        self.base = base
        self.overlay = o = Overlay(folder, es.PACKAGES, {})
        self.spool = o.bind("/var/spool/exim4")
        self.logs, self.run_dir = o.bind("/var/log/exim4"), o.bind("/run/exim4")
        self.mail = o.bind("/var/mail")
        for d in self.spool, self.logs, self.run_dir, self.mail:
            shutil.chown(d, es.ACCOUNT, es.ACCOUNT)
        (o.upper / "etc/exim4").mkdir(mode=0o755, exist_ok=True)
        (o.upper / "etc/exim4/exim4.conf").write_text(EXIM_CONF.format(port=base))
        self.log = self.logs / "mainlog"

    def start(self):
        self.overlay.start()
        self.overlay.run("/usr/sbin/exim4", "-bd", "-oP", "/run/exim4/exim.pid")
        wait_until(lambda: (self.run_dir / "exim.pid").exists() and self.log.exists())

    def stop(self):
        if (self.run_dir / "exim.pid").exists():
            pid = int((self.run_dir / "exim.pid").read_text())
            os.kill(pid, 15)
            wait_until(lambda: not ps.alive(pid), 20)
        self.overlay.stop()


@pytest.mark.parametrize("make, name, log, queue", [
    (EximAtHome, "exim", "/var/log/exim4/mainlog", "/var/spool/exim4"),
    (Sendmail, "sendmail", "/var/log/mail.log", "/var/spool/mqueue"),
    (OpenSmtpd, "opensmtpd", "/var/log/mail.log", "/var/spool/smtpd")])
def test_found_by_itself(folder, make, name, log, queue):
    """In the root of a server that is at its usual places, with no configuration at all."""
    site = make(folder / "site", BASE + 200)
    (site.overlay.upper / "var" / "log").mkdir(parents=True, exist_ok=True)
    (site.overlay.upper / "var" / "log").chmod(0o755)
    (site.overlay.upper / "var" / "log" / "mail.log").symlink_to(site.overlay.log)
    daemon = None
    try:
        site.start()
        inside = site.overlay.command()
        daemon = detected(Daemon(folder / "agent", BASE + 298, {"detect": True}), inside)
        text = daemon.config.read_text()
        assert f"{name} = (" in text and f'log = "{log}"' in text
        outside = daemon.command
        daemon.command = lambda *options: [*inside, *outside(*options)]
        daemon.start()
        send(site.base, 7)

        def right(walk):
            assert received(walk, name) == walk.of("mtaTransmittedMessages", name) == 7
            assert walk.of("applOperStatus", name) == "up"
            sources = {walk["mailmonSourceTarget", i]: walk["mailmonSourceStatus", i]
                       for i in walk.column("mailmonSourceTarget")}
            assert sources[log] == sources[queue] == "ok"
        daemon.shows(right, 20)
    finally:
        if daemon and daemon.process:
            daemon.stop()
        site.stop()


DOVECOT_CONF = """protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = /var/log/dovecot.log
mail_location = maildir:/var/mail/%u
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/var/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


def test_dovecot_found_by_itself(folder):
    overlay, daemon, port = Overlay(folder / "site", (), {}), None, BASE + 220
    overlay.bind("/var/mail").chmod(0o1777)
    run_dir, logs = overlay.bind("/run/dovecot"), overlay.bind("/var/log")
    shutil.rmtree(overlay.upper / "etc/dovecot", ignore_errors=True)
    (overlay.upper / "etc/dovecot").mkdir(mode=0o755)
    (overlay.upper / "etc/dovecot/dovecot.conf").write_text(DOVECOT_CONF.format(port=port))
    try:
        overlay.start()
        overlay.run("sh", "-c", "/usr/sbin/dovecot >/dev/null 2>&1")  # it keeps what it is given
        wait_until(lambda: (logs / "dovecot.log").exists())
        inside = overlay.command()
        daemon = detected(Daemon(folder / "agent", BASE + 297, {"detect": True}), inside)
        assert 'log = "/var/log/dovecot.log"' in daemon.config.read_text()
        outside = daemon.command
        daemon.command = lambda *options: [*inside, *outside(*options)]
        daemon.start()
        for n in range(5):
            with imaplib.IMAP4("127.0.0.1", port) as client:
                client.login(f"u{n}", "secret")

        def right(walk):
            assert walk.of("mailmonAccessGoodLogins", "dovecot/imap") == 5
            assert walk.of("applOperStatus", "dovecot/imap") == "up"
        daemon.shows(right, 20)
    finally:
        if daemon and daemon.process:
            daemon.stop()
        if (run_dir / "master.pid").exists():
            pid = int((run_dir / "master.pid").read_text())
            os.kill(pid, 15)
            wait_until(lambda: not ps.alive(pid), 20)
        overlay.stop()
