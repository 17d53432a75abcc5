"""A loghost: rsyslogd of two hosts forwards to a third one, which writes one file; mailmond reads it there and is
killed meanwhile. Each host is an instance, with the numbers of its own lines."""
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from daemon import BUILD, ROOT, Daemon
from snmp_lab import Process, wait_for

SNMP = 27600
PORT = 27610
DATA = ROOT / "tests" / "data"
COLUMNS = ("mtaReceivedMessages", "mtaReceivedRecipients", "mtaTransmittedMessages",
           "mtaTransmittedRecipients", "applAccumulatedInboundAssociations",
           "applRejectedInboundAssociations")


class Rsyslogd:
    """One with a configuration of its own; `socket_path`: where programs write to it, as they do to /dev/log."""

    def __init__(self, folder, name, rules):
        self.folder = folder / name
        (self.folder / "work").mkdir(parents=True)
        self.socket_path = self.folder / "log"
        config = self.folder / "rsyslog.conf"
        config.write_text(f'global(workDirectory="{self.folder}/work" localHostname="{name}")\n'
                          + rules.format(socket=self.socket_path, port=PORT))
        self.process = Process(["rsyslogd", "-n", "-f", config, "-i", self.folder / "pid"],
                               self.folder / "out")

    def log(self, lines):
        """Recorded lines, without their host, which the daemon knows."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            assert wait_for(self.socket_path.exists, 10)[0], self.process.text()
            s.connect(str(self.socket_path))
            for line in lines:
                head = re.match(r"(\w+ +\d+ \S+) \S+ (.*)", line)
                s.send(f"<22>{head[1]} {head[2]}".encode())

    def stop(self):
        self.process.stop()


SENDER = """main_queue(queue.workerThreads="1")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{socket}" UseSysTimeStamp="off" IgnoreTimestamp="off")
*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" template="RSYSLOG_ForwardFormat")
"""
LOGHOST = """main_queue(queue.workerThreads="1")
module(load="imtcp")
input(type="imtcp" port="{port}" address="127.0.0.1")
*.* action(type="omfile" file="FILE" asyncWriting="off")
"""


@pytest.fixture
def hosts(tmp_path):
    log = tmp_path / "mail.log"
    started = [Rsyslogd(tmp_path, "loghost", LOGHOST.replace("FILE", str(log)))]
    try:
        def listens():
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", PORT)) == 0
        assert wait_for(listens, 10)[0], started[0].process.text()
        started += [Rsyslogd(tmp_path, name, SENDER) for name in ("mx1", "mx2")]
        yield log, started[1], started[2]
    finally:
        for r in reversed(started):
            r.stop()


def lines_of(log, host):
    return sum(f" {host} " in line for line in log.read_text().splitlines()) if log.exists() else 0


def read(log, host):
    """{column: value} of what the file gives of this host alone."""
    out = subprocess.run([BUILD / "mailmond", "--read", "postfix", "--host", host, log],
                         capture_output=True, text=True, check=True).stdout
    return {c: int(re.search(rf"::{c}\.1 = \w+: (\d+)$", out, re.M)[1]) for c in COLUMNS}


def collector(d):
    """The process number of mailmond-collect."""
    children = Path(f"/proc/{d.process.pid}/task/{d.process.pid}/children").read_text().split()
    return next((int(c) for c in children
                 if "mailmond-collect" in Path(f"/proc/{c}/cmdline").read_text()), None)


def test_two_hosts(hosts, tmp_path):
    log, mx1, mx2 = hosts
    sent = {name: (DATA / f"postfix_{name}.log").read_text().splitlines() for name in ("real", "site")}
    for lines in sent.values():  # what mail was that is gone shows only when time has passed
        lines.append("Nov 22 23:59:59 mx postfix/smtpd[1]: connect from h[192.0.2.9]")
    d = Daemon(tmp_path / "mailmond", SNMP, {
        "detect": False, "user": "root", "publish_user": "root", "checkpoint_interval": "1 s",
        "postfix": [{"host": "mx1", "log": log}, {"host": "*", "log": log}],
        "dovecot": [{"host": "*", "log": log}]}).start()
    try:
        for part in range(4):  # turn about, and the collector dies between
            for host, lines in ((mx1, sent["real"]), (mx2, sent["site"])):
                n = len(lines) // 4
                host.log(lines[part * n:(part + 1) * n if part < 3 else len(lines)])
            os.kill(wait_for(lambda: collector(d), 20)[0], signal.SIGKILL)
        assert wait_for(lambda: (lines_of(log, "mx1"), lines_of(log, "mx2")) ==
                        (len(sent["real"]), len(sent["site"])), 30)[0]
        wanted = {f"{name}/postfix": read(log, name) for name in ("mx1", "mx2")}
        for name, recorded in (("mx1", "real"), ("mx2", "site")):
            dump = (DATA / f"postfix_{recorded}.dump").read_text()
            received = re.search(r"::mtaReceivedMessages\.1 = \w+: (\d+)$", dump, re.M)[1]
            assert wanted[f"{name}/postfix"]["mtaReceivedMessages"] == int(received)

        def right(cells):
            for name, columns in wanted.items():
                assert {c: cells.of(c, name) for c in columns} == columns
            assert cells["mailmonStoreUsersLoggedIn", cells.index("mailmonStoreName", "mx2/dovecot")] == 1
        mx2.log(["Nov 22 23:59:59 mx dovecot: imap-login: Login: user=<u>, method=PLAIN, rip=192.0.2.9, lip=192.0.2.1, "
                 "mpid=7, session=<1>"])
        cells = d.shows(right, 30)
        assert cells.of("mtaStoredMessages", "mx1/postfix") is None
        assert "loghost" not in " ".join(cells.column("applName").values())
        assert cells["mailmonSourceUnrecognised", cells.index("mailmonSourceTarget", str(log))] == 0
    finally:
        d.stop()
