"""Round trips through a real Postfix and a real Dovecot: delivered by POP3 and IMAP, each hop stopped in
turn (refused, and hung), lost, late, and cleaned up after a crash.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS ("23400-23499")."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from dovecot_site import IMAP, LMTP, POP3, Site
from postfix_site import SMTP, Postfix
from snmp_lab import free_port, wait_for

BASE = int(os.environ.get("MAILMOND_TEST_PORTS", "23400-23499").split("-", 1)[0])
RESPONSE_NAME = (1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1566, 1, 8, 1, 2)
LATE_S, LOST_S = 5, 6
QUICK = {"timeout": "5 s", "step_timeout": "2500 ms", "interval": "10 min"}


class Gate:
    """A port before another one: open, shut (refused) or silent (accepts and says nothing)."""

    def __init__(self, port, to):
        self.port, self.to, self.silent, self.listener = port, to, False, None
        self.open()

    def open(self):
        self.silent = False
        if not self.listener:
            self.listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def shut(self):
        if self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self.silent:
                threading.Timer(6, client.close).start()
                continue
            server = socket.create_connection(("127.0.0.1", self.to))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(a, b), daemon=True).start()

    @staticmethod
    def copy(a, b):
        try:
            while octets := a.recv(65536):
                b.sendall(octets)
        except OSError:
            pass
        try:
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Lab:
    def __init__(self, folder):
        self.folder = folder
        self.lmtp_port, self.pop3_port = BASE + 90, BASE + 91
        self.postfix = Postfix(folder / "mx", "mx", BASE,
                               transport=f"round.test lmtp:inet:127.0.0.1:{self.lmtp_port}\n")
        self.dovecot = Site(folder / "store", BASE + 80, more="auth_username_format = %n")
        self.password = folder / "password"
        self.password.write_text("pw-u1\n")
        self.password.chmod(0o600)
        shutil.chown(self.password, "nobody")

    def start(self):
        self.postfix.run("postmap", self.postfix.config / "transport", check=False)
        self.postfix.start()
        self.dovecot.start()
        self.lmtp = Gate(self.lmtp_port, self.dovecot.base + LMTP)
        self.pop3 = Gate(self.pop3_port, self.dovecot.base + POP3)
        return self

    def stop(self):
        self.lmtp.shut()
        self.pop3.shut()
        self.dovecot.stop()
        self.postfix.stop()

    def responses(self):
        login = {"user": "u1", "password_file": self.password}
        return [{"name": "mx", "protocol": "smtp", "host": "127.0.0.1",
                 "port": self.postfix.port(SMTP), **QUICK},
                {"name": "store", "protocol": "lmtp", "host": "127.0.0.1", "port": self.lmtp_port,
                 **QUICK},
                {"name": "pop3", "protocol": "pop3", "host": "127.0.0.1", "port": self.pop3_port,
                 **login, **QUICK},
                {"name": "imap", "protocol": "imap", "host": "127.0.0.1",
                 "port": self.dovecot.base + IMAP, **login, **QUICK}]

    def messages(self):
        return int(self.dovecot.doveadm("mailbox", "status", "-u", "u1", "messages",
                                        "INBOX").split("=")[1])


@pytest.fixture(scope="module")
def lab():
    with tempfile.TemporaryDirectory(prefix="mm-route-") as folder:
        os.chmod(folder, 0o755)
        made = Lab(Path(folder))
        try:
            yield made.start()
        finally:
            made.stop()


def route(**more):
    return {"name": "trip", "submit": "mx", "hops": ["store"], "retrieve": "pop3",
            "recipient": "u1@round.test", "interval": "1 s", "late": f"{LATE_S} s", "lost": f"{LOST_S} s", **more}


def started(lab, *routes):
    number = len(list(lab.folder.glob("run*")))
    alarms = [{"name": name, "enabled": False} for name in ("service", "source", "process", "probe")]
    return Daemon(lab.folder / f"run{number}", free_port(),
                  {"routes": routes, "responses": lab.responses(), "alarms": alarms,
                   "postfix": [{"name": "mx", "config_directory": lab.postfix.config}]}).start()


@pytest.fixture
def daemon(lab):
    made = []

    def make(*routes):
        made.append(started(lab, *routes))
        return made[0]

    yield make
    made[0].stop()
    assert "pw-u1" not in made[0].text()


class Row:
    """The row of a route."""

    def __init__(self, daemon, name="trip"):
        self.daemon, self.name = daemon, name

    def __call__(self, column):
        walk = self.daemon.walk()
        return walk.get((f"mailmonRoute{column}", walk.index("mailmonRouteName", self.name)))

    def next(self, status, hop=None, word="", seconds=25):
        """Waits for a run that ends so, with this response at fault, after now."""
        runs = self("Runs")

        def right(walk):
            at = walk.index("mailmonRouteName", self.name)
            row = {c: walk[f"mailmonRoute{c}", at] for c in ("Runs", "Status", "FaultHop", "FaultText")}
            assert row["Runs"] > runs and row["Status"] == status, row
            oid = tuple(int(n) for n in row["FaultHop"].strip(".").split("."))
            assert oid == (0, 0) if hop is None else walk["mailmonResponseName", oid[-1]] == hop, row
            assert hop is None or oid[:-1] == RESPONSE_NAME
            text = row["FaultText"]
            assert text == "" if hop is None else text.startswith(f"{hop}: ") and word in text, row
        self.daemon.shows(right, seconds)


DELIVERED = ("FaultHop FaultText Leftovers Total SubmitTime TransitTime RetrieveTime Minimum Mean Maximum User "
             "SubmitHost").split()


def check_delivered(row):
    assert row["FaultHop"].strip(".") == "0.0" and row["FaultText"] == "" and row["Leftovers"] == 0
    assert row["Total"] == row["SubmitTime"] + row["TransitTime"] + row["RetrieveTime"]
    assert row["Minimum"] <= row["Mean"] <= row["Maximum"] < LOST_S * 1000
    assert row["User"] == "u1" and row["SubmitHost"] == "127.0.0.1"


def test_delivered(lab, daemon):
    mx = daemon(route(), route(name="by imap", retrieve="imap"))
    for name in ("trip", "by imap"):
        row = Row(mx, name)
        assert wait_for(lambda: row("Status") == "delivered" and row("Runs") >= 2, 30)[0], mx.text()
        mx.shows(lambda walk, n=name: check_delivered({
            c: walk[f"mailmonRoute{c}", walk.index("mailmonRouteName", n)] for c in DELIVERED}))
    mx.stop()
    assert lab.messages() <= 2  # under way at the end


def test_without_retrieval(lab, daemon):
    settings = route()
    del settings["retrieve"]
    mx = daemon({**settings, "hops": []})
    row = Row(mx)
    assert wait_for(lambda: row("Status") == "delivered" and row("Runs") >= 2, 20)[0]
    assert row("TransitTime") is None and row("RetrieveHost") == ""


def stop_postfix(lab):
    lab.postfix.stop()
    return lab.postfix.start


def shut(gate):
    gate.shut()
    return gate.open


def silence(gate):
    gate.silent = True
    return gate.open


FAULTS = [
    ("Postfix is stopped", stop_postfix, "submitFailed", "mx", "refused"),
    ("Postfix hangs", lambda lab: lab.postfix.hang(), "submitFailed", "mx", "within"),
    ("the store's LMTP is shut", lambda lab: shut(lab.lmtp), "lost", "store", "refused"),
    ("the store's LMTP is silent", lambda lab: silence(lab.lmtp), "lost", "store", "within"),
    ("POP3 is shut", lambda lab: shut(lab.pop3), "retrieveFailed", "pop3", "refused"),
    ("POP3 is silent", lambda lab: silence(lab.pop3), "retrieveFailed", "pop3", "within"),
    # its idle LMTP process goes on serving: it is the logins that hang
    ("Dovecot hangs", lambda lab: lab.dovecot.hang(), "retrieveFailed", "pop3", "within"),
]


def flushed(lab):
    """What could not be delivered is tried again, also what came in the meantime."""
    lab.postfix.run("postqueue", "-f", check=False)
    return True


def test_the_hop_at_fault(lab, daemon):
    """Each time the one that was stopped, and in the end no message is left."""
    mx = daemon(route())
    row = Row(mx)
    assert wait_for(lambda: row("Status") == "delivered", 30)[0], mx.text()
    for what, stop, status, hop, word in FAULTS:
        give_back = stop(lab)
        print(what)
        try:
            row.next(status, hop, word)
        finally:
            give_back()
        flushed(lab)  # or Postfix lets a store rest that was often away
        row.next("delivered", seconds=40)
    assert wait_for(lambda: flushed(lab) and row("Leftovers") == 0, 40, 1)[0], mx.text()


def test_late_is_not_lost(lab, daemon):
    """The run ends as lost; when its message comes after all, it was late."""
    mx = daemon(route(interval="6 s"))
    row = Row(mx)
    assert wait_for(lambda: row("Status") == "delivered", 30)[0], mx.text()
    lab.lmtp.shut()
    row.next("lost", "store", seconds=30)
    assert row("Leftovers") >= 1
    lab.lmtp.open()
    assert wait_for(lambda: flushed(lab) and "that was given up arrived" in mx.text(), 30)[0], mx.text()
    assert wait_for(lambda: flushed(lab) and row("Leftovers") == 0, 20, 1)[0]


def test_a_crash_leaves_nothing(lab, daemon):
    mx = daemon(route(lost="60 s", late="50 s"))
    row = Row(mx)
    assert wait_for(lambda: row("Status") == "delivered", 30)[0], mx.text()
    lab.lmtp.shut()
    assert wait_for(lambda: lab.postfix.queue("deferred"), 20)[0]
    mx.stop(signal.SIGKILL)
    lab.lmtp.open()
    assert wait_for(lambda: flushed(lab) and lab.messages() > 0, 20, 1)[0]
    mx.start()
    assert wait_for(lambda: "of runs before mailmond was started" in mx.text(), 30)[0], mx.text()
    assert wait_for(lambda: row("Status") == "delivered", 30)[0], mx.text()
    mx.stop()
    assert lab.messages() <= 1


def check(folder, text):
    config = folder / "check.conf"
    config.write_text(text)
    done = subprocess.run([BUILD / "mailmond", "--config", config, "--check"], capture_output=True,
                          text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_sequence(tmp_path):
    """healthmon's lines are read as they are."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o600)
    lines = tmp_path / "sequence.cfg"
    lines.write_text("# <minute> DMSG -u <store> -s <MTA Relay> -p <MMP>\n"
                     "05 DMSG -u ims1 -s ssmtp01 -p smux01\n\n10 DMSG -u ims2 -s ssmtp01 -p smux01\n#\n")
    text = f'sequence = {{ file = "{lines}"; domain = "siroe.com"; password_file = "{password}"; }};\n'
    code, said = check(tmp_path, text)
    assert code == 0, said
    config = tmp_path / "check.conf"
    dump = subprocess.run([BUILD / "mailmond", "--config", config, "--dump-config"],
                          capture_output=True, text=True, check=True).stdout
    for part in ('name = "ims1/ssmtp01/smux01 05"', 'recipient = "ims2@siroe.com"', "minute = 10;",
                 'name = "smtp://ssmtp01"', 'name = "pop3://smux01 ims1"'):
        assert part in dump, dump
    code, said = check(tmp_path, dump)  # what is printed can be read
    assert code == 0, said
    lines.write_text("05 DMSG -u ims1 -p smux01\n61 DMSG -u a -s b -p c\n")
    code, said = check(tmp_path, text)
    assert code == 1 and f"{lines}:1: not a line" in said and f"{lines}:2: not a line" in said


