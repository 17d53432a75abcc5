"""Alarms of a whole mailmond, heard by a real snmptrapd: through snmpd and from the embedded master, with
masters and receivers that die, hang, refuse and come back."""
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from pyasn1.codec.ber import decoder
from pysnmp.proto.api import v2c

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import ARC, PATIENCE, ROOT, Snmpd, free_port, wait_for
from trap_lab import Files, Trapd, check_varbinds

pytestmark = pytest.mark.skipif(
    not shutil.which("snmptrapd") or not shutil.which("snmpd") or os.geteuid() != 0
    or not (BUILD / "mailmond-publish").exists(), reason="needs root, snmpd, snmptrapd, mailmond")

USER = "createUser {engine}mailmon SHA \"auth password\" AES \"privacy password\""
V3 = "-v 3 -u mailmon -l authPriv -a SHA -A \"auth password\" -x AES -X \"privacy password\""
BUILT_IN = ["diskavail", "partition", "diskfull", "service", "process", "source"]
SERVED = ARC + ".1.1.1.0"  # mailmonAgentVersion


@pytest.fixture
def own(tmp_path):
    """A folder that the daemon's accounts may enter; what is started in it is stopped in any case."""
    for p in (tmp_path, *tmp_path.parents):
        if str(p).startswith("/tmp/"):
            p.chmod(0o755)
    started = []
    yield tmp_path, lambda p: started.append(p) or p
    for p in reversed(started):
        p.stop()


def mailmond(folder, files, port, snmp, client=None, **more):
    quiet = [{"name": n, "enabled": False} for n in BUILT_IN]
    d = Daemon(folder / "mailmond", port, {
        **files.settings, "alarms": files.settings["alarms"] + quiet, "detect": False,
        "snmp": snmp, "log_level": "info", "checkpoint_interval": 1, **more})
    if client:
        d.client = client
    serves = d.client.serves
    d.client.serves = lambda: serves(SERVED)
    return d


def under_snmpd(folder, keep, files, sinks, **more):
    snmpd = keep(Snmpd(folder, extra=sinks).start())
    d = mailmond(folder, files, None, {"agentx_socket": snmpd.socket, "ping_interval": 1},
                 snmpd.client, **more)
    return snmpd, keep(d.start())


def standalone(folder, keep, files, sinks, **more):
    port = free_port()
    d = mailmond(folder, files, port, {
        "mode": "standalone", "listen": f"udp:127.0.0.1:{port}",
        "directives": ["rocommunity public 127.0.0.1", *sinks]}, **more)
    return keep(d.start())


def hears(trapd, count, seconds=10):
    """Waits for so many notifications with different numbers; each once, in the order in which they came: an inform
    whose answer is late is sent again."""
    wait_for(lambda: len(set(trapd.numbers())) >= count, seconds)
    heard = {}
    for n in trapd.heard():
        check_varbinds(n)
        heard.setdefault(n["number"], n)
    return list(heard.values())


def alarm_cells(d, column):
    return d.walk().column(column)


def all_sent(d):
    """Is that what the log says of each, within the next ticks?"""
    return wait_for(lambda: set(alarm_cells(d, "mailmonAlarmLogNotified").values()) == {"sent"}, 5)[0]


def test_through_snmpd_in_every_version(own):
    folder, keep = own
    v1, v2, inform = (keep(Trapd(folder, n).start()) for n in ("v1", "v2", "inform"))
    v3 = keep(Trapd(folder, "v3", [USER.format(engine="")]).start())
    files = Files(folder, 3)
    snmpd, d = under_snmpd(folder, keep, files, [
        f"trapsink 127.0.0.1:{v1.port} public", f"trap2sink 127.0.0.1:{v2.port} public",
        f"informsink 127.0.0.1:{inform.port} public", f"trapsess -Ci {V3} 127.0.0.1:{v3.port}"])
    files.turn(True)
    for trapd in (v1, v2, inform, v3):
        assert [n["event"] for n in hears(trapd, 3)] == ["raised"] * 3, trapd.text()
    before = snmpd.client.uptime()
    files.turn(False)
    for trapd in (v1, v2, inform, v3):
        heard = hears(trapd, 6)
        assert [n["number"] for n in heard] == [1, 2, 3, 4, 5, 6]
        assert [n["event"] for n in heard[3:]] == ["cleared"] * 3
        assert {n["instance"] for n in heard} == {"f000", "f001", "f002"}
        assert heard[0]["severity"] == 4 and heard[3]["severity"] == 1
        assert heard[0]["text"] == f'files of \\"{heard[0]["instance"]}\\" is 1, threshold 0'
    assert "SNMP v3, user mailmon" in v3.text()
    *_, hours, minutes, seconds = map(float, v2.heard()[-1]["uptime"].split(":"))
    up = 100 * (seconds + 60 * minutes + 3600 * hours)
    assert before <= up <= snmpd.client.uptime()  # the master's sysUpTime
    assert all_sent(d)
    cells = d.walk()
    assert cells[("mailmonAgentNotificationsSent", 0)] == 6
    assert cells[("mailmonAgentNotificationsPending", 0)] == 0


