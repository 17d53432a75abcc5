"""What a Sendmail does for some days, as its log tells it, and what must have been counted."""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx"


class Sendmail:
    def __init__(self, rng, story):
        self.rng, self.story = rng, story
        self.used = set()

    def say(self, at, text, pid=None, tag="sm-mta"):
        self.story.line(at, tag, pid or self.rng.randrange(2, 99999), text)

    def new_id(self):
        while True:
            name = "6" + "".join(self.rng.choice(DIGITS) for _ in range(7)) + "%06d" % self.rng.randrange(10 ** 6)
            if name not in self.used:
                self.used.add(name)
                return name

    def address(self):
        return "<" + self.rng.choice(["bob", "o'neill", "\u00fcmit", "stat=Sent", "r-%d" % self.rng.randrange(99)]) + "@" + \
            self.rng.choice(["one.test", "two.test", "\u4f8b.test"]) + ">"

    def peer(self):
        ip = self.rng.choice(["192.0.2.%d" % self.rng.randrange(1, 9), "IPv6:2001:db8::%x" % self.rng.randrange(1, 9)])
        return self.rng.choice(["", "mx.one.test "]) + f"[{ip}]" + self.rng.choice(["", "", " (may be forged)"])

    def arrives(self, at, source, size=None, n=None, counted=True):
        m = {"id": self.new_id(), "to": [self.address() for _ in range(n or self.rng.choice([1, 1, 2, 5]))],
             "size": size or self.rng.randrange(300, 90000), "sent": False, "tries": 0, "notice": False,
             "sender": self.address()}
        m["to"] = list(dict.fromkeys(m["to"]))
        self.say(at, f"{m['id']}: from={m['sender']}, size={m['size']}, class=0, nrcpts={len(m['to'])}, "
                 f"msgid=<to={self.rng.randrange(99)}@h>, {source}")
        if counted:
            self.count(m)
        return m

    def count(self, m):
        self.story.add("received")
        self.story.add("received_octets", m["size"])
        self.story.add("received_recipients", len(m["to"]))

    def client(self, at):
        peer, pid = self.peer(), self.rng.randrange(2, 99999)
        for _ in range(self.rng.choice([0, 0, 0, 1, 2])):
            self.refuse(at, peer, pid)
        for _ in range(self.rng.choice([0, 1, 1, 2])):
            m = self.arrives(at + 0.2, f"proto=ESMTP, daemon=MTA-v4, relay={peer}")
            self.story.later(at + 0.5 + self.rng.random() * 5, self.attempt, m)
        if self.rng.random() < 0.2:
            self.say(at + 3, f"{peer} did not issue MAIL/EXPN/VRFY/ETRN during connection to MTA-v4", pid)

    def refuse(self, at, peer, pid):
        to, name = self.address(), self.new_id()
        what = self.rng.randrange(6)
        if what == 0:
            self.say(at, f"ruleset=check_relay, arg1=h, arg2=192.0.2.9, relay={peer}, reject=421 4.3.2 Connection rate limit exceeded.", pid)
            return self.story.add("refused")
        if what == 1:  # of another server: not refused mail
            return self.say(at, "ruleset=tls_server, arg1=SOFTWARE, relay=mx.one.test., reject=403 4.7.0 TLS handshake.", pid)
        self.say(at, f"{name}: " + [
            f"ruleset=check_rcpt, arg1={to}, relay={peer}, reject=550 5.7.1 {to}... Relaying denied",
            f"ruleset=check_mail, arg1={to}, relay={peer}, reject=553 5.1.8 {to}... Domain of sender address does not exist",
            f"Milter: to={to}, reject=451 4.7.1 later",
            f"{to}... User unknown"][what - 2], pid)
        return self.story.add("rejected")

    def submitted(self, at):
        """The sendmail command hands its message to the daemon: two ids, one message."""
        first = self.arrives(at, "relay=alice@localhost", n=1, counted=False)
        second = self.arrives(at + 0.1, "proto=ESMTP, daemon=MTA-v4, relay=localhost [127.0.0.1]", first["size"], 1, False)
        self.say(at + 0.2, f"{first['id']}: to={first['to'][0]}, ctladdr=alice (1000/1000), delay=00:00:00, xdelay=00:00:00, "
                 f"mailer=relay, pri=30100, relay=[127.0.0.1] [127.0.0.1], dsn=2.0.0, stat=Sent ({second['id']} Message accepted for delivery)",
                 tag="sendmail")
        self.count(second)
        self.story.later(at + 1 + self.rng.random() * 5, self.attempt, second)

    def results(self, at, m, to, dsn, stat):
        if to:
            self.say(at, f"{m['id']}: to={','.join(to)}, delay=00:00:02, xdelay=00:00:01, mailer=esmtp, pri=120000, "
                     f"relay=mx.one.test. [198.51.100.7], dsn={dsn}, stat={stat}")

    def attempt(self, at, m):
        rng, sent, failed, left = self.rng, [], [], []
        m["tries"] += 1
        for to in m["to"]:
            outcome = rng.random()
            (sent if outcome < 0.65 else failed if outcome < 0.75 or m["tries"] > 4 else left).append(to)
        self.results(at, m, sent, "2.0.0", rng.choice(["Sent (250 2.0.0 ok)", "Sent (ok stat=Deferred)", "Sent"]))
        self.results(at, m, failed, "5.1.1", "User unknown")
        self.results(at, m, left, "4.2.1", rng.choice(["Deferred: 450 4.2.1 stat=Sent", "Deferred: Connection refused by mx.one.test."]))
        if sent:
            self.story.add("transmitted_recipients", len(sent))
            if not m["sent"]:
                m["sent"] = True
                self.story.add("transmitted")
                self.story.add("transmitted_octets", m["size"])
        if failed and not m["notice"]:
            self.notice(at + 0.1, m)
        m["to"] = left
        if left:
            again = at + rng.choice([900, 4000, 90000]) * (0.1 + rng.random())
            self.story.later(again, self.attempt, m)

    def notice(self, at, m):
        n = {"id": self.new_id(), "to": [m["sender"]], "size": 0, "sent": False, "tries": 0, "notice": True, "sender": "<>"}
        self.say(at, f"{m['id']}: {n['id']}: DSN: User unknown")
        self.count(n)  # no line tells of its size
        self.story.later(at + 0.1 + self.rng.random(), self.attempt, n)

    def guess(self, at):
        for _ in range(self.rng.randrange(1, 5)):
            self.say(at, "6ALMm5xx012345: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): x, relay=[192.0.2.9]", 5)
            self.story.add("auth_failures")

    def live(self, at):
        what = self.rng.random()
        (self.client if what < 0.75 else self.submitted if what < 0.9 else self.guess)(at)
