"""snmptrapd on a loopback port, and what it heard; files as a source of values that a test can turn."""
import os
import re
from pathlib import Path

from snmp_lab import ARC, Process, free_port, wait_for

RAISED, CLEARED = f"{ARC}.0.1", f"{ARC}.0.2"
EVENTS = {1: "raised", 2: "cleared", 3: "reminder"}
# The OBJECTS of both notifications, in order: table and column.
OBJECTS = ["23.1.2", "22.1.2", "22.1.3", "23.1.7", "23.1.8", "23.1.9", "23.1.10", "23.1.11", "22.1.15"]


class Trapd:
    """A real snmptrapd. `lines`: of its configuration, such as createUser."""

    def __init__(self, folder, name="trapd", lines=(), port=None,
                 options=("-On", "-Oe", "-OQ")):
        self.folder = Path(folder)
        self.name = name
        self.options = options
        self.port = port or free_port()
        self.config = self.folder / f"{name}.conf"
        self.config.write_text("\n".join([
            "disableAuthorization yes", "doNotRetainNotificationLogs yes",
            r"format1 V1|%N|%w|%q|%T|%B|%V|%v\n", r"format2 V2|%P|%V|%v\n", *lines]) + "\n")
        self.process = None

    def start(self):
        self.process = Process(
            ["snmptrapd", "-f", "-Lo", *self.options, "-m", "", "-C", "-c", self.config,
             f"udp:127.0.0.1:{self.port}"], self.folder / f"{self.name}.log",
            env=dict(os.environ, MIBS="", SNMP_PERSISTENT_DIR=str(self.folder / f"{self.name}.state")))
        assert wait_for(lambda: "NET-SNMP version" in self.text() or "AgentX" in self.text(), 5)[0]
        return self

    def stop(self, *sig):
        if self.process:
            self.process.stop(*sig)

    def text(self):
        return self.process.text()

    def heard(self):
        """Each notification as a dict: number, id, instance, event, severity, value, threshold, text,
        crossings, trap (its OID), how ('V1' or 'V2'), oids."""
        found = []
        for line in self.text().splitlines():
            if line.startswith(("V1|", "V2|")):
                found.append(parse(line))
        return [n for n in found if n]

    def numbers(self):
        return [n["number"] for n in self.heard()]


def parse(line):
    fields = line.split("|")
    pairs = [f.partition(" = ") for f in fields if " = " in f]
    oids = [p[0].strip() for p in pairs]
    values = [p[2].strip() for p in pairs]
    n = {"how": fields[0], "fields": fields}
    if oids and oids[0] == ".1.3.6.1.2.1.1.3.0":
        n["trap"] = values[1]
        n["uptime"] = values[0]
        oids, values = oids[2:], values[2:]
    elif fields[0] == "V1":
        n["trap"] = f"{fields[1]}.0.{fields[3].lstrip('.')}"
        n["uptime"] = fields[4]
    if len(values) < 9:
        return None
    n["oids"] = oids
    text = [v.strip('"') for v in values]
    n.update(number=int(values[0]), id=text[1], instance=text[2], event=EVENTS[int(values[3])],
             severity=int(values[4]), value=int(values[5]), threshold=int(values[6]), text=text[7],
             crossings=int(values[8]))
    return n


class Files:
    """Settings and files for `count` rows whose value a test turns from 0 to 1 and back: as many alarms
    `file`, raised while the file is there."""

    def __init__(self, folder, count, interval=1, **rule):
        self.folder = Path(folder) / "files"
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.count = count
        names = [f"f{i:03}" for i in range(count)]
        self.paths = [self.folder / n for n in names]
        self.settings = {
            "system_interval": interval,
            "files": [{"name": n, "pattern": str(p)} for n, p in zip(names, self.paths)],
            "alarms": [{"name": "file", "object": "mailmonFileFiles", "instances": "f*",
                        "threshold": 0, "interval": 1, "severity": "major",
                        "description": "files", **rule}]}

    def turn(self, on, which=None):
        for p in self.paths if which is None else [self.paths[i] for i in which]:
            if on:
                p.touch()
            else:
                p.unlink(missing_ok=True)


def check_varbinds(n):
    """Exactly the objects of the NOTIFICATION-TYPE, in order, each of the row that it is about."""
    prefixes = [re.sub(r"\.\d+$", "", oid) for oid in n["oids"]]
    assert prefixes == [f"{ARC}.1.{o}" for o in OBJECTS], n
    rows = [int(oid.rsplit(".", 1)[1]) for oid in n["oids"]]
    assert {r for r, o in zip(rows, OBJECTS) if o.startswith("23")} == {n["number"]}
    assert len({r for r, o in zip(rows, OBJECTS) if o.startswith("22")}) == 1
    assert n["trap"] == (CLEARED if n["event"] == "cleared" else RAISED)
