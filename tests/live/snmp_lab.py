"""A private snmpd, and the publisher in front of a synthetic model (tests/bench/bench_model.c).

Everything lives in one temporary folder and listens on loopback only. Programs come from $B (build)."""
import math
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("B", "build")).resolve()
ARC = ".1.3.6.1.4.1.8072.9999.9999.1566"
ROOTS = (".1.3.6.1.2.1.27", ".1.3.6.1.2.1.28", ARC)
TYPES = {"INTEGER": 2, "STRING": 4, "Hex-STRING": 4, "OID": 6, "Counter32": 65, "Gauge32": 66,
         "Timeticks": 67, "Counter64": 70}
PATIENCE = 5  # how much slower a loaded machine may be


def free_port():
    """A free UDP port of the range that tests may use (MAILMOND_TEST_PORTS, "FROM-TO"): any of them, so
    that another run does not take the port of a publisher that this one kills and starts again."""
    low, high = map(int, os.environ.get("MAILMOND_TEST_PORTS", "22000-22099").split("-"))
    for port in random.sample(range(low, high + 1), high + 1 - low):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def now_ms():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000000


def wait_for(what, seconds, step=0.05):
    """The first true result of what(), or the last one; and how long that took. `seconds` are those of a
    machine that does nothing else. What what() asserts, and cells that it asks for, are waited for."""
    start = time.monotonic()
    while True:
        late = time.monotonic() - start > seconds * PATIENCE
        try:
            result = what()
        except (AssertionError, LookupError, TypeError):  # the last one: None, for a cell that is absent
            if late:
                raise
            result = None
        if result or late:
            return result, time.monotonic() - start
        time.sleep(step)


class Client:
    """Net-SNMP's command line tools, with values that can be compared."""

    def __init__(self, port, *options, version="2c", community="mailmon"):
        self.options = [f"-v{version}", *(["-c", community] if community else []), *options]
        self.peer = f"127.0.0.1:{port}"
        self.env = dict(os.environ, MIBS="", SNMPCONFPATH="/nonexistent",
                        SNMP_PERSISTENT_DIR=f"{tempfile.gettempdir()}/snmp-client-{os.getpid()}")

    def run(self, tool, *arguments, options=(), timeout=5, retries=3):
        return subprocess.run(
            [tool, *self.options, "-t", str(timeout), "-r", str(retries), "--hexOutputLength=0",
             "-Ontx", *options, self.peer, *arguments],
            env=self.env, capture_output=True, text=True, check=False)

    def values(self, tool, *arguments, **more):
        """[(OID, type, value)]"""
        return [parse_line(line) for line in self.run(tool, *arguments, **more).stdout.splitlines()]

    def walk(self, tool="snmpbulkwalk"):
        cells = []
        for root in ROOTS:
            cells += [c for c in self.values(tool, root) if c[1] in TYPES.values()]
        return cells

    def uptime(self, timeout=1):
        """sysUpTime in hundredths of a second; None while nobody answers."""
        found = self.values("snmpget", ".1.3.6.1.2.1.1.3.0", timeout=timeout, retries=0)
        return found[0][2] if found and isinstance(found[0][2], int) else None

    def started(self):
        """The instant of sysUpTime 0, by the monotonic clock in ms: what all answers allow; None without any."""
        earliest, latest = -math.inf, math.inf
        for _ in range(20):
            asked = now_ms()
            up = self.uptime()
            if up is not None:
                earliest, latest = max(earliest, asked - 10 * up - 10), min(latest, now_ms() - 10 * up)
            if latest - earliest < 60:
                break
        return (earliest + latest) // 2 if math.isfinite(latest) else None

    def serves(self, oid=".1.3.6.1.2.1.27.1.1.2.1"):
        found = self.values("snmpget", oid, timeout=1, retries=0)
        return bool(found) and found[0][1] == 4


def parse_line(line):
    oid, _, rest = line.partition(" = ")
    if rest == '""':
        return oid, 4, ""
    kind, _, value = rest.partition(": ")
    number = TYPES.get(kind.rstrip(":"))
    if number == 4:
        return oid, 4, value.replace(" ", "").strip('"').lower()
    if number == 6:
        return oid, 6, value
    if number is not None:
        return oid, number, int(value)
    if re.fullmatch(r"\d+", rest):  # -Ot
        return oid, 67, int(rest)
    return oid, None, rest


def oid_key(oid):
    return [int(x) for x in oid.strip(".").split(".")]


def cells(model, started=None):
    """What the model holds now: [(how it moves, OID, type, value)] in OID order. `started`: as Client.started
    tells; without it TimeStamps mean nothing."""
    out = subprocess.run([BUILD / "bench_model", "--cells", "--started", str(started or now_ms()), *model],
                         capture_output=True, text=True, check=True).stdout
    result = []
    for line in out.splitlines():
        oid, kind, value = (line[1:].split(" ") + [""])[:3]
        kind = int(kind)
        result.append((line[0], oid, kind, value if kind in (4, 6) else int(value)))
    return result