def test_not_yet_due(lab):
    """A route that runs once an hour is no stale source until then: the alarm would ring at each start."""
    minute = (time.localtime().tm_min + 30) % 60
    daemon = started(lab, {"name": "hourly", "submit": "mx", "recipient": "a@b.test", "minute": minute})
    try:
        walk = daemon.walk()
        of = walk.index("mailmonSourceName", "route hourly")
        assert walk["mailmonSourceStatus", of] == "ok"
        assert ("mailmonSourceLastSuccess", of) not in walk
    finally:
        daemon.stop()


@pytest.mark.parametrize("settings, wanted", [
    ('name = "a"; recipient = "b@c";', "submit is missing"),
    ('name = "a"; submit = "nobody"; recipient = "b@c";', 'there is no response "nobody"'),
    ('name = "a"; submit = "imap://host"; recipient = "b@c";', 'submit cannot be "imap://host"'),
    ('name = "a"; submit = "smtp://h"; recipient = "b@c"; retrieve = "pop3://h";',
     "whose mailbox is it?"),
    ('name = "a"; submit = "smtp://h"; recipient = "b c";', "must be an address"),
    ('name = "a"; submit = "smtp://h"; recipient = "b"; late = "9 s"; lost = "8 s";',
     "must not be less than late"),
    ('name = "a"; submit = "smtp://h:99999"; recipient = "b";', "cannot be"),
])
def test_what_is_wrong_has_a_line(tmp_path, settings, wanted):
    code, said = check(tmp_path, f"# routes\nroutes = ( {{ {settings} }} );\n")
    assert code == 1 and "check.conf:2: routes: " in said and wanted in said, said
