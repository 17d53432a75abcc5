"""A private, real Cyrus IMAP 3.6. Its packages conflict with Dovecot's and its paths are compiled in: the
packages are unpacked into an overlay over the whole file system, which only its own processes see.

Network and processes are those of the host, ports are high and on 127.0.0.1; the master and the log
collector (a socket that writes what /dev/log would get) end with the test. Needs root."""
import imaplib
import os
import signal
import smtplib
import socket
import subprocess
import threading
from pathlib import Path

from dovecot_site import ImapFrom, PopFrom
from overlay import fetch
from postfix_site import alive, wait_until

IMAP, POP3, LMTP, HTTP = range(4)
PACKAGES = ["cyrus-common", "cyrus-imapd", "cyrus-pop3d", "libical3", "libxapian30", "libzephyr4",
            "libclamav12", "libmspack0", "sasl2-bin", "cyrus-admin", "cyrus-caldav", "libshp2"]
UID, GID = 29, 8  # the accounts cyrus and mail of Debian; the first is made in the overlay

IMAPD_CONF = """\
configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
partition-default: /var/spool/cyrus/mail
defaultpartition: default
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN
lmtpsocket: /run/cyrus/socket/lmtp
idlesocket: /run/cyrus/socket/idle
notifysocket: /run/cyrus/socket/notify
failedloginpause: 0
syslog_prefix: cyrus
servername: cyrus.test
auditlog: yes
prometheus_enabled: yes
prometheus_need_auth: none
prometheus_update_freq: 1s
httpmodules: prometheus
"""
CYRUS_CONF = """\
START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="/usr/lib/cyrus/bin/imapd -U 30" listen="127.0.0.1:{imap}" prefork=0
  pop3 cmd="/usr/lib/cyrus/bin/pop3d -U 30" listen="127.0.0.1:{pop3}" prefork=0
  lmtp cmd="/usr/lib/cyrus/bin/lmtpd -a" listen="127.0.0.1:{lmtp}" prefork=0
  http cmd="/usr/lib/cyrus/bin/httpd -U 30" listen="127.0.0.1:{http}" prefork=0
}}
EVENTS {{
}}
DAEMON {{
  promstatsd cmd="/usr/lib/cyrus/bin/promstatsd"
}}
"""
# $1 folder; the rest: what to run inside
INSIDE = """\
set -e
f=$1; shift
mount -t overlay overlay -o lowerdir=/,upperdir=$f/upper,workdir=$f/work $f/root
mkdir -p $f/root$f
mount --bind $f $f/root$f
mount -t proc proc $f/root/proc
for n in null zero full random urandom; do touch $f/root/dev/$n; mount --bind /dev/$n $f/root/dev/$n; done
exec chroot $f/root "$@"
"""


class Syslog:
    """What /dev/log would get, into a file as syslogd writes it."""

    def __init__(self, path, log):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        os.chmod(path, 0o666)
        self.log = open(log, "a", buffering=1, encoding="utf-8", errors="replace")
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            data = self.socket.recv(65536)
            if not data:
                return
            text = data.decode("utf-8", "replace").rstrip("\n\0")
            text = text.partition(">")[2]  # "<21>Nov 22 04:26:53 cyrus/imap[7]: ..."
            self.log.write(f"{text[:15]} cyrus-host {text[16:]}\n")


