#!/usr/bin/env python3
"""How fast mailmond reads a log of Sun's Messaging Server, and whether it reads it right; and how fast its queue
directories are scanned.

Makes a log and its truth with tests/live/sun_site.py, then runs in turn wcl (read and memchr: the limit) and
`mailmond --read sun`. Prints medians and the ratio; compares every channel's counters with the truth. Then 100,000
queue files: bench_sun_queue beside `find -mmin`. Exit status 1 if a number is wrong or a ratio above its limit.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("B", "build")
sys.path.insert(0, str(ROOT / "tests/live"))
os.environ["TZ"] = "UTC0"
from sun_site import COLUMNS, LINES, Traffic  # noqa: E402


def median(command, rounds):
    times = []
    for _ in range(rounds):
        begin = time.monotonic()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - begin)
    return statistics.median(times)


def wrong_numbers(text, traffic):
    cells = dict(re.findall(r"^\S+::(\S+) = \S+ (.*)$", text, re.M))
    names = {v: k.split(".", 1)[1] for k, v in cells.items() if k.startswith("mtaGroupName.")}
    wrong = 0
    for name, channel in traffic.channels.items():
        for line in LINES:
            column = "mtaGroupRejected" if line == "rejected" else COLUMNS[line]
            is_ = int(cells[f"{column}Messages.{names[name]}"])
            if is_ != channel.counts[line][0]:
                print(f"{name} {line}: {is_}, not {channel.counts[line][0]}")
                wrong += 1
    return wrong


def bench_log(folder, options):
    traffic, log = Traffic(3, start=1795300000), folder / "mail.log_current"
    with open(log, "w", encoding="ascii") as f:
        while f.tell() < options.size * 1e6:
            f.write(traffic.take(20000))
    read = [BUILD / "mailmond", "--read", "sun", log]
    wrong = wrong_numbers(subprocess.run(read, capture_output=True, text=True, check=True).stdout, traffic)
    limit, ours = median([BUILD / "wcl", log], options.rounds), median(read, options.rounds)
    print(f"{log.stat().st_size / 1e6:.0f} MB, {traffic.entries} entries: limit {limit:.3f} s, mailmond {ours:.3f} s, "
          f"ratio {ours / limit:.2f} (at most {options.limit}), {wrong} numbers wrong")
    return wrong == 0 and ours / limit <= options.limit


def bench_queue(folder, files):
    queue = folder / "queue"
    for n in range(files):
        if n % 100 == 0:
            path = queue / ("tcp_local" if n % 300 else "ims-ms") / f"{n // 100:03d}"
            path.mkdir(parents=True)
        (path / f"ZZ0{n:012d}.00").touch()
    times = {"find": [], "ours": []}
    for _ in range(7):
        times["find"].append(median(["find", queue, "-type", "f", "-mmin", "+60"], 1))
        times["ours"].append(median([BUILD / "bench_sun_queue", queue], 1))
    find, ours = (statistics.median(times[k]) for k in ("find", "ours"))
    print(f"{files} queue files: find -mmin {find:.3f} s, mailmond {ours:.3f} s, ratio {ours / find:.2f} (at most 1.0)")
    return ours / find <= 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("size", nargs="?", type=float, default=100, help="MB of the log (100)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--limit", type=float, default=6.5)
    parser.add_argument("--files", type=int, default=100000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        good = bench_log(Path(folder), options)
        good &= bench_queue(Path(folder), options.files)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
