#!/usr/bin/env python3
"""What it costs to follow a busy log: 2,000 lines a second in 20 batches, read at the same time by
mailmond (all its processes) and by `tail -F > /dev/null`.

Exit status 1 if mailmond takes more than 1.3 times the processor time of tail. Environment: B (build),
MAILMOND_TEST_PORTS.
"""
import argparse
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from kill import generate
from rest import Site, cpu_seconds, limited, name_of

LINES, BATCHES = 2000, 20  # a second
LIMIT = 1.3                # times tail


def batches(lines):
    """Endless: the log's lines again and again, so many to a batch."""
    size = LINES // BATCHES
    while True:
        for start in range(0, len(lines) - size, size):
            yield b"".join(lines[start:start + size])


def write(log, data, seconds):
    """One second's batches each second."""
    begin = time.monotonic()
    with open(log, "ab", buffering=0) as out:
        for i in range(int(seconds * BATCHES)):
            out.write(next(data))
            time.sleep(max(0, begin + (i + 1) / BATCHES - time.monotonic()))


def measure(seconds):
    with Site() as there:
        whole, _ = generate(there.folder, LINES * int(seconds + 10), 1, "rfc3339")
        data = batches(whole.read_bytes().splitlines(keepends=True))
        log = there.folder / "mail.log"
        with subprocess.Popen(["tail", "-F", log], stdout=subprocess.DEVNULL) as tail:
            write(log, data, 5)
            pids = [*there.processes(), tail.pid]
            before = {pid: cpu_seconds(pid) for pid in pids}
            write(log, data, seconds)
            used = {pid: (cpu_seconds(pid) - before[pid]) / seconds * 100 for pid in pids}
            for pid in pids:
                print(f"  {name_of(pid)}: {used[pid]:.3f} % of a core")
            tail.terminate()
        tails = used.pop(tail.pid)
        ours = sum(used.values())
        print(f"mailmond {ours:.3f} %, tail -F {tails:.3f} % of a core")
        return limited("mailmond / tail -F", ours / tails, LIMIT, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=30)
    sys.exit(0 if measure(parser.parse_args().seconds) else 1)


if __name__ == "__main__":
    main()
