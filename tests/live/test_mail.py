"""Alarms by mail: the message of the seed arrives, waits while the server is away or refuses for now,
outlives a restart, and is given up when it is refused for good.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS."""
import email
import os
import signal
import socketserver
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import Daemon
from snmp_lab import free_port, wait_for
from test_history import MESSAGES, queue_of


class Session(socketserver.StreamRequestHandler):
    """An SMTP server that answers as its server says."""

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink ESMTP")
        for line in self.rfile:
            verb = line.decode("latin-1").strip().upper()
            if verb.startswith("RCPT"):
                self.server.commands.append(line.decode().strip())
                self.say(self.server.rcpt)
            elif verb == "DATA":
                self.say("354 go on")
                text = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    text += line[1:] if line.startswith(b"..") else line
                self.server.messages.append(text)
                self.say("250 2.0.0 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port):
        self.messages, self.commands, self.rcpt = [], [], "250 ok"
        super().__init__(("127.0.0.1", port), Session)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def site():
    with tempfile.TemporaryDirectory(prefix="mailmond-mail-") as folder:
        os.chmod(folder, 0o755)
        folder = Path(folder)
        (folder / "mail.log").write_bytes(b"")
        queue = queue_of(folder / "queue")
        port = free_port()
        settings = {
            "postfix": [{"name": "mx", "config_directory": folder, "queue_directory": queue,
                         "log": folder / "mail.log"}],
            "queue": {"interval": "1 s"}, "checkpoint_interval": "1 s",
            "mail": {"enabled": True, "host": "127.0.0.1", "port": port, "cleared": True,
                     "recipient": "postmaster@example.org", "server_instance": "/opt/test"},
            "alarms": [{"name": name, "object": "applOperStatus", "enabled": False}
                       for name in ("service", "source", "process")] +
                      [{"name": "spool", "object": "mtaGroupStoredMessages", "threshold": 5,
                        "instances": "mx/deferred", "interval": "1 s", "unit": "messages",
                        "description": "stored messages"}]}
        daemon = Daemon(folder / "run", free_port(), settings)
        daemon.smtp, daemon.queue = port, queue
        yield daemon
        daemon.stop()


def test_the_message_of_the_seed(site):
    sink = Sink(site.smtp)
    try:
        site.start()
        assert wait_for(lambda: sink.messages, 20)[0], site.text()
        message = email.message_from_bytes(sink.messages[0])
        assert message["Subject"] == f'ALARM: stored messages of "mx/deferred" is {MESSAGES}'
        assert message["To"] == "postmaster@example.org" and message["Date"]
        lines = message.get_payload().replace("\r\n", "\n").splitlines()
        assert [line.split(":")[0] for line in lines] == [
            "Server instance", "Alarmid", "Instance", "Description",
            lines[4].split(":")[0], "Lowest recorded value", "Highest recorded value",
            "Monitoring interval", "Alarm condition is when over threshold of 5",
            "Number of times over threshold"]
        assert lines[0] == "Server instance: /opt/test" and lines[1] == "Alarmid: spool"
        assert lines[4].startswith("Current measured value (") and lines[4].endswith("): 7")
        assert lines[9] == "Number of times over threshold: 1"
        assert sink.commands == ["RCPT TO:<postmaster@example.org>"]
        for file in (site.queue / "deferred").iterdir():
            file.unlink()
        assert wait_for(lambda: len(sink.messages) > 1, 20)[0]
        cleared = email.message_from_bytes(sink.messages[1])
        assert cleared["Subject"] == 'CLEARED: stored messages of "mx/deferred" is 0'
    finally:
        sink.end()


def test_it_waits_over_a_restart_and_a_crash(site):
    site.start()
    assert wait_for(lambda: "cannot be sent by mail" in site.text(), 20)[0]
    site.stop()
    assert site.text().count("cannot be sent by mail") == 1
    sink = Sink(site.smtp)
    try:
        sink.rcpt = "451 4.7.1 come again"
        site.start()
        assert wait_for(lambda: sink.commands, 20)[0]
        site.stop(signal.SIGKILL)
        sink.rcpt = "250 ok"
        site.start()
        assert wait_for(lambda: sink.messages, 20)[0]
        assert b"ALARM: stored messages" in sink.messages[0]
    finally:
        sink.end()


def test_a_refusal_for_good(site):
    sink = Sink(site.smtp)
    try:
        sink.rcpt = "550 5.1.1 no such user"
        site.start()
        assert wait_for(lambda: "refuses the mail of alarm" in site.text(), 20)[0]
        assert "no such user" in site.text() and len(sink.commands) == 1 and not sink.messages
    finally:
        sink.end()
