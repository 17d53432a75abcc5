"""The journal as a log: lines of real mail systems through a real systemd-journald must count as the same
lines in a file do, over kills, rotation, reloads; what is vacuumed unread is told."""
import json
import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from daemon import BUILD, Daemon
from journald_site import HEAD, JOURNALD, Journald
from mta_truth import kill_collector
from postfix_site import children, wait_until
from snmp_lab import ROOT

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not JOURNALD.exists() or not (BUILD / "mailmond-journal").exists(),
    reason="needs root, systemd-journald and a build with the journal")

PORT = int(os.environ.get("MAILMOND_TEST_BASE", "28900")) + 50
DATA = ROOT / "tests/data"
KINDS = ("postfix", "dovecot", "sendmail", "opensmtpd", "cyrus")
COUNTED = ("mtaReceived", "mtaTransmitted", "mtaGroupReceived", "mtaGroupTransmitted",
           "mtaGroupRejected", "mailmonChannel", "applAccumulated", "mailmonAccess")
LEVELS = ("At", "Time", "Last", "Rate", "Current", "Seconds", "Max", "Min", "Oldest", "Sessions")
NEVER = {"queue_directory": "/nonexistent", "listen": ["127.0.0.1:1"]}


def text_of(kind):
    """Lines of a real log; Dovecot's own form as its syslog has them."""
    text = (DATA / f"{kind}_real.log").read_bytes()
    own = re.compile(rb"^(\w{3} [ \d]\d \S+) ([\w-]+(?:\([^)]*\))?(?:<[^>]*>)*): \w+: ", re.M)
    return own.sub(rb"\1 mx dovecot: \2: ", text) if kind == "dovecot" else text


def settings(log):
    own = {k: [{"name": k, "log": log, **(NEVER if k not in ("dovecot", "cyrus") else {})}]
           for k in KINDS}
    return {**own, "detect": False}


def counters(walk):
    """Every counter of a line, without levels and times."""
    return {k: v for k, v in walk.items() if k[0].startswith(COUNTED) and isinstance(v, int)
            and not any(word in k[0] for word in LEVELS)}


def docker(line):
    return json.dumps({"log": line + "\n", "stream": "stdout", "time": f"{stamp()}.123456789Z"},
                      separators=(",", ":"))


def cri(line):
    return f"{stamp()}.123456789Z stderr F {line}"


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="mailmond-journal-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def journald(folder):
    site = Journald(folder / "site")
    try:
        yield site.start()
    finally:
        site.stop()


def row(daemon, column, kind="journal"):
    walk = daemon.walk()
    index = [i for i, v in walk.column("mailmonSourceKind").items() if v == kind]
    return walk.get((column, index[0])) if index else None


def items(daemon, kind="journal"):
    """Lines counted, of the programs that are known."""
    return row(daemon, "mailmonSourceItems", kind) or 0


def of_file(folder):
    """What the same lines give from a file. All of this second, as in the journal: some things that a
    line means depend on how long ago the one before it was."""
    head = time.strftime("%Y-%m-%dT%H:%M:%S+00:00 mx ", time.gmtime()).encode()
    lines = b"".join(text_of(k) for k in KINDS).splitlines()
    (folder / "all.log").write_bytes(b"".join(HEAD.sub(head, line) + b"\n" for line in lines))
    daemon = Daemon(folder / "file", PORT, settings(folder / "all.log")).start()
    try:
        wait_until(lambda: row(daemon, "mailmonSourceOctets", "log") == (folder / "all.log").stat().st_size)
        return counters(daemon.walk()), items(daemon, "log")
    finally:
        daemon.stop()


def test_same_as_a_file(folder, journald):
    """Over SIGKILL of the collector and of the reader, rotation and SIGHUP: the counters of the file."""
    wanted, lines = of_file(folder)
    assert sum(wanted.values()) > 1000
    journald.send(text_of("postfix"))
    daemon = Daemon(folder / "journal", PORT, settings(f"journal:{journald.files}")).start()
    try:
        for kind in KINDS[1:]:
            journald.send(text_of(kind))
            wait_until(lambda: children(daemon.process.process.pid, "mailmond-collec"), 10)
            kill_collector(daemon)
            if kind == "dovecot":
                journald.rotate()
            if kind == "sendmail":
                os.kill(daemon.process.process.pid, signal.SIGHUP)
        wait_until(lambda: items(daemon) >= lines, 20, 0.3)
        collector, = children(daemon.process.process.pid, "mailmond-collec")
        reader, = children(collector, "mailmond-journa")
        os.kill(reader, signal.SIGKILL)
        wait_until(lambda: "mailmond-journal ended; it is started again" in daemon.text(), 20)
        wait_until(lambda: row(daemon, "mailmonSourceStatus") == "ok", 20)
        assert items(daemon) == lines
        seen = counters(daemon.walk())
        assert {k: (v, seen.get(k)) for k, v in wanted.items() if seen.get(k) != v} == {}
    finally:
        daemon.stop()


