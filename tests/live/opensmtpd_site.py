"""A private, real OpenSMTPD 6.8 in an overlay (overlay.py), and the servers that it delivers to."""
import shutil
import signal
import smtplib
import subprocess

from overlay_site import OverlaySite
from postfix_site import wait_until

# Ports of a site, from its base. Routes are kept by address, so each destination has one of its own.
SMTP, SUBMISSION, OK, OTHER, TEMPORARY, PERMANENT, DATA, CLOSED = range(8)
PACKAGES = ("opensmtpd",)
DAEMON, QUEUE = 60027, 60028  # accounts

CONF = """smtp max-message-size 200K
queue ttl 4d
table aliases file:/etc/aliases.lab
listen on 127.0.0.1 port {smtp} hostname os.lab.test
listen on 127.0.0.1 port {submission} tag MSA hostname os.lab.test
action "local" mda "/bin/sh -c 'cat >>/var/mail/%{{user.username}}'" alias <aliases>
action "ok" relay host smtp://127.0.0.10:{ok}
action "other" relay host smtp://127.0.0.11:{other}
action "temporary" relay host smtp://127.0.0.12:{temporary}
action "permanent" relay host smtp://127.0.0.13:{permanent}
action "data" relay host smtp://127.0.0.14:{data}
action "expire" relay host smtp://127.0.0.12:{temporary} ttl 5s
action "refused" relay host smtp://127.0.0.15:{closed}
match from any mail-from "spam@bad.test" for any reject
match from any for rcpt-to "blocked@ok.test" reject
match from any for domain "local.test" action "local"
match for local action "local"
match from any for domain "ok.test" action "ok"
match from any for domain "other.test" action "other"
match from any for domain "temporary.test" action "temporary"
match from any for domain "permanent.test" action "permanent"
match from any for domain "data.test" action "data"
match from any for domain "expire.test" action "expire"
match from any for domain "refused.test" action "refused"
"""
ALIASES = """team: games, news, list
mixed: games, x@ok.test
postmaster: games
root: games
announce: :include:/etc/announce.lab
"""
# A mailing list with an alias among its members; games gets two copies.
ANNOUNCE = "games\nnews\na@ok.test\nb@ok.test\nmixed\n"


class OpenSmtpd(OverlaySite):
    def __init__(self, folder, base):
        super().__init__(folder, base, PACKAGES, {"opensmtpd": DAEMON, "opensmtpq": QUEUE}, "os.lab.test")
        self.process, o = None, self.overlay
        self.spool = o.bind("/var/spool/smtpd")
        self.mail = o.bind("/var/mail")
        self.spool.chmod(0o711)
        self.mail.chmod(0o1777)
        etc = o.upper / "etc"
        (etc / "smtpd.conf").write_text(CONF.format(**self.ports(globals())))
        (etc / "aliases.lab").write_text(ALIASES)
        (etc / "announce.lab").write_text(ANNOUNCE)
        for name in "smtpd.conf", "aliases.lab", "announce.lab":
            (etc / name).chmod(0o644)
        empty = o.upper / "var" / "lib" / "opensmtpd" / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        for d in empty, empty.parent, empty.parents[1], empty.parents[2]:
            d.chmod(0o755)
        empty.chmod(0o711)
        control = o.upper / "usr" / "sbin" / "smtpctl"
        shutil.chown(control, 0, QUEUE)
        control.chmod(0o2755)
        (o.upper / "opt" / "smtpd").mkdir(parents=True)
        (o.upper / "opt" / "smtpd" / "sendmail").symlink_to("/usr/sbin/smtpctl")

    def start(self):
        try:
            self.overlay.start()
            for n, (port, replies) in enumerate((
                    (OK, {}), (OTHER, {}), (TEMPORARY, {"RCPT": "450 4.2.1 not now"}),
                    (PERMANENT, {"RCPT": "550 5.1.1 no such user"}),
                    (DATA, {".": "452 4.3.1 no room"}))):
                self.deliver_to({port: replies}, f"127.0.0.{10 + n}")
            output = self.overlay.folder / "smtpd.out"
            with open(output, "wb") as out:
                self.process = subprocess.Popen(
                    self.overlay.command("/usr/sbin/smtpd", "-F", "-f", "/etc/smtpd.conf"),
                    stdout=out, stderr=out, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
            try:
                wait_until(self.answers, 30)
            except TimeoutError as e:
                raise TimeoutError(f"{e}; status {self.process.poll()}: {output.read_text()}{self.text()}") from e
        except BaseException:
            self.stop()
            raise
        return self

    def answers(self):
        try:
            with smtplib.SMTP("127.0.0.1", self.port(SMTP), "probe.test", timeout=1):
                return True
        except OSError:
            return False

    def submit(self, recipients, sender="root@local.test"):
        """By the sendmail command."""
        self.overlay.run("/opt/smtpd/sendmail", "-f", sender, *recipients,
                         text="Subject: test\n\ntext\n")

    def control(self, *arguments):
        return self.overlay.run("/usr/sbin/smtpctl", *arguments)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        self.process = None
        super().stop()
