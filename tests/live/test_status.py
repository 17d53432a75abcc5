"""applOperStatus from process, log and probes together, beside a real Postfix that is stopped, hung and
drained.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (23000),
and MAILMOND_TEST_PORTS ("23000-23099")."""
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import postfix_site as ps
from daemon import BUILD, Daemon
from snmp_lab import free_port, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not ps.available() or not (BUILD / "mailmond").exists()
    or not shutil.which("snmpbulkwalk"),
    reason="needs root, Postfix, snmpbulkwalk and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "23000"))


class Lab:
    def __init__(self, folder):
        self.postfix = ps.Postfix(folder / "main", "postfix", BASE).start()
        probe = {"protocol": "smtp", "host": "127.0.0.1", "appl": "postfix", "interval": "1 s",
                 "timeout": "2 s", "step_timeout": "1 s"}
        self.daemon = Daemon(folder / "agent", free_port(), {
            "system_interval": "1 s",
            "postfix": [{"name": "postfix", "config_directory": self.postfix.config}],
            "responses": [{"name": "mx", "port": self.postfix.port(ps.SMTP), **probe}]}).start()

    def cell(self, column):
        return self.daemon.walk().of(column, "postfix")

    def probed(self):
        return self.daemon.walk().get(("mailmonResponseStatus", 1))

    def stop(self):
        self.daemon.stop()
        self.postfix.stop()


@pytest.fixture(scope="module")
def lab():
    folder = Path(tempfile.mkdtemp(prefix="mailmond-status-"))
    folder.chmod(0o755)
    there = Lab(folder)
    yield there
    there.stop()
    shutil.rmtree(folder, ignore_errors=True)


def eventually(what, seconds=15):
    assert wait_for(what, seconds, 0.2)[0], what()


def test_up(lab):
    eventually(lambda: lab.probed() == "up")
    assert lab.cell("applOperStatus") == "up"


def test_halted(lab):
    """The processes are there and connections are taken, but nobody greets."""
    eventually(lambda: lab.probed() == "up")
    master = lab.postfix.pid()
    pids = [master, *ps.children(master, "smtpd")]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: lab.probed() == "timedOut")
        eventually(lambda: lab.cell("applOperStatus") == "halted")
        change = lab.cell("applLastChange")
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    eventually(lambda: lab.cell("applOperStatus") == "up")
    assert lab.cell("applLastChange") > change


def test_down_and_back(lab):
    """What was probed while it was down does not make it down after its start."""
    lab.postfix.stop()
    eventually(lambda: lab.cell("applOperStatus") == "down" and lab.probed() == "refused")
    lab.postfix.start()
    eventually(lambda: lab.cell("applOperStatus") == "up", 8)
    eventually(lambda: lab.probed() == "up")


def test_listener_is_gone(lab):
    """The master runs, but its port is closed."""
    config = lab.postfix.config / "master.cf"
    text = config.read_text()
    port = f"127.0.0.1:{lab.postfix.port(ps.SMTP)}"
    assert any(line.startswith(port) for line in text.splitlines())
    config.write_text("".join(line for line in text.splitlines(True) if not line.startswith(port)))
    try:
        lab.postfix.run("postfix", "reload")
        eventually(lambda: lab.probed() == "refused")
        eventually(lambda: lab.cell("applOperStatus") == "down")
        assert lab.daemon.walk().column("mailmonProcessStatus") and lab.postfix.pid()
    finally:
        config.write_text(text)
        lab.postfix.run("postfix", "reload")
    eventually(lambda: lab.cell("applOperStatus") == "up")
