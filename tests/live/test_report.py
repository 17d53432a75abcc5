"""The daily report by schedule: at its minute it is in the directory and in the postmaster's mailbox.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS."""
import email
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import free_port, wait_for
from test_history import queue_of
from test_mail import Sink


LONG = "..a line of a long report\n" * 5000  # the first dot is what SMTP adds one to


def settings(folder, smtp, at):
    """The report is the built-in one with some 130 kB behind it: that of a large site."""
    (folder / "mail.log").write_bytes(b"")
    built_in = subprocess.run([BUILD / "mailmond-report", "--print-template"], capture_output=True, text=True,
                              check=True).stdout
    (folder / "template").write_text(built_in + LONG)
    (folder / "reports").mkdir()
    os.chmod(folder / "reports", 0o777)
    return {"postfix": [{"name": "mx", "config_directory": folder, "log": folder / "mail.log",
                         "queue_directory": queue_of(folder / "queue")}],
            "alarms": [{"name": name, "enabled": False} for name in ("service", "source", "process")],
            "mail": {"host": "127.0.0.1", "port": smtp, "recipient": "postmaster@example.org"},
            "report": {"at": at, "directory": folder / "reports", "mail": True,
                       "template": folder / "template"}}


def seed(database, day):
    """A round trip of that day, five past noon."""
    at = [*day[:3], 12, 5, 0, 0, 0, -1]
    try:
        with sqlite3.connect(database) as db:
            db.execute("INSERT INTO run VALUES(?, 'a', 'ims2', 'ssmtp02', 'smux01', 2083, 2, '')",
                       (int(time.mktime(tuple(at))) * 1000,))
        return True
    except sqlite3.OperationalError:  # mailmond has not made its tables yet
        return False


def clock_with(monkeypatch, left):
    """A zone in which so many seconds are left of the minute; returns the next one and the day before it."""
    ahead = (60 - left - int(time.time())) % 60
    monkeypatch.setenv("TZ", f"TEST-00:00:{ahead:02}")
    time.tzset()
    at = time.time() + left
    return time.strftime("%H:%M", time.localtime(at)), time.localtime(at - 86400)


def by_schedule(folder, monkeypatch, left):
    """The message that came at its minute, so many seconds from now, and that day's report; None: mailmond was not
    ready in time."""
    at, yesterday = clock_with(monkeypatch, left)
    due, smtp = time.monotonic() + left, free_port()
    folder.mkdir()
    sink = Sink(smtp)
    daemon = Daemon(folder / "run", free_port(), settings(folder, smtp, at)).start()
    try:
        database = folder / "run" / "state" / "history.db"
        assert wait_for(lambda: database.exists() and seed(database, yesterday), 10)[0]
        if time.monotonic() > due - 1:
            return None
        assert wait_for(lambda: sink.messages, left + 10, 0.2)[0], daemon.text()
        assert wait_for(lambda: "the daily report was sent" in daemon.text(), 5)[0]
        made = folder / "reports" / time.strftime("report-%Y-%m-%d.txt", yesterday)
        return email.message_from_bytes(sink.messages[0]), made.read_text()
    finally:
        daemon.stop()
        sink.end()


def test_by_schedule(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="mailmond-report-") as name:
        os.chmod(name, 0o755)
        try:
            found = (by_schedule(Path(name) / str(left), monkeypatch, left) for left in (6, 15, 30, 55))
            message, text = next(f for f in found if f)
        finally:
            monkeypatch.undo()
            time.tzset()
        assert message["Subject"].startswith("mail report of ")
        row = "| 12:05:00 | ims2      | ssmtp02    | smux01     |  2083 |                 |"
        assert row in message.get_payload()
        assert message.get_payload().replace("\r", "").endswith(LONG)
        assert row in text


def test_what_is_wrong_has_a_line(tmp_path):
    for text, wanted in (('report = { at = "24:00"; };', "at is no time of day"),
                         ('report = { directory = "/nonexistent"; };', "No such file or directory"),
                         ("report = { mail = true; };\nhistory = { days = 0; };", "no report without")):
        config = tmp_path / "mailmond.conf"
        config.write_text(text + "\n")
        done = subprocess.run([BUILD / "mailmond", "--config", config, "--check"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 1 and f"{config}:1: " in done.stderr + done.stdout
        assert wanted in done.stderr + done.stdout
