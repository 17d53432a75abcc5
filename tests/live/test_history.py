"""The history of a running mailmond: samples outlive it, baselines of the weeks before come into
mailmonChannelTable, and mailmond-report reads while it is written.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS."""
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import PATIENCE, free_port, wait_for

WEEK = 7 * 86400
QUEUES = ("active", "deferred", "hold", "incoming", "maildrop", "corrupt")
MESSAGES = 7


def queue_of(folder):
    """Queue directories with some deferred messages."""
    for name in QUEUES:
        (folder / name).mkdir(parents=True)
    for i in range(MESSAGES):
        (folder / "deferred" / f"{i:X}1234567{i:X}").write_bytes(b"")
    return folder


@pytest.fixture
def daemon():
    with tempfile.TemporaryDirectory(prefix="mailmond-history-") as folder:
        os.chmod(folder, 0o755)  # for the account of the publish process
        yield from started(Path(folder))


def away_from_midnight():
    """A report is of one day."""
    now = time.localtime()
    left = 86400 - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)
    if left < 120:
        time.sleep(left)


def started(tmp_path):
    log = tmp_path / "mail.log"
    log.write_bytes(b"")
    queue = queue_of(tmp_path / "queue")
    settings = {"postfix": [{"name": "mx", "config_directory": str(tmp_path), "log": str(log),
                             "queue_directory": str(queue)}],
                "queue": {"interval": "1 s"},
                # all of the hour two weeks ago counts still, whatever minute it is
                "history": {"baseline_weeks": 3, "fine_days": 22},
                "alarms": [{"name": "spool", "object": "mtaGroupStoredMessages", "threshold": 5,
                            "instances": "mx/deferred", "interval": "1 s",
                            "description": "stored messages"}]}
    (tmp_path / "run").mkdir()
    made = Daemon(tmp_path / "run", free_port(), settings)
    made.start()
    yield made
    made.stop()


def database(daemon):
    return sqlite3.connect(f"file:{daemon.folder / 'state'}/history.db?mode=rw", uri=True)


def has_tables(daemon):
    """Whether its program has made the history, all of it."""
    try:
        with database(daemon) as db:
            return db.execute("SELECT count(*) FROM sample, series, run").fetchone()
    except sqlite3.OperationalError:
        return None


def report(daemon, *options):
    command = [BUILD / "mailmond-report", "--state", daemon.folder / "state", "--day", "today",
               "--host", "test", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def hour_of_last_week(weeks, later):
    """The beginning of this hour or a later one, some weeks ago by local time."""
    local = list(time.localtime())
    local[2] -= 7 * weeks
    local[3] += later
    local[4:6] = 0, 0
    local[8] = -1
    return int(time.mktime(tuple(local)))


def stored(daemon):
    walk = daemon.walk()
    return walk.get(("mtaGroupStoredMessages", *walk.group("mx", "deferred")))


def test_history(daemon):
    away_from_midnight()
    assert wait_for(lambda: stored(daemon) == MESSAGES, 15)[0]
    group = daemon.walk().group("mx", "deferred")
    index = ".".join(map(str, group))
    assert wait_for(lambda: "alarm spool" in daemon.text(), 10)[0]
    daemon.stop()

    # the span that ran when it was stopped is there, and perhaps one before it, under the name that people know
    with database(daemon) as db:
        rows = db.execute("SELECT series, name, count, maximum FROM series JOIN sample ON series = id"
                          " WHERE object = 'mtaGroupStoredMessages' AND instance = ?",
                          (index,)).fetchall()
        assert rows and all(name == "mx/deferred" and maximum <= MESSAGES for _, name, _, maximum in rows)
        told = db.execute("SELECT instance, value, threshold FROM transition WHERE id = 'spool'")
        assert told.fetchall() == [("mx/deferred", MESSAGES, 5)]
        for week, mean, later in ((1, 10.0, 0), (2, 20.0, 0), (1, 10.0, 1), (2, 20.0, 1)):
            start = hour_of_last_week(week, later) // 300 * 300
            db.executemany("INSERT OR REPLACE INTO sample VALUES(?, ?, 300, 5, ?, ?, ?)",
                           [(rows[0][0], start + i * 300, mean, mean, mean + week)
                            for i in range(12)])
    db.close()

    daemon.start()

    def right(walk):
        assert walk["mailmonChannelDepthMean", *group] == 15
        assert walk["mailmonChannelDepthDeviation", *group] == 5
        assert walk["mailmonChannelDepthSamples", *group] == 24
        assert walk["mailmonChannelDepthPeak", *group] == 22
        assert ("mailmonChannelDepthPeakTime", *group) in walk
    daemon.shows(right, 15)

    # while it runs
    text = report(daemon)
    assert "instance name = test" in text
    assert "stored messages of \"mx/deferred\"" in text
    template = daemon.folder / "template"
    template.write_text("%each alarms\n${id} ${instance} ${value} ${threshold}\n%end\n")
    out = daemon.folder / "reports"
    out.mkdir()
    report(daemon, "--template", template, "--output", out)
    (made,) = out.iterdir()
    assert made.name == time.strftime("report-%Y-%m-%d.txt")
    assert f"spool mx/deferred {MESSAGES} 5\n" in made.read_text()


def what_if(daemon, config, *options):
    command = [BUILD / "mailmond", "--config", config, "--state", daemon.folder / "state", "--what-if",
               *options]
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          env={**os.environ, "TZ": "UTC"}, timeout=30 * PATIENCE)


