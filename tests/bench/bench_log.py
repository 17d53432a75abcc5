#!/usr/bin/env python3
"""How fast mailmond reads a Postfix log, and whether it reads it right.

Makes a log and its truth with gen_postfix_log, then runs in turn, so that a busy machine slows all of
them alike: wcl (read and memchr: the limit) and `mailmond --read postfix`, and on a smaller log also
pflogsumm and mtail where they are installed. Prints medians, ratios and peak memory (VmHWM), and
compares every number with check_truth.py. Exit status 1 if a number is wrong or the ratio to the limit
is above --limit.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GENERATOR = ["gen_postfix_log.c", "gen_world.c", "gen_inbound.c", "gen_message.c", "gen_delivery.c",
             "gen_truth.c"]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("size", nargs="?", type=float, default=500, help="MB of the log (500)")
    parser.add_argument("--peer-size", type=float, default=20, help="MB of the log for all peers (20)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peer-rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=50000,
                        help="messages in flight, at most 100 for each MB (50000)")
    parser.add_argument("--format", default="bsd", choices=("bsd", "rfc3339", "rfc5424"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, help="fail above this ratio to wcl")
    parser.add_argument("--mailmond", default=os.path.join(ROOT, "build", "mailmond"))
    parser.add_argument("--dir", default=os.path.join(ROOT, "build", "bench"), help="for data (build/bench)")
    return parser.parse_args()


def build(directory):
    """Compiles the tools; returns the paths of the generator and of wcl."""
    os.makedirs(directory, exist_ok=True)
    programs = []
    for name, sources in (("gen_postfix_log", GENERATOR), ("wcl", ["wcl.c"])):
        program = os.path.join(directory, name)
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", program]
                       + [os.path.join(HERE, source) for source in sources], check=True)
        programs.append(program)
    return programs


def generate(generator, opts, megabytes):
    in_flight = min(opts.in_flight, int(megabytes * 100) + 1)  # more would never be delivered
    name = f"postfix-{opts.format}-{megabytes:g}MB-{in_flight}-{opts.seed}"
    log, truth = (os.path.join(opts.dir, name + end) for end in (".log", ".json"))
    subprocess.run([generator, "-b", str(int(megabytes * 1e6)), "-s", str(opts.seed), "-f", opts.format,
                    "-m", str(in_flight), "-o", log, "-j", truth], check=True)
    return log, truth


def run(command, output):
    """Runs a command once; returns its seconds."""
    with open(output, "wb") as out:
        begin = time.perf_counter()
        subprocess.run(command, stdout=out, stderr=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begin


def peak_memory(command):
    """VmHWM in kB of one run, asked every 2 ms. (The ru_maxrss of wait4 has the parent's in it.)"""
    peak = 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as status:
                # Until the child has executed the command, it is this interpreter.
                if os.readlink(f"/proc/{process.pid}/exe") != os.readlink("/proc/self/exe"):
                    peak = max([peak] + [int(line.split()[1]) for line in status
                                         if line.startswith("VmHWM:")])
        except OSError:
            pass
        time.sleep(0.002)
    return peak


def measure(commands, rounds, directory):
    """name -> list of seconds; each round runs all, beginning with another one."""
    seconds = {name: [] for name in commands}
    names = list(commands)
    for i in range(rounds):
        for name in names[i % len(names):] + names[:i % len(names)]:
            seconds[name].append(run(commands[name], os.path.join(directory, name + ".out")))
    return seconds


def report(title, commands, seconds, log):
    megabytes = os.path.getsize(log) / 1e6
    limit = statistics.median(seconds["wcl"])
    print(f"\n{title}: {megabytes:.0f} MB, median of {len(seconds['wcl'])}")
    print(f"{'':12}{'s':>9}{'min':>9}{'max':>9}{'MB/s':>8}{'x wcl':>9}{'VmHWM kB':>10}")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:12}{median:9.3f}{min(times):9.3f}{max(times):9.3f}{megabytes / median:8.0f}"
              f"{median / limit:9.2f}{peak_memory(commands[name]):10}", flush=True)
    return statistics.median(seconds["mailmond"]) / limit


def limit_commands(wcl, opts, log):
    return {"wcl": [wcl, log], "mailmond": [opts.mailmond, "--read", "postfix", log]}


def peer_commands(wcl, opts, log):
    commands = limit_commands(wcl, opts, log)
    if shutil.which("pflogsumm"):
        commands["pflogsumm"] = ["pflogsumm", log]
    if shutil.which("mtail"):
        commands["mtail"] = ["mtail", "-one_shot", "-address", "127.0.0.1", "-port", "0", "-logtostderr",
                             "-progs", os.path.join(HERE, "postfix.mtail"), "-logs", log]
    return commands


def right(opts, truth):
    """Is the last output of mailmond right?"""
    print()
    return subprocess.run([sys.executable, os.path.join(HERE, "check_truth.py"),
                           os.path.join(opts.dir, "mailmond.out"), truth], check=False).returncode == 0


def main():
    opts = options()
    if not os.access(opts.mailmond, os.X_OK):
        sys.exit(f"bench_log.py: {opts.mailmond}: not there; build it or name it with --mailmond")
    generator, wcl = build(opts.dir)
    good = True
    for title, size, rounds, commands_for in (
            ("the limit", opts.size, opts.rounds, limit_commands),
            ("its peers", opts.peer_size, opts.peer_rounds, peer_commands)):
        log, truth = generate(generator, opts, size)
        commands = commands_for(wcl, opts, log)
        run(commands["wcl"], os.path.join(opts.dir, "wcl.out"))  # the file is in memory from here on
        ratio = report(title, commands, measure(commands, rounds, opts.dir), log)
        good &= right(opts, truth)
        if commands_for is limit_commands and opts.limit and ratio > opts.limit:
            print(f"the ratio {ratio:.2f} is above {opts.limit}")
            good = False
        os.unlink(log)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
