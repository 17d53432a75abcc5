#!/usr/bin/env python3
"""Random stories of mail systems, told as their logs tell them, against what mailmond counts of them.

usage: story.py [--program PROGRAM] [--seeds FIRST-LAST] [--keep DIR] [FORMAT...]

A mail system (postfix.py ...) lives for some days: it says lines and adds to the numbers that follow, by hand-written
rules that know nothing of mailmond's. What happens at once is interleaved; messages are deferred over
days, held, requeued, bounced; queue ids come again. Then the log is written as one of many syslog daemons would:
any head that docs/ names, lines folded, other programs' lines between, in one file or in several that were
rotated, and `mailmond --read` must count the same. A story that fails is named by its seed and
written to DIR.
"""
import argparse
import collections
import datetime
import heapq
import os
import random
import re
import subprocess
import sys
import tempfile

import dovecot
import exim
import opensmtpd
import postfix
import sendmail

SYSTEMS = {"dovecot": dovecot.Dovecot, "postfix": postfix.Postfix, "exim": exim.Exim, "sendmail": sendmail.Sendmail,
           "opensmtpd": opensmtpd.OpenSmtpd}
OBJECTS = {  # number of a story -> the scalar of MTA-MIB or NETWORK-SERVICES-MIB that must be it
    "received": "mtaReceivedMessages.1", "received_recipients": "mtaReceivedRecipients.1",
    "received_octets": "mtaReceivedVolume.1", "transmitted": "mtaTransmittedMessages.1",
    "transmitted_recipients": "mtaTransmittedRecipients.1", "transmitted_octets": "mtaTransmittedVolume.1",
    "connects": "applAccumulatedInboundAssociations.1", "rejected": "mtaGroupRejectedMessages.1.*",
    "auth_failures": "mailmonPeerAuthFailures.1.*", "refused": "applRejectedInboundAssociations.1",
    "connections": "mailmonAccessConnections.*", "good_logins": "mailmonAccessGoodLogins.*",
    "failed_logins": "mailmonAccessFailedLogins.*", "failed_connections": "mailmonAccessFailedConnections.*",
    "octets_in": "mailmonAccessOctetsIn.*", "octets_out": "mailmonAccessOctetsOut.*",
    "fetched": "mailmonAccessFetched.*", "expunged": "mailmonAccessExpunged.*", "appended": "mailmonAccessAppended.*"}
KILO = ("mtaReceivedVolume.1", "mtaTransmittedVolume.1")  # in units of 1024 octets
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
NOISE = ["kernel: eth0: link up, status=sent (x)", "sshd[1]: error: connect from 192.0.2.9: removed",
         "opendkim[4]: 4ALMm5xx012345: DKIM-Signature field added", "CRON[9]: (root) CMD (to=<a@b>)",
         "spamd[3]: \u30b9\u30d1\u30e0 removed", "last words of a program without a tag",
         "systemd[1]: " + "x" * 70000]


class Story:
    def __init__(self, rng, system):
        self.rng = rng
        self.numbers = collections.Counter()
        self.lines, self.plans, self.order = [], [], 0
        # a new year, a leap day, the end of summer time; the log of a past year
        self.begin = rng.choice([datetime.datetime(2025, 12, 30, 3), datetime.datetime(2024, 2, 27, 3),
                                 datetime.datetime(2025, 10, 24, 3), datetime.datetime(2023, 7, 1)])
        self.system = system(rng, self)

    def add(self, name, n=1):
        self.numbers[name] += n

    def line(self, at, tag, pid, text):
        self.lines.append((at, len(self.lines), tag, pid, text))

    def later(self, at, act, *what):
        self.order += 1
        heapq.heappush(self.plans, (at, self.order, act, what))

    def peer(self):
        ip = self.rng.choice(["192.0.2.%d" % self.rng.randrange(1, 9), "2001:db8::%x" % self.rng.randrange(1, 9)])
        return self.rng.choice(["unknown", "mx.one.test", "a-b.example"]) + f"[{ip}]"

    def play(self):
        for _ in range(self.rng.randrange(20, 150)):
            self.later(self.rng.random() * 400000, self.system.live)
        while self.plans:
            at, _, act, what = heapq.heappop(self.plans)
            act(at, *what)
        if hasattr(self.system, "end"):
            self.system.end(max(line[0] for line in self.lines) + 60)
        self.lines.sort()


# -- How syslog daemons write it


def bsd(t, host, tag, pid, text):
    return f"{MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {host} {tag}[{pid}]: {text}"