def test_what_if(daemon):
    """A candidate's rules over the history of a daemon that runs with others."""
    day = 1767225600  # 2026-01-01
    assert wait_for(lambda: has_tables(daemon), 15)[0]
    depths = [10] * 12 + [40] * 6 + [10] * 6
    with database(daemon) as db:
        db.execute("INSERT OR IGNORE INTO series VALUES(900, 'mtaGroupStoredMessages', '77.3', 'a/b')")
        db.executemany("INSERT INTO sample VALUES(900, ?, 300, 5, ?, ?, ?)",
                       [(day + i * 300, mean, mean - 5, mean + 20) for i, mean in enumerate(depths)])
    db.close()
    candidate = daemon.folder / "candidate.conf"

    def lines(rule, *options):
        candidate.write_text('alarms = ( { name = "try"; object = "mtaGroupStoredMessages"; interval = "1 min"; '
                             + rule + " } );\n")
        done = what_if(daemon, candidate, *options)
        assert (done.returncode, done.stderr) == (0, "")
        return [line for line in done.stdout.splitlines() if "  try  " in line]

    assert lines('instances = "a/*"; threshold = 50;') == [
        '2026-01-01 01:00  raised   try  "a/b"  60, threshold 50',
        '2026-01-01 01:30  cleared  try  "a/b"  30, threshold 50']
    assert lines('instances = "a/*"; threshold = 30; hold = "10 min";') == [
        '2026-01-01 01:10  raised   try  "a/b"  40, threshold 30',
        '2026-01-01 01:30  cleared  try  "a/b"  10, threshold 30']
    assert not lines('instances = "a/*"; threshold = 60;')
    assert not lines('instances = "a/*"; threshold = 50;', "--from", "2026-01-02")
    assert len(lines('instances = "a/*"; threshold = 50;', "--from", "2026-01-01", "--to", "2026-01-01")) == 2

    assert what_if(daemon, candidate, "--from", "yesterday").returncode == 2
    assert what_if(daemon, candidate, "--from", "2026-01-02", "--to", "2026-01-01").returncode == 2
    candidate.write_text('alarms = ( { name = "try"; object = "mtaGroupStored"; threshold = 1; } );\n')
    wrong = what_if(daemon, candidate)
    assert wrong.returncode == 1 and "did you mean" in wrong.stderr
    none = subprocess.run([BUILD / "mailmond", "--config", daemon.config, "--state", daemon.folder / "none",
                           "--what-if"], capture_output=True, text=True, check=False)
    assert none.returncode == 1 and "history.db" in none.stderr
    with open("/dev/full", "w", encoding="ascii") as full:
        assert subprocess.run([BUILD / "mailmond", "--config", daemon.config, "--state",
                               daemon.folder / "state", "--what-if"], stdout=full,
                              stderr=subprocess.DEVNULL, check=False).returncode == 1
    assert daemon.process.process.poll() is None


def test_a_history_that_cannot_be_written(daemon):
    """It costs nothing but itself, is said once, and so is its return."""
    daemon.stop()
    path = daemon.folder / "state" / "history.db"
    path.write_bytes(b"not a database " * 1000)
    daemon.start()
    assert wait_for(lambda: "history cannot be written" in daemon.text(), 10)[0]
    assert wait_for(lambda: stored(daemon) == MESSAGES, 15)[0]
    assert daemon.text().count("history cannot be written") == 1
    failed = subprocess.run([BUILD / "mailmond-report", "--state", daemon.folder / "state"],
                            capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and "not a database" in failed.stderr
