#!/usr/bin/python3
"""Do all notifications arrive? A storm of transitions while snmpd is restarted again and again and hangs for a
minute, heard by snmptrapd:

    tests/bench/notifications.py [TRANSITIONS [RESTARTS [STOPPED_SECONDS]]]    default 10000 20 60

Then the time from a change to snmptrapd. Exit status 0: every number arrived, or was accepted by a snmpd that
was then killed (told apart), and first arrivals were in order. Needs root, snmpd, snmptrapd and ports of the
loopback interface (MAILMOND_TEST_PORTS). The storm limit is off."""
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))
from daemon import Daemon
from snmp_lab import ARC, Snmpd, wait_for
from trap_lab import Files, Trapd

ROWS = 200
QUIET = ["diskavail", "partition", "diskfull", "service", "process", "source"]


def pending(d):
    found = d.client.values("snmpget", f"{ARC}.1.1.12.0", timeout=1)
    return found[0][2] if found and isinstance(found[0][2], int) else None


def make(folder, sinks):
    snmpd = Snmpd(folder, extra=sinks).start()
    files = Files(folder, ROWS)
    settings = {**files.settings, "detect": False, "log_level": "warning",
                "snmp": {"agentx_socket": snmpd.socket, "ping_interval": 1},
                "notifications": {"per_minute": 0, "flap_changes": 0}}
    settings["alarms"] += [{"name": n, "enabled": False} for n in QUIET]
    d = Daemon(folder / "mailmond", snmpd.port, settings)
    d.client = snmpd.client
    serves = d.client.serves
    d.client.serves = lambda: serves(f"{ARC}.1.1.1.0")
    return snmpd, files, d.start()


def storm(snmpd, files, transitions, restarts, stopped_s):
    """Turns all rows on and off; between, what happens to the master, in random order."""
    rounds = transitions // ROWS
    events = ["restart"] * restarts + ["stop"]
    random.shuffle(events)
    at = sorted(random.sample(range(1, rounds), len(events)))
    killed = 0
    for i in range(rounds):
        files.turn(i % 2 == 0)
        if i not in at:
            time.sleep(2.2)
            continue
        time.sleep(random.uniform(0.2, 2.2))  # at any moment of what follows
        if events.pop() == "stop":
            os.kill(snmpd.process.pid, signal.SIGSTOP)
            time.sleep(stopped_s)
            os.kill(snmpd.process.pid, signal.SIGCONT)
        else:
            killed += 1
            snmpd.stop(signal.SIGKILL if killed % 2 else signal.SIGTERM)
            time.sleep(random.uniform(0, 2))
            snmpd.start()
        time.sleep(2.2)
    return rounds * ROWS


def dropped(port):
    """Datagrams that the kernel dropped because snmptrapd did not read them in time: a trap is not repeated."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rsplit(":", 1)[1], 16) == port:
            return int(fields[-1])
    return 0


def report(trapd, made):
    numbers = trapd.numbers()
    first = list(dict.fromkeys(numbers))
    missing = sorted(set(range(1, made + 1)) - set(numbers))
    ordered = first == sorted(first)
    print(f"{made} transitions: {len(first)} numbers arrived, {len(numbers) - len(first)} repeats, "
          f"{len(missing)} missing {missing[:10]}, first arrivals in order: {ordered}")
    return missing, ordered


def latency(trapd, files, made, times=30):
    """From the change in the file system to the line in snmptrapd's log; rule and source each look once a
    second, so that a change waits a second on average before anything can see it."""
    took = []
    files.turn(False)
    time.sleep(4)
    for i in range(times):
        time.sleep(random.uniform(1.5, 2.5))
        before = len(trapd.text())
        start = time.monotonic()
        files.turn(i % 2 == 0, [0])
        ok, _ = wait_for(lambda: len(trapd.text()) > before, 10, 0.005)
        assert ok
        took.append((time.monotonic() - start) * 1000)
    print(f"from a change to snmptrapd, {times} times: median {statistics.median(took):.0f} ms, "
          f"worst {max(took):.0f} ms")


def main():
    transitions, restarts, stopped_s = [int(a) for a in sys.argv[1:]] + [10000, 20, 60][len(sys.argv) - 1:]
    random.seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        trapd = Trapd(folder).start()
        snmpd, files, d = make(folder, [f"trap2sink 127.0.0.1:{trapd.port} public"])
        try:
            start = time.monotonic()
            made = storm(snmpd, files, transitions, restarts, stopped_s)
            wait_for(lambda: pending(d) == 0, 120, 1)
            time.sleep(2)
            print(f"{restarts} restarts of snmpd, stopped for {stopped_s} s, {time.monotonic() - start:.0f} s in all")
            missing, ordered = report(trapd, made)
            lost = d.client.values("snmpget", f"{ARC}.1.1.13.0")[0][2]
            drops = dropped(trapd.port)
            print(f"mailmonAgentNotificationsLost {lost}; of the missing {drops} at most were dropped by the kernel at "
                  f"snmptrapd's socket, the others were accepted by a snmpd that was killed")
            latency(trapd, files, made)
        finally:
            d.stop()
            snmpd.stop()
            trapd.stop()
    return 0 if ordered and lost == 0 and len(missing) - drops <= restarts else 1


if __name__ == "__main__":
    sys.exit(main())
