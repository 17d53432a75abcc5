#!/usr/bin/env python3
"""How fast mailmond reads a log of Sun's Messaging Server, and whether it reads it right; and how fast its queue
directories are scanned.

Makes a log and its truth with tests/live/sun_site.py, then runs in turn wcl (read and memchr: the limit) and
`mailmond --read sun`. Prints medians and the ratio; compares every channel's counters with the truth. Then 100,000
queue files: bench_sun_queue beside `find -mmin`. Exit status 1 if a number is wrong or a ratio above its limit.
"""
import os
import re
import statistics
import sys
import tempfile
from pathlib import Path

import reading

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("B", "build")
sys.path.insert(0, str(ROOT / "tests/live"))
os.environ["TZ"] = "UTC0"
from sun_site import COLUMNS, LINES, Traffic  # noqa: E402


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
    traffic, log = Traffic(options.seed, start=1795300000), folder / "mail.log_current"
    with open(log, "w", encoding="ascii") as f:
        while f.tell() < options.size * 1e6:
            f.write(traffic.take(20000))
    good = reading.within(reading.compare("Sun", options, "sun", log), options.limit)
    wrong = wrong_numbers(Path(options.dir, "mailmond.out").read_text(encoding="utf-8"), traffic)
    print(f"{traffic.entries} entries, {wrong} numbers wrong")
    return good and wrong == 0


def bench_queue(folder, files):
    queue = folder / "queue"
    for n in range(files):
        if n % 100 == 0:
            path = queue / ("tcp_local" if n % 300 else "ims-ms") / f"{n // 100:03d}"
            path.mkdir(parents=True)
        (path / f"ZZ0{n:012d}.00").touch()
    times = {"find": [], "ours": []}
    for _ in range(7):
        times["find"].append(reading.run(["find", queue, "-type", "f", "-mmin", "+60"], os.devnull))
        times["ours"].append(reading.run([BUILD / "bench_sun_queue", queue], os.devnull))
    find, ours = (statistics.median(times[k]) for k in ("find", "ours"))
    print(f"{files} queue files: find -mmin {find:.3f} s, mailmond {ours:.3f} s, ratio {ours / find:.2f} (at most 1.0)")
    return ours / find <= 1.0


def main():
    parser = reading.parser(__doc__, 100, 9, 6.5)
    parser.add_argument("--files", type=int, default=100000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        good = bench_log(Path(folder), options)
        good &= bench_queue(Path(folder), options.files)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
