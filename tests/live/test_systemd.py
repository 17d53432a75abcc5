"""mailmond's unit under a systemd of its own: a container on an overlay over this host's root, in which nothing runs
but what the unit needs.

Environment: MAILMOND_BUILD or B (build)."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD
from postfix_site import children
from snmp_lab import ROOT, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not shutil.which("systemd-nspawn"),
    reason="needs root, systemd-nspawn and the programs in MAILMOND_BUILD")

TARGET = """[Unit]
Requires=basic.target
Wants=mailmond.service
After=basic.target mailmond.service
AllowIsolate=yes
"""
CONFIG = """system_interval = "1 s"; checkpoint_interval = "1 s"; interval = "250 ms";
snmp = { mode = "standalone"; };
postfix = ( { name = "postfix"; log = "/var/log/test/mail.log"; queue_directory = "/var/spool/test";
              config_directory = "/nonexistent"; } );
records = { directory = "/var/lib/mailmond/records"; interval = "1 s"; };
responses = ( { name = "nobody"; protocol = "tcp"; host = "localhost"; port = 9; interval = "1 s"; } );
alarms = ( { name = "probe"; interval = "1 s";
             on_raise = [ "/bin/sh", "-c", "id -un >/var/lib/mailmond/raised" ]; } );
"""
# In control groups of its own, $1: those below that of whoever starts it would be shared by all containers.
GROUPED = """for h in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    [ ! -e $h/cgroup.procs ] || { mkdir "$h/$1" && echo 0 >"$h/$1/cgroup.procs"; }
done
shift
exec "$@"
"""
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold", "corrupt", "pid")


class Container:
    """systemd as process 1, with mailmond installed as `make install` does it."""

    def __init__(self, folder):
        self.folder, self.root, self.group = folder, folder / "root", f"mailmond-test-{uuid.uuid4().hex}"
        for name in ("root", "upper", "work"):
            (folder / name).mkdir()
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work", self.root], check=True)
        subprocess.run(["make", "-s", "-C", ROOT, f"B={BUILD}", f"DESTDIR={self.root}", "install"], check=True,
                       stdout=subprocess.DEVNULL)
        units = self.root / "etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        (units / "mailmond-test.target").write_text(TARGET)
        machine = self.root / "etc/machine-id"
        machine.unlink(missing_ok=True)  # it is read-only
        machine.write_text(uuid.uuid4().hex + "\n")  # not the host's
        self.config = self.root / "etc/mailmond/mailmond.conf"
        self.config.write_text(CONFIG)
        self.log = self.root / "var/log/test/mail.log"
        for path in (self.log.parent, *(self.root / "var/spool/test" / name for name in QUEUES)):
            path.mkdir(parents=True)
            path.chmod(0o700)  # as Postfix's and syslog's may be: CAP_DAC_READ_SEARCH reads them
        self.log.touch(0o600)
        with open(folder / "console", "wb") as out:
            self.process = subprocess.Popen(
                ["sh", "-c", GROUPED, "sh", self.group, "systemd-nspawn", "--quiet", "-b", "-D", self.root, "--register=no", "--keep-unit", "--link-journal=no",
                 "--private-network", "--console=pipe", "systemd.unit=mailmond-test.target"], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.init = wait_for(self.find_init, 20)[0]
        assert self.init and wait_for(lambda: self.run("systemctl", "is-active", "mailmond-test.target")[0] == 0, 60)[0], \
            (folder / "console").read_text(errors="replace")[-3000:]

    def find_init(self):
        """nspawn's first child only makes the one that becomes systemd."""
        found = children(self.process.pid, "systemd")
        return found[0] if found else None

    def run(self, *command):
        """(status, output) of a command in there."""
        done = subprocess.run(["nsenter", "-t", str(self.init), "-a", "-r", "-w", *command], capture_output=True, text=True, check=False,
                              timeout=60)
        return done.returncode, done.stdout + done.stderr

    def is_active(self):
        return self.run("systemctl", "is-active", "mailmond")[1].strip() == "active"

    def dump(self, name):
        """{index: value} of a column."""
        lines = [line.split(" = ", 1) for line in self.run("mailmond", "--dump")[1].splitlines() if f"::{name}." in line]
        return {left.rpartition(f"::{name}.")[2]: right.split(": ", 1)[-1] for left, right in lines}

    def main_pid(self):
        return self.run("systemctl", "show", "-P", "MainPID", "mailmond")[1].strip()

    def journal(self):
        return self.run("journalctl", "-o", "cat", "--no-pager", "-u", "mailmond")[1]

    def stop(self):
        self.process.terminate()  # has the container shut down
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.kill(self.init, signal.SIGKILL)  # and all that is in there with it
            self.process.wait(10)
        subprocess.run(["umount", "-l", self.root], check=False)
        for groups in Path("/sys/fs/cgroup").glob(f"**/{self.group}"):
            subprocess.run(["find", groups, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], check=False)


