#!/usr/bin/env python3
"""What mailmond costs at rest, beside a private snmpd and one Postfix instance (a log, queue directories,
sockets): memory of all its processes (Pss), processor time, wake-ups.

Exit status 1 if a limit is missed. Environment: B (build), MAILMOND_TEST_PORTS.
"""
import argparse
import grp
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("MAILMOND_BUILD", os.environ.get("B", "build"))
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]
from daemon import Daemon
from snmp_lab import Process, Snmpd, wait_for

PSS_LIMIT = 10240     # kB
CPU_LIMIT = 0.05      # % of a core
WAKE_UPS_LIMIT = 4.0  # a second
QUEUES = ("maildrop", "hold", "incoming", "active", "deferred", "defer", "bounce", "corrupt", "flush",
          "trace", "pid")
FIRST_LINES = (b"Nov 21 12:00:00 mx1 postfix/postfix-script[7]: starting the Postfix mail system\n"
               b"Nov 21 12:00:00 mx1 postfix/master[8]: daemon started -- version 3.7.11, "
               b"configuration /etc/postfix\n")


def descendants(pid):
    """The process and all that come from it: [process id]."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid] + [d for child in children for d in descendants(int(child))]


def memory(pid):
    """kB: (Pss, what is written and so nobody else's). Of a library's text Pss counts the share that is
    left by whoever else has it mapped, so it grows when little else runs on the host."""
    fields = {line.split(":")[0]: int(line.split()[1])
              for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]}
    return fields["Pss"], fields["Private_Dirty"]


def cpu_seconds(pid):
    """Of all threads, by the scheduler's clock."""
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9


def wake_ups(pid):
    return sum(int(line.split()[1]) for task in Path(f"/proc/{pid}/task").iterdir()
               for line in (task / "status").read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


def site(folder):
    """An idle Postfix: (log, queue directory)."""
    spool = folder / "spool"
    for queue in QUEUES:
        (spool / queue).mkdir(parents=True)
        for number in range(16) if queue in ("deferred", "defer") else ():
            (spool / queue / f"{number:X}").mkdir()
    for file in ("main.cf", "master.cf"):
        (folder / file).touch()
    log = folder / "mail.log"
    log.write_bytes(FIRST_LINES)
    return log, spool


def settings(folder, snmpd):
    """mailmond as it comes, for one instance."""
    log, spool = site(folder)
    return {"interval": "1 s", "queue": {"interval": "10 s"},
            "snmp": {"mode": "agentx", "agentx_socket": snmpd.socket},
            "postfix": [{"name": "postfix", "log": log, "queue_directory": spool,
                         "config_directory": folder}]}


class Site:
    """A private snmpd and mailmond as its subagent; `change` of its settings."""

    def __init__(self, change=None):
        self.folder = Path(tempfile.mkdtemp(prefix="mailmond-rest-"))
        self.folder.chmod(0o755)
        self.snmpd = Snmpd(self.folder, group=grp.getgrgid(os.getegid()).gr_name)
        made = {**settings(self.folder, self.snmpd), "publish_user": "root", "user": "root",
                **(change or {})}
        self.daemon = Daemon(self.folder / "mailmond", self.snmpd.port, made)

    def __enter__(self):
        self.snmpd.start()
        (self.folder / "mailmond" / "run").mkdir()
        self.daemon.process = Process(self.daemon.command("--foreground"),
                                      self.folder / "mailmond" / "mailmond.log")
        if not wait_for(self.snmpd.client.serves, 15)[0]:
            text = self.daemon.text()
            self.__exit__()
            raise RuntimeError(f"mailmond does not attach:\n{text}")
        return self

    def __exit__(self, *_):
        if self.daemon.process:
            self.daemon.stop()
        self.snmpd.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self):
        return descendants(self.daemon.process.pid)


def name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()


def limited(what, value, limit, unit):
    """Prints a figure and says whether it is within its limit."""
    good = value <= limit
    print(f"{what}: {value:.4g} {unit} (at most {limit:g}){'' if good else ' MISSED'}")
    return good


def measure(seconds):
    with Site() as there:
        time.sleep(12)  # the first scan of the queues, the first checkpoints
        pids = there.processes()
        before = {pid: (cpu_seconds(pid), wake_ups(pid)) for pid in pids}
        time.sleep(seconds)
        pss, own, cpu, wakes = 0, 0, 0.0, 0.0
        for pid in pids:
            used, woken = cpu_seconds(pid) - before[pid][0], wake_ups(pid) - before[pid][1]
            shared, private = memory(pid)
            print(f"  {name_of(pid)}: {shared} kB ({private} its own), {used / seconds * 100:.4f} % of a core, "
                  f"{woken / seconds:.2f} wake-ups/s")
            pss, own, cpu, wakes = pss + shared, own + private, cpu + used, wakes + woken
        good = limited(f"memory (Pss, {own} kB its own)", pss, PSS_LIMIT, "kB")
        good &= limited("processor", cpu / seconds * 100, CPU_LIMIT, "% of a core")
        return limited("wake-ups", wakes / seconds, WAKE_UPS_LIMIT, "a second") and good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60)
    sys.exit(0 if measure(parser.parse_args().seconds) else 1)


if __name__ == "__main__":
    main()
