"""mailmonProcessTable, mailmonFileTable and mailmonHost with real processes: a private Postfix whose queue
manager and master are killed, and others that are started and killed by the test.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (23000),
and MAILMOND_TEST_PORTS."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import postfix_site as ps
from postfix_lab import PostfixLab, eventually, lab_fixture, needs_postfix

pytestmark = needs_postfix
QMONITOR = re.compile(r"^\|(\d\d:\d\d)\|\s*(\d+) \|\s*(\d+) \|\s*(\d+)k \|\s*(\d+) \|\s*(\d+) \|\s*(\d+) \|"
                      r"\s*(\d+) \|\s*(\d+) \|\s*(\d+)\|\s*(\d+)\|\s*(\d+)\|\s*(\d+)\|\s*(\d+)\|$")
TICKS = os.sysconf("SC_CLK_TCK")


class Lab(PostfixLab):
    def __init__(self, folder):
        self.programs = {}
        for name, of in (("dovecot", "sleep"), ("mm-stored", "sleep"), ("mm-a-very-long-name", "sleep"), ("mm-busy", "dash")):
            self.programs[name] = shutil.copy(shutil.which(of), folder / name)
        self.running = []
        (folder / "agent").mkdir()
        self.pid_file = folder / "agent" / "stored.pid"
        super().__init__(folder, lambda lab: {
            "system_interval": "1 s",
            "dovecot": [{"name": "dovecot", "pid_file": folder / "dovecot.pid",
                         "log": folder / "dovecot.log"}],
            "records": {"directory": folder / "records", "interval": "1 s"},
            "files": [{"name": "core files", "pattern": folder / "core*"}],
            "processes": [
                {"process": "mm-stored", "name": "store", "max": 1, "appl": "postfix", "min": 0},
                {"process": "mm-a-very-long-name", "min": 2, "max": 3},
                {"process": "mm-a-very-long-name", "name": "old", "min": 2, "max": 3, "max_life_time": "3 s"},
                {"process": "mm-busy", "name": "busy", "arguments": "while", "user": "nobody"},
                {"process": "mm-none", "min": 0, "appl": "no such"},
                {"process": "smtpd", "min": 0, "max_life_connections": 3,
                 "arguments": str(lab.postfix.port(ps.SMTP))},
                {"process": "mm-stored", "name": "by file", "pid_file": self.pid_file}]})

    def run(self, name, *arguments, **how):
        p = subprocess.Popen([self.programs[name], *arguments], **how)
        self.running.append(p)
        return p

    def kill(self, p):
        p.kill()
        p.wait()
        self.running.remove(p)

    def row(self, name):
        """{column: value} of the row; {} while there is none."""
        walk = self.daemon.walk()
        found = [i for i, v in walk.column("mailmonProcessName").items() if v == name]
        return {c[len("mailmonProcess"):]: v for (c, *i), v in walk.items()
                if c.startswith("mailmonProcess") and i == found}

    def stop(self):
        for p in list(self.running):
            self.kill(p)
        super().stop()


lab = lab_fixture(Lab, "process")


def age(pid):
    """Seconds, by the kernel's own account."""
    start = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]) / TICKS
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start


def test_postfix_is_expected(lab):
    """Master and queue manager are rows without any configuration."""
    for name, process in (("postfix master", lab.postfix.pid()), ("postfix qmgr", lab.postfix.process("qmgr"))):
        eventually(lambda: lab.row(name).get("Running") == 1)

        def right(name=name, process=process):
            row = lab.row(name)
            assert (row["ExpectedMin"], row["ExpectedMax"], row["Status"], row["Restarts"]) == (1, 1, "ok", 0)
            assert abs(row["Oldest"] - age(process)) <= 2
            resident = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4
            assert abs(row["ResidentMemory"] - resident) <= resident / 5
            return "RestartsTried" not in row and "RestartState" not in row
        eventually(right)


def test_dovecot_is_expected(lab):
    """So is the master of a server of mailboxes, by its pid file."""
    eventually(lambda: lab.row("dovecot master").get("Status") == "tooFew")
    p = lab.run("dovecot", "1000")
    (lab.folder / "dovecot.pid").write_text(f"{p.pid}\n")
    eventually(lambda: lab.row("dovecot master")["Status"] == "ok")
    lab.kill(p)
    eventually(lambda: lab.row("dovecot master")["Status"] == "tooFew")


def test_connections_served(lab):
    """A server process is too old after its third connection."""
    def served():
        """By the oldest; another takes a connection that comes before this one is free again."""
        processes = re.findall(r"/smtpd\[(\d+)\]: connect from", lab.postfix.text())
        return processes.count(processes[0]) if processes else 0

    def right():
        row, n = lab.row("smtpd"), served()
        return (row["ConnectionsServed"], row["Status"]) == (n, "ok" if n < 3 else "tooOld")
    while served() < 3:
        with lab.postfix.connect() as c:
            c.sendall(b"QUIT\r\n")
            assert c.recv(100).startswith(b"221")
        eventually(right)
    assert "ConnectionsServed" not in lab.row("postfix qmgr")


