"""mailmonDiskTable with real file systems in a mount namespace of the test's own: a tmpfs and an ext4
that fill up, inodes that run out, a file system that goes away, and eight whose server hangs.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "bench")]
import rest
from daemon import BUILD, Daemon
from snmp_lab import PATIENCE, free_port, wait_for

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not Path("/dev/fuse").exists(),
    reason="needs root, /dev/fuse and the programs in MAILMOND_BUILD")

HUNG = 8
MOUNTS = f"""set -e
cd "$1"
mkdir tmp ext4 going $(seq -f hung%g {HUNG})
mount -t tmpfs -o size=64m,nr_inodes=1000 tmpfs tmp
truncate -s 64M image && mkfs.ext4 -q -m 0 image && mount -o loop image ext4
mount -t tmpfs -o size=1g tmpfs going
ln -s "$1/hung1" link
/usr/bin/python3 -u {Path(__file__).parent}/fuse_server.py $(seq -f hung%g {HUNG}) > server.out &
echo $! > server.pid
while ! grep -q ready server.out; do sleep 0.05; done
shift
exec "$@"
"""


class Sited(Daemon):
    """mailmond in a mount namespace of its own, with the file systems of MOUNTS in `disks`."""

    def __init__(self, folder, port, settings):
        super().__init__(folder, port, settings)
        self.disks = self.folder / "disks"
        self.disks.mkdir()

    def command(self, *options):
        command = super().command(*options)
        if "--foreground" not in options:
            return command
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", MOUNTS, "sh", self.disks,
                *command]

    def inside(self, name):
        """The path by which this process sees a file of the namespace."""
        return Path(f"/proc/{self.process.process.pid}/root{self.disks / name}")

    def server(self, sig):
        os.kill(int((self.disks / "server.pid").read_text()), sig)

    def cell(self, table, column, key, value):
        """None while there is no such row."""
        walk = self.walk()
        found = [i for i, v in walk.column(f"mailmon{table}{key}").items() if v == str(value)]
        assert len(found) < 2
        return walk.get((f"mailmon{table}{column}", found[0])) if found else None

    def disk(self, name, column):
        return self.cell("Disk", column, "Path", self.disks / name)

    def source(self, name, column="Status"):
        return self.cell("Source", column, "Target", self.disks / name)

    def run_inside(self, *command):
        return subprocess.run(["nsenter", "-t", str(self.process.process.pid), "-m", "-r", *map(str, command)],
                              check=False).returncode


@pytest.fixture(scope="module")
def site():
    folder = Path(tempfile.mkdtemp(prefix="mailmond-disk-"))
    folder.chmod(0o755)
    disks = folder / "m" / "disks"
    paths = [{"path": disks / "tmp", "kind": "store", "lock_threshold": 80},
             {"path": disks / "ext4", "kind": "queue"}, {"path": disks / "going", "kind": "log"},
             {"path": disks / "missing"}, {"path": disks / "link"}]
    paths += [{"path": disks / f"hung{n}", "kind": "store"} for n in range(2, HUNG + 1)]
    log, spool = rest.site(folder)
    daemon = Sited(folder / "m", free_port(), {
        "disks": paths, "files": [{"name": "hung", "pattern": disks / "hung1" / "*"}],
        "system_interval": "1 s",
        "postfix": [{"name": "postfix", "log": log, "queue_directory": spool,
                     "config_directory": folder}]})
    daemon.start()
    yield daemon
    daemon.server(signal.SIGUSR2)
    daemon.stop()
    os.kill(int((daemon.disks / "server.pid").read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def eventually(what, seconds=15):
    """Waits until what() is true."""
    assert wait_for(what, seconds, 0.2)[0], what()


def fill(path, megabytes):
    """Writes until the file has that size; what does not fit is left out."""
    with open(path, "wb") as f:
        try:
            for _ in range(megabytes):
                f.write(b"x" * (1 << 20))
                f.flush()
            os.fsync(f.fileno())
        except OSError:
            pass


def space(site, name):
    fs = os.statvfs(site.inside(name))
    return fs.f_bavail * 100 // fs.f_blocks, fs.f_bavail * fs.f_frsize // 1024


def test_rows(site):
    """Each configured path has a row, and so has the file system of queue, log and state."""
    eventually(lambda: all(site.source(n) == "ok" for n in ("tmp", "ext4", "going", "link", "hung2")))
    walk = site.walk()
    paths = set(walk.column("mailmonDiskPath").values())
    own = {p for p in paths if not p.startswith(str(site.disks))}
    assert 1 <= len(own) <= 2 and len(paths - own) == 5 + HUNG - 1, paths  # temporary files may be elsewhere
    assert "queue" in {walk[("mailmonDiskKind", walk.index("mailmonDiskPath", p))] for p in own}
    for name, kind in (("tmp", "storePartition"), ("ext4", "queue"), ("going", "log"), ("link", "other")):
        assert site.disk(name, "Kind") == kind
    for name in ("tmp", "ext4"):
        fs = os.statvfs(site.inside(name))
        assert site.disk(name, "Total") == fs.f_blocks * fs.f_frsize // 1024
        assert site.disk(name, "TotalMB") == fs.f_blocks * fs.f_frsize >> 20
        eventually(lambda n=name: (site.disk(n, "PercentAvailable"), site.disk(n, "Available")) == space(site, n))
        assert site.disk(name, "InodesPercentAvailable") == fs.f_ffree * 100 // fs.f_files
    assert site.disk("link", "Available") == 250 * 4  # by a child, through a symbolic link
    assert site.disk("hung2", "PercentAvailable") == 25
    assert site.disk("hung2", "InodesPercentAvailable") == 40


def test_missing(site):
    eventually(lambda: site.source("missing") == "missing")
    assert site.disk("missing", "Path") and site.disk("missing", "PercentAvailable") is None


@pytest.mark.parametrize("name, threshold", [("tmp", 80), ("ext4", 99)])
def test_fills(site, name, threshold):
    """Step by step to the last block: percent, lock and schedule follow."""
    last = 6001
    for megabytes in (8, 24, 40, 50, 56, 70):
        fill(site.inside(name) / "fill", megabytes)

        def right(walk):
            row = walk.index("mailmonDiskPath", str(site.disks / name))
            percent, available, locked, check = (walk[f"mailmonDisk{c}", row] for c in (
                "PercentAvailable", "Available", "Locked", "NextCheck"))
            assert (percent, available) == space(site, name)
            assert locked == ("true" if 100 - percent > threshold else "false")
            assert 55 <= check <= min(last, 6000)
        walk = site.shows(right, 15)
        row = walk.index("mailmonDiskPath", str(site.disks / name))
        last = walk["mailmonDiskNextCheck", row]
    assert walk["mailmonDiskPercentAvailable", row] == 0 and last <= 60
    eventually(lambda: "over the threshold" in site.text())
    (site.inside(name) / "fill").unlink()
    eventually(lambda: site.disk(name, "Locked") == "false")
    eventually(lambda: site.text().count(f"{site.disks / name}: ") >= 2)  # a line for each change


def test_inodes(site):
    for n in range(2000):
        try:
            (site.inside("tmp") / f"i{n}").touch()
        except OSError:
            break
    eventually(lambda: site.disk("tmp", "InodesPercentAvailable") == 0)
    assert site.disk("tmp", "PercentAvailable") > 90
    for file in site.inside("tmp").glob("i*"):
        file.unlink()
    eventually(lambda: site.disk("tmp", "InodesPercentAvailable") > 90)


def test_fill_rate(site):
    """A steady 256 kB a second is told within a fifth, with the hours that are left."""
    rate, path, done = 256 * 3600, site.inside("going") / "grow", threading.Event()
    assert not site.disk("going", "FillRate") and site.disk("going", "HoursToFull") is None

    def write():
        begin = time.monotonic()
        with open(path, "ab") as f:
            while not done.wait(0.25):
                f.write(b"x" * (int((time.monotonic() - begin) * (1 << 18)) - f.tell()))
                f.flush()
    writer = threading.Thread(target=write)
    writer.start()

    def right(walk):
        row = walk.index("mailmonDiskPath", str(site.disks / "going"))
        fill, available, hours = (walk[f"mailmonDisk{c}", row] for c in ("FillRate", "Available", "HoursToFull"))
        assert abs(fill - rate) < rate / 5
        assert hours == available // fill
    try:
        site.shows(right, 25)
    finally:
        done.set()
        writer.join()


def test_goes_away(site):
    """What is no longer mounted is what lies below; the row is that of the path."""
    assert site.disk("going", "Total") == 1 << 20
    eventually(lambda: site.run_inside("umount", site.disks / "going") == 0)  # nobody looks at it just now
    eventually(lambda: site.disk("going", "Total") != 1 << 20)
    assert site.source("going") == "ok"


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(c) for c in (task / "children").read_text().split()]
        except OSError:
            pass  # the thread has ended
    return found


def test_hang(site):
    """Eight file systems that do not answer make eight rows stale and delay nothing else."""
    hung = ["link", *(f"hung{n}" for n in range(2, HUNG + 1))]
    site.server(signal.SIGUSR1)
    eventually(lambda: all(site.source(n) == "stale" for n in hung), 30)
    assert "no answer within 10 s" in site.source("hung3", "LastError")
    for _ in range(5):  # meanwhile all else is fresh
        eventually(lambda: site.disk("tmp", "Age") <= 2 and site.disk("ext4", "Age") <= 2 and
                   site.walk()[("mailmonAgentModelAge", 0)] < 1500, 2)
        time.sleep(1)
    collect = children(site.process.process.pid)
    asking = [c for p in collect for c in children(p)]
    assert 1 <= len(asking) <= HUNG, "more than one child for a file system"
    assert site.disk("hung2", "PercentAvailable") == 25 and site.disk("hung2", "Age") >= 10
    site.server(signal.SIGUSR2)
    eventually(lambda: all(site.source(n) == "ok" for n in hung), 30)
    eventually(lambda: not [c for p in collect for c in children(p)])


def test_reloads_while_hung(site):
    """A worker that waits for a file system does not keep the collector from being started anew."""
    starts = site.text().count("mail systems")
    site.server(signal.SIGSTOP)  # what is asked now is not even read: whoever waits can be killed
    time.sleep(3)
    site.process.process.send_signal(signal.SIGHUP)
    eventually(lambda: site.text().count("mail systems") == starts + 1, 10)
    site.server(signal.SIGCONT)
    eventually(lambda: site.source("hung2") == "ok", 30)


def test_stops_while_hung(site):
    """A child that cannot be killed does not keep mailmond from ending."""
    site.server(signal.SIGUSR1)
    time.sleep(7)
    assert site.process.process.poll() is None
    site.process.process.send_signal(signal.SIGTERM)
    site.process.process.wait(5 * PATIENCE)
    site.server(signal.SIGUSR2)
