"""One file to which Postfix, Dovecot and Cyrus write: each line is counted once, by whom it belongs to."""
import os
import re
import signal
from pathlib import Path

import pytest

from daemon import ROOT, Daemon, setting

SNMP = 27560
DATA = ROOT / "tests" / "data"


@pytest.fixture
def log(tmp_path):
    """The recorded logs, line about line, Dovecot's as syslog writes it."""
    dovecot = [line.replace(" Info: ", " ", 1) for line in
               (DATA / "dovecot_real.log").read_text().splitlines()]
    dovecot = [f"{line[:15]} mx1 dovecot: {line[16:]}" for line in dovecot]
    lists = [(DATA / "postfix_real.log").read_text().splitlines(), dovecot,
             (DATA / "cyrus_real.log").read_text().splitlines()]
    path = tmp_path / "mail.log"
    with open(path, "w") as out:
        for n in range(max(map(len, lists))):
            out.writelines(f"{lines[n]}\n" for lines in lists if n < len(lines))
    return path


def alone(name, column):
    """What the log read alone gives, as the golden dump has it: in the order of rows."""
    return [int(n) for n in re.findall(rf"::{column}\.\d+ = \w+: (\d+)$",
                                       (DATA / f"{name}_real.dump").read_text(), re.MULTILINE)]


def test_one_file(log, tmp_path):
    d = Daemon(tmp_path / "mailmond", SNMP, {
        "detect": False, "user": "root", "publish_user": "root",
        "postfix": [{"name": "postfix", "log": log}],
        "dovecot": [{"log": log, "pid_file": Path("/nonexistent")}],
        "cyrus": [{"log": log, "pid_file": Path("/nonexistent"), "proc_directory": tmp_path}]})
    d.start()
    try:
        def right(cells):
            good = {cells["applName", i]: v for i, v in cells.column("mailmonAccessGoodLogins").items()}
            for server in ("dovecot", "cyrus"):
                shown = sorted(v for name, v in good.items() if name.startswith(server + "/"))
                assert shown == sorted(alone(server, "mailmonAccessGoodLogins"))
            assert cells.of("mtaReceivedMessages", "postfix") == \
                alone("postfix", "mtaReceivedMessages")[0]
            logs = [i for i, v in cells.column("mailmonSourceKind").items() if v == "log"]
            assert len(logs) == 1
            assert cells["mailmonSourceUnrecognised", logs[0]] == 0
        d.shows(right)
    finally:
        d.stop()


def connections(cells, wanted):
    assert cells.of("applAccumulatedInboundAssociations", "postfix") == wanted


def test_repeated_over_a_restart(tmp_path):
    """The line that "last message repeated" is about was read by the process before: it is in the file."""
    log = tmp_path / "mail.log"
    head = "Nov 22 00:00:00 mx1"
    log.write_text(f"{head} sshd[1]: x\n{head} postfix/smtpd[1]: connect from h[192.0.2.9]\n"
                   f"{head} last message repeated 2 times\n")
    d = Daemon(tmp_path / "mailmond", SNMP + 2, {
        "detect": False, "user": "root", "publish_user": "root",
        "postfix": [{"name": "postfix", "log": log}]}).start()
    try:
        d.shows(lambda cells: connections(cells, 3))
        for stop, more, total in ((signal.SIGTERM, 3, 6), (signal.SIGKILL, 4, 10)):
            d.stop(stop)
            with open(log, "a") as out:
                out.write(f"{head} last message repeated {more} times\n")
            d.start()
            d.shows(lambda cells, n=total: connections(cells, n))
    finally:
        d.stop()


def test_tag_and_reload(tmp_path):
    """A tag that anybody may write makes no application, an instance that is new does; and a log event that is
    not asked for any more is gone after SIGHUP."""
    log = tmp_path / "mail.log"
    head = "2026-11-22T00:00:00+00:00 mx1"
    log.write_text("".join(f"{head} postfix/{line}\n" for line in (
        "smtpd[1]: connect from h[192.0.2.9]", "smtpd[1]: lost connection after RCPT from h[192.0.2.9]")))
    settings = {"detect": False, "user": "root", "publish_user": "root",
                "postfix": [{"name": "postfix", "log": log}],
                "log_events": [{"name": n, "source": log, "pattern": n} for n in ("lost", "connect")]}
    d = Daemon(tmp_path / "mailmond", SNMP + 1, settings).start()

    def only_postfix(cells):
        assert set(cells.column("applName").values()) == {"postfix"}

    def with_new_instance(cells):
        assert cells.of("mtaReceivedMessages", "mx-out") == 1
        assert set(cells.column("applName").values()) == {"postfix", "mx-out"}
        assert cells.of("applAccumulatedInboundAssociations", "mx-out") == 1
        assert set(cells.column("mailmonLogEventName").values()) == {"lost", "connect"}

    def without_lost(cells):
        assert set(cells.column("mailmonLogEventName").values()) == {"connect"}
        assert cells["mailmonLogEventMatches", cells.index("mailmonLogEventName", "connect")] > 0
        assert set(cells.column("applName").values()) == {"postfix", "mx-out"}
    try:
        d.shows(only_postfix)
        with open(log, "a") as out:
            out.write(f"{head} forged/smtpd[1]: connect from h[192.0.2.66]\n")
            out.write(f"{head} forged/smtpd[1]: 9FBF112D687: client=h[192.0.2.66]\n")
            out.write(f"{head} mx-out/smtpd[3]: connect from h[192.0.2.7]\n")
            out.write(f"{head} mx-out/smtpd[3]: 9FBF112D687: client=h[192.0.2.7]\n")
            out.write(f"{head} mx-out/cleanup[4]: 9FBF112D687: message-id=<x@y>\n")
            out.write(f"{head} mx-out/qmgr[5]: 9FBF112D687: from=<a@x>, size=10, nrcpt=1 (queue active)\n")
        d.shows(with_new_instance)
        text = d.config.read_text()
        d.config.write_text(text.replace(setting(settings["log_events"][0]) + ", ", ""))
        assert d.config.read_text() != text
        os.kill(d.process.process.pid, signal.SIGHUP)
        d.shows(without_lost)
    finally:
        d.stop()
