"""What an OpenSMTPD does for some days, as its log tells it, and what must have been counted."""


class OpenSmtpd:
    def __init__(self, rng, story):
        self.rng, self.story = rng, story

    def say(self, at, text):
        self.story.line(at, "smtpd", 4711, text)

    def number(self, digits):
        return "".join(self.rng.choice("0123456789abcdef") for _ in range(digits))

    def address(self):
        return self.rng.choice(["bob", "o'neill", "\u00fcmit", "a=b", "r-%d" % self.rng.randrange(99)]) + "@" + \
            self.rng.choice(["one.test", "two.test", "\u4f8b.test"])

    def session(self, at):
        rng, name = self.rng, self.number(16)
        local = rng.random() < 0.2
        ip = rng.choice(["192.0.2.%d" % rng.randrange(1, 9), "[2001:db8::%x]" % rng.randrange(1, 9), "2001:db8::1"])
        self.say(at, f"{name} smtp connected address={'local' if local else ip} host={rng.choice(['h.test', '<unknown>'])}")
        if not local and rng.random() < 0.1:  # a filter refuses the connection
            self.say(at, f'{name} smtp failed-command command="" result="550 no rDNS please fix"')
            self.story.add("refused")
            return self.say(at + 1, f"{name} smtp disconnected reason=quit")
        if not local:
            self.story.add("connects")
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            self.refuse(at + 0.1, name)
        for _ in range(rng.choice([0, 1, 1, 2])):
            self.message(at + 0.2, name, self.address())
        if rng.random() < 0.1 and not local:
            for _ in range(rng.randrange(1, 4)):
                self.say(at + 0.3, f"{name} smtp authentication user=<result=ok> result=permfail")
                self.story.add("auth_failures")
        return self.say(at + 5, f"{name} smtp disconnected reason=" + rng.choice(["quit", "disconnect", '"io-error: Connection reset by peer"']))

    def refuse(self, at, name):
        to, what = self.address(), self.rng.randrange(5)
        self.say(at, f"{name} smtp " + [
            f'failed-command command="RCPT TO:<{to}> " result="550 Invalid recipient: <{to}>"',
            'failed-command command="mail from:<a@b>" result="451 4.7.1 later"',
            'failed-command command="DATA" result="550 5.7.1 command="',
            'failed-command command="FOO" result="500 5.5.1 Invalid command: Command unrecognized"',
            'bad-input result="500 5.5.1 Invalid command: Pipelining not supported"'][what])
        if what < 3:
            self.story.add("rejected")

    def message(self, at, session, sender):
        rng = self.rng
        m = {"id": self.number(8), "size": rng.randrange(300, 90000), "sent": False, "tries": 0, "sender": sender}
        m["to"] = [(m["id"] + self.number(8), self.address()) for _ in range(rng.choice([1, 1, 2, 4]) if sender else 1)]
        self.say(at, f"{session} smtp message msgid={m['id']} size={m['size']} nrcpt={len(m['to'])} proto=ESMTP")
        for evpid, to in m["to"]:
            self.say(at, f"{session} smtp envelope evpid={evpid} from=<{sender}> to=<{to}>")
        self.story.add("received")
        self.story.add("received_octets", m["size"])
        self.story.add("received_recipients", len(m["to"]))
        self.story.later(at + 0.5 + rng.random() * 5, self.attempt, m)

    def attempt(self, at, m):
        rng, left, failed = self.rng, [], False
        m["tries"] += 1
        for evpid, to in m["to"]:
            outcome = rng.random()
            result = "Ok" if outcome < 0.65 else "PermFail" if outcome < 0.75 else "TempFail"
            if m["tries"] > 4 and result == "TempFail":
                self.say(at, f"relay: Expire for {evpid}: from=<{m['sender']}>, to=<{to}>, rcpt=<->, delay=4d, stat=Envelope expired")
                failed = True
                continue
            stat = {"Ok": '250 2.0.0 result="TempFail"', "PermFail": "550 5.1.1 no", "TempFail": "452 4.2.2 full"}[result]
            if rng.random() < 0.3:
                self.say(at, f"{self.number(16)} mda delivery evpid={evpid} from=<{m['sender']}> to=<{to}> rcpt=<alias@one.test> "
                         f"user=bob delay=2s result={result} stat={'Delivered' if result == 'Ok' else 'Error (x)'}")
            else:
                self.say(at, f'{self.number(16)} mta delivery evpid={evpid} from=<{m["sender"]}> to=<{to}> rcpt=<-> source="198.51.100.1" '
                         f'relay="198.51.100.7 (mx.one.test)" delay=1d2h3m4s result="{result}" stat="{stat}"')
            if result == "Ok":
                self.story.add("transmitted_recipients")
                if not m["sent"]:
                    m["sent"] = True
                    self.story.add("transmitted")
                    self.story.add("transmitted_octets", m["size"])
            elif result == "PermFail":
                failed = True
            else:
                left.append((evpid, to))
        if failed and m["sender"]:
            name = self.number(16)
            self.say(at + 1, f"{name} smtp connected address=local host=h.test")
            self.message(at + 1.1, name, "")
            self.say(at + 1.2, f"{name} smtp disconnected reason=quit")
        m["to"] = left
        if left:
            again = at + rng.choice([900, 4000, 90000]) * (0.1 + rng.random())
            self.story.later(again, self.attempt, m)

    def live(self, at):
        self.session(at)

    def end(self, at):
        """mailmond takes a refused connection off with the next one that is not."""
        name = self.number(16)
        self.say(at, f"{name} smtp connected address=192.0.2.1 host=h.test")
        self.say(at, f"{name} smtp disconnected reason=quit")
        self.story.add("connects")