def test_the_embedded_master_in_every_version(own):
    folder, keep = own
    v1, v2, inform = (keep(Trapd(folder, n).start()) for n in ("v1", "v2", "inform"))
    files = Files(folder, 2)
    port = free_port()
    v3 = keep(Trapd(folder, "v3", [USER.format(engine="")], port).start())
    v3trap = Trapd(folder, "v3trap", [USER.format(engine="-e 0x80001f8804746573742d656e67 ")])
    keep(v3trap.start())
    d = standalone(folder, keep, files, [
        "exactEngineID 0x80001f8804746573742d656e67",
        f"trapsink 127.0.0.1:{v1.port}", f"trap2sink 127.0.0.1:{v2.port} public",
        f"informsink 127.0.0.1:{inform.port} public", f"trapsess -Ci {V3} 127.0.0.1:{v3.port}",
        f"trapsess {V3} 127.0.0.1:{v3trap.port}"])
    files.turn(True)
    for trapd in (v1, v2, inform, v3, v3trap):
        hears(trapd, 2)
    files.turn(False)
    for trapd in (v1, v2, inform, v3, v3trap):
        heard = hears(trapd, 4)
        assert [n["event"] for n in heard] == ["raised"] * 2 + ["cleared"] * 2, \
            trapd.name + trapd.text() + d.text()
        assert [n["number"] for n in heard] == [1, 2, 3, 4]
    assert "SNMP v3, user mailmon" in v3.text() and "SNMP v3, user mailmon" in v3trap.text()
    assert "INFORM" in inform.text() and "INFORM" in v3.text() and "TRAP2" in v2.text()
    assert all_sent(d)


def test_long_texts_fit_into_a_datagram(own):
    """Texts of as many octets as there can be, of characters of several octets."""
    folder, keep = own
    path = folder
    for _ in range(2):  # the whole path must fit into a name of the model, the temporary folder too
        path = path / ("\u20ac" * 20)
        path.mkdir()
        path.chmod(0o755)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(15 * PATIENCE)
        files = Files(folder, 1)
        rule = {"name": "x" * 63, "object": "mailmonDiskPercentAvailable", "threshold": 0, "interval": 1,
                "description": "\u00fc" * 200, "unit": "\u00e4" * 100}
        files.settings["alarms"] = [rule]
        files.settings["disks"] = [{"path": path}]
        keep(standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{sink.getsockname()[1]} public"]))
        for _ in range(20):
            packet = sink.recv(65535)
            if "\u20ac".encode() in packet:
                break
    assert len(packet) < 1472
    message, _ = decoder.decode(packet, asn1Spec=v2c.Message())
    texts = [bytes(value) for _, value in v2c.apiTrapPDU.getVarBinds(v2c.apiMessage.getPDU(message))
             if isinstance(value, v2c.OctetString)]
    assert len(texts) == 3 and all(117 <= len(t) <= 120 for t in texts[1:])
    for t in texts:
        t.decode("utf-8")  # no character is cut


def slowest_answer(client, seconds):
    """The longest that a GET took in so many seconds, in milliseconds."""
    worst, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.monotonic()
        assert client.values("snmpget", SERVED, timeout=5)[0][1] == 4
        worst = max(worst, time.monotonic() - start)
    return worst * 1000


def test_a_dead_v3_receiver_stalls_nothing(own):
    folder, keep = own
    alive = keep(Trapd(folder, "alive").start())
    mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # hears, and answers nothing
    mute.bind(("127.0.0.1", free_port()))
    dead = Trapd(folder, "dead", [USER.format(engine="")], mute.getsockname()[1])
    files = Files(folder, 5)
    d = standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{alive.port} public",
                                         f"trapsess -Ci {V3} 127.0.0.1:{dead.port}"])
    quiet = slowest_answer(d.client, 1)
    files.turn(True)
    worst = [slowest_answer(d.client, 4)]
    while worst[-1] >= max(1000, 10 * quiet) and len(worst) < 5:  # others may want the processor, too
        worst.append(slowest_answer(d.client, 4))
    print(f"slowest answer: {quiet:.0f} ms before, {worst} ms while the receiver is dead")
    assert worst[-1] < max(1000, 10 * quiet)
    assert [n["number"] for n in hears(alive, 5)] == [1, 2, 3, 4, 5]
    assert wait_for(lambda: "takes no notifications" in d.text(), 10)[0]
    assert set(alarm_cells(d, "mailmonAlarmLogNotified").values()) == {"pending"}
    assert d.text().count("takes no notifications") == 1  # said once, whenever it is tried
    mute.close()
    keep(dead.start())
    assert [n["number"] for n in hears(dead, 5, 40)] == [1, 2, 3, 4, 5], d.text()
    assert "takes notifications again" in d.text()
    assert all_sent(d)


