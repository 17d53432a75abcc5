#!/usr/bin/env python3
"""How fast mailmond reads a Postfix log, and whether it reads it right.

Makes a log and its truth with gen_postfix_log, then runs in turn wcl (read and memchr: the limit) and `mailmond
--read postfix`, and on another log also pflogsumm and mtail where they are installed. Prints medians, ratios
and peak memory (VmHWM), and compares every number with check_truth.py. Exit status 1 if a number is wrong, the
ratio to the limit is above --limit, or a peer is not as many times slower as --pflogsumm or --mtail say.
"""
import os
import shutil
import subprocess
import sys

import reading


def options():
    parser = reading.parser(__doc__, 500, 9)
    parser.add_argument("--peer-size", type=float, default=100,
                        help="MB of the log for all peers (100: on a smaller one, starting distorts the ratios)")
    parser.add_argument("--peer-rounds", type=int, default=3)
    parser.add_argument("--pflogsumm", type=float, help="fail if mailmond is not as many times as fast")
    parser.add_argument("--mtail", type=float, help="likewise")
    parser.add_argument("--in-flight", type=int, default=50000,
                        help="messages in flight, at most 100 for each MB (50000)")
    parser.add_argument("--format", default="bsd", choices=("bsd", "rfc3339", "rfc5424"))
    return parser.parse_args()


def generate(generator, opts, megabytes):
    in_flight = min(opts.in_flight, int(megabytes * 100) + 1)  # more would never be delivered
    name = f"postfix-{opts.format}-{megabytes:g}MB-{in_flight}-{opts.seed}"
    log, truth = (os.path.join(opts.dir, name + end) for end in (".log", ".json"))
    subprocess.run([generator, "-b", str(int(megabytes * 1e6)), "-s", str(opts.seed), "-f", opts.format,
                    "-m", str(in_flight), "-o", log, "-j", truth], check=True)
    return log, truth


def installed_peers(log):
    commands = {}
    if shutil.which("pflogsumm"):
        commands["pflogsumm"] = ["pflogsumm", log]
    if shutil.which("mtail"):
        commands["mtail"] = ["mtail", "-one_shot", "-address", "127.0.0.1", "-port", "0", "-logtostderr",
                             "-progs", os.path.join(reading.HERE, "postfix.mtail"), "-logs", log]
    return commands


def right(opts, truth):
    """Is the last output of mailmond right?"""
    print()
    return subprocess.run([sys.executable, os.path.join(reading.HERE, "check_truth.py"),
                           os.path.join(opts.dir, "mailmond.out"), truth], check=False).returncode == 0


def main():
    opts = options()
    if not os.access(opts.mailmond, os.X_OK):
        sys.exit(f"bench_log.py: {opts.mailmond}: not there; build it or name it with --mailmond")
    generator, = reading.compile_tools(opts.dir, "gen_postfix_log")
    log, truth = generate(generator, opts, opts.size)
    good = reading.within(reading.compare("the limit", opts, "postfix", log), opts.limit)
    good &= right(opts, truth)
    os.unlink(log)
    log, truth = generate(generator, opts, opts.peer_size)
    medians = reading.compare("its peers", opts, "postfix", log, installed_peers(log), opts.peer_rounds)
    good &= reading.ahead(medians, {"pflogsumm": opts.pflogsumm, "mtail": opts.mtail})
    good &= right(opts, truth)
    os.unlink(log)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
