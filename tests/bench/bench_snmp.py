#!/usr/bin/python3
"""What a varbind costs: mailmond-publish against Net-SNMP's own table helper (bench_tdata), and the
embedded master against snmpd's nsModuleTable. Rates and CPU come from interleaved runs. Where master and
subagent run on two processors, waking each other across them takes most of the time, and how long that
takes is the machine's; where they run is the scheduler's choice, another one each time. So the limit for
rates is that of walks on one processor, all three processes there. The limit of processor time, of master
and subagent together, is that of each one's cheapest run: whatever else runs only adds. Instructions are
callgrind's, of the subagent alone, an idle run subtracted.

Exit status 1 if a limit is missed.

  B=build tests/bench/bench_snmp.py [--rows 10000] [--rounds 6] [--no-callgrind]
"""
import argparse
import itertools
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))
from snmp_lab import BUILD, Client, Process, Publisher, Snmpd, free_port, wait_for

OURS = "1.3.6.1.4.1.8072.9999.9999.1566.1.6.1"   # mailmonDestinationTable: nine columns from 2
TDATA = "1.3.6.1.4.1.8072.9999.9999.1567.1.6.1"  # bench_tdata: ten columns from 1
MODULES = "1.3.6.1.4.1.8072.1.2.1.1"             # nsModuleTable
WIDE_OURS = [f"{OURS}.{c}" for c in (2, 3, 4, 5, 6, 7, 8, 9, 10, 3)]
WIDE_TDATA = [f"{TDATA}.{c}" for c in range(1, 11)]
WALKS = {"1 column, bulk 50": ("bulk", 50, 1), "10 columns, bulk 10": ("bulk", 10, 10),
         "1 column, next": ("next", 0, 1)}
ONE = " *"  # on one processor
ALL_PROCESSORS = os.sched_getaffinity(0)
PLACES = {"": ALL_PROCESSORS, ONE: {min(ALL_PROCESSORS)}}
RATIO_LIMIT = 1.5  # of a walk by GETBULK: tdata's processor time, the publisher's rate on one processor
INSTRUCTIONS_LIMIT = {"1 column, bulk 50": 4000, "10 columns, bulk 10": 3000}
SHOW = """view all included .1
rocommunity public 127.0.0.1"""


def quoted(text):
    return f'"{text}"'


def bwalk(port, mode, repetitions, columns):
    """(varbinds, varbinds per second)"""
    out = subprocess.run([BUILD / "bwalk", f"127.0.0.1:{port}", mode, str(repetitions), *columns],
                         capture_output=True, text=True, check=True,
                         env=dict(os.environ, SNMPCONFPATH="/nonexistent")).stdout
    return int(out.split()[0]), float(out.split()[-2])


