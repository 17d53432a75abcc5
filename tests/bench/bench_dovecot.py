#!/usr/bin/env python3
"""How fast mailmond reads a Dovecot log, and whether it reads it right.

Makes a log and its truth with gen_dovecot_log, then runs in turn wcl (read and memchr: the limit) and
`mailmond --read dovecot`. Prints medians and the ratio, and compares every number. Exit status 1 if one is
wrong or the ratio is above --limit.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys

from bench_log import HERE, ROOT, peak_memory, run


def wrong_numbers(dump, truth):
    """[(service, column, shown, true)]"""
    cells = {}
    for line in open(dump, encoding="utf-8", errors="replace"):
        found = re.match(r"[\w-]+::(\w+)\.(\d+) = \w+: (.*)$", line)
        if found:
            cells[found[1], found[2]] = found[3]
    index = {v.partition("/")[2]: i for (c, i), v in cells.items() if c == "applName"}
    faults = []
    for service, columns in truth.items():
        if service == "now":
            columns = {}
        for column, value in columns.items():
            shown = int(cells.get(("mailmonAccess" + column, index[service]), 0))
            if shown != value:
                faults.append((service, column, shown, value))
    for service, value in truth["now"].items():
        shown = int(cells["mailmonAccessCurrentConnections", index[service]])
        if shown != value:
            faults.append((service, "CurrentConnections", shown, value))
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("size", nargs="?", type=float, default=200, help="MB of the log (200)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, help="fail above this ratio to wcl")
    parser.add_argument("--mailmond", default=os.path.join(
        ROOT, os.environ.get("B", "build"), "mailmond"))
    parser.add_argument("--dir", default=os.path.join(ROOT, "build", "bench"))
    opts = parser.parse_args()
    os.makedirs(opts.dir, exist_ok=True)
    programs = {}
    for name in ("gen_dovecot_log", "wcl"):
        programs[name] = os.path.join(opts.dir, name)
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o",
                        programs[name], os.path.join(HERE, name + ".c")], check=True)
    log = os.path.join(opts.dir, "dovecot.log")
    with open(log, "wb") as out:
        truth = json.loads(subprocess.run(
            [programs["gen_dovecot_log"], str(int(opts.size * 1e6)), str(opts.seed)], stdout=out,
            stderr=subprocess.PIPE, check=True).stderr)
    commands = {"wcl": [programs["wcl"], log],
                "mailmond": [opts.mailmond, "--read", "dovecot", log]}
    output = os.path.join(opts.dir, "dovecot.out")
    run(commands["wcl"], os.devnull)  # the file is in memory from here on
    seconds = {name: [] for name in commands}
    for _ in range(opts.rounds):
        for name, command in commands.items():
            seconds[name].append(run(command, output if name == "mailmond" else os.devnull))
    limit = statistics.median(seconds["wcl"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:9} {median:7.3f} s {opts.size / median:8.0f} MB/s {median / limit:6.2f} x wcl "
              f"{peak_memory(commands[name]):8} kB")
    ratio = statistics.median(seconds["mailmond"]) / limit
    faults = wrong_numbers(output, truth)
    os.unlink(log)
    print(f"numbers compared: {sum(len(v) for v in truth.values())}, wrong: {faults}")
    sys.exit(1 if faults or (opts.limit and ratio > opts.limit) else 0)


if __name__ == "__main__":
    main()
