#!/usr/bin/env python3
"""How fast mailmond reads a Dovecot log, and whether it reads it right.

Makes a log and its truth with gen_dovecot_log, then runs in turn wcl (read and memchr: the limit) and
`mailmond --read dovecot`. Prints medians and the ratio, and compares every number. Exit status 1 if one is
wrong or the ratio is above --limit.
"""
import json
import os
import re
import subprocess
import sys

import reading


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
    opts = reading.parser(__doc__, 200, 7, 6.5).parse_args()
    generator, = reading.compile_tools(opts.dir, "gen_dovecot_log")
    log = os.path.join(opts.dir, "dovecot.log")
    with open(log, "wb") as out:
        truth = json.loads(subprocess.run([generator, str(int(opts.size * 1e6)), str(opts.seed)], stdout=out,
                                          stderr=subprocess.PIPE, check=True).stderr)
    good = reading.within(reading.compare("Dovecot", opts, "dovecot", log), opts.limit)
    os.unlink(log)
    faults = wrong_numbers(os.path.join(opts.dir, "mailmond.out"), truth)
    print(f"numbers compared: {sum(len(v) for v in truth.values())}, wrong: {faults}")
    sys.exit(0 if good and not faults else 1)


if __name__ == "__main__":
    main()