def cpu(pid):
    """Seconds, by the scheduler's clock."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Series:
    """Rates and CPU of one walk in one way."""

    def __init__(self, pids):
        self.pids, self.rates, self.cpu = pids, [], []  # seconds of each process for a varbind

    def run(self, processors, *walk):
        for p in (0, *self.pids):  # 0: this process, and so the walker
            os.sched_setaffinity(p, processors)
        before = [cpu(p) for p in self.pids]
        n, rate = bwalk(*walk)
        self.rates.append(rate)
        self.cpu.append([(cpu(p) - b) / n for p, b in zip(self.pids, before)])

    def cost(self):
        return min(map(sum, self.cpu))

    def __str__(self):
        per = " ".join(f"{c * 1e5:6.2f}" for c in min(self.cpu, key=sum))
        return f"{statistics.median(self.rates):9.0f} {max(self.rates):9.0f}   {per}"


def report(result):
    print(f"{'':24}{'':14}   varbinds/s:     CPU s per 100,000, least:\n"
          f"{'walk (*: one processor)':24}{'answered by':14}   median      best   master subagent")
    for (name, way), series in result.items():
        print(f"{name:24}{way:14}{series}")
    good = True
    for a, b in (("publisher", "tdata"), ("embedded", "nsModuleTable")):
        for name in (name for name, way in result if way == b):
            rate, best = (f(result[name, a].rates) / f(result[name, b].rates) for f in (statistics.median, max))
            less = result[name, b].cost() / result[name, a].cost()
            missed = b == "tdata" and "bulk" in name and (
                less < RATIO_LIMIT or name.endswith(ONE) and rate < RATIO_LIMIT)
            good &= not missed
            print(f"{name}: {a} / {b} = {rate:.2f} (best {best:.2f}); processor time {b} / {a} = {less:.2f}"
                  f"{' MISSED' if missed else ''}")
    return good


def bench_rates(folder, rows, rounds):
    snmpd = Snmpd(folder, extra=SHOW.splitlines()).start()
    socket = quoted(snmpd.socket)
    model = ["--rows", str(rows)]
    tdata = Process([BUILD / "bench_tdata", snmpd.socket, rows], folder / "tdata.log")
    fast = Publisher(folder, "fast", {"agentx_socket": socket}, model)
    wait_for(lambda: Client(snmpd.port, community="public").values("snmpget", "." + TDATA + ".2.1.1")[0][1], 10)
    port = free_port()
    alone = Publisher(folder, "alone", {"mode": quoted("standalone"),
                                        "listen": quoted(f"udp:127.0.0.1:{port}")}, model)
    own, ours = snmpd.process.pid, [OURS + ".3"]
    ways = {1: [("publisher", (own, fast.pid), snmpd.port, ours),
                ("tdata", (own, tdata.pid), snmpd.port, [TDATA + ".3"]),
                ("embedded", (alone.pid,), port, ours),
                ("nsModuleTable", (own,), snmpd.port, [MODULES + ".4"])],
            10: [("publisher", (own, fast.pid), snmpd.port, WIDE_OURS),
                 ("tdata", (own, tdata.pid), snmpd.port, WIDE_TDATA),
                 ("embedded", (alone.pid,), port, WIDE_OURS)]}
    result = {}
    # The order is rotated: whatever comes after the slowest walk finds a master that owes processor time.
    for turn in range(rounds):
        for (name, (mode, repetitions, width)), place in itertools.product(WALKS.items(), PLACES):
            first = turn % len(ways[width])
            for way, pids, where, columns in ways[width][first:] + ways[width][:first]:
                series = result.setdefault((name + place, way), Series(pids))
                series.run(PLACES[place], where, mode, repetitions, columns)
    good = report(result)
    for p in (alone, fast, tdata, snmpd):
        p.stop()
    return good


def instructions(folder, start, walk):
    """Instructions of a subagent started under callgrind, and varbinds of the walk (None: idle)."""
    snmpd = Snmpd(folder, extra=SHOW.splitlines()).start()
    out = folder / "callgrind.log"
    out.unlink(missing_ok=True)
    stop = start(snmpd, ["valgrind", "--tool=callgrind", f"--log-file={out}",
                         f"--callgrind-out-file={folder}/callgrind.out"])
    n = bwalk(snmpd.port, *walk)[0] if walk else 0
    stop()
    snmpd.stop()
    return int(re.search(r"Collected : (\d+)", out.read_text()).group(1)), n


def start_publisher(folder, rows, settings):
    def start(snmpd, valgrind):
        wrapper = folder / "publisher.sh"
        wrapper.write_text(f'#!/bin/sh\nexec {" ".join(valgrind)} {BUILD}/mailmond-publish "$@"\n')
        wrapper.chmod(0o755)
        p = Publisher(folder, "cg", {"agentx_socket": quoted(snmpd.socket), **settings},
                      ["--rows", str(rows)], program=wrapper, top={"publish_user": quoted("root")})
        time.sleep(1)
        return p.stop
    return start


def start_tdata(folder, rows):
    def start(snmpd, valgrind):
        p = Process([*valgrind, BUILD / "bench_tdata", snmpd.socket, rows], folder / "tdata.log")
        wait_for(lambda: Client(snmpd.port, community="public").values(
            "snmpget", "." + TDATA + ".2.1.1")[0][1], 60, 1)
        time.sleep(1)
        return p.stop
    return start


def bench_instructions(folder, rows):
    print("\nuser instructions per varbind in the subagent")
    ways = {"publisher": (start_publisher(folder, rows, {}), OURS + ".3", WIDE_OURS),
            "publisher, fast_path = false": (start_publisher(folder, rows, {"fast_path": "false"}),
                                             OURS + ".3", WIDE_OURS),
            "tdata": (start_tdata(folder, rows), TDATA + ".3", WIDE_TDATA)}
    good = True
    for way, (start, one, ten) in ways.items():
        idle = instructions(folder, start, None)[0]
        for name, walk in (("1 column, bulk 50", ("bulk", 50, [one])),
                           ("10 columns, bulk 10", ("bulk", 10, ten))):
            total, n = instructions(folder, start, walk)
            each = (total - idle) / n
            missed = way == "publisher" and each > INSTRUCTIONS_LIMIT[name]
            good &= not missed
            print(f"{name:22}{way:30}{each:9.0f}   ({n} varbinds){' MISSED' if missed else ''}", flush=True)
    return good


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=10000)
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--no-callgrind", action="store_true")
    a = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-snmp-"))
    folder.chmod(0o755)
    try:
        good = bench_rates(folder, a.rows, a.rounds)
        if not a.no_callgrind and shutil.which("valgrind"):
            good &= bench_instructions(folder, a.rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
