"""An instance tree of Sun's Messaging Server, which cannot be installed: logs, queue directories, MTA options and
utilities that print what the Administration Guide shows. Traffic is made from a seed, with its truth: what
`imsimta counters` would have counted.

    sun_site.py LOG ENTRIES [SEED]    writes a log and prints its truth as JSON
"""
import json
import os
import random
import sys
import time
from pathlib import Path

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
PASSES = ("process", "conversion")
LINES = ("received", "delivered", "submitted", "attempted", "rejected", "failed")
COLUMNS = {"received": "mtaGroupReceived", "delivered": "mtaGroupTransmitted",
           "submitted": "mailmonChannelSubmitted", "attempted": "mailmonChannelAttempted",
           "rejected": "mailmonChannelRejected", "failed": "mailmonChannelFailed"}


def base36(n):
    return ALPHABET[35 - n // 36] + ALPHABET[35 - n % 36]


class Channel:
    def __init__(self):
        self.counts = {line: [0, 0, 0] for line in LINES}  # messages, recipients, blocks
        self.first_time = self.queue_s = self.queue_count = 0
        self.first_s = self.first_count = self.ins = self.outs = 0

    def add(self, line, messages, recipients, blocks):
        for i, n in enumerate((messages, recipients, blocks)):
            self.counts[line][i] += n

    def stored(self):
        return [r - d for r, d in zip(self.counts["received"], self.counts["delivered"])]


class Traffic:
    """Messages that live for a few steps; each step writes some entries. `options`: LOG_FILENAME and
    LOG_MESSAGE_ID are always on, the log has node and process id."""

    def __init__(self, seed, start=None):
        self.random = random.Random(seed)
        self.now = start or time.time() - 86400
        self.channels = {}
        self.mta = {"received": [0, 0, 0], "transmitted": [0, 0, 0]}
        self.queued = []  # copies: dicts
        self.entries = 0
        self.out = []
        self.sent = set()  # Message-IDs of which a copy left

    def channel(self, name):
        return self.channels.setdefault(name, Channel())

    def line(self, source, destination, code, rest):
        t = time.localtime(self.now)
        stamp = (f"{t.tm_mday:02d}-{MONTHS[t.tm_mon - 1]}-{t.tm_year} {t.tm_hour:02d}:{t.tm_min:02d}:"
                 f"{t.tm_sec:02d}.{int(self.now * 100) % 100:02d}")
        self.out.append(f"{stamp} hosta {self.random.randrange(4096, 65536):x}.{self.random.randrange(1, 64):x}."
                        f"{self.entries} {source:<12} {destination:<12} {code:<3} {rest}\n")
        self.entries += 1

    def message(self, copy, recipient):
        name = base36(copy["attempts"]) + copy["unique"] + ".00"
        return (f"{copy['blocks']} {copy['from']} rfc822;{recipient} {recipient} "
                f"/q/{copy['channel']}/{copy['sub']}/{name} <{copy['id']}>")

    def arrive(self, source, blocks=None, sender=None, message_id=None, targets=None):
        r = self.random
        blocks = blocks or r.randrange(1, 400)
        sender = f"user{r.randrange(99)}@example.org" if sender is None else sender
        message_id = message_id or f"{r.getrandbits(64):016X}@example.org"
        targets = targets or r.sample(["tcp_local", "ims-ms", "tcp_lmtpcs", "conversion"], r.choice((1, 1, 1, 2)))
        enters = source not in PASSES
        for n, target in enumerate(targets):
            copy = {"channel": target, "unique": "0" + "".join(r.choices(ALPHABET, k=17)), "sub": f"{r.randrange(10):03d}",
                    "attempts": 0, "blocks": blocks, "from": sender, "id": message_id, "born": self.now,
                    "to": [f"r{r.randrange(999)}@{r.choice('abc')}.example.net" for _ in range(r.choice((1, 1, 2, 3)))],
                    "source": source}
            for to in copy["to"]:
                self.line(source, target, r.choice(("E", "EE", "EES", "EESA")), self.message(copy, to))
            self.channel(target).add("received", 1, len(copy["to"]), blocks)
            self.channel(source).add("submitted", 1, len(copy["to"]), blocks)
            if enters:
                self.mta["received"][0] += n == 0
                self.mta["received"][1] += len(copy["to"])
                self.mta["received"][2] += blocks if n == 0 else 0
            self.queued.append(copy)

    def gone(self, copy):
        c, waited = self.channel(copy["channel"]), self.now - copy["born"]
        c.add("delivered", 1, len(copy["to"]), copy["blocks"])
        c.queue_s += waited
        c.queue_count += 1
        if copy["attempts"] == 0:
            c.first_time += 1
            c.first_s += waited
            c.first_count += 1
        self.queued.remove(copy)

    def try_one(self):
        r, copy = self.random, self.random.choice(self.queued)
        name, c = copy["channel"], self.channel(copy["channel"])
        self.now += 61  # a second attempt is one of its own
        fate = r.random()
        if name in PASSES:
            self.arrive(name, copy["blocks"], copy["from"], copy["id"], ["ims-ms"])
            fate = 1
        if fate < 0.15 and copy["attempts"] < 5:
            for to in copy["to"]:
                self.line(name, "", "Q", self.message(copy, to) + " dns;mx (TCP|192.0.2.1|2|192.0.2.25|25) (mx) smtp;451 4.7.1 later")
            c.add("attempted", 1, len(copy["to"]), copy["blocks"])
            copy["attempts"] += 1
            return
        failed = fate < 0.2
        for to in copy["to"]:
            self.line(name, "", "R" if failed else "DE", self.message(copy, to) +
                      (" smtp;550 5.1.1 unknown" if failed else " smtp;250 2.1.5 ok"))
        self.gone(copy)
        if failed:
            c.add("failed", 1, len(copy["to"]), copy["blocks"])
        elif name not in PASSES:
            self.mta["transmitted"][1] += len(copy["to"])
            if copy["id"] not in self.sent:
                self.mta["transmitted"][0] += 1
                self.mta["transmitted"][2] += copy["blocks"]
            self.sent.add(copy["id"])

    def step(self):
        r = self.random
        self.now += r.random()
        kind = r.random()
        if kind < 0.3:
            self.arrive(r.choice(("tcp_local", "tcp_intranet", "l")))
        elif kind < 0.4:
            self.line("tcp_local", "", "J", f"0 eve{self.entries}@example.com rfc822;x@example.org x@example.org "
                                            "550 5.7.1 Relaying not permitted: x@example.org")
            self.channel("tcp_local").add("rejected", 1, 1, 0)
        elif kind < 0.5:
            self.line("tcp_local", "+", "O", f"TCP|192.0.2.10|25|192.0.2.{r.randrange(20, 30)}|4000 SMTP")
            self.channel("tcp_local").ins += 1
        elif kind < 0.55:
            self.line("tcp_local", "-", "O", "TCP|192.0.2.10|4000|192.0.2.25|25 SMTP/b.example.net/mx")
            self.channel("tcp_local").outs += 1
        elif self.queued:
            self.try_one()

    def take(self, entries):
        """At least so many further entries, as text."""
        until = self.entries + entries
        while self.entries < until:
            self.step()
        text, self.out = "".join(self.out), []
        return text

    def counters(self):
        """As `imsimta counters -show` prints them."""
        out = ["Channel          Messages    Recipients    Blocks \n-------          --------    ----------    ------- \n"]
        for name, c in sorted(self.channels.items()):
            rows = dict(c.counts, stored=c.stored())
            out.append(f"{name}\n")
            for line in ("received", "stored", "delivered", "submitted", "attempted", "rejected", "failed"):
                m, r, b = rows[line]
                end = f" ({c.first_time} first time)" if line == "delivered" else ""
                out.append(f"   {line.capitalize():<10} {m:10d} {r:11d} {b:11d}{end}\n")
            for title, s, n in (("Queue time/count", c.queue_s, c.queue_count),
                                ("Queue first time/count", c.first_s, c.first_count)):
                out.append(f"\n   {title:<23} {int(s)}/{n} = {s / n if n else 0:.2f}")
            out.append(f"\n\n   Total In Assocs  {c.ins:10d}\n   Total Out Assocs {c.outs:10d}\n")
        return "".join(out)

    def truth(self):
        return {"mta": self.mta, "entries": self.entries,
                "channels": {n: dict(c.counts, first_time=c.first_time, ins=c.ins, outs=c.outs)
                             for n, c in self.channels.items()}}


class Tree:
    """The directories of an instance."""

    def __init__(self, base):
        self.base = Path(base)
        for name in ("data/log", "data/queue", "config", "sbin"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        (self.base / "config/imta.cnf").write_text("")
        self.log = self.base / "data/log/mail.log_current"

    def options(self, **values):
        (self.base / "config/option.dat").write_text(
            "! MTA options\n" + "".join(f"{k}={v}\n" for k, v in values.items()))

    def write(self, text):
        with open(self.log, "a", encoding="ascii") as f:
            f.write(text)

    def write_separate(self, text):
        """As with SEPARATE_CONNECTION_LOG."""
        with open(self.log, "a", encoding="ascii") as mail, \
                open(self.log.with_name("connection.log_current"), "a", encoding="ascii") as connections:
            for line in text.splitlines(keepends=True):
                (connections if line.split()[5] in "+-" else mail).write(line)

    def return_job(self):
        """What runs about midnight."""
        for name in ("mail", "connection"):
            current, yesterday, collected = (self.log.with_name(f"{name}.log{end}") for end in ("_current", "_yesterday", ""))
            if yesterday.exists():
                with open(collected, "ab") as f:
                    f.write(yesterday.read_bytes())
            if current.exists():
                current.rename(yesterday)

    def put(self, path, text):
        """A file, whole from its beginning: it may be run, or read, at any moment."""
        new = path.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o755)
        new.rename(path)

    def utility(self, name, text, status=0):
        (self.base / "config").chmod(0o777)
        self.put(self.base / "config" / f"{name}.out", text)
        self.put(self.base / "sbin" / name, f"#!/bin/sh\necho \"$@\" >>{self.base}/config/{name}.ran\n"
                 f"cat {self.base}/config/{name}.out\nexit {status}\n")

    def utilities(self, name, outputs):
        """One that prints by what its arguments have."""
        cases = "".join(f"*{word}*) cat <<'END'\n{text}END\n;;\n" for word, text in outputs.items())
        self.put(self.base / "sbin" / name, f"#!/bin/sh\ncase \"$*\" in\n{cases}*) exit 64;;\nesac\n")

    def queue(self, copies, held=0):
        """Files for the copies that wait; the first `held` are .HELD. Returns the oldest age in seconds."""
        now, oldest = time.time(), 0
        for n, copy in enumerate(copies):
            folder = self.base / "data/queue" / copy["channel"] / copy["sub"]
            folder.mkdir(parents=True, exist_ok=True)
            end = ".HELD" if n < held else ".00"
            path = folder / (base36(copy["attempts"]) + copy["unique"] + end)
            path.write_text(f"m;x\nReceived: from y\nMessage-id: <{copy['id']}>\n\n" + "x" * (copy["blocks"] * 1024))
            age = 60 + 600 * n
            oldest = max(oldest, age)
            os.utime(path, (now - age, now - age))
        return oldest


if __name__ == "__main__":
    traffic = Traffic(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    Path(sys.argv[1]).write_text(traffic.take(int(sys.argv[2])), encoding="ascii")
    print(json.dumps(traffic.truth(), indent=1))