def test_a_receiver_that_is_too_far_behind(own):
    """More than a slot holds: the one that is alive gets all of it, what the other misses is counted."""
    folder, keep = own
    alive = keep(Trapd(folder, "alive").start())
    files = Files(folder, 150)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        d = standalone(folder, keep, files, [
            f"trap2sink 127.0.0.1:{alive.port} public",
            f"informsink 127.0.0.1:{mute.getsockname()[1]} public"],
            notifications={"per_minute": 0, "flap_changes": 0})
        files.turn(True)
        hears(alive, 150)
        files.turn(False)
        hears(alive, 300)
    assert alive.numbers() == list(range(1, 301))
    assert wait_for(lambda: d.walk()[("mailmonAgentNotificationsLost", 0)] == 128, 5)[0]


def test_a_receiver_that_refuses(own):
    folder, keep = own
    alive = keep(Trapd(folder, "alive").start())
    other = keep(Trapd(folder, "other", ['createUser mailmon SHA "another pass" AES "privacy password"'])
                 .start())
    files = Files(folder, 2)
    d = standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{alive.port} public",
                                         f"trapsess -Ci {V3} 127.0.0.1:{other.port}"])
    files.turn(True)
    hears(alive, 2)
    assert wait_for(lambda: "takes no notifications" in d.text(), 15)[0]
    time.sleep(3)
    assert d.text().count("takes no notifications") == 1
    assert alive.numbers() == [1, 2] and other.numbers() == []


def test_wrong_receivers_are_refused_at_start(own):
    folder, keep = own
    files = Files(folder, 1)
    port = free_port()
    d = mailmond(folder, files, port, {"mode": "standalone", "listen": f"udp:127.0.0.1:{port}",
                                       "directives": ["trapsess -v 9 nowhere"]})
    with pytest.raises(RuntimeError, match="snmp.directives: \"trapsess ...\""):
        d.start()


def test_masters_that_die_hang_and_come_back(own):
    """A small tests/bench/notifications.py."""
    folder, keep = own
    trapd = keep(Trapd(folder).start())
    files = Files(folder, 60)
    snmpd, d = under_snmpd(folder, keep, files, [f"trap2sink 127.0.0.1:{trapd.port} public"],
                           notifications={"per_minute": 0, "flap_changes": 0})
    total = 0
    for round_ in range(5):
        files.turn(round_ % 2 == 0)
        total += files.count
        if round_ in (1, 3):
            time.sleep(1.2)
            snmpd.stop(signal.SIGTERM if round_ == 1 else signal.SIGKILL)
            time.sleep(1)
            snmpd.start()
        elif round_ == 4:
            os.kill(snmpd.process.pid, signal.SIGSTOP)
            time.sleep(3)
            os.kill(snmpd.process.pid, signal.SIGCONT)
        else:
            time.sleep(1.5)
        wait_for(lambda: alarm_log_last(d) >= total, 10)
    # a snmpd that is killed may have accepted what it did not send yet
    wait_for(lambda: len(set(trapd.numbers())) >= total, 5)
    numbers = trapd.numbers()
    lost = set(range(1, total + 1)) - set(numbers)
    assert len(lost) <= 2, (lost, d.text())
    assert list(dict.fromkeys(numbers)) == sorted(set(numbers))
    assert wait_for(lambda: d.walk().get(("mailmonAgentNotificationsPending", 0)) == 0, 5)[0]


