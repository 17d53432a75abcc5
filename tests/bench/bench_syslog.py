#!/usr/bin/env python3
"""How fast mailmond reads the logs of Sendmail and OpenSMTPD, and whether it reads them right.

Makes logs by repeating a recorded one (tests/data) with other queue ids, runs wcl (read and memchr: the limit) and
`mailmond --read` in turn, and compares each counter: the third and any further repetition adds the same to it.
(The first ones may add less or more, as mailmond learns from them that mail comes back to the MTA, and makes up for
what it had counted by then.) Exit status 1 if a number is wrong or a ratio is above --limit.
"""
import os
import re
import subprocess
import sys

import reading

BASE60 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"


def sendmail_id(text, copy):
    """6AM4R63Z014080: date, hour, minute, second, two of a sequence, process: 60,000 copies."""
    second = BASE60[(BASE60.index(text[5]) + copy // 1000) % 60]
    return f"{text[:5]}{second}{text[6:8]}{(int(text[8:]) + 1000 * copy) % 1000000:06d}"


def opensmtpd_id(text, copy):
    """e0d493d6 of a message and e0d493d67f5b80d3 of an envelope of it, or of a session."""
    return f"{(int(text[:8], 16) + 0x9e3779b1 * copy) % 2**32:08x}{text[8:]}"


FORMATS = {"sendmail": (r"\b[0-9][0-9A-Za-z]{7}[0-9]{6}\b", sendmail_id),
           "opensmtpd": (r"\b(?:[0-9a-f]{16}|[0-9a-f]{8})\b", opensmtpd_id)}


def recorded(name):
    with open(os.path.join(reading.ROOT, "tests", "data", name + "_real.log"), encoding="utf-8") as file:
        return file.read()


def amplify(name, log, copies):
    """Writes the recorded log so many times."""
    pattern, rename = FORMATS[name]
    text, seen = recorded(name), set()
    pieces, ids = re.split(pattern, text), re.findall(pattern, text)
    with open(log, "w", encoding="utf-8") as out:
        for copy in range(copies):
            renamed = {i: rename(i, copy) for i in ids}
            assert len(set(renamed.values())) == len(renamed) and seen.isdisjoint(renamed.values())
            seen.update(renamed.values())
            out.write(pieces[0] + "".join(renamed[i] + piece for i, piece in zip(ids, pieces[1:])))


def counters(opts, name, log):
    """Volumes, which are rounded to kilo-octets, are left out: Counter64 columns have the octets."""
    dump = subprocess.run([opts.mailmond, "--read", name, log], capture_output=True, text=True, check=True).stdout
    return {m[1]: (int(m[3]), int(m[2])) for m in re.finditer(
        r"^\S+::((?!\w+Volume)\S+) = Counter(32|64): (\d+)$", dump, re.M)}


def wrong_numbers(opts, name, log, copies):
    """The log is written anew with two and three copies."""
    many, wrong = counters(opts, name, log), 0
    amplify(name, log, 2)
    two = counters(opts, name, log)
    amplify(name, log, 3)
    three = counters(opts, name, log)
    for cell, (value, bits) in many.items():
        start = two.get(cell, (0, 0))[0]
        right = (start + (copies - 2) * (three.get(cell, (0, 0))[0] - start)) % 2**bits
        if value != right:
            print(f"{cell}: {value}, not {right}")
            wrong += 1
    print(f"{len(many)} numbers compared, {wrong} wrong")
    return wrong


def main():
    opts = reading.parser(__doc__, 100, 7, seeded=False).parse_args()
    os.makedirs(opts.dir, exist_ok=True)
    good = True
    for name in FORMATS:
        log = os.path.join(opts.dir, name + ".log")
        copies = int(opts.size * 1e6) // len(recorded(name)) + 2
        amplify(name, log, copies)
        good &= reading.within(reading.compare(name, opts, name, log), opts.limit)
        good &= wrong_numbers(opts, name, log, copies) == 0
        os.unlink(log)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
