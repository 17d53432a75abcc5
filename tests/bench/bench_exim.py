#!/usr/bin/env python3
"""How fast mailmond reads an Exim main log, and whether it reads it right.

Makes logs and their truth with gen_exim_log, with the log selectors that Exim has by itself and with more; runs
wcl (read and memchr: the limit) and `mailmond --read exim` in turn, and on another log eximstats where it is
installed or the live tests' package of Exim is unpacked. Exit status 1 if a number is wrong, the ratio to the
limit is above --limit or that to eximstats below --peer.
"""
import json
import os
import shutil
import subprocess
import sys

import reading
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


def eximstats():
    package = os.environ.get("MAILMOND_EXIM", os.path.join(reading.ROOT, "build", "exim-package"))
    program = os.path.join(package, "usr/sbin/eximstats")
    return program if os.path.exists(program) else shutil.which("eximstats")


def main():
    parser = reading.parser(__doc__, 200, 7, 6.5)
    parser.add_argument("--peer-size", type=float, default=100, help="MB of the log for eximstats (100)")
    parser.add_argument("--peer", type=float, help="fail if mailmond is not as many times as fast as eximstats")
    opts = parser.parse_args()
    generator, = reading.compile_tools(opts.dir, "gen_exim_log")
    log, truth = (os.path.join(opts.dir, "exim" + end) for end in (".log", ".json"))
    good = True
    for title, size, rounds, extra in (("as Exim logs by itself", opts.size, opts.rounds, []),
                                       ("more selectors", opts.size / 2, opts.rounds, ["-a"]),
                                       ("beside eximstats", opts.peer_size, 3, [])):
        peer = title.startswith("beside")
        if peer and not eximstats():
            print("\neximstats is not here: no ratio to it")
            continue
        subprocess.run([generator, "-b", str(int(size * 1e6)), "-s", str(opts.seed), "-o", log, "-j", truth, *extra],
                       check=True)
        peers = {"eximstats": [eximstats(), log]} if peer else {}
        medians = reading.compare(title, opts, "exim", log, peers, rounds)
        good &= differences(os.path.join(opts.dir, "mailmond.out"), truth) == 0
        good &= reading.ahead(medians, {"eximstats": opts.peer}) if peer else reading.within(medians, opts.limit)
        os.unlink(log)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
