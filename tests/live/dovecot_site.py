"""A private, real Dovecot in a folder of its own, with IMAP, POP3, LMTP, ManageSieve and submission.

Nothing of the host's own Dovecot is touched: configuration, sockets, mailboxes and log lie in the
folder, everything listens on 127.0.0.1 only, and the master is stopped by its own number. Needs
root and the accounts that the package makes (dovecot, dovenull)."""
import base64
import imaplib
import os
import poplib
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import time
from pathlib import Path

from postfix_site import alive, hang, wait_until

# Ports of a site, from its base.
IMAP, IMAPS, POP3, POP3S, LMTP, SIEVE, SUBMISSION, METRICS = range(8)
USERS = [f"u{n}" for n in range(1, 10)]

CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = site-{base}
{log}
protocols = imap pop3 lmtp sieve submission
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/cert.key
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
auth_verbose = yes
hostname = dovecot.test
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
mail_location = maildir:~/Maildir
mail_plugins = $mail_plugins quota
first_valid_uid = 1
default_internal_user = dovecot
default_login_user = dovenull
mail_max_userip_connections = {userip}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/passwd
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {folder}/passwd
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service managesieve-login {{
  inet_listener sieve {{
    port = {sieve}
  }}
}}
service submission-login {{
  inet_listener submission {{
    port = {submission}
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service imap {{
  process_limit = {imap_limit}
}}
service stats {{
  inet_listener http {{
    port = {metrics}
  }}
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
metric auth_failures {{
  filter = event=auth_request_finished AND NOT success=yes
}}
metric imap_commands {{
  filter = event=imap_command_finished
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=1M
}}
protocol lmtp {{
  mail_plugins = $mail_plugins quota
}}
protocol imap {{
  mail_plugins = $mail_plugins quota imap_quota
}}
{more}
"""


def available():
    return shutil.which("dovecot") is not None


class Site:
    """settings: `log` (lines of the configuration; default: a file of its own), `userip`,
    `imap_limit`, `relay` (port of the submission server's relay), `more` (further lines)."""

    def __init__(self, folder, base, log=None, userip=50, imap_limit=100, relay=25, more=""):
        self.folder, self.base = Path(folder), base
        for name in ("", "mail", "run", "state"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            (self.folder / name).chmod(0o755)
        shutil.chown(self.folder / "mail", "nobody", "nogroup")
        self.log = self.folder / "dovecot.log"
        (self.folder / "passwd").write_text("".join(
            f"{u}:{{PLAIN}}pw-{u}:65534:65534::{self.folder}/mail/{u}::\n" for u in USERS))
        self.make_certificate()
        self.conf = self.folder / "dovecot.conf"
        ports = {name: base + n for n, name in enumerate(
            ("imap", "imaps", "pop3", "pop3s", "lmtp", "sieve", "submission", "metrics"))}
        self.conf.write_text(CONF.format(folder=self.folder, base=base, userip=userip, more=more,
                                         imap_limit=imap_limit, relay=relay,
                                         log=log or f"log_path = {self.log}", **ports))
        self.pid = None

    def make_certificate(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
                        "/CN=dovecot.test", "-keyout", self.folder / "cert.key", "-out",
                        self.folder / "cert.pem"], check=True, capture_output=True)

    def start(self):
        pid_file = self.folder / "run" / "master.pid"
        pid_file.unlink(missing_ok=True)  # of a master that was killed
        with open(self.folder / "start.out", "wb") as out:  # a pipe would stay open as long as it runs
            subprocess.run(["dovecot", "-c", self.conf], check=True, stdout=out, stderr=out)
        wait_until(lambda: pid_file.exists() and pid_file.read_text())
        self.pid = int(pid_file.read_text())
        wait_until(lambda: self.listens(IMAP) and self.listens(LMTP), 30)
        return self

    def listens(self, port):
        """Without a connection, which would be logged and counted."""
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        return any(s[1] == f"0100007F:{self.base + port:04X}" and s[3] == "0A" for s in sockets)

    def stop(self, sig=signal.SIGTERM):
        if self.pid and alive(self.pid):
            os.kill(self.pid, sig)
            wait_until(lambda: not alive(self.pid))
        self.pid = None

    def hang(self):
        """Nobody greets; returns what ends it. A login process that waits for its next client would take it
        without the master."""
        return hang(self.pid, ("imap-login", "pop3-login", "dovecot"))  # one by its first name, too

    def doveadm(self, *arguments):
        return subprocess.run(["doveadm", "-c", self.conf, *arguments], capture_output=True,
                              text=True, check=True).stdout

    # Clients. `source`: the last part of the address in 127.0.0.0/8 that the client comes from.

    def imap(self, user, source=2, password=None, tls=False):
        client = ImapFrom(self.base + (IMAPS if tls else IMAP), f"127.0.0.{source}", tls)
        client.login(user, password or f"pw-{user}")
        return client

    def imap_bad(self, user, source=2, attempts=1):
        client = ImapFrom(self.base + IMAP, f"127.0.0.{source}", False)
        for _ in range(attempts):
            try:
                client.login(user, "wrong")
                raise AssertionError("the wrong password was taken")
            except imaplib.IMAP4.error:
                pass
        client.shutdown()

    def pop3(self, user, source=2, password=None, tls=False):
        client = PopFrom(self.base + (POP3S if tls else POP3), f"127.0.0.{source}", tls)
        client.user(user)
        client.pass_(password or f"pw-{user}")
        return client

    def pop3_bad(self, user, source=2):
        client = PopFrom(self.base + POP3, f"127.0.0.{source}", False)
        client.user(user)
        try:
            client.pass_("wrong")
            raise AssertionError("the wrong password was taken")
        except poplib.error_proto:
            client.close()

    def lmtp(self, users, octets=300, connections=1, unknown=()):
        """Delivers one message to each of the users over one connection."""
        with smtplib.LMTP("127.0.0.1", self.base + LMTP) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("sender@example.org")
            for user in users:
                client.rcpt(user)
            for user in unknown:
                client.rcpt(user)
            client.putcmd("data")
            assert client.getreply()[0] == 354
            client.send(b"Subject: x\r\nMessage-ID: <m%d@example.org>\r\n\r\n" % time.time_ns() +
                        b"x" * 70 * 0 + b"\r\n".join([b"y" * 70] * (octets // 72)) +
                        b"\r\n.\r\n")
            return [client.getreply()[0] for _ in users]

    def sieve(self, user, source=2, password=None):
        s = socket.create_connection(("127.0.0.1", self.base + SIEVE), 5,
                                     (f"127.0.0.{source}", 0))
        lines = s.makefile("rwb")
        answer(lines)
        secret = base64.b64encode(f"\0{user}\0{password or 'pw-' + user}".encode()).decode()
        lines.write(f'AUTHENTICATE "PLAIN" "{secret}"\r\n'.encode())
        lines.flush()
        good = answer(lines)
        return s, lines, good

    def submission(self, user, source=2, password=None):
        client = smtplib.SMTP("127.0.0.1", self.base + SUBMISSION,
                              source_address=(f"127.0.0.{source}", 0))
        client.ehlo()
        client.login(user, password or f"pw-{user}")
        return client


def answer(lines):
    """Reads a ManageSieve answer; True if it is OK."""
    while True:
        line = lines.readline()
        if not line or line.startswith((b"OK", b"NO", b"BYE")):
            return line.startswith(b"OK")


def no_check():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class ImapFrom(imaplib.IMAP4):
    def __init__(self, port, address, tls):
        self.address, self.tls = address, tls
        super().__init__("127.0.0.1", port)

    def _create_socket(self, timeout):
        s = socket.create_connection((self.host, self.port), 10, (self.address, 0))
        return no_check().wrap_socket(s) if self.tls else s


class PopFrom(poplib.POP3):
    def __init__(self, port, address, tls):
        self.address, self.tls = address, tls
        super().__init__("127.0.0.1", port)

    def _create_socket(self, timeout):
        s = socket.create_connection((self.host, self.port), 10, (self.address, 0))
        return no_check().wrap_socket(s) if self.tls else s
