#!/usr/bin/env python3
"""How fast mailmond reads an Exim main log, and whether it reads it right.

Makes logs and their truth with gen_exim_log, with the log selectors that Exim has by itself and with more;
runs wcl (read and memchr: the limit) and `mailmond --read exim` in turn, and on a smaller log eximstats where
the live tests' package of Exim is unpacked. Exit status 1 if a number is wrong, the ratio to the limit is
above --limit or that to eximstats below --peer."""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench_log
from check_truth import (COUNTER32, COUNTER64, Check, GROUP, KILO, as_text, read_dump, rows_of)

MTA = {f: [(f"mta{c}", how)] for f, c, how in (
    ("received_messages", "ReceivedMessages", COUNTER32),
    ("received_octets", "ReceivedVolume", KILO),
    ("received_recipients", "ReceivedRecipients", COUNTER32),
    ("transmitted_messages", "TransmittedMessages", COUNTER32),
    ("transmitted_octets", "TransmittedVolume", KILO),
    ("transmitted_recipients", "TransmittedRecipients", COUNTER32))}
MTA["failed_outbound"] = [("applFailedOutboundAssociations", COUNTER32)]
MTA["accumulated_outbound"] = [("applAccumulatedOutboundAssociations", COUNTER32)]
MTA["accumulated_inbound"] = [("applAccumulatedInboundAssociations", COUNTER32)]
OF_GROUP = {**GROUP, "bounces_generated": [("mailmonChannelBouncesGenerated", COUNTER32)]}
DESTINATION = {"deferrals": [("mailmonDestinationDeferrals", COUNTER32)],
               "deliveries": [("mailmonDestinationDeliveries", COUNTER32)]}


def differences(dump, truth):
    """Prints what is not as it should be; returns how many."""
    with open(truth, encoding="utf-8") as file:
        truth = json.load(file)
    check = Check(read_dump(dump))
    appl = next(index[0] for index, text in check.objects["applName"].items()
                if as_text(text) == "exim")
    check.members(MTA, (appl,), "exim", truth["mta"])
    rows = rows_of(check, "mtaGroupName", appl)
    for name in truth["groups"].keys() | rows.keys():
        known = truth["groups"].get(name, {})
        members = {m: c for m, c in OF_GROUP.items() if m in known}
        if name in rows:
            check.members(members, rows[name], name, known)
        elif any(known.values()):
            check.say(f"no group {name}")
        else:
            continue
    rows = rows_of(check, "mailmonDestinationDomain", appl)
    for domain, known in truth["destinations"].items():
        if domain in rows:
            check.members(DESTINATION, rows[domain], domain, known)
        else:
            check.say(f"no destination {domain}")
    for _, what in check.differences[:20]:
        print(what)
    print(f"{check.compared} numbers compared, {len(check.differences)} differences")
    return len(check.differences)


def compile_tools(directory):
    os.makedirs(directory, exist_ok=True)
    programs = []
    for name in ("gen_exim_log", "wcl"):
        programs.append(os.path.join(directory, name))
        subprocess.run([os.environ.get("CC", "cc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-o",
                        programs[-1], os.path.join(HERE, name + ".c")], check=True)
    return programs


def eximstats():
    package = os.environ.get("MAILMOND_EXIM",
                             os.path.join(bench_log.ROOT, "build", "exim-package"))
    program = os.path.join(package, "usr/sbin/eximstats")
    return program if os.path.exists(program) else shutil.which("eximstats")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("size", nargs="?", type=float, default=200, help="MB of the log (200)")
    parser.add_argument("--peer-size", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--limit", type=float, default=6.5)
    parser.add_argument("--peer", type=float, default=10)
    parser.add_argument("--mailmond", default=os.path.join(bench_log.ROOT, "build", "mailmond"))
    parser.add_argument("--dir", default=os.path.join(bench_log.ROOT, "build", "bench"))
    opts = parser.parse_args()
    generator, wcl = compile_tools(opts.dir)
    good = True
    for title, size, rounds, extra, peer in (
            ("as Exim logs by itself", opts.size, opts.rounds, [], False),
            ("more selectors", opts.size / 2, opts.rounds, ["-a"], False),
            ("beside eximstats", opts.peer_size, 3, [], True)):
        log, truth = (os.path.join(opts.dir, "exim" + end) for end in (".log", ".json"))
        subprocess.run([generator, "-b", str(int(size * 1e6)), "-o", log, "-j", truth, *extra],
                       check=True)
        commands = {"wcl": [wcl, log], "mailmond": [opts.mailmond, "--read", "exim", log]}
        if peer and eximstats():
            commands["eximstats"] = [eximstats(), log]
        bench_log.run(commands["wcl"], os.path.join(opts.dir, "wcl.out"))
        seconds = bench_log.measure(commands, rounds, opts.dir)
        ratio = bench_log.report(title, commands, seconds, log)
        good &= differences(os.path.join(opts.dir, "mailmond.out"), truth) == 0
        if peer and eximstats():
            times = statistics.median(seconds["eximstats"]) / statistics.median(seconds["mailmond"])
            print(f"{times:.0f} times as fast as eximstats")
            good &= times >= opts.peer
        elif not peer and ratio > opts.limit:
            print(f"the ratio {ratio:.2f} is above {opts.limit}")
            good = False
        os.unlink(log)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