def date_ms(value):
    """DateAndTime (RFC 2579) as milliseconds of some epoch."""
    b = bytes.fromhex(value)
    zone = (b[9] * 60 + b[10]) * (-1 if b[8:9] == b"-" else 1)
    days = time.mktime((b[0] * 256 + b[1], b[2], b[3], b[4], b[5], b[6], 0, 0, -1))
    return (days - zone * 60) * 1000 + b[7] * 100


def same(how, before, after, seen):
    """Is this what a cell shows between two moments?"""
    if how == "=":
        return before == seen
    if how == "?":
        return 0 <= seen < 60000
    if how == "d":
        return abs(date_ms(before) - date_ms(seen)) <= 200
    margin = {"t": 30, "c": 30, "s": 1}[how]
    return min(before, after) - margin <= seen <= max(before, after) + margin


def differences(publisher, client, tool="snmpbulkwalk", kinds=()):
    """Lines that say what a walk shows otherwise than the model before and after it; empty when they agree, at
    the latest when a subagent has heard its master's sysUpTime again: the last answer may have come late.
    kinds: types of cells that are in neither."""
    found = []

    def agree():
        found[:] = compare(publisher, client, tool, kinds)
        return not found
    wait_for(agree, 2, 1)
    return found


def compare(publisher, client, tool, kinds):
    started = client.started()
    before, seen, after = publisher.cells(started), client.walk(tool), publisher.cells(started)
    before, after, seen = ([c for c in cells if c[at] not in kinds]
                           for cells, at in ((before, 2), (after, 2), (seen, 1)))
    if [c[1] for c in before] != [c[0] for c in seen]:
        a, b = {c[1] for c in before}, {c[0] for c in seen}
        return [f"missing {sorted(a - b)[:5]}", f"extra {sorted(b - a)[:5]}",
                f"{len(before)} expected, {len(seen)} seen"]
    return [f"{oid}: {kind} {value!r} to {later[3]!r} expected, {s[1]} {s[2]!r} seen"
            for (how, oid, kind, value), later, s in zip(before, after, seen)
            if kind != s[1] or not same(how, value, later[3], s[2])]


class Process:
    def __init__(self, arguments, log, **more):
        self.log = Path(log)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, **more)
        self.pid = self.process.pid

    def text(self):
        return self.log.read_text(errors="replace")

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.wait(10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Snmpd:
    """Stock snmpd on snmpd.conf.example; `extra` lines follow it."""

    def __init__(self, folder, extra=(), group="nogroup"):
        self.folder = Path(folder)
        self.socket = self.folder / "agentx" / "master"
        self.port = free_port()
        (self.folder / "snmpd.extra").write_text("\n".join(
            [f"agentXPerms 0660 0555 root {group}", *extra]) + "\n")
        self.process = None
        self.client = Client(self.port)

    def start(self):
        self.process = Process(
            ["snmpd", "-f", "-LE", "i", "-I", "-smux,mteTrigger,mteTriggerConf", "-C", "-c",
             f"{ROOT}/snmpd.conf.example,{self.folder}/snmpd.extra", "-x", self.socket,
             f"udp:127.0.0.1:{self.port}"], self.folder / "snmpd.log",
            env=dict(os.environ, MIBS="", SNMP_PERSISTENT_DIR=str(self.folder / "snmpd.state")))
        assert wait_for(lambda: self.client.uptime(0.2), 5)[0] is not None, self.process.text()
        return self

    def stop(self, sig=signal.SIGTERM):
        self.process.stop(sig)


class Publisher:
    """bench_model with the publisher as its child. `snmp`: settings of the snmp section, `top`: others."""

    def __init__(self, folder, name, snmp, model=(), base=None, interval=0, top=None,
                 program=BUILD / "mailmond-publish"):
        folder = Path(folder)
        self.model = [*model, "--base", str(base if base is not None else now_ms())]
        self.config = folder / f"{name}.conf"
        self.config.write_text("snmp = {\n" + "".join(f"  {k} = {v};\n" for k, v in snmp.items())
                               + "};\n" + "".join(f"{k} = {v};\n" for k, v in (top or {}).items()))
        self.engine = folder / f"{name}.engine"
        (folder / f"{name}.log").unlink(missing_ok=True)
        self.process = Process(
            [BUILD / "bench_model", "--publisher", program, "--config", self.config,
             "--engine-dir", self.engine, "--interval", str(interval), *self.model],
            folder / f"{name}.log")
        wait_for(lambda: self.find_ready() or self.process.process.poll() is not None, 10)
        self.ready = self.find_ready()

    def find_ready(self):
        return re.search(r"^ready (\d+)$", self.text(), re.M)

    def text(self):
        return self.process.text()

    @property
    def pid(self):
        return int(self.ready.group(1))

    def gone(self):
        """Whether the publisher has ended, and so its sockets are closed."""
        try:
            return "State:\tZ" in Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return True

    def back(self, wanted=None):
        """The last (state, refused) that came back from the publisher; waits for one, or for that."""
        def last():
            found = re.findall(r"^back state=(\d+) refused=(\d+)", self.text(), re.M)
            return tuple(map(int, found[-1])) if found else None
        wait_for(lambda: last() == wanted if wanted else last(), 2)
        return last()

    def cells(self, started=None):
        return cells(self.model, started)

    def stop(self, sig=signal.SIGTERM):
        return self.process.stop(sig)