def test_unknown_application(lab):
    """A row that names an application that is not there says so, once."""
    eventually(lambda: lab.daemon.text().count('mm-none: there is no application "no such"') == 1)
    assert "store: there is no application" not in lab.daemon.text()


def test_counts_and_ages(lab):
    name = "mm-a-very-long-name"
    eventually(lambda: lab.row(name).get("Status") == "tooFew")
    assert lab.row(name)["Running"] == 0 and "Oldest" not in lab.row(name)
    for _ in range(2):
        lab.run(name, "1000")

    def is_(row, *expected):
        row = lab.row(row)
        return (row["Running"], row["Status"]) == expected
    eventually(lambda: is_(name, 2, "ok"))
    more = [lab.run(name, "1000") for _ in range(2)]
    eventually(lambda: is_(name, 4, "tooMany") and is_("old", 4, "tooMany"))
    for p in more:
        lab.kill(p)
    eventually(lambda: is_(name, 2, "ok") and is_("old", 2, "tooOld"))
    assert "Restarts" not in lab.row(name)  # of a pool there are none


def hurry(p):
    """It gets its processor also on a machine that is loaded, where that is permitted."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, p.pid, -15)


def test_processor_time(lab):
    """A loop uses a thousandth or so of what the kernel says it used."""
    eventually(lambda: lab.row("busy")["Status"] == "tooFew")
    lab.run("mm-busy", "-c", "read x; while :; do :; done", stdin=subprocess.DEVNULL)  # of root
    p = lab.run("mm-busy", "-c", "while :; do :; done", user="nobody")
    hurry(p)
    eventually(lambda: lab.row("busy")["Running"] == 1)
    seen = []

    def right():
        """Of the last few seconds, whatever the machine grants in them."""
        used = sum(map(int, Path(f"/proc/{p.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / TICKS
        seen.append((used, time.monotonic()))
        before, begin = seen[max(0, len(seen) - 8)]
        mean = (used - before) / (seen[-1][1] - begin) * 1000 if seen[-1][1] > begin + 1 else 0
        return mean > 100 and abs(lab.row("busy")["CpuPerMille"] - mean) < 300
    eventually(right)
    for p in list(lab.running)[-2:]:
        lab.kill(p)


def test_restarts(lab):
    """Another process in the place of the one that ran is a restart, also while mailmond is away."""
    eventually(lambda: (lab.row("store")["Restarts"], lab.row("store")["Status"]) == (0, "ok"))
    p = lab.run("mm-stored", "1000")
    eventually(lambda: lab.row("store")["Running"] == 1)
    assert lab.row("store")["Restarts"] == 0
    for n in (1, 2):
        lab.kill(p)
        p = lab.run("mm-stored", "1000")
        eventually(lambda: lab.row("store")["Restarts"] == n)
    lab.daemon.stop()
    lab.daemon.start()
    eventually(lambda: lab.row("store").get("Running") == 1)
    assert lab.row("store")["Restarts"] == 2
    lab.daemon.stop()
    lab.kill(p)
    p = lab.run("mm-stored", "1000")
    lab.daemon.start()
    eventually(lambda: lab.row("store").get("Restarts") == 3)
    q = lab.run("mm-stored", "1000")
    eventually(lambda: lab.row("store")["Status"] == "tooMany")
    assert lab.row("by file")["Status"] == "tooFew"
    lab.pid_file.write_text(f"{q.pid}\n")
    eventually(lambda: lab.row("by file")["Status"] == "ok")
    for p in (p, q):
        lab.kill(p)


def test_queue_manager_is_killed(lab):
    """master starts another one; the row counts it."""
    before, pid = lab.row("postfix qmgr")["Restarts"], lab.postfix.process("qmgr")
    os.kill(pid, signal.SIGKILL)
    ps.wait_until(lambda: not ps.alive(pid))
    lab.postfix.run("postqueue", "-f")
    eventually(lambda: lab.row("postfix qmgr")["Restarts"] == before + 1, 90)
    eventually(lambda: lab.daemon.walk().of("applOperStatus", "postfix") == "up")


def test_master_goes_and_comes(lab):
    lab.postfix.stop()
    eventually(lambda: lab.daemon.walk().of("applOperStatus", "postfix") == "down", 15)
    eventually(lambda: {lab.row(f"postfix {n}")["Status"] for n in ("master", "qmgr")} == {"tooFew"})
    lab.postfix.start()
    eventually(lambda: lab.daemon.walk().of("applOperStatus", "postfix") == "up", 15)
    eventually(lambda: lab.row("postfix master")["Restarts"] == 1)
    eventually(lambda: lab.row("postfix qmgr")["Status"] == "ok")


def test_files(lab):
    """The followed log has a row, and so has the pattern."""
    def cell(row, column):
        walk = lab.daemon.walk()
        return walk.get((f"mailmonFile{column}", walk.index("mailmonFileName", row)))
    log = str(lab.postfix.log)[:63]
    eventually(lambda: cell(log, "Size") == lab.postfix.log.stat().st_size)
    assert cell(log, "Files") == 1
    eventually(lambda: abs(cell(log, "NewestAge") - (time.time() - lab.postfix.log.stat().st_mtime)) <= 3)
    assert cell("core files", "Files") == 0 and cell("core files", "NewestAge") is None
    born = time.time()
    for n in (1, 2):
        (lab.folder / f"core.{n}").write_bytes(bytes(n << 20))
        os.utime(lab.folder / f"core.{n}", (0, born - n * 1000))

    def right(walk):
        at = walk.index("mailmonFileName", "core files")
        files, size, mb, newest, oldest = (walk[f"mailmonFile{c}", at] for c in (
            "Files", "Size", "SizeMB", "NewestAge", "OldestAge"))
        passed = time.time() - born + 1
        assert (files, size, mb) == (2, 3 << 20, 3)
        assert 999 <= newest <= 1000 + passed and 1999 <= oldest <= 2000 + passed
    lab.daemon.shows(right, 15)


def test_records(lab):
    """qmonitor.log has a line for each interval, with what the tables show, in the layout of healthmon."""
    walk = lab.daemon.walk()
    status = ("mailmonSourceStatus", walk.index("mailmonSourceName", "records"))
    eventually(lambda: lab.daemon.walk()[status] == "denied")
    (lab.folder / "records").mkdir()
    eventually(lambda: lab.daemon.walk()[status] == "denied")
    shutil.chown(lab.folder / "records", (lab.daemon.folder / "state").stat().st_uid)
    eventually(lambda: lab.daemon.walk()[status] == "ok")
    path = lab.folder / "records" / "qmonitor.log"
    eventually(lambda: len(path.read_text().splitlines()) >= 12)
    text = path.read_text().splitlines()
    dates = {time.strftime("%d %b %Y", time.localtime(time.time() - back)) for back in (0, 300)}
    host = socket.gethostname().split(".")[0][:64]
    assert text[0] in {f"DATE COLLECTED: {date} instance name = {host}" for date in dates}
    rows = [QMONITOR.match(line) for line in text[8:]]
    assert all(rows), text[8:]
    assert int(rows[-1][2]) == 0
    memory = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines())
    assert abs(int(rows[-1][4]) - int(memory["SwapFree:"])) < 1024
    assert sum(int(n) for n in rows[-1].groups()[5:9]) in range(90, 104)
    assert all(len(line) == 101 for line in text[1:])


def test_host(lab):
    """The shares of processor time are those of /proc/stat, the swap that of /proc/meminfo."""
    def scalar(name):
        return lab.daemon.walk().get((f"mailmonHost{name}", 0))

    def idle():
        """(all ticks, those without work) of all processors"""
        ticks = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(ticks), ticks[3]
    eventually(lambda: scalar("CpuIdle") is not None)
    shares = [scalar(f"Cpu{n}") for n in ("User", "System", "Wait", "Idle")]
    assert all(0 <= s <= 100 for s in shares)

    def swap():
        memory = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines())
        return abs(scalar("SwapAvailable") - int(memory["SwapFree:"]) // 1024) <= 1
    eventually(swap)
    assert scalar("ScanRate") is not None and scalar("RunQueue") is not None
    spin = [subprocess.Popen([lab.programs["mm-busy"], "-c", "while :; do :; done"])
            for _ in range(2 * os.cpu_count())]
    seen = []

    def right():
        """Idle as /proc/stat has it for the last seconds, and not much of it."""
        seen.append(idle())
        before = seen[max(0, len(seen) - 8)]
        passed = seen[-1][0] - before[0]
        share = 100 * (seen[-1][1] - before[1]) / passed if passed else 100
        return (abs(scalar("CpuIdle") - share) <= 10 and share < 50 and
                scalar("CpuUser") >= 30 and scalar("RunQueue") >= 2)
    try:
        for p in spin:
            hurry(p)
        eventually(right)
    finally:
        for p in spin:
            p.kill()
            p.wait()


def test_no_longer_expected(lab):
    """Rows of processes that were taken out of the configuration go, whatever the store remembers."""
    lab.daemon.stop()
    text = lab.daemon.config.read_text().splitlines()
    lab.daemon.config.write_text("\n".join(t for t in text if not t.startswith("processes =")))
    lab.daemon.start()

    def right(walk):
        names = walk.column("mailmonProcessName")
        assert set(names.values()) == {"postfix master", "postfix qmgr", "dovecot master"}
        assert {k[1] for k in walk if k[0].startswith("mailmonProcess")} == set(names)
        assert walk["mailmonProcessStatus", walk.index("mailmonProcessName", "postfix master")] == "ok"
    lab.daemon.shows(right, 15)
