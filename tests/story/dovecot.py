"""What a Dovecot does for some days, as its log tells it, and what must have been counted."""


class Dovecot:
    OWN_HEADS = [  # log_path, with usual log_timestamps
        lambda t, h, g, p, x: f"{t:%b} {t.day:02d} {t:%H:%M:%S} {x}",
        lambda t, h, g, p, x: f"{t:%Y-%m-%d %H:%M:%S} {x}",
        lambda t, h, g, p, x: f"{t:%Y-%m-%dT%H:%M:%S}.123456+00:00 {x}",
    ]

    def __init__(self, rng, story):
        self.rng, self.story = rng, story
        self.own = rng.random() < 0.4
        self.sessions = rng.random() < 0.7  # %{session} in the prefix (2.3); else 2.2's
        self.count = 0

    def say(self, at, prefix, text):
        self.story.line(at, "dovecot", 4, f"{prefix}: {'Info: ' if self.own else ''}{text}")

    def client(self, user, method="PLAIN"):
        ip = self.rng.choice(["192.0.2.%d" % self.rng.randrange(1, 9), "2001:db8::%x" % self.rng.randrange(1, 9)])
        self.count += 1
        name = "s%d/+" % self.count
        tls = self.rng.choice([", TLS", ", secured", "", ", TLS, TLSv1.3 with cipher X (256/256 bits)"])
        pid = self.rng.randrange(2, 99999)
        start = f"user=<{user}>, " + (f"method={method}, " if method else "") + f"rip={ip}, lip=198.51.100.1"
        return name, pid, start, f"{tls}, session=<{name}>"

    def user(self):
        return self.rng.choice(["bob", "alice@one.test", "o'neill", "\u00fcmit@\u4f8b.test", "a, method=x", "r(o)b"])

    def prefix(self, protocol, user, pid, name):
        return f"{protocol}({user})<{pid}><{name}>" if self.sessions else f"{protocol}({user})"

    def live(self, at):
        what = self.rng.random()
        if what < 0.55:
            self.session(at)
        elif what < 0.75:
            self.refused(at)
        elif what < 0.95:
            self.delivery(at)
        else:
            self.noise(at)

    def session(self, at):
        rng, user = self.rng, self.user()
        protocol = rng.choice(["imap", "pop3", "managesieve", "submission"])
        name, pid, start, end = self.client(user)
        self.say(at, f"{protocol}-login", f"Login: {start}, mpid={pid}{end}")
        self.story.add("good_logins")
        self.story.add("connections")
        self.story.later(at + rng.random() * 5000, self.leaves, protocol, user, pid, name)

    def leaves(self, at, protocol, user, pid, name):
        rng, (got, gave) = self.rng, (self.rng.randrange(9, 9999), self.rng.randrange(9, 999999))
        why = rng.choice(["Logged out", "Disconnected: Logged out", "Disconnected for inactivity",
                          "Connection closed (IDLE running for 0.001 + waiting input for 28.914 secs, 2 B in + 10 B out, state=wait-input)",
                          "Disconnected: Connection closed: read(size=9) failed: Connection reset by peer (UID FETCH finished 0.1 secs ago)"])
        prefix = self.prefix(protocol, user, pid, name)
        if protocol == "imap":
            expunged, bodies = rng.randrange(3), rng.randrange(9)
            self.say(at, prefix, f"{why} in={got} out={gave} deleted=9 expunged={expunged} trashed=0 hdr_count=7 hdr_bytes=7 "
                     f"body_count={bodies} body_bytes=7")
            self.story.add("expunged", expunged)
            self.story.add("fetched", bodies)
            self.bytes(got, gave)
        elif protocol == "pop3":
            n, deleted = rng.randrange(1, 9), rng.randrange(3)
            self.say(at, prefix, f"Disconnected: Logged out top=0/0, retr={n}/{gave}, del={deleted}/9, size=99")
            self.story.add("fetched", n)
            self.story.add("expunged", deleted)
            self.bytes(0, gave)
        elif protocol == "managesieve":
            self.say(at, prefix, f"Logged out bytes={got}/{gave}")
            self.bytes(got, gave)
        else:
            self.say(at, prefix, f"Disconnected: Client has quit the connection (state=READY) in={got} out={gave}")
            self.bytes(got, gave)

    def bytes(self, got, gave):
        self.story.add("octets_in", got)
        self.story.add("octets_out", gave)

    def refused(self, at):
        rng, user = self.rng, self.user()
        protocol = rng.choice(["imap", "pop3", "managesieve", "submission"])
        self.story.add("connections")
        if rng.random() < 0.5:
            n = rng.randrange(1, 6)
            _, _, start, end = self.client(user)
            self.say(at, f"{protocol}-login", rng.choice([
                "Disconnected", "Aborted login", "Disconnected: Too many invalid commands",
                "Client has quit the connection" if protocol == "submission" else "Disconnected: Inactivity",
                "Login aborted: Connection closed"]) + f" (auth failed, {n} attempts in 9 secs): {start}{end}")
            self.story.add("failed_logins", n)
        else:
            _, _, start, end = self.client("", "")
            self.say(at, f"{protocol}-login", rng.choice([
                "Disconnected (no auth attempts in 0 secs)", "Disconnected: Inactivity (no auth attempts in 60 secs)",
                "Disconnected (disconnected before auth was ready, waited 0 secs)",
                "Login aborted: Connection closed (disconnected during TLS handshake) (tls_handshake_not_finished)"]) + f": {start}{end}")
            self.story.add("failed_connections")

    def delivery(self, at):
        rng, pid = self.rng, self.rng.randrange(2, 99999)
        self.say(at, f"lmtp({pid})", "Connect from local")
        self.story.add("connections")
        for n in range(rng.randrange(1, 4)):
            to = rng.choice([f"lmtp(bob)<{pid}><x{n}>", f"lmtp({pid}, bob@one.test)"])
            self.say(at + 0.1, to, rng.choice([
                "msgid=<saved mail to x>: saved mail to INBOX", "sieve: msgid=<y@z>: stored mail into mailbox 'Archive'"]))
            self.story.add("appended")
        if rng.random() < 0.3:
            self.say(at + 0.2, f"lmtp(bob)<{pid}><y>", rng.choice([
                "sieve: msgid=<y@z>: forwarded to <a@b>", "sieve: msgid=<y@z>: sent vacation response to <a@b>"]))
        self.say(at + 0.3, f"lmtp({pid})", rng.choice(["Disconnect from local: Client has quit the connection (state=READY)",
                                                      "Disconnect from local: Successful quit"]))

    def noise(self, at):
        self.say(at, "auth-worker(7)", "conn unix:auth-worker (pid=9,uid=97): auth-worker<55>: pam(bob,192.0.2.9): unknown user")
        self.say(at, "indexer-worker(bob)<7><x>", "Indexed 10 messages in INBOX (Login: user=<x>)")
