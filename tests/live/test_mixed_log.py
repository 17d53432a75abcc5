"""One file to which Postfix, Dovecot and Cyrus write: each line is counted once, by whom it belongs to."""
import re
from pathlib import Path

import pytest

from daemon import ROOT, Daemon
from test_dovecot import shown

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
        cells = shown(d, lambda c: len(c.column("mailmonAccessGoodLogins")) >= 6)
        good = {cells["applName", i]: v for i, v in cells.column("mailmonAccessGoodLogins").items()}
        for server in ("dovecot", "cyrus"):
            shown_ = sorted(v for name, v in good.items() if name.startswith(server + "/"))
            assert shown_ == sorted(alone(server, "mailmonAccessGoodLogins"))
        assert cells.of("mtaReceivedMessages", "postfix") == \
            alone("postfix", "mtaReceivedMessages")[0]
        logs = [i for i, v in cells.column("mailmonSourceKind").items() if v == "log"]
        assert len(logs) == 1
        assert cells["mailmonSourceUnrecognised", logs[0]] == 0
    finally:
        d.stop()
