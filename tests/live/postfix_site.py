"""A private, real Postfix in a folder of its own, and the servers that it delivers to.

Nothing of the host's own Postfix is touched: configuration, queue, data and log lie in the folder,
everything listens on 127.0.0.1 only, and every process is stopped by its own number. Needs
root (Postfix's master does) and the accounts that the package makes (postfix, postdrop)."""
import gzip
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import socketserver
import subprocess
import threading
import time
from pathlib import Path

import smtp_client
from snmp_lab import PATIENCE, wait_for

DAEMONS = Path("/usr/lib/postfix/sbin")
COMMANDS = Path("/usr/sbin")

# Ports of a site, from its base.
(SMTP, SUBMISSION, REINJECT, FILTERED, FILTERED_PLAIN, FILTERED_XFORWARD, BACK, POSTSCREEN, VERIFY,
 OK, TEMPORARY, PERMANENT, CLOSED, SLOW, LMTP, OUT, FILTER_REINJECT, FILTER_BACK, OTHER) = range(19)
CLIENT = "127.0.0.2"  # where test clients come from: not the address that a filter comes from


def available():
    return (DAEMONS / "master").exists() and shutil.which("postfix") is not None


def wait_until(what, seconds=10, step=0.05):
    """The first true result of what(), as wait_for; TimeoutError without one."""
    result, took = wait_for(what, seconds, step)
    if not result:
        raise TimeoutError(f"{what} is not true after {took:.0f} s")
    return result


