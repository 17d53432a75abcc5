#!/usr/bin/env python3
"""A master that hangs, and one that is restarted again and again: neither may hold up counting.

A private snmpd is stopped (SIGSTOP) for a minute while lines are appended to a log: the longest time
without a new model may be 1.1 s, and within 5 s after SIGCONT everything is served again. Then snmpd
is restarted many times: mailmond is back within 5 s each time, and its descriptors and memory stay
as they are. Exit status 1 if a limit is missed.

Environment: B (build), MAILMOND_TEST_PORTS.
"""
import argparse
import os
import re
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rest import Site, limited, name_of
from snmp_lab import wait_for

PAUSE_LIMIT = 1.1   # s
BACK_LIMIT = 5.0    # s
GROWTH_LIMIT = 256  # kB, over all restarts
LINE = ("Nov 21 12:00:00 mx1 postfix/smtpd[9]: connect from h.example[198.51.100.7]\n"
        "Nov 21 12:00:00 mx1 postfix/smtpd[9]: disconnect from h.example[198.51.100.7]\n")
CONNECTIONS = "applAccumulatedInboundAssociations"


def publisher(there):
    found = [pid for pid in there.processes() if name_of(pid).startswith("mailmond-publis")]
    return found[0]


def connections(cells):
    return sum(int(text.split()[-1]) for key, text in cells.items() if key[0] == CONNECTIONS)


class Pauses:
    """Appends a line and asks the running daemon 20 times a second: the longest time without change."""

    def __init__(self, there):
        self.there, self.log = there, there.folder / "mail.log"
        self.seen, self.at, self.longest = None, time.monotonic(), 0.0

    def look(self):
        with open(self.log, "a", encoding="ascii") as log:
            log.write(LINE)
        now, seen = time.monotonic(), connections(self.there.daemon.dump())
        if seen != self.seen:
            self.longest = max(self.longest, now - self.at) if self.seen is not None else 0.0
            self.seen, self.at = seen, now
        time.sleep(0.05)

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
        return max(self.longest, time.monotonic() - self.at)


def served_connections(there):
    """As SNMP shows them; None if it does not."""
    found = there.snmpd.client.values("snmpwalk", ".1.3.6.1.2.1.27.1.1.10", timeout=1)
    return sum(v for _, kind, v in found) if found and found[0][1] == 65 else None


def stopped(there, seconds):
    pauses = Pauses(there)
    pauses.watch(2)
    snmpd = there.snmpd.process.process
    snmpd.send_signal(signal.SIGSTOP)
    try:
        longest = pauses.watch(seconds)
    finally:
        snmpd.send_signal(signal.SIGCONT)
    target = connections(there.daemon.dump())
    right, took = wait_for(lambda: (served_connections(there) or 0) >= target, 20)
    good = limited(f"longest pause while snmpd was stopped for {seconds:g} s", longest, PAUSE_LIMIT, "s")
    return limited("right again after SIGCONT", took if right else 20, BACK_LIMIT, "s") and good


def state_of(pid):
    """(descriptors, kB): memory that nobody else can have a share in."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return (len(os.listdir(f"/proc/{pid}/fd")),
            int(re.search(r"Private_Dirty:\s+(\d+)", rollup)[1]))


def restart(there):
    """Seconds until mailmond is seen again through a new snmpd."""
    there.snmpd.stop()
    there.snmpd.start()
    return wait_for(there.snmpd.client.serves, 20)[1]


def restarts(there, count):
    warm_up = min(10, count)
    longest = max(restart(there) for _ in range(warm_up))
    pid = publisher(there)
    descriptors, memory = state_of(pid)
    for _ in range(count - warm_up):
        longest = max(longest, restart(there))
    more_descriptors, more_memory = state_of(pid)
    print(f"{count} restarts of snmpd: {descriptors} descriptors and {memory} kB, at the end "
          f"{more_descriptors} and {more_memory} kB")
    good = limited("attached again after", longest, BACK_LIMIT, "s")
    good &= limited("descriptors more", more_descriptors - descriptors, 0, "")
    good &= limited("memory more", more_memory - memory, GROWTH_LIMIT, "kB")
    if publisher(there) != pid:
        print("mailmond-publish is another process MISSED")
    return good and publisher(there) == pid


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=60, help="snmpd is stopped for so long (60)")
    parser.add_argument("--restarts", type=int, default=200)
    opts = parser.parse_args()
    with Site() as there:
        good = stopped(there, opts.seconds)
        good &= restarts(there, opts.restarts) if opts.restarts else True
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