def alarm_log_last(d):
    out = subprocess.run(d.command("--dump"), capture_output=True, text=True, check=False).stdout
    return max([int(n) for n in re.findall(r"mailmonAlarmLogNumber\.(\d+)", out)], default=0)


def stored_mark(d):
    """The number of the last transition that all receivers took, as the store has it: done[READER_SNMP] of `struct
    head` (transitions.c) in the one record of STORE_TRANSITIONS_HEAD. The store is locked: of a copy."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("state.db", "state.db-wal"):
            shutil.copy(d.folder / "state" / name, copy)
        with sqlite3.connect(f"{copy}/state.db") as db:
            try:
                found = db.execute("SELECT data FROM record WHERE key = 311 << 32").fetchone()
            except sqlite3.DatabaseError:
                return None  # it was written meanwhile
    return found and struct.unpack_from("=3Q", found[0])[2]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_mailmond_restarts(own, sig):
    """An alarm that is raised stays so, nobody is told twice, and numbers go on."""
    folder, keep = own
    trapd = keep(Trapd(folder).start())
    files = Files(folder, 2)
    d = standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{trapd.port} public"])
    files.turn(True)
    hears(trapd, 2)
    assert all_sent(d)
    if sig == signal.SIGKILL:
        assert wait_for(lambda: stored_mark(d) == 2, 5)[0]
    before = d.walk()
    d.stop(sig)
    files.turn(False, [1])
    d.start()
    heard = hears(trapd, 3)
    assert trapd.numbers() == [1, 2, 3]
    assert heard[2]["event"] == "cleared" and heard[2]["instance"] == "f001"
    after = d.walk()
    for column in ("mailmonAlarmCrossings", "mailmonAlarmWarningsSent", "mailmonAlarmId",
                   "mailmonAlarmTimeReset"):
        assert before.column(column) == after.column(column), column
    assert sorted(after.column("mailmonAlarmState").values()) == ["clear", "raised"]
    assert list(after.column("mailmonAlarmLogEvent").values()) == ["raised", "raised", "cleared"]


def test_collect_and_publish_die(own):
    folder, keep = own
    trapd = keep(Trapd(folder).start())
    files = Files(folder, 4)
    d = standalone(folder, keep, files, [f"informsink 127.0.0.1:{trapd.port} public"])
    for i, name in enumerate(["mailmond-publish", "mailmond-collect"] * 2):
        children = subprocess.run(["ps", "--ppid", str(d.process.pid), "-o", "pid=,comm="],
                                  capture_output=True, text=True, check=True).stdout
        pid = int(re.search(rf"(\d+) {name[:15]}", children)[1])
        files.turn(True, [i])
        os.kill(pid, signal.SIGKILL)
        hears(trapd, i + 1, 15)
    assert list(dict.fromkeys(trapd.numbers())) == [1, 2, 3, 4]


def test_a_flapping_alarm(own):
    folder, keep = own
    trapd = keep(Trapd(folder).start())
    files = Files(folder, 1)
    d = standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{trapd.port} public"],
                   notifications={"flap_changes": 2, "flap_time": 3600})
    for i in range(4):
        files.turn(i % 2 == 0)
        wait_for(lambda: list(alarm_cells(d, "mailmonAlarmCurrent").values()) == [(i + 1) % 2], 5)
    heard = hears(trapd, 3)
    assert [n["event"] for n in heard] == ["raised", "cleared", "raised"]
    assert heard[2]["text"].startswith("changes too often (raised 2 times)")
    assert list(alarm_cells(d, "mailmonAlarmState").values()) == ["suppressed"]


def test_a_full_disk_under_the_store(own):
    """A full disk is what an alarm is for: it is told although its number cannot be stored."""
    folder, keep = own
    trapd = keep(Trapd(folder).start())
    files = Files(folder, 2)
    state = folder / "mailmond" / "state"
    state.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", state], check=True)
    try:
        d = standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{trapd.port} public"])
        files.turn(True, [0])
        hears(trapd, 1)
        with open(state / "filler", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 4096)
            except OSError:
                pass
        files.turn(True, [1])
        hears(trapd, 2)
        assert trapd.numbers() == [1, 2]
        assert wait_for(lambda: "the state cannot be stored" in d.text(), 5)[0]
        (state / "filler").unlink()
        assert wait_for(lambda: "the state is stored again" in d.text(), 40)[0], d.text()
        files.turn(False, [0])
        hears(trapd, 3)
        assert trapd.numbers() == [1, 2, 3]
        d.stop()
    finally:
        subprocess.run(["umount", "-l", state], check=True)


def test_rules_are_changed_by_a_reload(own):
    folder, keep = own
    trapd = keep(Trapd(folder).start())
    files = Files(folder, 1)
    d = standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{trapd.port} public"])
    text = d.config.read_text()
    d.config.write_text(text.replace("mailmonFileFiles", "mailmonFileFlies"))
    os.kill(d.process.pid, signal.SIGHUP)
    assert wait_for(lambda: "did you mean mailmonFileFiles?" in d.text() and
                    "the running one is kept" in d.text(), 5)[0]
    files.turn(True)
    assert hears(trapd, 1)[0]["text"].endswith("threshold 0")
    d.config.write_text(text.replace("threshold = 0", "threshold = 5"))
    os.kill(d.process.pid, signal.SIGHUP)
    heard = hears(trapd, 2)
    assert heard[1]["event"] == "cleared" and heard[1]["text"].endswith("threshold 5")


def test_check_shows_rules_and_faults(own):
    folder, keep = own
    files = Files(folder, 1, interval=60)
    d = mailmond(folder, files, 1, {"mode": "standalone"})
    text = d.ask("--check")
    assert "alarm file: major: mailmonFileFiles above 0, of f*; every 1 s" in text
    assert "alarm serverresponse: major: mailmonResponseTotal / 1000 above 10 seconds" in text
    d.config.write_text(d.config.read_text().replace("mailmonFileFiles", "mailmonFileFlies"))
    ran = subprocess.run(d.command("--check"), capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert re.search(r"mailmond.conf:\d+: alarm file: object: there is no column mailmonFileFlies; "
                     r"did you mean mailmonFileFiles\?", ran.stderr)


@pytest.mark.skipif(not shutil.which("snmptt"), reason="needs snmptt")
def test_snmptt(own):
    """What snmptt says of a notification, by the file that we install for it."""
    folder, keep = own
    conf, log = ROOT / "packaging" / "snmptt.conf.mailmond", folder / "snmptt.log"
    ini = folder / "snmptt.ini"
    ini.write_text(re.sub(r"(?s)snmptt_conf_files = <<END.*?END", f"snmptt_conf_files = <<END\n{conf}\nEND",
                          Path("/etc/snmp/snmptt.ini").read_text())
                   .replace("/var/log/snmptt/snmptt.log", str(log))
                   .replace("syslog_enable = 1", "syslog_enable = 0")
                   .replace("log_enable = 0", "log_enable = 1")
                   .replace("ipv6_enable = 1", "ipv6_enable = 0"))  # needs one more Perl module
    handler = folder / "handle"
    handler.write_text(f"#!/bin/sh\nexec /usr/sbin/snmptt --ini={ini}\n")
    handler.chmod(0o755)
    trapd = keep(Trapd(folder, lines=[f"traphandle default {handler}"], options=["-On"]).start())
    files = Files(folder, 1)
    standalone(folder, keep, files, [f"trap2sink 127.0.0.1:{trapd.port} public"])
    files.turn(True)
    said = r'\.1566\.0\.1 Major "Mail" localhost - file: files of "f000" is 1, threshold 0 \(number 1\)'
    assert wait_for(lambda: log.exists() and re.search(said, log.read_text().replace("\\", "")), 10)[0], \
        trapd.text() + (log.read_text() if log.exists() else "")
