"""Actions: programs when an alarm is raised and cleared, their environment and deadline, and the watcher
that restarts a service and gives up.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_PORTS."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import free_port, wait_for
from test_history import MESSAGES, queue_of

QUIET = [{"name": name, "enabled": False} for name in ("service", "source", "process")]


def script(folder, name, text):
    path = folder / name
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="mailmond-actions-") as name:
        os.chmod(name, 0o755)
        (Path(name) / "out").mkdir(mode=0o777)
        os.chmod(Path(name) / "out", 0o777)
        yield Path(name)


def daemon(folder, alarms, **settings):
    (folder / "mail.log").write_bytes(b"")
    queue = folder / "queue"
    if not queue.exists():
        queue_of(queue)
    every = {"postfix": [{"name": "mx", "config_directory": folder, "queue_directory": queue,
                          "log": folder / "mail.log"}],
             "queue": {"interval": "1 s"}, "checkpoint_interval": "1 s",
             "alarms": [q for q in QUIET if q["name"] not in [a["name"] for a in alarms]] + alarms,
             **settings}
    return Daemon(folder / "run", free_port(), every)


def spool(**more):
    return {"name": "spool", "object": "mtaGroupStoredMessages", "threshold": 5, "unit": "messages",
            "instances": "mx/deferred", "interval": "1 s", "description": "stored messages", **more}


def test_raise_and_clear(folder):
    out = folder / "out"
    tell = script(folder, "tell", f'env > {out}/$1.$ALARM_EVENT\necho "$2" >> {out}/arguments\n')
    begin = int(time.time())
    mx = daemon(folder, [spool(on_raise=[tell, "a", "two words; rm -rf $HOME"],
                               on_clear=[tell, "b", "x"])]).start()
    try:
        assert wait_for((out / "arguments").exists, 15)[0], mx.text()  # written after the environment
        env = dict(line.split("=", 1) for line in (out / "a.raised").read_text().splitlines())
        assert env["ALARM_ID"] == "spool" and env["ALARM_INSTANCE"] == "mx/deferred"
        assert env["ALARM_VALUE"] == str(MESSAGES) and env["ALARM_THRESHOLD"] == "5"
        assert env["ALARM_SEVERITY"] == "warning" and env["ALARM_UNIT"] == "messages"
        assert int(env["ALARM_NUMBER"]) >= 1 and begin <= int(env["ALARM_TIME"]) <= time.time()
        assert {name for name in env if not name.startswith("ALARM_")} <= {"PATH", "LC_ALL", "PWD",
                                                                           "SHLVL", "_", "OLDPWD"}
        for file in (folder / "queue" / "deferred").iterdir():
            file.unlink()
        told = "two words; rm -rf $HOME\nx\n"
        assert wait_for(lambda: (out / "arguments").read_text() == told, 15)[0] and (out / "b.cleared").exists()
        mx.stop()
        mx.start()  # nothing of it is run again
        time.sleep(2)
        assert (out / "arguments").read_text() == told
    finally:
        mx.stop()


def test_a_program_that_hangs_or_fails(folder):
    """It is killed with all that it started; the log has what it said."""
    pid = folder / "out" / "pid"
    hang = script(folder, "hang", f"sleep 1000 &\necho $! > {pid}\nwait\n")
    fail = script(folder, "fail", "echo no modem\nexit 3\n")
    mx = daemon(folder, [spool(on_raise=[hang], on_clear=[fail], action_timeout="3 s")]).start()
    try:
        assert wait_for(lambda: "took too long and was killed" in mx.text(), 20)[0], mx.text()
        sleeper = Path(f"/proc/{int(pid.read_text())}/status")
        assert wait_for(lambda: not sleeper.exists() or "State:\tZ" in sleeper.read_text(), 5)[0]
        for file in (folder / "queue" / "deferred").iterdir():
            file.unlink()
        assert wait_for(lambda: "it failed with status 3: no modem" in mx.text(), 15)[0]
    finally:
        mx.stop()


def test_the_watcher(folder):
    """A service that can be started is; one that cannot is given up after two attempts."""
    service = folder / "service-of-test"
    service.write_bytes(Path("/bin/sleep").read_bytes())
    service.chmod(0o755)
    start = script(folder, "start", f"echo try >> {folder}/out/tries\n"
                                    f"[ -e {folder}/broken ] && exit 1\n"
                                    f"setsid {service} 1000 >/dev/null 2>&1 </dev/null &\n"
                                    f"echo $! > {folder}/out/pid\n")
    mx = daemon(folder, [{"name": "process", "enabled": True, "instances": "*service-of-test*",
                          "interval": "1 s", "restart": [start], "restart_wait": "8 s"}],
                processes=[{"name": "service-of-test", "process": "service-of-test", "min": 1}],
                system_interval="1 s")
    mx.start()

    def row(column):
        walk = mx.walk()
        return walk.get((f"mailmonProcess{column}",
                         walk.index("mailmonProcessName", "service-of-test")))

    try:
        assert wait_for(lambda: row("Status") == "ok", 20)[0], mx.text()
        assert row("RestartsTried") == 1
        assert wait_for(lambda: row("RestartState") == "idle", 10)[0]
        (folder / "broken").touch()
        os.kill(int((folder / "out" / "pid").read_text()), 9)
        assert wait_for(lambda: row("RestartState") == "gaveUp", 30)[0], mx.text()
        assert row("RestartsTried") == 2 and "given up" in mx.text()
        assert (folder / "out" / "tries").read_text() == "try\ntry\n"
    finally:
        mx.stop()
        subprocess.run(["kill", (folder / "out" / "pid").read_text().strip()], check=False,
                       capture_output=True)


def test_what_cannot_be_run_is_refused(folder):
    mx = daemon(folder, [spool(on_raise=["page"], on_clear=["/nonexistent/page"])])
    done = subprocess.run([BUILD / "mailmond", "--config", mx.config, "--check"],
                          capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert "on_raise: page must be an absolute path" in said
    assert "on_clear: /nonexistent/page: No such file or directory" in said


def test_actions_that_raise_their_own_alarm(folder):
    """Each clears the alarm of the other: flapping makes the alarm quiet, and the wheel stands still."""
    deferred = folder / "queue" / "deferred"
    hide = script(folder, "hide", f"echo hide >> {folder}/out/turns\nmv {deferred}/* {folder}/out/ms/\n")
    show = script(folder, "show", f"echo show >> {folder}/out/turns\nmv {folder}/out/ms/* {deferred}/\n")
    (folder / "out" / "ms").mkdir()
    mx = daemon(folder, [spool(on_raise=[hide], on_clear=[show])], user="root")
    mx.start()
    try:
        assert wait_for(lambda: "changes too often" in mx.text(), 60)[0], mx.text()
        turns = len((folder / "out" / "turns").read_text().splitlines())
        time.sleep(5)
        assert len((folder / "out" / "turns").read_text().splitlines()) <= turns + 1 <= 12
    finally:
        mx.stop()
