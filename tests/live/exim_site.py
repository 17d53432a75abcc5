"""A private, real Exim in a folder of its own, and the servers that it delivers to.

Exim conflicts with the installed Postfix, so Debian's package is downloaded and unpacked below the build
folder and never installed. It needs root and the account that is compiled in, Debian-exim. Everything
listens on 127.0.0.1 only, and every process is stopped by its own number."""
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import smtp_client
from overlay import fetch
from postfix_site import Sink, alive, wait_until

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "Debian-exim"
PACKAGES = ("exim4-base", "exim4-daemon-light")
UNPACKED = Path(os.environ.get("MAILMOND_EXIM", ROOT / "build" / "exim-package"))
PROGRAM = UNPACKED / "usr/sbin/exim4"

# Ports of a site, from its base.
PLAIN = ("127.0.0.25", 25)  # the port that a log need not tell
SMTP, SUBMISSION, OK, TEMPORARY, PERMANENT, CLOSED, DATA_TEMPORARY, NEVER = range(8)
CLIENT = "127.0.0.2"


def install():
    """Downloads and unpacks the packages, and makes the account, where that was not done."""
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", "-U", ACCOUNT], check=True)
    if PROGRAM.exists():
        return
    UNPACKED.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        subprocess.run(["dpkg", "-x", fetch(package), UNPACKED], check=True)


CONFIGURATION = """\
primary_hostname = ex.site.test
spool_directory = {spool}
log_file_path = {log_file_path}
pid_file_path = {folder}/exim.pid
exim_path = {program}
deliver_drop_privilege = true
never_users =
keep_environment =
daemon_smtp_ports = {smtp} : {submission}
local_interfaces = 127.0.0.1
disable_ipv6 = true
smtp_accept_max = 20
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_host = ${{if eq{{$sender_host_address}}{{127.0.0.9}}{{1}}{{20}}}}
host_lookup =
rfc1413_query_timeout = 0s
remote_max_parallel = 1
log_selector = {selectors}
split_spool_directory = {split}
qualify_domain = local.test
timeout_frozen_after = 7d
ignore_bounce_errors_after = 2d
delay_warning =
message_size_limit = 100K
received_headers_max = 5
tls_advertise_hosts =
trusted_users = root
{main}
domainlist local_domains = local.test : ex.site.test
domainlist relay_domains = ok.test : temporary.test : permanent.test : refused.test : \\
  datatemporary.test : cut.test : expire.test : plain.test
acl_smtp_connect = acl_connect
acl_smtp_helo = acl_helo
acl_smtp_mail = acl_mail
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
begin acl
acl_connect:
  deny hosts = 127.0.0.66
       message = not you
  accept
acl_helo:
  deny condition = ${{if eq{{$sender_helo_name}}{{bad.helo}}}}
       message = bad HELO
  accept
acl_mail:
  deny senders = spam@bad.test
       message = sender blocked
  accept
acl_rcpt:
  defer recipients = grey@ok.test
        message = Greylisted, try later
  deny recipients = blocked@ok.test
       message = 550 5.7.1 blocked recipient
  discard recipients = dropped@ok.test
  warn recipients = held@ok.test
       control = freeze
  warn recipients = later@ok.test
       control = queue_only
  warn recipients = parked@ok.test
       queue = slow
       control = queue_only
  warn domains = cut.test
       control = cutthrough_delivery
  accept domains = +relay_domains
  require message = relay not permitted
          domains = +local_domains
  require verify = recipient
  accept
acl_data:
  deny condition = ${{if match{{$h_subject:}}{{VIRUS}}}}
       message = virus found
  discard condition = ${{if match{{$h_subject:}}{{DISCARD}}}}
  warn condition = ${{if match{{$h_subject:}}{{FAKE}}}}
       control = fakereject
  accept
begin routers
alias:
  driver = redirect
  domains = +local_domains
  data = ${{lookup{{$local_part}}lsearch{{{folder}/aliases}}}}
  allow_fail
  allow_defer
  file_transport = address_file
  pipe_transport = address_pipe
local:
  driver = accept
  domains = +local_domains
  local_parts = games : news : list : root
  transport = local_mbox
full:
  driver = accept
  domains = +local_domains
  local_parts = full
  transport = full_mbox
{routers}
begin transports
local_mbox:
  driver = appendfile
  directory = {folder}/mail/$local_part_data
  maildir_format
  user = Debian-exim
full_mbox:
  driver = appendfile
  file = {folder}/mail/full
  quota = 1
  user = Debian-exim
address_file:
  driver = appendfile
  user = Debian-exim
address_pipe:
  driver = pipe
  user = Debian-exim
  return_fail_output
{transports}
begin retry
expire.test * F,1s,1s
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
begin rewrite
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if eq{{$auth3}}{{secret}}}}
  server_set_id = $auth2
"""

ROUTER = """\
to_{name}:
  driver = manualroute
  domains = {name}.test
  route_data = {address}
  self = send
  transport = smtp_{name}
"""

TRANSPORT = """\
smtp_{name}:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_try_chunking =
"""

ALIASES = """\
postmaster: games
team: games, news, list
mixed: games, one@ok.test, two@permanent.test, three@refused.test
nowhere: :blackhole:
devnull: /dev/null
gone: :fail: no such user any more
notnow: :defer: come back later
command: "| /bin/cat"
broken: "| /bin/false"
announce: :include:{folder}/announce
"""
# A mailing list, of which one member is an alias.
ANNOUNCE = "games\nlist\na@ok.test\nb@ok.test\nteam\n"