class Site:
    def __init__(self, folder, base):
        self.folder, self.base = Path(folder), base
        upper = self.folder / "upper"
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        for package in PACKAGES:
            subprocess.run(["dpkg", "-x", fetch(package), upper], check=True)
        for name in ("bin", "sbin", "lib"):  # they would hide the links into /usr
            if (upper / name).is_dir() and not (upper / name).is_symlink():
                subprocess.run(["cp", "-a", f"{upper / name}/.", upper / "usr" / name], check=True)
                subprocess.run(["rm", "-rf", upper / name], check=True)
        subprocess.run(["rm", "-rf", upper / "run", upper / "var/run"], check=True)
        (upper / "etc").mkdir(exist_ok=True)
        for name in ("passwd", "group"):
            (upper / "etc" / name).write_bytes(Path("/etc", name).read_bytes())
        with open(upper / "etc/passwd", "a") as passwd:
            passwd.write(f"cyrus:x:{UID}:{GID}::/var/spool/cyrus:/usr/sbin/nologin\n")
        for name in ("run/cyrus/lock", "run/cyrus/proc", "run/cyrus/socket", "var/lib/cyrus/db",
                     "var/lib/cyrus/socket", "var/lib/cyrus/proc", "var/spool/cyrus/mail", "dev"):
            (upper / name).mkdir(parents=True, exist_ok=True)
        for name in ("run/cyrus", "var/lib/cyrus", "var/spool/cyrus"):
            subprocess.run(["chown", "-R", f"{UID}:{GID}", upper / name], check=True)
        for path in [upper, *(p for p in upper.rglob("*") if p.is_dir() and p.stat().st_uid == 0)]:
            path.chmod(0o755)
        (upper / "etc/imapd.conf").write_text(IMAPD_CONF)
        (upper / "etc/cyrus.conf").write_text(CYRUS_CONF.format(
            imap=base + IMAP, pop3=base + POP3, lmtp=base + LMTP, http=base + HTTP))
        (upper / "dev/log").symlink_to(self.folder / "log.sock")
        self.report = upper / "var/lib/cyrus/stats/report.txt"
        self.log, self.proc = self.folder / "mail.log", upper / "run/cyrus/proc"
        self.pid_file = self.folder / "cyrus.pid"
        self.syslog = Syslog(self.folder / "log.sock", self.log)
        self.master = None

    def inside(self, *command):
        return ["unshare", "-m", "--propagation", "private", "bash", "-c", INSIDE, "inside",
                self.folder, *command]

    def start(self, users=("u1", "u2")):
        secrets = "; ".join(f"echo pw-{u} | saslpasswd2 -p -c -u cyrus.test {u}"
                            for u in ("cyrus", *users))
        with open(self.folder / "master.out", "ab") as out:
            self.master = subprocess.Popen(
                self.inside("bash", "-c", f"{secrets}; chgrp mail /etc/sasldb2; chmod 640 "
                            f"/etc/sasldb2; exec /usr/lib/cyrus/bin/master -p {self.pid_file}"),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_until(self.answers, 30)
        admin = self.imap("cyrus", 2)
        for user in users:
            admin.create(f"user/{user}")
        admin.setquota(f"user/{users[0]}", "(STORAGE 20)")
        admin.logout()
        return self

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.base + IMAP), 2) as s:
                return s.recv(10).startswith(b"* OK")
        except OSError:
            return False

    def stop(self, sig=signal.SIGTERM):
        pid = int(self.pid_file.read_text().strip())
        os.kill(pid, sig)
        wait_until(lambda: self.master.poll() is not None or not alive(pid), 10)

    def imap(self, user, source=2):
        client = ImapFrom(self.base + IMAP, f"127.0.0.{source}", False)
        client.login(user, f"pw-{user}")
        return client

    def imap_bad(self, user, source=2):
        client = ImapFrom(self.base + IMAP, f"127.0.0.{source}", False)
        try:
            client.login(user, "wrong")
            raise AssertionError("the wrong password was taken")
        except imaplib.IMAP4.error:
            client.shutdown()

    def pop3(self, user, source=2):
        client = PopFrom(self.base + POP3, f"127.0.0.{source}", False)
        client.user(user)
        client.pass_(f"pw-{user}")
        return client

    def lmtp(self, users, name):
        with smtplib.LMTP("127.0.0.1", self.base + LMTP) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("sender@example.org")
            for user in users:
                assert client.rcpt(user)[0] == 250
            client.putcmd("data")
            assert client.getreply()[0] == 354
            client.send("Date: Sat, 21 Nov 2026 22:48:24 +0000\r\n"  # a duplicate has the same
                        f"Message-ID: <{name}@example.org>\r\n\r\nhi\r\n.\r\n".encode())
            return [client.getreply()[0] for _ in users]
