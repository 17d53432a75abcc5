"""What the benchmarks of reading logs share: tools, runs in turn, figures.

Each makes a log with a known truth and runs in turn, so that a busy machine slows all of them alike, wcl (read
and memchr: the limit), the same with mmap (shown beside it), `mailmond --read` and the programs that others read such
logs with.
"""
import argparse
import os
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = {"gen_postfix_log": ["gen_postfix_log.c", "gen_world.c", "gen_inbound.c", "gen_message.c",
                               "gen_delivery.c", "gen_truth.c"]}


def parser(doc, size, rounds, limit=None, seeded=True):
    """The options that all of them have; doc: of the program, whose first line is the help's."""
    p = argparse.ArgumentParser(description=doc.split("\n", 1)[0])
    p.add_argument("size", nargs="?", type=float, default=size, help=f"MB of the log ({size})")
    p.add_argument("--rounds", type=int, default=rounds)
    if seeded:
        p.add_argument("--seed", type=int, default=1, help="of the log that is made (1)")
    p.add_argument("--limit", type=float, default=limit, help="fail above this ratio to wcl")
    p.add_argument("--mailmond", default=os.path.join(ROOT, os.environ.get("B", "build"), "mailmond"))
    p.add_argument("--dir", default=os.path.join(ROOT, "build", "bench"), help="for data (build/bench)")
    return p


def compile_tools(directory, *names):
    """Compiles tools of this directory; returns their paths."""
    os.makedirs(directory, exist_ok=True)
    programs = [os.path.join(directory, name) for name in names]
    for name, program in zip(names, programs):
        sources = [os.path.join(HERE, s) for s in SOURCES.get(name, [name + ".c"])]
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", program, *sources],
                       check=True)
    return programs


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
    """name -> list of seconds; each round runs all, beginning with another one. The output of the last run of
    each is in the directory, as NAME.out."""
    seconds = {name: [] for name in commands}
    names = list(commands)
    run(commands["wcl"], os.devnull)  # the file is in memory from here on
    for i in range(rounds):
        for name in names[i % len(names):] + names[:i % len(names)]:
            seconds[name].append(run(commands[name], os.path.join(directory, name + ".out")))
    return seconds


def report(title, commands, seconds, log):
    """Prints a table; returns the median of each."""
    megabytes = os.path.getsize(log) / 1e6
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"\n{title}: {megabytes:.0f} MB, median of {len(seconds['wcl'])}")
    print(f"{'':12}{'s':>9}{'min':>9}{'max':>9}{'MB/s':>8}{'x wcl':>9}{'x mmap':>9}{'mailmond x':>12}"
          f"{'VmHWM kB':>10}")
    for name, times in seconds.items():
        median = medians[name]
        print(f"{name:12}{median:9.3f}{min(times):9.3f}{max(times):9.3f}{megabytes / median:8.0f}"
              f"{median / medians['wcl']:9.2f}{median / medians['mmap']:9.2f}{median / medians['mailmond']:12.2f}"
              f"{peak_memory(commands[name]):10}", flush=True)
    return medians


def compare(title, opts, mail_format, log, peers=None, rounds=None):
    """Runs wcl by read and by mmap, `mailmond --read` and peers (name -> command) on a log and reports; returns the
    medians. mailmond's output is mailmond.out."""
    wcl, = compile_tools(opts.dir, "wcl")
    commands = {"wcl": [wcl, log], "mmap": [wcl, "-m", log],
                "mailmond": [opts.mailmond, "--read", mail_format, log], **(peers or {})}
    return report(title, commands, measure(commands, rounds or opts.rounds, opts.dir), log)


def within(medians, limit):
    """Is mailmond within this ratio to wcl? None: any is."""
    ratio = medians["mailmond"] / medians["wcl"]
    if limit and ratio > limit:
        print(f"the ratio {ratio:.2f} is above {limit}")
        return False
    return True


def ahead(medians, limits):
    """Is mailmond as many times as fast as each peer that ran as the limits (name -> times) say?"""
    good = True
    for name, times in limits.items():
        if name in medians and times and medians[name] / medians["mailmond"] < times:
            print(f"{medians[name] / medians['mailmond']:.1f} times as fast as {name} is below {times:g}")
            good = False
    return good
