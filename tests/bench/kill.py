#!/usr/bin/env python3
"""Kills mailmond at random instants while a log is written and rotated in every way, and compares
every number at the end with the truth.

A writer appends a generated log in irregular pieces, also cut inside lines, and rotates it as
logrotate does: rename and create with a late reopening, copytruncate, compression, dates for numbers,
several rotations while everything is down. Meanwhile processes are killed with SIGKILL: the collector,
the publisher, the supervisor, or all at once. At the end `mailmond --dump` and an SNMP walk must show
what check_truth.py expects, what `mailmond --read` makes of the same bytes, and the same again after
one more kill. Exit status 1 if one number differs.

Environment: B, the directory of the programs (build); MAILMOND_TEST_PORTS.
"""
import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("MAILMOND_BUILD", os.environ.get("B", "build"))
sys.path[:0] = [str(HERE), str(HERE.parent / "live")]
import check_truth
from daemon import BUILD, Daemon
from snmp_lab import Process, free_port, wait_for

GENERATOR = ["gen_postfix_log.c", "gen_world.c", "gen_inbound.c", "gen_message.c", "gen_delivery.c",
             "gen_truth.c"]
OCTETS_OF_LINE = {"bsd": 161, "rfc3339": 178, "rfc5424": 186}  # about
CHILDREN = ("mailmond-collect", "mailmond-publish")
# What follows from the time of asking, or is a level of this moment.
OF_THE_MOMENT = re.compile(r"(Uptime|LastChange|Activity|CreationTime|Age|AssociationAttempt|Seen|"
                           r"EntryLast|OperStatus)$")