HEADS = [
    bsd,
    lambda t, h, g, p, x: f"{t:%Y-%m-%dT%H:%M:%S}.123456+00:00 {h} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"<22>1 {t:%Y-%m-%dT%H:%M:%S}Z {h} {g} {p} - - {x}",
    lambda t, h, g, p, x: "<22>" + bsd(t, h, g, p, x),
    lambda t, h, g, p, x: f"{MONTHS[t.month - 1]} {t.day} {t:%H:%M:%S} {h} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"{MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S}.123 {h} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"{t:%Y} {MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {h} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"{t:%Y-%m-%d %H:%M:%S} {h} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"{MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {h} mail.info {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"{MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {h} {g}[{p}]: [ID 197553 mail.info] {x}",
    lambda t, h, g, p, x: f"{MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"mail-1  | {MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {h} {g}[{p}]: {x}",
    lambda t, h, g, p, x: f"{t:%Y-%m-%dT%H:%M:%SZ}\t{h}\t{g}[{p}]:\t{x}",
    lambda t, h, g, p, x: bsd(t, "dockerhost", "docker/mail", 99, bsd(t, h, g, p, x)),
]


def told(story, rng):
    """The log's lines."""
    own = getattr(story.system, "OWN_HEADS", None)  # of a file that the program writes itself
    if not getattr(story.system, "own", rng.random() < 0.5):
        own = None
    head, fold = rng.choice(own or HEADS), None if own else rng.choice([None, None, "rsyslog", "bsd"])
    hosts = rng.choice([["mx1"], ["mx1", "2001:db8::25", "mx-2.example"]])
    end = rng.choice(["", "", "\r"])
    skew = 0
    rows = []
    for n, (at, _, tag, pid, text) in enumerate(story.lines):
        if rng.random() < 0.002:
            skew += rng.choice([-3000, 40, 900])  # the clock is set
        t = story.begin + datetime.timedelta(seconds=int(at) + skew)
        host = hosts[0] if len(hosts) == 1 else hosts[pid % len(hosts)]
        if not own and rng.random() < 0.05:
            rows.append((t, hosts[0], None, None, rng.choice(NOISE)))
        rows.append((t, host, tag, pid, text))
    out, n = [], 0
    while n < len(rows):
        t, host, tag, pid, text = rows[n]
        same = n + 1
        while same < len(rows) and rows[same][1:] == rows[n][1:]:
            same += 1
        again = same - n - 1
        if tag is None:
            out.append(bsd(t, host, "x", 1, "").split(" x[1]: ")[0] + " " + text)
            again = 0
        else:
            out.append(head(t, host, tag, pid, text))
        if fold and again > 0 and len(text) < 700:
            if fold == "rsyslog":
                out.append(head(t, host, tag, pid, f"message repeated {again} times: [ {text}]"))
            else:
                out.append(f"{MONTHS[t.month - 1]} {t.day:2d} {t:%H:%M:%S} {host} last message repeated {again} times")
            n = same
        else:
            n += 1
    return [line + end for line in out]


def files_of(story, lines, directory):
    """One file, or several as they were rotated, oldest first."""
    cuts = sorted(story.rng.sample(range(len(lines)), min(len(lines) - 1, story.rng.choice([0, 0, 1, 3]))))
    names, last = [], (story.begin + datetime.timedelta(seconds=story.lines[-1][0])).timestamp()
    for n, (a, b) in enumerate(zip([0] + cuts, cuts + [len(lines)])):
        name = os.path.join(directory, f"{len(cuts) - n}.log")
        with open(name, "w", encoding="utf-8", newline="") as f:
            f.write("".join(line + "\n" for line in lines[a:b]))
        os.utime(name, (last, last))
        names.append(name)
    return names


def read(program, name, files):
    run = subprocess.run([program, "--read", name, *files], capture_output=True, env={**os.environ, "TZ": "UTC0"},
                         check=True)
    return re.findall(r"::(\w+)\.([\d.]+) = \w+: (\d+)", run.stdout.decode("utf-8", "replace"))


def counted(cells, number):
    name, dot, index = OBJECTS[number].partition(".")
    if index.endswith("*"):
        return sum(int(v) for n, i, v in cells if n == name and i.startswith(index[:-1]))
    return next((int(v) for n, i, v in cells if n == name and i == index), 0)


def differences(story, cells):
    for number in sorted(story.numbers):
        is_, want = counted(cells, number), story.numbers[number]
        if OBJECTS[number] in KILO:
            want //= 1024
        if is_ != want:
            yield f"{number} is {is_}, must be {want}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="build/mailmond")
    parser.add_argument("--seeds", default="1-20")
    parser.add_argument("--keep")
    parser.add_argument("formats", nargs="*", default=sorted(SYSTEMS))
    o = parser.parse_args()
    first, last = map(int, o.seeds.split("-"))
    failed = 0
    for name in o.formats:
        for seed in range(first, last + 1):
            rng = random.Random(f"{name} {seed}")
            story = Story(rng, SYSTEMS[name])
            story.play()
            with tempfile.TemporaryDirectory() as directory:
                where = o.keep or directory
                files = files_of(story, told(story, rng), where)
                wrong = list(differences(story, read(o.program, name, files)))
            failed += bool(wrong)
            for what in wrong:
                print(f"{name} {seed}: {what}")
    print(f"{(last - first + 1) * len(o.formats) - failed} stories as told, {failed} not")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
