"""Faults of the world and of the operator that a running daemon must bear, and say once each.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS."""
import gzip
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import PATIENCE, ROOT, Process, free_port, wait_for

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
        """None: nobody answers."""
        return next(iter(self.daemon.walk().column("mtaReceivedMessages").values()), None)

    def all_counted(self, seconds=10):
        return wait_for(lambda: self.counted() == self.lines, seconds, 0.2)[0]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30 * PATIENCE)


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


def test_too_little_address_space(lab):
    """It says which limit, and what to do."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
    (lab.daemon.folder / "run").mkdir(exist_ok=True)
    done = subprocess.run(lab.daemon.command("--foreground"), capture_output=True, text=True, check=False, timeout=30,
                          preexec_fn=limit)
    assert done.returncode == 1 and "the limit of address space is 200 MB" in done.stderr


def test_dump_after_the_end(lab):
    """A pid file that a killed daemon left behind."""
    lab.daemon.start().stop(9)
    done = run(*lab.daemon.command("--dump"))
    assert done.returncode == 1 and "no daemon is running" in done.stderr


QUICK = {"checkpoint_interval": "1 s", "history": {"days": 1}}


def child(lab, name):
    """The daemon's child of this name (of 15 octets)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if rest.split()[1] == str(lab.daemon.process.pid) and head.endswith("(" + name):
            return int(stat.parent.name)
    return None


def kill_collector(lab):
    os.kill(wait_for(lambda: child(lab, "mailmond-collec"), 10)[0], signal.SIGKILL)


@pytest.mark.parametrize("damage", [b"\xa5" * 4096, None], ids=["overwritten", "cut"])
def test_damaged_state(folder, damage):
    """It is put aside, and counting begins anew without anybody."""
    lab = Lab(folder, **QUICK)
    lab.daemon.start()
    lab.mail(3)
    assert lab.all_counted()
    lab.daemon.stop()
    state = lab.daemon.folder / "state" / "state.db"
    with open(state, "r+b") as db:
        if damage:
            db.write(damage)
        else:
            db.truncate(5000)
    lab.daemon.start()
    try:
        assert lab.all_counted()
        assert lab.daemon.text().count("state.db.damaged now") == 1
        assert state.with_name("state.db.damaged").exists()
    finally:
        lab.daemon.stop()


def test_state_directory_is_removed(folder):
    """One line; counting goes on, and a process that is started again finds a directory."""
    lab = Lab(folder, **QUICK)
    state = lab.daemon.folder / "state"
    lab.daemon.start()
    try:
        # again and again: what is in there comes and goes as long as the daemon has not noticed
        assert wait_for(lambda: shutil.rmtree(state, ignore_errors=True) or not state.exists(), 10)[0]
        lab.mail(3)
        assert wait_for(lambda: "was removed; counting goes on" in lab.daemon.text(), 10)[0]
        assert lab.all_counted()
        kill_collector(lab)
        lab.mail(2)
        assert lab.all_counted(20)
        assert lab.daemon.text().count("cannot be stored") == 1
    finally:
        lab.daemon.stop()


def test_state_on_a_read_only_disk(folder):
    """It is gone on from, in memory, also by a collector that is started again, and stored when that can be."""
    lab = Lab(folder, **QUICK)
    state = lab.daemon.folder / "state"
    state.mkdir()
    assert run("mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", str(state)).returncode == 0
    try:
        lab.daemon.start()
        lab.mail(3)
        assert lab.all_counted()
        lab.daemon.stop()
        assert run("mount", "-o", "remount,ro", str(state)).returncode == 0
        lab.log.write_text("")  # what was counted is in the store alone
        lab.daemon.start()
        lab.mail(1)
        assert lab.all_counted()
        said = f"the state cannot be stored: {state}/state.db: Read-only file system"
        assert wait_for(lambda: lab.daemon.text().count(said) == 1, 10)[0]
        kill_collector(lab)
        assert wait_for(lambda: lab.daemon.text().count(said) == 2, 20)[0]
        lab.mail(1)
        assert lab.all_counted(20)
        assert run("mount", "-o", "remount,rw", str(state)).returncode == 0
        assert wait_for(lambda: "the state is stored again" in lab.daemon.text(), 10)[0]
        kill_collector(lab)
        lab.mail(1)
        assert lab.all_counted(20)
        assert lab.daemon.text().count(said) == 2
    finally:
        lab.daemon.stop()
        run("umount", "-l", str(state))


def test_is_ready_when_both_serve(lab):
    """A collector that is started again does not speak for the publisher."""
    (lab.daemon.folder / "run").mkdir(exist_ok=True)

    def start():
        """The publisher, stopped before it serves."""
        lab.daemon.process = Process(lab.daemon.command("--foreground"), lab.daemon.folder / "mailmond.log")
        pid = wait_for(lambda: child(lab, "mailmond-publis"), 10, 0)[0]
        os.kill(pid, signal.SIGSTOP)
        if "serving on" not in lab.daemon.text():
            return pid
        os.kill(pid, signal.SIGCONT)  # too late
        lab.daemon.stop()
        (lab.daemon.folder / "mailmond.log").unlink()
        return None

    def dump():
        return run(*lab.daemon.command("--dump")).stdout
    publisher = wait_for(start, 10)[0]
    try:
        assert wait_for(dump, 10)[0]
        kill_collector(lab)
        lab.mail(1)
        assert wait_for(lambda: "mtaReceivedMessages.1 = Counter32: 1" in dump(), 20)[0]
        assert "is ready" not in lab.daemon.text()
    finally:
        os.kill(publisher, signal.SIGCONT)
    assert wait_for(lambda: "is ready" in lab.daemon.text(), 10)[0]


