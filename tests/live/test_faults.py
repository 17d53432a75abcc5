"""Faults of the world and of the operator that a running daemon must bear, and say once each.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS ("22000-22099")."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import free_port, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk"),
    reason="needs root, snmpbulkwalk and the programs in MAILMOND_BUILD")


@pytest.fixture()
def folder():
    made = Path(tempfile.mkdtemp(prefix="mailmond-faults-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture()
def lab(folder):
    there = Lab(folder)
    yield there
    if there.daemon.process:
        there.daemon.stop()


class Lab:
    """A log that nobody but the test writes, and a daemon that reads it."""

    def __init__(self, folder, **settings):
        self.folder, self.log, self.lines = folder, folder / "mail.log", 0
        self.log.touch()
        self.log.chmod(0o644)
        (folder / "queue").mkdir()
        self.daemon = Daemon(folder / "agent", free_port(), {
            "postfix": [{"name": "postfix", "log": self.log, "queue_directory": folder / "queue",
                         "config_directory": folder / "none"}], **settings})

    def mail(self, count=1):
        """Messages that come in by smtpd."""
        with open(self.log, "a", encoding="ascii") as out:
            for _ in range(count):
                self.lines += 1
                head = "2026-03-01T10:00:00.000000+00:00 mx postfix"
                out.write(f"{head}/smtpd[100]: 4{self.lines:09X}: client=a.example[192.0.2.1]\n"
                          f"{head}/qmgr[101]: 4{self.lines:09X}: from=<a@a.example>, size=1000, nrcpt=1 "
                          "(queue active)\n")

    def counted(self):
        return self.daemon.walk().of("mtaReceivedMessages", "postfix")

    def all_counted(self, seconds=10):
        return wait_for(lambda: self.counted() == self.lines, seconds, 0.2)[0]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_dump_with_a_faulty_configuration(lab):
    """The daemon runs on, and can still be looked at."""
    lab.daemon.start()
    lab.mail(3)
    assert lab.all_counted()
    good = lab.daemon.config.read_text()
    for fault, said in (("intervall = 3;\n", "unknown setting intervall"), ("user = ;\n", "syntax error")):
        lab.daemon.config.write_text(good + fault)
        done = run(*lab.daemon.command("--dump"))
        assert "mtaReceivedMessages.1 = Counter32: 3" in done.stdout and done.returncode == 0
        assert said in done.stderr and "may run with an earlier one" in done.stderr
    assert run(*lab.daemon.command()).returncode == 78


def test_dump_after_the_end(lab):
    """A pid file that a killed daemon left behind."""
    lab.daemon.start().stop(9)
    done = run(*lab.daemon.command("--dump"))
    assert done.returncode == 1 and "no daemon is running" in done.stderr