def generate(folder, lines, seed, head):
    """Makes the log and its truth: (path of the log, truth)."""
    program, log, truth = folder / "gen_postfix_log", folder / "whole.log", folder / "truth.json"
    subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", program] +
                   [HERE / source for source in GENERATOR], check=True)
    subprocess.run([program, "-b", str(lines * OCTETS_OF_LINE[head]), "-s", str(seed), "-f", head, "-m",
                    str(max(100, lines // 50)), "-o", log, "-j", truth], check=True)
    return log, json.loads(truth.read_text())


class Log:
    """A log in the hands of its writer and of logrotate; `data` is all that will be written."""

    def __init__(self, path, data, rng, dated):
        self.path, self.data, self.rng, self.dated = path, data, rng, dated
        self.written = 0
        self.day = time.mktime((2026, 1, 1, 12, 0, 0, 0, 0, -1))
        self.kinds = {}
        self.compressor = None
        self.fd = self.open()

    def open(self):
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def append(self, size):
        piece = self.data[self.written:self.written + size]
        self.written += os.write(self.fd, piece)

    def end_line(self):
        """A writer turns to another file between two lines."""
        self.append(self.data.find(b"\n", self.written - 1) + 1 - self.written if self.written else 0)

    def older(self):
        """The older generations, the newest first."""
        names = [p for p in self.path.parent.iterdir()
                 if p.name.startswith(self.path.name) and p != self.path]
        if self.dated:
            return sorted(names, reverse=True)
        return sorted(names, key=lambda p: int(p.name.split(".")[2]))

    def shift(self):
        """Makes room for a new generation and returns its name."""
        if self.compressor:
            self.compressor.wait()
            self.compressor = None
        if self.dated:
            self.day += 86400
            return Path(f"{self.path}{time.strftime('-%Y%m%d', time.localtime(self.day))}")
        for path in reversed(self.older()):
            parts = path.name.split(".")
            parts[2] = str(int(parts[2]) + 1)
            path.rename(path.with_name(".".join(parts)))
        return Path(f"{self.path}.1")

    def compress(self, path):
        self.compressor = subprocess.Popen(["gzip", path])

    def rotate(self, pause):
        """pause() writes a little more, as a writer does that was not told yet."""
        kind = self.rng.choice(["rename", "rename", "late", "late", "nocreate", "copytruncate"])
        kind += self.rng.choice(["", " gzip", " delayed gzip"])
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        to = self.shift()
        if kind.startswith("copytruncate"):
            self.end_line()
            shutil.copy2(self.path, to)
            os.ftruncate(self.fd, 0)
        else:
            self.path.rename(to)
            if not kind.startswith("nocreate"):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
            if kind.startswith("late"):
                pause()
            self.end_line()
            os.close(self.fd)
            self.fd = self.open()
        plain = [path for path in self.older() if path.suffix != ".gz"]
        which = 1 if "delayed" in kind else 0
        if kind.endswith("gzip") and len(plain) > which and plain[which].exists():
            self.compress(plain[which])


class Writer(threading.Thread):
    """Writes the log at a steady mean speed in `seconds`."""

    def __init__(self, log, rng, seconds, rotations):
        super().__init__(daemon=True)
        self.log, self.rng, self.seconds = log, rng, seconds
        self.start_at = time.monotonic()
        self.lock = threading.Lock()  # whoever holds it writes
        self.turns = sorted(rng.randrange(len(log.data)) for _ in range(rotations))
        self.error = None

    def piece(self):
        return self.rng.choice([1, self.rng.randrange(1, 200), self.rng.randrange(200, 20000),
                                self.rng.randrange(1, 1 << 18)])

    def a_little(self):
        for _ in range(self.rng.randrange(1, 6)):
            self.log.append(self.piece())
            time.sleep(self.rng.random() * 0.3)

    def rotations(self, count):
        """Several in a row, each with something in it."""
        with self.lock:
            for _ in range(count):
                self.a_little()
                self.log.rotate(self.a_little)
            self.a_little()

    def run(self):
        try:
            while self.log.written < len(self.log.data):
                with self.lock:
                    self.log.append(self.piece())
                    if self.turns and self.log.written > self.turns[0]:
                        self.turns.pop(0)
                        self.log.rotate(self.a_little)
                due = self.start_at + self.seconds * self.log.written / len(self.log.data)
                time.sleep(max(0, due - time.monotonic()))
        except Exception as error:  # the main thread must hear of it
            self.error = error


class Victims:
    """mailmond's processes; all but the supervisor are found again by their names."""

    def __init__(self, daemon, rng):
        self.daemon, self.rng = daemon, rng
        self.killed = {}
        self.start()

    def start(self):
        self.daemon.process = Process(self.daemon.command("--foreground"),
                                      self.daemon.folder / "mailmond.log")

    def children(self):
        """{name: process id} of those that run."""
        found, pid = {}, self.daemon.process.pid
        try:
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                name = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].decode()
                found[os.path.basename(name)] = int(child)
        except OSError:
            pass
        return {name: pid for name, pid in found.items() if name in CHILDREN}

    def kill(self, name, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.killed[name] = self.killed.get(name, 0) + 1

    def strike(self):
        """One SIGKILL, or one for each process; says whether the supervisor is gone."""
        what = self.rng.choices([*CHILDREN, "supervisor", "all"], [5, 2, 2, 1])[0]
        children = self.children()
        if what in CHILDREN and what not in children:
            children, _ = wait_for(self.children, 0.5, 0.02)
            what = what if what in children else "supervisor"
        if what in CHILDREN:
            self.kill(what, children[what])
            return False
        self.kill("supervisor", self.daemon.process.pid)
        if what == "all":
            for name, pid in children.items():
                self.kill(name, pid)
        self.daemon.process.process.wait()
        return True

    def total(self):
        return sum(self.killed.values())


def torment(writer, victims, kills, rng, seconds):
    """Kills until the number is reached; then mailmond runs."""
    gap = seconds / kills
    while victims.total() < kills:
        if writer.error:
            raise writer.error
        time.sleep(rng.random() * (gap * 2 if rng.random() < 0.8 else 0.05))
        if not victims.strike():
            continue
        if rng.random() < 0.3:
            writer.rotations(rng.randrange(2, 5))
        else:
            time.sleep(rng.choice([0, 0, rng.random() * 0.3]))
        victims.start()


def dump(daemon):
    """The text of --dump, or "" while there is nothing to show."""
    done = subprocess.run(daemon.command("--dump"), capture_output=True, text=True, check=False,
                          timeout=30)
    return done.stdout if done.returncode == 0 else ""


def objects_of(text, folder):
    path = folder / "dump.txt"
    path.write_text(text)
    return check_truth.read_dump(path)


def octets_read(objects):
    return sum(int(text) for text in objects.get("mailmonSourceOctets", {}).values())


def wait_until_read(daemon, folder, size, seconds=60):
    """The objects of the first dump that has all octets, or of the last."""
    found = {}

    def all_read():
        found.update(text=dump(daemon))
        return octets_read(objects_of(found["text"], folder)) >= size
    wait_for(all_read, seconds, 0.3)
    return objects_of(found["text"], folder)


def walked(daemon):
    """The cells of an SNMP walk, as of a dump."""
    objects = {}
    for (column, *index), value in daemon.walk().items():
        objects.setdefault(column, {})[tuple(index)] = str(value)
    return objects


def by_name(objects):
    """{(column, index): text} with names of groups for their numbers, which follow from their order."""
    names = objects.get("mtaGroupName", {})
    cells = {}
    for column, rows in objects.items():
        grouped = column.startswith(("mtaGroup", "mailmonChannel", "mailmonEntry"))
        for index, text in rows.items():
            if grouped:
                index = (index[0], names.get(index[:2]), *index[2:])
            cells[column, index] = text
    return cells


def same_as_read(objects, read):
    """Cells of --read that the daemon shows otherwise, and how many there are."""
    mine = by_name(objects)
    cells = {key: text for key, text in by_name(read).items() if not OF_THE_MOMENT.search(key[0])}
    wrong = [f"{column} {index} is {mine.get((column, index))}, --read has {text}"
             for (column, index), text in cells.items() if mine.get((column, index)) != text]
    return wrong, len(cells)


def report(what, differences, compared):
    print(f"{what}: {compared} numbers compared, {len(differences)} differences")
    for line in differences[:15]:
        print("   ", line)
    return not differences


def compare(what, objects, truth):
    check = check_truth.check_all(objects, truth)
    return report(what, [text for _, text in check.differences], check.compared)


def verify(daemon, victims, folder, log, truth):
    good = True
    done = subprocess.run([BUILD / "mailmond", "--read", "postfix", log, "--statistics"],
                          capture_output=True, text=True, check=True)
    read = objects_of(done.stdout, folder)
    truth["lines"] = int(re.search(r"(\d+) lines of", done.stderr)[1])  # without other programs'
    good &= compare("--read and the truth", read, truth)
    for again in (False, True):
        label = "after one more kill, " if again else ""
        if again:
            collector = wait_for(lambda: victims.children().get(CHILDREN[0]), 20)[0]
            victims.kill(CHILDREN[0], collector)
            time.sleep(0.5)
        objects = wait_until_read(daemon, folder, truth["bytes"])
        good &= compare(label + "--dump and the truth", objects, truth)
        good &= report(label + "--dump and --read", *same_as_read(objects, read))
    wait_for(lambda: daemon.client.serves(), 20)
    good &= compare("walk and the truth", walked(daemon), truth)
    return good


def settings(folder, log):
    """Two instances of which nothing but the log exists."""
    instances = []
    for name in ("postfix", "postfix-out"):
        (folder / name).mkdir()
        (folder / name / "main.cf").write_text(f"syslog_name = {name}\n")
        (folder / name / "master.cf").touch()
        instances.append({"name": name, "log": log, "config_directory": folder / name,
                          "queue_directory": "/nonexistent"})
    return {"interval": "100 ms", "checkpoint_interval": "1 s", "postfix": instances}


def run(folder, lines, kills, seed, seconds=None, head=None, quiet=False):
    """The whole test; says whether every number was right."""
    rng = random.Random(seed)
    head = head or rng.choice(["bsd", "rfc3339", "rfc5424"])
    dated = rng.random() < 0.4
    seconds = seconds or kills * 0.8
    whole, truth = generate(folder, lines, seed, head)
    (folder / "logs").mkdir()
    log = Log(folder / "logs" / "mail.log", whole.read_bytes(), random.Random(seed + 1), dated)
    writer = Writer(log, random.Random(seed + 2), seconds, max(3, int(seconds / 4)))
    begin = time.monotonic()
    daemon = Daemon(folder / "mailmond", free_port(), settings(folder, log.path))
    victims = Victims(daemon, rng)
    try:
        if not wait_for(lambda: dump(daemon), 10)[0]:
            raise RuntimeError("mailmond does not start:\n" + daemon.text())
        writer.start()
        torment(writer, victims, kills, rng, seconds)
        writer.join()
        if writer.error:
            raise writer.error
        print(f"seed {seed}: {truth['lines']} lines of {head}, {victims.total()} kills "
              f"{dict(sorted(victims.killed.items()))}, {sum(log.kinds.values())} rotations named by "
              f"{'date' if dated else 'number'} {dict(sorted(log.kinds.items()))}, "
              f"{time.monotonic() - begin:.0f} s")
        good = verify(daemon, victims, folder, whole, truth)
        print(f"{'every number is right' if good else 'WRONG'}, {time.monotonic() - begin:.0f} s")
        if not good:
            print(daemon.text()[-5000:])
        return good
    finally:
        daemon.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--lines", type=int, default=1000000, help="about so many (1,000,000)")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="of writing (0.8 for each kill)")
    parser.add_argument("--format", choices=("bsd", "rfc3339", "rfc5424"), help="(by the seed)")
    parser.add_argument("--keep", action="store_true", help="keep the folder, for a look at it")
    opts = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailmond-kill-"))
    folder.chmod(0o755)
    good = False
    try:
        good = run(folder, opts.lines, opts.kills, opts.seed, opts.seconds, opts.format)
    finally:
        if opts.keep:
            print(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
