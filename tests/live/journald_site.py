"""A systemd-journald of its own, without systemd: in a mount namespace with a private /run, its files in
folder/journal. Lines go in at its /dev/log socket, as those of any mail system do."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from postfix_site import wait_until

JOURNALD = Path("/lib/systemd/systemd-journald")
SCRIPT = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal /run/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\nRateLimitBurst=0\\nForwardToSyslog=no\\nReadKMsg=no\\nAudit=no\\n%s\\n' \
    "$2" > /run/systemd/journald.conf.d/test.conf
mount --bind "$1" /run/log/journal
exec /lib/systemd/systemd-journald
"""
SENDER = """import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("/run/systemd/journal/dev-log")
for line in sys.stdin.buffer:
    s.send(b"<22>" + line.rstrip(b"\\n"))
"""
NATIVE = """import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("/run/systemd/journal/socket")
s.send(sys.stdin.buffer.read())
"""
HEAD = re.compile(rb"^(?:\w{3} [ \d]\d [\d:]{8}|\d{4}-\S+) \S+ ")


class Journald:
    def __init__(self, folder, settings=""):
        self.files = Path(folder) / "journal"
        self.files.mkdir(parents=True)
        self.log = Path(folder) / "journald.out"
        self.settings = settings
        self.process = None

    def start(self):
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "bash", "-c", SCRIPT, "-",
                 self.files, self.settings], stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        wait_until(lambda: list(self.files.rglob("system.journal")), 10)
        wait_until(lambda: self.inside("test", "-S", "/run/systemd/journal/dev-log") == 0, 10)
        return self

    def inside(self, *command, text=None):
        return subprocess.run(["nsenter", "-t", str(self.process.pid), "-m", "-r", *command],
                              input=text, capture_output=True, check=False).returncode

    def send(self, log):
        """Lines of a log file, without their time and host, which journald makes."""
        lines = b"".join(HEAD.sub(b"", line) + b"\n" for line in log.splitlines())
        assert self.inside(sys.executable, "-c", SENDER, text=lines) == 0
        return len(lines.splitlines())

    def native(self, **fields):
        """A record by the native protocol, whose values may hold anything."""
        data = b""
        for name, value in fields.items():
            value = value if isinstance(value, bytes) else str(value).encode()
            data += name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
        assert self.inside(sys.executable, "-c", NATIVE, text=data) == 0

    def entries(self):
        """How many records are in its files."""
        listed = subprocess.run(["journalctl", "-q", "-D", self.files, "-o", "cat", "--output-fields=PRIORITY"],
                                capture_output=True, check=True).stdout
        return len(listed.splitlines())

    def rotate(self):
        before = len(list(self.files.rglob("*.journal")))
        os.kill(self.process.pid, signal.SIGUSR2)
        wait_until(lambda: len(list(self.files.rglob("*.journal"))) > before, 10)

    def vacuum(self):
        """Removes what was rotated away."""
        for old in self.files.rglob("*@*.journal"):
            old.unlink()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