def test_vacuum(folder, journald):
    """What was removed while nobody looked is told, the rest is read; nothing is told if all was read."""
    daemon = Daemon(folder / "journal", PORT, settings(f"journal:{journald.files}"))
    lines = [len(text_of(kind).splitlines()) for kind in ("postfix", "dovecot")]
    journald.send(text_of("postfix"))
    daemon.start()
    try:
        wait_until(lambda: items(daemon) == lines[0], 10)
        journald.rotate()
        journald.vacuum()
        journald.send(text_of("dovecot"))
        wait_until(lambda: items(daemon) == sum(lines), 10)
        time.sleep(1.5)
        assert row(daemon, "mailmonSourceStatus") == "ok", daemon.text()
    finally:
        daemon.stop()
    stored = journald.entries()
    sent = journald.send(text_of("sendmail"))
    wait_until(lambda: journald.entries() >= stored + sent)  # else it comes behind the rotation
    journald.rotate()
    journald.vacuum()
    journald.send(text_of("cyrus"))
    daemon.start()
    try:
        wait_until(lambda: row(daemon, "mailmonSourceStatus") == "truncated", 10)
        wait_until(lambda: items(daemon) > sum(lines), 10)
        assert "not in the journal any more" in row(daemon, "mailmonSourceLastError")
    finally:
        daemon.stop()


def test_records(folder, journald):
    """A text of several lines, binary or very long is one record; a head of its own is kept."""
    daemon = Daemon(folder / "journal", PORT, settings(f"journal:{journald.files}")).start()
    try:
        reject = b"NOQUEUE: reject: RCPT from a.test[192.0.2.1]: 550 5.1.1 <x@y>: no; "
        for tail in (b"", b"two\nlines\0\xff\n", b"x" * 150000):
            journald.native(MESSAGE=reject + tail, SYSLOG_IDENTIFIER="postfix/smtpd",
                            SYSLOG_PID="7")
        journald.native(MESSAGE=b"Nov  1 22:48:24 host postfix/smtpd[9]: " + reject,
                        SYSLOG_IDENTIFIER="container", CONTAINER_ID="0123456789ab")
        journald.native(MESSAGE=b"", SYSLOG_IDENTIFIER="postfix/smtpd")
        journald.native(OTHER=b"no message")
        journald.native(MESSAGE=reject, SYSLOG_IDENTIFIER="nothing")
        wait_until(lambda: sum(daemon.walk().column("mailmonChannelRejectedRecipients").values())
                   >= 4, 10, 0.3)
        time.sleep(1.5)

        def right(walk):
            assert walk.of("mailmonChannelRejectedRecipients", "postfix", "smtpd") == 4
            assert sum(walk.column("mailmonSourceUnrecognised").values()) == 1  # the empty one
        daemon.shows(right)
    finally:
        daemon.stop()


def test_account(folder, journald):
    """Started as root: the reader of an account without rights keeps the capability to read."""
    daemon = Daemon(folder / "journal", PORT, settings(f"journal:{journald.files}"))
    with daemon.config.open("a") as f:
        f.write('user = "nobody";\n')
    journald.send(text_of("postfix"))
    daemon.start()
    try:
        wait_until(lambda: items(daemon) > 100, 10)
        assert row(daemon, "mailmonSourceStatus") == "ok"
    finally:
        daemon.stop()


def test_denied(folder, journald):
    """Started as an account that may not read it: the row says so and what would mend it."""
    daemon = Daemon(folder / "journal", PORT, settings(f"journal:{journald.files}"))
    for path in (daemon.folder, daemon.folder / "run", daemon.folder / "state"):
        path.mkdir(exist_ok=True)
        shutil.chown(path, "nobody")
    journald.files.chmod(0o700)
    whole = daemon.command
    daemon.command = lambda *options: ["setpriv", "--reuid=nobody", "--regid=nogroup",
                                       "--clear-groups", *whole(*options)]
    daemon.start()
    try:
        wait_until(lambda: row(daemon, "mailmonSourceStatus") == "denied", 10)
        assert "systemd-journal" in row(daemon, "mailmonSourceLastError")
    finally:
        daemon.stop()


@pytest.mark.parametrize("wrap", [docker, cri])
def test_container(folder, wrap):
    """The file that a container's runtime writes counts as the program's own lines, also over SIGKILL."""
    wanted, lines = of_file(folder)
    log = folder / "container.log"
    daemon = Daemon(folder / "wrapped", PORT, settings(log))
    text = (folder / "all.log").read_text(errors="surrogateescape").splitlines()
    half = len(text) // 2
    log.write_text("".join(wrap(line) + "\n" for line in text[:half]))
    daemon.start()
    try:
        wait_until(lambda: items(daemon, "log"), 10)
        kill_collector(daemon)
        with log.open("a") as f:
            f.writelines(wrap(line) + "\n" for line in text[half:])
        wait_until(lambda: items(daemon, "log") >= lines, 10, 0.3)
        seen = counters(daemon.walk())
        assert {k: (v, seen.get(k)) for k, v in wanted.items() if seen.get(k) != v} == {}
    finally:
        daemon.stop()
