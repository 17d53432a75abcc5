"""What a Postfix does for some days, as its log tells it, and what must have been counted."""
import random

HEX = "0123456789ABCDEF"
LONG = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxy"
ODD_IDS = ["<>", "<a b@x>", "<to=<x@y>, relay=none>", "no-angles", "<%s@%s>", "<\u00fc@\u4f8b.test>",
           "<removed>", "<status=sent (x)>", "<[1.2.3.4]@h>", "<%d.%d@mail.example>"]
DOMAINS = ["one.test", "two.test", "xn--bcher-kva.test", "\u4f8b.test", "UPPER.test"]


class Postfix:
    """One instance. Every method writes the lines of what happens and counts it."""

    def __init__(self, rng, story):
        self.rng, self.story = rng, story
        self.long_ids = rng.random() < 0.4
        # all mail goes through a content filter and comes back, which may tell the id that it had (XFORWARD)
        self.filtered = rng.choice([None, None, None, "amavis", "xforward"])
        self.free = []  # short ids that may be used again
        self.used = set()

    def say(self, at, daemon, text, pid=None):
        self.story.line(at, f"postfix/{daemon}", pid or self.rng.randrange(2, 99999), text)

    def new_id(self):
        rng = self.rng
        if self.free and rng.random() < 0.5:
            return self.free.pop(rng.randrange(len(self.free)))
        while True:
            if self.long_ids:
                name = "4" + "".join(rng.choice(LONG) for _ in range(9)) + "z" + "".join(
                    rng.choice(LONG[:-1]) for _ in range(rng.randrange(2, 6)))
            else:
                name = "".join(rng.choice(HEX) for _ in range(rng.randrange(6, 13)))
            if name not in self.used:
                self.used.add(name)
                return name

    def address(self):
        rng = self.rng
        local = rng.choice(["bob", '"a b"', '"x>, relay=y"', "o'neill", "\u00fcmit", "a=b", "a>b", "r-%d" % rng.randrange(99)])
        return f"{local}@{rng.choice(DOMAINS)}"

    # -- what comes in

    def client_message(self, at):
        peer = self.story.peer()
        pid = self.rng.randrange(2, 99999)
        self.say(at, "smtpd", f"connect from {peer}", pid)
        self.story.add("connects")
        for _ in range(self.rng.choice([0, 0, 0, 1, 3])):
            self.refuse(at, peer, pid)
        for _ in range(self.rng.choice([0, 1, 1, 1, 2])):
            name = self.new_id()
            if self.rng.random() < 0.05:  # never queued; its id may come again
                self.say(at + 0.1, "smtpd", f"{name}: client={peer}", pid)
                self.say(at + 0.2, "cleanup", f"{name}: message-id=<x@y>")
                if self.rng.random() < 0.5:  # a new release; an older one does not say whose it was
                    self.say(at + 0.3, "smtpd", f"{name}: lost connection after DATA (99 bytes) from {peer}", pid)
                    self.gone(at, {"id": name})
                else:
                    self.say(at + 0.3, "smtpd", f"lost connection after DATA (99 bytes) from {peer}", pid)
                continue
            sasl = ", sasl_method=PLAIN, sasl_username=u, orig_queue_id=x" if self.rng.random() < 0.2 else ""
            self.say(at + 0.1, "smtpd", f"{name}: client={peer}{sasl}", pid)
            at = self.queued(at + 0.2, name) + self.rng.random()
        self.say(at, "smtpd", f"disconnect from {peer} ehlo=1 quit=1 commands=2", pid)

    def refuse(self, at, peer, pid):
        what = self.rng.randrange(4)
        to = self.address()
        if what == 0:
            self.say(at, "smtpd", f"NOQUEUE: reject: RCPT from {peer}: 554 5.7.1 <{to}>: Relay access denied; "
                     f"from=<removed@x> to=<{to}> proto=ESMTP helo=<from [192.0.2.66]: 550>", pid)
        elif what == 1:
            self.say(at, "smtpd", f"NOQUEUE: milter-reject: MAIL from {peer}: 451 4.7.1 later; from=<a@b> proto=SMTP helo=<h>", pid)
        elif what == 2:
            self.say(at, "smtpd", f"warning: Message delivery request rate limit exceeded: 9 from {peer} for service smtp", pid)
        else:
            self.say(at, "smtpd", f"warning: Illegal address syntax from {peer} in RCPT command: <{to}> in MAIL command: x", pid)
        self.story.add("rejected")

    def local_message(self, at):
        name = self.new_id()
        self.say(at, "pickup", f"{name}: uid=1000 from=<alice>")
        self.queued(at + 0.1, name)

    def queued(self, at, name, sender=None, requeued=None, recipients=None):
        """message-id and queue active; what becomes of it is planned."""
        rng = self.rng
        mid = rng.choice(ODD_IDS)
        mid = mid % (rng.randrange(9), rng.randrange(9)) if "%" in mid else mid
        self.say(at, "cleanup", f"{name}: message-id={mid}")
        n = recipients if recipients is not None else rng.choice([1, 1, 1, 2, 3, 9])
        size = rng.randrange(300, 90000)
        m = {"id": name, "to": [self.address() for _ in range(n)], "n": n, "size": size, "once": {"sent": False},
             "sender": self.address() if sender is None else sender}
        if requeued:
            m["once"], m["size"] = requeued["once"], requeued["size"]
        self.active(at + 0.1, m)
        if not requeued:
            self.story.add("received", 1)
            self.story.add("received_recipients", n)
            self.story.add("received_octets", size)
        act = self.filter if self.filtered and requeued is None else self.attempt
        self.story.later(at + 0.2 + rng.random() * 5, act, m)
        return at + 0.1

    def filter(self, at, m):
        """After-queue filter: the message comes back under another id, somewhat larger, before its delivery is logged."""
        if self.rng.random() < 0.05:
            return self.filter_keeps(at, m)
        name, pid = self.new_id(), self.rng.randrange(2, 99999)
        self.say(at, "smtpd", "connect from localhost[127.0.0.1]", pid)
        self.story.add("connects")
        had = f", orig_queue_id={m['id']}, orig_client=h.test[192.0.2.9]" if self.filtered == "xforward" else ""
        self.say(at + 0.1, "smtpd", f"{name}: client=localhost[127.0.0.1]{had}", pid)
        self.say(at + 0.2, "cleanup", f"{name}: message-id=<x@y>")
        back = dict(m, id=name, size=m["size"] + 400)
        self.active(at + 0.3, back)
        self.say(at + 0.4, "smtpd", "disconnect from localhost[127.0.0.1] ehlo=1 quit=1 commands=2", pid)
        for to in m["to"]:
            self.say(at + 0.5, "smtp", f"{m['id']}: to=<{to}>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, "
                     f"status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {name})")
        self.say(at + 0.6, "qmgr", f"{m['id']}: removed", 7)
        self.gone(at, m)
        self.story.later(at + 1 + self.rng.random() * 5, self.attempt, back)

    def filter_keeps(self, at, m):
        """What a filter throws away was taken by it, as far as the log tells."""
        for to in m["to"]:
            self.result(at, m, to, "sent", "smtp", reply="250 2.7.0 Ok, discarded, id=00345-01 - INFECTED: x")
        self.say(at + 0.6, "qmgr", f"{m['id']}: removed", 7)
        self.gone(at, m)

    def active(self, at, m):
        self.say(at, "qmgr", f"{m['id']}: from=<{m['sender']}>, size={m['size']}, nrcpt={m['n']} (queue active)", 7)

    # -- what becomes of it

    def result(self, at, m, to, status, daemon="smtp", orig="", reply=None):
        relay = {"local": "local", "virtual": "virtual", "pipe": "dovecot"}.get(
            daemon, "none" if status == "deferred" and self.rng.random() < 0.5 else
            f"mx.{self.rng.choice(DOMAINS)}[198.51.100.{self.rng.randrange(1, 9)}]:25")
        dsn = {"sent": "2.0.0", "deferred": "4.2.2", "bounced": "5.1.1"}[status]
        text = {"sent": self.rng.choice(["250 2.0.0 Ok: queued as 4SVLCh4dz5z9HdB", "250 ok), status=bounced (x",
                                         "250 Ok: queued as removed"]),
                "deferred": "host x said: 452 4.2.2 full (in reply to RCPT TO command)",
                "bounced": "host x said: 550 5.1.1 no (in reply to RCPT TO command)"}[status]
        tls = self.rng.choice(["", "", ", tls=may:none", ", tls=secure"])
        self.say(at, daemon, f"{m['id']}: to=<{to}>{orig}, relay={relay}, delay=2.5, delays=1/0/1/0.5{tls}, "
                 f"dsn={dsn}, status={status} ({reply or text})")
        if status == "sent":
            self.story.add("transmitted_recipients")
            if not m["once"]["sent"]:
                m["once"]["sent"] = True
                self.story.add("transmitted")
                self.story.add("transmitted_octets", m["size"])

    def attempt(self, at, m):
        rng = self.rng
        if rng.random() < 0.04:
            return self.hold(at, m)
        if rng.random() < 0.04:
            return self.requeue(at, m)
        if rng.random() < 0.02:
            self.say(at, "postsuper", f"{m['id']}: removed")
            return self.gone(at, m)
        left, failed = [], False
        for to in m["to"]:
            outcome = rng.random()
            if outcome < 0.6:
                self.result(at, m, to, "sent", rng.choice(["smtp", "smtp", "lmtp", "pipe", "virtual"]))
            elif outcome < 0.7:
                for n in range(rng.randrange(1, 4)):  # an alias
                    self.result(at, m, f"u{n}@one.test", "sent", "local", f", orig_to=<{to}>")
            elif outcome < 0.75 and len(m["to"]) == 1:
                self.forward(at, m, to)
            elif outcome < 0.83:
                self.result(at, m, to, "bounced")
                failed = True
            else:
                self.result(at, m, to, "deferred")
                left.append(to)
        if left and m.get("tries", 0) > 3:
            self.say(at + 0.1, "qmgr", f"{m['id']}: from=<{m['sender']}>, status=expired, returned to sender", 7)
            left, failed = [], True
        if failed:
            self.notice(at + 0.2, m)
        if left:
            m["tries"], m["to"] = m.get("tries", 0) + 1, left
            again = at + rng.choice([300, 4000, 86400, 200000]) * rng.random()
            self.story.later(again, self.retry, m)
            return
        self.say(at + 0.3, "qmgr", f"{m['id']}: removed", 7)
        self.gone(at, m)

    def forward(self, at, m, to):
        """
        An alias of other hosts: a message of its own, which is the same to whoever counts messages. (Not told here: one of
        several recipients. If what was sent on fails and another recipient of the first message is served later, mailmond
        counts none as transmitted: it took the first message for transmitted with what was sent on.)
        """
        name = self.new_id()
        self.say(at, "cleanup", f"{name}: message-id=<x@y>")
        n = self.rng.randrange(1, 4)
        on = {"id": name, "to": [self.address() for _ in range(n)], "n": n, "size": m["size"], "once": m["once"],
              "sender": m["sender"]}
        self.active(at + 0.01, on)
        self.say(at + 0.02, "local", f"{m['id']}: to=<{to}>, relay=local, delay=2.5, delays=1/0/1/0.5, dsn=2.0.0, "
                 f"status=sent (forwarded as {name})")
        self.story.later(at + 1 + self.rng.random() * 5, self.attempt, on)

    def retry(self, at, m):
        self.active(at, m)  # with all recipients, as Postfix says it
        self.story.later(at + 0.5, self.attempt, m)

    def gone(self, at, m):
        if not self.long_ids:
            self.story.later(at + 1, lambda _: self.free.append(m["id"]))

    def notice(self, at, m):
        if m["sender"] == "":  # a bounce of a bounce goes to nobody
            return
        name = self.new_id()
        self.queued(at, name, sender="", recipients=1)
        self.say(at + 0.1, "bounce", f"{m['id']}: sender non-delivery notification: {name}")

    def hold(self, at, m):
        self.say(at, "postsuper", f"{m['id']}: placed on hold")
        again = at + 90000 * self.rng.random()
        self.story.later(again, self.release, m)

    def release(self, at, m):
        self.say(at, "postsuper", f"{m['id']}: released from hold")
        self.active(at + 1, m)
        self.story.later(at + 2, self.attempt, m)

    def requeue(self, at, m):
        old = m["id"]
        self.say(at, "postsuper", f"{old}: requeued")
        name = self.new_id()
        self.say(at + 1, "pickup", f"{name}: uid=89 from=<{m['sender']}> orig_id={old}")
        self.queued(at + 2, name, m["sender"], m, len(m["to"]))
        self.gone(at, m)

    def probe(self, at):
        """Address verification: no mail."""
        name = self.new_id()
        self.say(at, "cleanup", f"{name}: message-id=<x@y>")
        self.say(at + 0.1, "qmgr", f"{name}: from=<double-bounce@mx.example>, size=262, nrcpt=1 (queue active)", 7)
        self.say(at + 0.2, "smtp", f"{name}: to=<{self.address()}>, relay=mx.one.test[198.51.100.7]:25, delay=1, "
                 f"delays=0/0/1/0, dsn=2.1.5, status={self.rng.choice(['deliverable', 'undeliverable'])} (250 ok)")
        self.say(at + 0.3, "qmgr", f"{name}: removed", 7)
        self.gone(at, {"id": name})

    def guess(self, at):
        peer = self.story.peer()
        pid = self.rng.randrange(2, 99999)
        self.say(at, "smtpd", f"connect from {peer}", pid)
        self.story.add("connects")
        for _ in range(self.rng.randrange(1, 6)):  # the same line: a syslog daemon may fold it
            self.say(at + 1, "smtpd", f"warning: {peer}: SASL LOGIN authentication failed: UGFzc3dvcmQ6", pid)
            self.story.add("auth_failures")
        self.say(at + 2, "smtpd", f"lost connection after AUTH from {peer}", pid)
        self.say(at + 2, "smtpd", f"disconnect from {peer} ehlo=1 auth=0/1 commands=1/2", pid)

    def live(self, at):
        what = self.rng.random()
        (self.client_message if what < 0.7 else self.local_message if what < 0.85 else
         self.probe if what < 0.92 else self.guess)(at)