def state_of(pid):
    """As in /proc/PID/stat; Z of one that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return "Z"
    return stat.rpartition(")")[2].split()[0]


def alive(pid):
    return state_of(pid) != "Z"


def children(pid, name):
    """Processes of this name that `pid` started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if text[text.index("(") + 1:text.rindex(")")] == name:
            if int(text.rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def hang(master, names):
    """Stops a master, and then its children of these names: connections are taken by the kernel alone. The
    master first, so that it starts no other. Returns what lets them go on."""
    os.kill(master, signal.SIGSTOP)
    wait_until(lambda: state_of(master) == "T")
    pids = [master] + [p for name in names for p in children(master, name)]
    for pid in pids[1:]:
        os.kill(pid, signal.SIGSTOP)
    return lambda: [os.kill(pid, signal.SIGCONT) for pid in pids]


class Sink:
    """An SMTP or LMTP server that answers as it is told and keeps what it took: [(sender,
    recipients, octets)]. `replies`: another answer for a command ("RCPT", "DATA", ".", "CONNECT").
    While `gate` is cleared a message is answered only when it is set again. on_message(sender,
    recipients, text, XFORWARD commands) gives the answer to a message."""

    def __init__(self, port, replies=(), lmtp=False, on_message=None, address="127.0.0.1"):
        self.first_replies, self.lmtp, self.on_message = dict(replies), lmtp, on_message
        self.replies, self.taken = dict(replies), []
        self.gate = threading.Event()
        self.gate.set()
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    sink.serve(self.rfile, self.wfile)
                except OSError:
                    pass  # the client went away

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True

        self.server = Server((address, port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, lines, out):
        def answer(command, text):
            text = self.replies.get(command, text)
            out.write(text.encode() + b"\r\n")
            return text.startswith(("2", "3"))

        sender, recipients, forwarded = "", [], []
        if not answer("CONNECT", "220 sink.test ready"):
            return
        for line in lines:
            command = line[:4].decode("ascii", "replace").upper().strip()
            if command == "QUIT":
                answer("QUIT", "221 2.0.0 bye")
                return
            if command in ("EHLO", "LHLO"):
                answer(command, "250-sink.test\r\n250-XFORWARD NAME ADDR PORT PROTO HELO IDENT "
                                "SOURCE\r\n250 ENHANCEDSTATUSCODES")
            elif command == "XFOR":
                forwarded.append(line.decode().strip())
                answer(command, "250 2.0.0 Ok")
            elif command == "MAIL":
                sender, recipients = line.split(b"<")[1].split(b">")[0].decode(), []
                answer("MAIL", "250 2.1.0 Ok")
            elif command == "RCPT":
                if answer("RCPT", "250 2.1.5 Ok"):
                    recipients.append(line.split(b"<")[1].split(b">")[0].decode())
            elif command == "DATA":
                if not answer("DATA", "354 go on" if recipients else "554 5.5.1 no recipients"):
                    continue
                text = b"".join(iter(lines.readline, b".\r\n"))
                self.gate.wait(60 * PATIENCE)
                reply = self.on_message and self.on_message(sender, recipients, text, forwarded)
                for _ in recipients if self.lmtp else (None,):
                    if answer(".", reply or "250 2.0.0 taken"):
                        self.taken.append((sender, tuple(recipients), len(text)))
            else:
                answer(command, "250 2.0.0 Ok")

    def stop(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()


MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
maillog_file = {log}
maillog_file_prefixes = {log_prefix}
syslog_name = {name}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.site.test
mydomain = site.test
myorigin = local.test
mydestination = mx.site.test, local.test
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_connection_cache_on_demand = no
enable_long_queue_ids = {long_ids}
alias_maps = inline:{{ {{nowhere=/dev/null}} {{loop=loop@local.test}} {{team=games, news, list}}
  {{mixed=games, x@ok.test}} {{announce=:include:{folder}/etc/announce}} {{owner-announce=games}}
  {{away=a@permanent.test}} }}
alias_database =
transport_maps = texthash:{folder}/etc/transport
relay_domains = texthash:{folder}/etc/transport
relay_recipient_maps =
virtual_mailbox_domains = virtual.test
virtual_mailbox_base = {folder}/virtual
virtual_mailbox_maps = inline:{{ {{one@virtual.test=one/}} {{two@virtual.test=two/}} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
mail_spool_directory = {folder}/mail/
smtpd_client_restrictions = check_client_access inline:{{ {{127.0.0.66=REJECT}} }}
smtpd_sender_restrictions = check_sender_access inline:{{ {{spam@bad.test=REJECT 5.7.1 not you}} }}
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/etc/recipients
smtpd_delay_reject = no
smtpd_error_sleep_time = 0
smtpd_peername_lookup = no
header_checks = pcre:{folder}/etc/header_checks
message_size_limit = 100000
minimal_backoff_time = 1000s
maximal_backoff_time = 4000s
address_verify_poll_count = 25
address_verify_poll_delay = 1s
address_verify_map =
unverified_recipient_reject_code = 550
process_id_directory = pid
default_process_limit = 20
"""

RECIPIENTS = """\
grey@ok.test    450 4.7.1 Greylisted, try later
blocked@ok.test REJECT 5.7.1 blocked recipient
held@ok.test    HOLD held by the access map
"""

HEADER_CHECKS = """\
/^Subject:.*VIRUS/ REJECT 5.7.1 virus found
/^Subject:.*DROP/ DISCARD not wanted
"""

MASTER_CF = """\
pickup unix n - n 1 1 pickup -o max_use=1000000
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - 1 smtp -o syslog_name={name}/relay
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# A mailing list; it has an owner.
ANNOUNCE = "games\nnews\na@ok.test\nb@ok.test\nmixed\n"

# What only the site that takes mail in has.
SITE_MASTER_CF = """\
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd -o syslog_name=submission
127.0.0.1:{reinject} inet n - n - - smtpd -o syslog_name={name}/reinject -o content_filter=
127.0.0.1:{filtered} inet n - n - - smtpd -o content_filter=filter:[127.0.0.1]:{filter_reinject}
127.0.0.1:{filtered_plain} inet n - n - - smtpd -o content_filter=filter:[127.0.0.1]:{filter_back}
127.0.0.1:{filtered_xforward} inet n - n - - smtpd
  -o content_filter=xfilter:[127.0.0.1]:{filter_back}
127.0.0.1:{back} inet n - n - - smtpd
  -o syslog_name={name}/back -o content_filter= -o smtpd_authorized_xforward_hosts=127.0.0.0/8
127.0.0.1:{postscreen} inet n - n - 1 postscreen
  -o postscreen_greet_action=enforce -o postscreen_greet_wait=1s -o postscreen_cache_map=
  -o postscreen_dnsbl_sites= -o postscreen_access_list= -o postscreen_pre_queue_limit=10
127.0.0.1:{verify} inet n - n - - smtpd
  -o smtpd_recipient_restrictions=reject_unverified_recipient
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
filter unix - - n - 10 smtp -o syslog_name={name}/filter
xfilter unix - - n - 10 smtp -o syslog_name={name}/xfilter -o smtp_send_xforward_command=yes
archive unix - n n - - pipe flags=R user=nobody argv=/bin/cat
"""

TRANSPORT = """\
ok.test        smtp:[127.0.0.1]:{ok}
temporary.test smtp:[127.0.0.1]:{temporary}
permanent.test smtp:[127.0.0.1]:{permanent}
refused.test   smtp:[127.0.0.1]:{closed}
serial-a.test  relay:[127.0.0.1]:{ok}
serial-b.test  relay:[127.0.0.1]:{other}
slow.test      smtp:[127.0.0.1]:{slow}
lmtp.test      lmtp:inet:127.0.0.1:{lmtp}
pipe.test      archive:
discard.test   discard:
error.test     error:5.1.2 no such domain here
later.test     retry:4.3.0 not now
out.test       smtp:[127.0.0.1]:{out}
"""


class Postfix:
    """One instance: `name` is its syslog_name."""

    def __init__(self, folder, name, base, log=None, long_ids=False, transport=TRANSPORT,
                 services=SITE_MASTER_CF):
        self.folder, self.name, self.base = Path(folder), name, base
        self.dropped = set()  # queue ids that were deleted without a word in the log
        self.config = self.folder / "etc"
        self.spool = self.folder / "spool"
        self.log = Path(log or self.folder / "log" / "mail.log")
        ports = {k.lower(): base + v for k, v in globals().items()
                 if k.isupper() and isinstance(v, int)}
        for directory, owner in (("etc", "root"), ("spool", "root"), ("data", "postfix"),
                                 ("log", "root"), ("mail", "root"), ("virtual", "nobody")):
            (self.folder / directory).mkdir(parents=True, exist_ok=True)
            shutil.chown(self.folder / directory, owner)
        self.folder.chmod(0o755)
        (self.folder / "mail").chmod(0o1777)
        values = {**ports, "folder": self.folder, "name": name, "log": self.log,
                  "log_prefix": self.log.parent, "daemons": DAEMONS, "commands": COMMANDS,
                  "long_ids": "yes" if long_ids else "no"}
        for file, text in (("main.cf", MAIN_CF), ("master.cf", MASTER_CF + services),
                           ("transport", transport), ("recipients", RECIPIENTS),
                           ("header_checks", HEADER_CHECKS), ("announce", ANNOUNCE)):
            if file in ("recipients", "header_checks", "announce"):
                (self.config / file).write_text(text)
            else:
                (self.config / file).write_text(text.format(**values))

    def run(self, program, *arguments, text=None, check=True):
        """A command of Postfix for this instance."""
        path = COMMANDS / program
        option = "-C" if program == "sendmail" else "-c"
        return subprocess.run([path, option, self.config, *arguments], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=check,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                                   "MAIL_CONFIG": str(self.config)}, timeout=60).stdout

    def start(self):
        self.run("postfix", "start")
        wait_until(lambda: self.pid() and alive(self.pid()))
        return self

    def stop(self):
        pid = self.pid()
        self.run("postfix", "stop", check=False)
        if pid:
            wait_until(lambda: not alive(pid), 20)

    def pid(self):
        try:
            return int((self.spool / "pid" / "master.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def port(self, service):
        return self.base + service

    def hang(self):
        """Nobody greets; returns what ends it. A child that is just being made has its master's name."""
        return hang(self.pid(), ("smtpd", "master"))

    def process(self, name):
        """The one process of this service, when it runs."""
        return wait_until(lambda: children(self.pid(), name))[0]

    def send(self, recipients, sender="sender@ok.test", service=SMTP, source=CLIENT,
             subject="test", body="text\n", message_id=None, helo="client.test"):
        """Sends one message and returns the refused recipients: {address: (code, text)}."""
        return smtp_client.send(self.port(service), sender, recipients,
                                smtp_client.compose(sender, subject, body, message_id), source, helo)

    def connect(self, service=SMTP, source=CLIENT):
        """An open connection, after the greeting."""
        s = socket.create_connection(("127.0.0.1", self.port(service)), 10,
                                     source_address=(source, 0))
        s.recv(1000)
        return s

    def submit(self, recipients, sender="sender@ok.test", subject="test"):
        """By the sendmail command."""
        self.run("sendmail", "-f", sender, "-i", *recipients,
                 text=f"Subject: {subject}\n\ntext\n")

    def queue(self, name=None):
        """[{queue_name, queue_id, message_size, recipients ...}]"""
        rows = [json.loads(line) for line in self.run("postqueue", "-j").splitlines()]
        return [r for r in rows if name in (None, r["queue_name"])]

    def drop_all(self):
        """Empties the queue; false if no mail was left."""
        left = {row["queue_id"] for row in self.queue()}
        self.dropped |= left
        if left:
            self.run("postsuper", "-d", "ALL")
        return bool(left)

    def text(self):
        return self.log.read_text(errors="replace")

    def has_told_all(self):
        """Whether the log has the end of all that it has the beginning of: of connections, and of messages
        that are queued no more."""
        text = self.text()
        last = dict(re.findall(r"/smtpd\[(\d+)\]: (dis)?connect from ", text))
        talking = [pid for pid, end in last.items() if not end and alive(int(pid))]
        last = dict(re.findall(r"\]: (\w+): (from=<|removed$|requeued$)", text, re.M))
        under_way = {queue_id for queue_id, what in last.items() if what == "from=<"}
        return not talking and under_way <= self.dropped | {row["queue_id"] for row in self.queue()}

    def octets_logged(self):
        """In the log and in what was rotated away."""
        logs = [self.log, *self.log.parent.glob(f"{self.log.name}.*")]
        return sum(len(gzip.open(p).read()) if p.suffix == ".gz" else p.stat().st_size
                   for p in logs if p.exists())

    def wait_log(self, pattern, count=1, seconds=15):
        wait_until(lambda: len(re.findall(pattern, self.text(), re.M)) >= count, seconds)


class Site:
    """Two instances, "postfix" and "postfix-out", and all sinks. shared_log: both write one."""

    def __init__(self, folder, base, shared_log=False, long_ids=False):
        folder = Path(folder)
        self.main = Postfix(folder / "main", "postfix", base, long_ids=long_ids)
        self.out = Postfix(folder / "out", "postfix-out", base,
                           log=self.main.log if shared_log else None, long_ids=not long_ids,
                           services="127.0.0.1:{out} inet n - n - - smtpd\n",
                           transport="out.test smtp:[127.0.0.1]:{ok}\n")
        self.base, self.sinks, self.instances = base, {}, []
        self.late_filter = False  # the filter answers when what it gave back is delivered

    def start(self):
        try:
            for port, more in ((OK, {}), (OTHER, {}), (SLOW, {}), (LMTP, {"lmtp": True}),
                               (TEMPORARY, {"replies": {"RCPT": "450 4.2.1 not now"}}),
                               (PERMANENT, {"replies": {"RCPT": "550 5.1.1 no such user"}}),
                               (FILTER_REINJECT, {"on_message": self.give_back(REINJECT)}),
                               (FILTER_BACK, {"on_message": self.give_back(BACK)})):
                self.sinks[port] = Sink(self.base + port, **more)
            for p in (self.main, self.out):
                self.instances.append(p)
                p.start()
        except BaseException:
            self.stop()
            raise
        return self

    def reset(self):
        """Empties the queues and lets the sinks answer as at first; false if no mail was left."""
        self.late_filter = False
        for s in self.sinks.values():
            s.gate.set()
            s.replies = dict(s.first_replies)
        return any([p.drop_all() for p in self.instances])

    def give_back(self, service):
        """A content filter: hands a message back to this service before it answers for it."""
        def on_message(sender, recipients, text, forwarded):
            with smtplib.SMTP("127.0.0.1", self.base + service, "filter.test", timeout=10 * PATIENCE) as c:
                c.ehlo()
                for command in forwarded:
                    c.docmd(command)
                c.mail(sender)
                for r in recipients:
                    c.rcpt(r)
                _, answer = c.data(text)
            queue_id = answer.decode().split()[-1]
            if self.late_filter:
                self.main.wait_log(rf": {queue_id}: removed$")
            return f"250 2.0.0 from MTA: 250 2.0.0 Ok: queued as {queue_id}"
        return on_message

    def stop(self):
        for p in self.instances:
            p.stop()
        self.instances = []
        for s in self.sinks.values():
            s.stop()
        self.sinks = {}