DEFAULT_SELECTORS = "+smtp_protocol_error +smtp_syntax_error +tls_certificate_verified +tls_peerdn"
ALL_SELECTORS = "+all"


class Exim:
    """One daemon. `spool`: where, a tmpfs makes it quick. log_file_path: as Exim has it."""

    def __init__(self, folder, base, spool=None, selectors=DEFAULT_SELECTORS, split=False,
                 log_file_path=None, main=""):
        self.folder, self.base = Path(folder), base
        self.spool = Path(spool or self.folder / "spool")
        self.config = self.folder / "exim.conf"
        for directory in (self.folder, self.spool, self.folder / "log", self.folder / "mail"):
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o755)
            shutil.chown(directory, "root" if directory == self.folder else ACCOUNT, ACCOUNT)
        self.spool.chmod(0o750)
        names = {"ok": OK, "temporary": TEMPORARY, "permanent": PERMANENT, "refused": CLOSED,
                 "datatemporary": DATA_TEMPORARY, "cut": OK, "expire": NEVER}
        self.config.write_text(CONFIGURATION.format(
            spool=self.spool, folder=self.folder, program=PROGRAM, smtp=base + SMTP,
            submission=base + SUBMISSION, selectors=selectors, main=main,
            split="true" if split else "false",
            log_file_path=log_file_path or f"{self.folder}/log/%slog",
            routers="".join(ROUTER.format(name=n, address="127.0.0.1") for n in names) +
            ROUTER.format(name="plain", address=PLAIN[0]),
            transports="".join(TRANSPORT.format(name=n, port=base + p)
                               for n, p in names.items()) +
            TRANSPORT.format(name="plain", port=PLAIN[1])))
        (self.folder / "aliases").write_text(ALIASES.format(folder=self.folder))
        (self.folder / "announce").write_text(ANNOUNCE)
        self.log = self.folder / "log" / "mainlog"

    def run(self, *arguments, text=None, check=False, user=None):
        """The exim command with these arguments; returns what it prints."""
        command = [PROGRAM, "-C", self.config, *arguments]
        return subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, user=user,
                              stderr=subprocess.STDOUT, check=check, timeout=60, cwd="/",
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}).stdout

    def start(self, *options):
        self.run("-bd", *options, check=True)
        wait_until(lambda: self.pid() and alive(self.pid()) and self.answers())
        return self

    def answers(self):
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", self.base + SMTP)) == 0

    def pid(self):
        try:
            return int((self.folder / "exim.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def stop(self):
        pid = self.pid()
        if pid and alive(pid):
            os.kill(pid, 15)
            wait_until(lambda: not alive(pid), 20)

    def port(self, service):
        return self.base + service

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_log(self, pattern, count=1, seconds=15):
        wait_until(lambda: len(re.findall(pattern, self.text(), re.M)) >= count, seconds)

    def send(self, recipients, sender="sender@ok.test", service=SMTP, source=CLIENT,
             subject="test", body="text\n", message_id=None, helo="client.test", login=None,
             headers=()):
        """Sends one message and returns the refused recipients: {address: (code, text)}."""
        text = "".join(f"{h}\n" for h in headers) + smtp_client.compose(sender, subject, body, message_id)
        return smtp_client.send(self.port(service), sender, recipients, text.replace("\n", "\r\n"), source,
                                helo, login)

    def submit(self, recipients, sender=None, subject="test"):
        """By the sendmail command."""
        options = ["-f", sender] if sender is not None else []
        return self.run("-i", *options, *recipients, text=f"Subject: {subject}\n\ntext\n")

    def version(self):
        return re.search(r"^Exim version (\S+)", self.run("-bV"), re.M)[1]

    def queue(self):
        """The ids of the queue, as exim -bpru tells them."""
        return re.findall(r"^ *\S+ +\S+ +(\w{6}-\w{6,11}-\w{2,4}) ", self.run("-bpru"), re.M)

    def delivers(self, process, message):
        """Is this folder of /proc one of the processes that deliver that message?"""
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return bytes(self.config) in words and message.encode() in words

    def idle(self):
        """Waits until no delivery of this Exim runs."""
        def none_runs():
            for stat in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    words = stat.read_bytes().split(b"\0")
                except OSError:
                    continue
                if bytes(self.config) in words and b"-bd" not in words:
                    return False
            return True
        wait_until(none_runs, 30)


class Site:
    """One Exim with the sinks that it delivers to."""

    def __init__(self, folder, base, **options):
        self.exim = Exim(folder, base, **options)
        self.sinks = [Sink(base + OK), Sink(base + TEMPORARY, {"RCPT": "450 4.2.1 try later"}),
                      Sink(base + PERMANENT, {"RCPT": "550 5.1.1 no such user"}),
                      Sink(base + DATA_TEMPORARY, {".": "451 4.3.0 not now"})]
        self.plain = Sink(PLAIN[1], address=PLAIN[0])
        self.sinks.append(self.plain)

    def start(self, *options):
        self.exim.start(*options)
        return self

    def stop(self):
        self.exim.stop()
        for sink in self.sinks:
            sink.stop()


def available():
    return PROGRAM.exists() and os.geteuid() == 0