@pytest.fixture(scope="module")
def box():
    folder = Path(tempfile.mkdtemp(prefix="mailmond-systemd-"))
    there = Container(folder)
    yield there
    there.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_starts_by_notification(box):
    assert wait_for(box.is_active, 20)[0], box.journal()
    assert "mailmond" == box.run("stat", "-c", "%U", "/var/lib/mailmond")[1].strip()
    assert box.run("systemd-analyze", "verify", "--man=no", "mailmond.service") == (0, "")


def test_reads_and_acts_in_its_sandbox(box):
    """Log and queue that only root may read, sockets, processes, probes, an action, records."""
    with open(box.log, "a", encoding="ascii") as out:
        out.write("2026-03-01T10:00:00+00:00 mx postfix/smtpd[1]: 4000000001: client=a.example[192.0.2.1]\n"
                  "2026-03-01T10:00:00+00:00 mx postfix/qmgr[2]: 4000000001: from=<a@a.example>, size=10, nrcpt=1 "
                  "(queue active)\n")
    assert wait_for(lambda: box.dump("mtaReceivedMessages") == {"1": "1"}, 10, 0.3)[0], box.journal()
    # The pid file of a master that never ran is denied to nobody; all other inputs are well.
    assert wait_for(lambda: set(box.dump("mailmonSourceStatus").values()) == {"ok(1)"}, 10, 0.3)[0], \
        (box.dump("mailmonSourceName"), box.dump("mailmonSourceStatus"), box.dump("mailmonSourceLastError"))
    assert wait_for(lambda: box.dump("mailmonResponseStatus") == {"1": "refused(5)"}, 10, 0.3)[0]
    raised = box.root / "var/lib/mailmond/raised"
    assert wait_for(lambda: raised.exists() and raised.read_text() == "mailmond\n", 10)[0], box.journal()
    assert wait_for((box.root / "var/lib/mailmond/records/qmonitor.log").exists, 10)[0]


def test_reload(box):
    assert box.run("systemctl", "reload", "mailmond")[0] == 0
    assert wait_for(lambda: "taking the new configuration" in box.journal(), 10)[0]
    box.config.write_text(CONFIG + "intervall = 1;\n")
    status, said = box.run("systemctl", "reload", "mailmond")
    assert status == 1 and "failed" in said
    assert wait_for(lambda: re.search(r"mailmond\.conf:.*did you mean interval\?", box.journal()), 10, 0.3)[0], \
        box.journal()
    assert box.is_active() and box.dump("mtaReceivedMessages") == {"1": "1"}


def test_faulty_configuration_is_not_tried_again(box):
    assert box.run("systemctl", "restart", "mailmond")[0] != 0
    # not "activating": that is how a unit waits for RestartSec
    assert box.run("systemctl", "show", "-P", "NRestarts,ExecMainStatus,ActiveState", "mailmond")[1].split() == \
        ["0", "78", "failed"]
    box.config.write_text(CONFIG)
    assert box.run("systemctl", "start", "mailmond") == (0, "") and box.is_active()


def test_killed(box):
    """The supervisor is started again by systemd, and goes on counting where it stood."""
    old = box.main_pid()
    box.run("kill", "-9", old)
    assert wait_for(lambda: box.is_active() and box.main_pid() not in ("0", old), 20, 0.3)[0]
    assert wait_for(lambda: box.dump("mtaReceivedMessages") == {"1": "1"}, 10, 0.3)[0]
    # systemd gave the state directory to root; what writes there has it again.
    assert box.run("stat", "-c", "%U", "/var/lib/mailmond/records")[1].strip() == "mailmond"


def test_stop(box):
    assert box.run("systemctl", "stop", "mailmond")[0] == 0
    assert box.run("systemctl", "show", "-P", "Result", "mailmond")[1].strip() == "success"
    assert wait_for(lambda: "mailmond has stopped" in box.journal(), 10, 0.3)[0], box.journal()
