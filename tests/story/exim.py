"""What an Exim does for some days, as its main log tells it, and what must have been counted."""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Exim:
    OWN_HEADS = [  # of its own files
        lambda t, h, g, p, x: f"{t:%Y-%m-%d %H:%M:%S} {x}",
        lambda t, h, g, p, x: f"{t:%Y-%m-%d %H:%M:%S}.123 {x}",
        lambda t, h, g, p, x: f"{t:%Y-%m-%d %H:%M:%S} +0000 {x}",
        lambda t, h, g, p, x: f"{t:%Y-%m-%d %H:%M:%S} [{p}] {x}",
    ]

    def __init__(self, rng, story):
        self.rng, self.story = rng, story
        self.new_ids = rng.random() < 0.5
        self.recipients = rng.random() < 0.5  # log_selector = +received_recipients
        self.connections = rng.random() < 0.5  # +smtp_connection

    def say(self, at, text, pid=None):
        self.story.line(at, "exim", pid or self.rng.randrange(2, 99999), text)

    def new_id(self):
        def part(n):
            return "".join(self.rng.choice(DIGITS) for _ in range(n))
        return f"1{part(5)}-{part(11)}-{part(4)}" if self.new_ids else f"1{part(5)}-{part(6)}-{part(2)}"

    def address(self):
        return self.rng.choice(["bob", "o'neill", "\u00fcmit", "a=b", "H=x", "r-%d" % self.rng.randrange(99)]) + "@" + \
            self.rng.choice(["one.test", "two.test", "\u4f8b.test"])

    def peer(self):
        ip = self.rng.choice(["192.0.2.%d" % self.rng.randrange(1, 9), "2001:db8::%x" % self.rng.randrange(1, 9)])
        name = self.rng.choice(["mx.one.test", "(helo)", "mx.one.test (H=x)", "([192.0.2.66])"])
        return f"{name} [{ip}]"

    def client(self, at):
        peer, pid = self.peer(), self.rng.randrange(2, 99999)
        if self.connections:
            self.say(at, f"SMTP connection from {peer.split(' ')[-1]} (TCP/IP connection count = 3)", pid)
            self.story.add("connects")
        for _ in range(self.rng.choice([0, 0, 0, 1, 2])):
            self.refuse(at + 0.1, peer, pid)
        for _ in range(self.rng.choice([0, 1, 1, 2])):
            self.message(at + 0.2, f"H={peer} P=esmtp{self.rng.choice(['', ' A=plain:u', ' X=TLS1.3:AES:256 CV=no'])}")
        if self.connections:
            self.say(at + 5, f"SMTP connection from {peer} {self.rng.choice(['closed by QUIT', 'D=1m2s closed by QUIT'])}", pid)

    def refuse(self, at, peer, pid):
        to = self.address()
        self.say(at, self.rng.choice([
            f"H={peer} F=<a@b> rejected RCPT <{to}>: relay not permitted",
            f"H={peer} X=TLS1.3:AES:256 CV=no F=<> temporarily rejected RCPT <{to}>: => later",
            f"H={peer} rejected EHLO or HELO x: 550 <= no",
            f"H={peer} F=<a@b> rejected after DATA: virus",
            f"rejected HELO from {peer}: syntactically invalid argument(s): !",
            f"too many recipients: message rejected: sender=<a@b> H={peer}",
            f"{self.new_id()} F=<a@b> H={peer} P=esmtp rejected by local_scan(): no"]), pid)
        self.story.add("rejected")

    def message(self, at, source, sender=None, to=None):
        rng = self.rng
        m = {"id": self.new_id(), "to": to or [self.address() for _ in range(rng.choice([1, 1, 1, 2, 4]))],
             "size": rng.randrange(300, 90000), "sent": False, "tries": 0,
             "sender": self.address() if sender is None else sender}
        m["to"] = list(dict.fromkeys(m["to"]))
        subject = rng.choice(["", ' T="=> bob@x Completed"', ' T="\u4f60\u597d \\"x\\" S=1"'])
        names = " for " + " ".join(m["to"]) if self.recipients else ""
        self.say(at, f"{m['id']} <= {m['sender'] or '<>'} {source} S={m['size']} id=x.{rng.randrange(99)}@h{subject}{names}")
        self.story.add("received")
        self.story.add("received_octets", m["size"])
        if self.recipients:
            self.story.add("received_recipients", len(m["to"]))
        self.story.later(at + 0.5 + rng.random() * 5, self.attempt, m)

    def done(self, _):
        if not self.recipients:
            self.story.add("received_recipients")

    def transmit(self, m):
        self.story.add("transmitted_recipients")
        if not m["sent"]:
            m["sent"] = True
            self.story.add("transmitted")
            self.story.add("transmitted_octets", m["size"])

    def cut_through(self, at):
        """Delivered while it comes in: the delivery is logged first."""
        name, size, to = self.new_id(), self.rng.randrange(300, 9000), self.address()
        self.say(at, f"{name} >> {to} R=dnslookup T=remote_smtp H=mx.one.test [198.51.100.7] C=\"250 ok\"")
        self.say(at + 0.01, f"{name} <= {self.address()} H={self.peer()} P=esmtp S={size} id=x@h" +
                 (f" for {to}" if self.recipients else ""))
        self.say(at + 0.02, f"{name} Completed")
        for number, n in (("received", 1), ("received_octets", size), ("received_recipients", 1), ("transmitted", 1),
                          ("transmitted_octets", size), ("transmitted_recipients", 1)):
            self.story.add(number, n)

    def attempt(self, at, m):
        rng, first, failed, left = self.rng, True, False, []
        m["tries"] += 1
        for to in m["to"]:
            outcome = rng.random()
            if outcome < 0.06 and not m.get("alias"):  # each of its addresses has a line; two of a message may be taken for one
                m["alias"] = True
                for n in range(rng.randrange(1, 4)):
                    self.say(at, f"{m['id']} {'=>' if first else '->'} u{n} <{to}> R=local_user T=maildir_home")
                    first = False
                    self.transmit(m)
                self.done(to)
            elif 0.06 <= outcome < 0.1 and not m.get("alias"):
                m["alias"] = True
                self.say(at, f"{m['id']} => :blackhole: <{to}> R=system_aliases")
                self.done(to)
                self.transmit(m)  # as docs/exim.md has it: to a group of its own
            elif outcome < 0.65:
                arrow = "=>" if first else "->"
                first = False
                where = rng.choice(["R=local T=maildir_home", "R=dnslookup T=remote_smtp H=mx.one.test [198.51.100.7]",
                                    'R=smart T=smarthost H=mx [2001:db8::7]:25 X=TLS1.3:AES:256 CV=yes C="250 ok, ** x"'])
                self.say(at, f"{m['id']} {arrow} {to} {where}")
                self.done(to)
                self.transmit(m)
            elif outcome < 0.75 or m["tries"] > 4:
                self.say(at, f"{m['id']} ** {to} R=dnslookup T=remote_smtp H=mx.one.test [198.51.100.7]: "
                         f"SMTP error from remote mail server after RCPT TO:<{to}>: 550 5.1.1 no such user")
                self.done(to)
                failed = True
            else:
                self.say(at, f"{m['id']} == {to} R=dnslookup T=remote_smtp " + rng.choice(
                    ["defer (-53): retry time not reached for any host", "defer (111): Connection refused",
                     "defer (-44) H=mx.one.test [198.51.100.7]: SMTP error from remote mail server after RCPT TO:<x>: 450 4.2.1 => x"]))
                left.append(to)
        if failed and m["sender"]:
            self.message(at + 0.1, f"R={m['id']} U=Debian-exim P=local", "", [m["sender"]])
        if failed and not m["sender"]:
            return self.freeze(at + 0.1, m)
        m["to"] = left
        if left:
            if rng.random() < 0.05:
                self.say(at + 1, f"{m['id']} removed by root")
                return self.say(at + 1, f"{m['id']} Completed")
            return self.story.later(at + rng.choice([900, 4000, 90000]) * (0.1 + rng.random()), self.attempt, m)
        self.say(at + 0.2, f"{m['id']} Completed")
        return None

    def freeze(self, at, m):
        """A bounce that nobody takes waits until somebody removes it."""
        self.say(at, f"{m['id']} Frozen (delivery error message)")
        self.say(at + 50000, f"{m['id']} Message is frozen")
        if self.rng.random() < 0.5:
            return self.say(at + 90000, f"{m['id']} removed by root")
        self.say(at + 90000, f"{m['id']} Unfrozen by errmsg timer")
        self.say(at + 90001, f"{m['id']} cancelled by timeout_frozen_after")
        return self.say(at + 90002, f"{m['id']} Completed")

    def guess(self, at):
        peer = self.peer()
        for _ in range(self.rng.randrange(1, 5)):
            self.say(at, f"plain authenticator failed for {peer}: 535 Incorrect authentication data (set_id=<= x)", 5)
            self.story.add("auth_failures")

    def live(self, at):
        what = self.rng.random()
        if what < 0.7:
            self.client(at)
        elif what < 0.8:
            self.message(at, "U=root P=local")
        elif what < 0.87:
            self.cut_through(at)
        else:
            self.guess(at)
