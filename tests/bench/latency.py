#!/usr/bin/python3
"""From a file system that crosses its threshold, and from a service that dies, to snmptrapd:

    unshare -m tests/bench/latency.py [TIMES]      default 15

Rules and sources look once a second. Needs root (it mounts a tmpfs), snmpd, snmptrapd and ports of the loopback
interface (MAILMOND_TEST_PORTS)."""
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))
from daemon import Daemon
from snmp_lab import ARC, Snmpd, wait_for
from trap_lab import Trapd

MB = 1 << 20


class Disk:
    """A tmpfs of 32 MB, filled to 95 %."""

    def __init__(self, folder):
        self.path = folder / "disk"
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", self.path], check=True)

    def fail(self):
        (self.path / "fill").write_bytes(bytes(31 * MB))

    def mend(self):
        (self.path / "fill").unlink(missing_ok=True)

    def end(self):
        subprocess.run(["umount", self.path], check=True)


class Service:
    """A process that must run."""

    def __init__(self, folder):
        self.program = folder / "svc-of-bench"
        shutil.copy("/bin/sleep", self.program)
        self.process = None
        self.mend()

    def fail(self):
        self.process.kill()
        self.process.wait()

    def mend(self):
        self.process = subprocess.Popen([self.program, "1000"])

    def end(self):
        self.process.kill()
        self.process.wait()


def measure(name, word, thing, trapd, times):
    took = []
    for _ in range(times):
        time.sleep(random.uniform(2.5, 3.5))
        before = trapd.text().count(word)
        start = time.monotonic()
        thing.fail()
        found, _ = wait_for(lambda: trapd.text().count(word) > before, 15, 0.005)
        assert found, trapd.text()[-2000:]
        took.append((time.monotonic() - start) * 1000)
        thing.mend()
        wait_for(lambda: trapd.text().count(word) > before + 1, 15, 0.05)  # cleared
    print(f"from {name} to snmptrapd, {times} times: median {statistics.median(took):.0f} ms, worst {max(took):.0f} ms")


def main():
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        disk, service = Disk(folder), Service(folder)
        trapd = Trapd(folder).start()
        snmpd = Snmpd(folder, extra=[f"trap2sink 127.0.0.1:{trapd.port} public"]).start()
        settings = {"detect": False, "system_interval": "1 s", "log_level": "warning",
                    "snmp": {"agentx_socket": snmpd.socket},
                    "notifications": {"per_minute": 0, "flap_changes": 0},
                    "disks": [{"path": disk.path}],
                    "processes": [{"name": "svc", "process": "svc-of-bench"}],
                    "alarms": [{"name": "diskavail", "interval": "1 s"},
                               {"name": "process", "interval": "1 s"},
                               {"name": "source", "enabled": False},
                               {"name": "diskfull", "enabled": False}]}
        daemon = Daemon(folder / "mailmond", snmpd.port, settings)
        daemon.client = snmpd.client
        serves = daemon.client.serves
        daemon.client.serves = lambda: serves(f"{ARC}.1.1.1.0")
        try:
            daemon.start()
            time.sleep(3)
            measure("a file system that fills", "diskavail", disk, trapd, times)
            measure("a service that dies", 'process \\"', service, trapd, times)
        finally:
            daemon.stop()
            snmpd.stop()
            trapd.stop()
            service.end()
            disk.end()


if __name__ == "__main__":
    main()