def test_crash_with_a_faulty_configuration(folder):
    """The log tells why it is not started again, and mending the file is enough."""
    lab = Lab(folder, **QUICK)
    lab.daemon.start()
    try:
        good = lab.daemon.config.read_text()
        lab.daemon.config.write_text(good + "intervall = 3;\n")
        kill_collector(lab)
        said = "mailmond-collect cannot be started again: the configuration has faults"
        assert wait_for(lambda: said in lab.daemon.text(), 10)[0]
        lab.daemon.config.write_text(good)
        lab.mail(2)
        assert lab.all_counted(20)
    finally:
        lab.daemon.stop()


UPGRADE = ROOT / "tests/data/upgrade"  # what a mailmond left behind whose tally had a shorter header
ITS_FOLDER = "/tmp/mm-upgrade-00000000"


def renamed(state, folder):
    """The state as it would be if all had been in this folder, whose name is as long."""
    assert len(str(folder)) == len(ITS_FOLDER)
    with sqlite3.connect(state) as db:
        for key, data in db.execute("SELECT key, data FROM record").fetchall():
            db.execute("UPDATE record SET data = ? WHERE key = ?",
                       (data.replace(ITS_FOLDER.encode(), str(folder).encode()), key))
    db.close()


def test_upgrade():
    """An earlier mailmond's state is gone on from, all of it: what was counted is neither lost nor read again."""
    folder = Path(tempfile.mkdtemp(prefix="mm-upgrade-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        lab = Lab(folder, **QUICK, detect=False, dovecot=[{"log": folder / "mail.log", "pid_file": folder / "none"}])
        lab.log.write_bytes((UPGRADE / "mail.log").read_bytes())
        state = folder / "agent" / "state"
        state.mkdir()
        (state / "state.db").write_bytes(gzip.decompress((UPGRADE / "state.db.gz").read_bytes()))
        renamed(state / "state.db", folder)
        lab.daemon.start()
        lab.mail(5)

        def right(walk):
            assert walk.of("mtaReceivedMessages", "postfix") == 11 + 5
            assert walk.of("mtaTransmittedMessages", "postfix") == 9
            assert {i: walk["applName", i] for i in (1, 2)} == {1: "postfix", 2: "dovecot/imap"}
            assert walk.of("mailmonAccessGoodLogins", "dovecot/imap") == 5
            assert sum(walk.column("mailmonDestinationQueued").values()) == 5
            assert max(walk.column("mailmonAlarmLogNumber")) >= 6
        lab.daemon.shows(right)
        assert "damaged" not in lab.daemon.text()
        lab.daemon.stop()
        with sqlite3.connect(state / "state.db") as db:  # what a later mailmond would leave behind
            db.execute("PRAGMA user_version = 1000")
        db.close()
        left = (state / "state.db").read_bytes()
        done = run(*lab.daemon.command())
        assert done.returncode == 1 and "a later mailmond wrote it" in done.stderr
        assert (state / "state.db").read_bytes() == left and not (state / "state.db.damaged").exists()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_directories_in_the_state_directory(folder):
    """systemd gives them to root at each start; the collector writes into them all the same."""
    state = folder / "agent" / "state"
    reports = state / "reports"
    lab = Lab(folder, **QUICK, state_dir=state, report={"directory": reports},
              records={"directory": state / "records", "interval": "1 s"})
    for _ in range(2):
        lab.daemon.start()
        assert wait_for((state / "records" / "qmonitor.log").exists, 10)[0]
        assert reports.owner() != "root" and state.owner() == reports.owner()
        lab.daemon.stop()
        assert "denied" not in lab.daemon.text()
        run("chown", "-R", "root:root", str(state))


def test_relative_state_directory(folder, monkeypatch):
    """--state is taken from where mailmond was started, by its children and by the SNMP library, too."""
    lab = Lab(folder)
    monkeypatch.chdir(folder)
    command = lab.daemon.command
    lab.daemon.command = lambda *options: [o if o != lab.daemon.folder / "state" else "here"
                                           for o in command(*options)]
    lab.daemon.start()
    try:
        assert "persistent directory" not in lab.daemon.text()
    finally:
        lab.daemon.stop()
    assert (folder / "here" / "state.db").exists() and list((folder / "here" / "snmp").iterdir())
    assert "persistent directory" not in lab.daemon.text()


@pytest.mark.parametrize("number", ["x", "0", "-1", "12x", "", "100000001", "99999999999999999999"])
def test_bound_that_is_none(number):
    done = subprocess.run([BUILD / "mailmond", "--read", "postfix", "--messages-max", number, "/dev/null"],
                          capture_output=True, text=True)
    assert done.returncode == 2 and "write a number from 1 to 100000000" in done.stderr
