"""mailmond with its embedded master: written configuration, start, stop, and what it shows.

Programs come from $MAILMOND_BUILD, else $B (build)."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from snmp_lab import PATIENCE, ROOT, ROOTS, Client, Process, wait_for

BUILD = (ROOT / (os.environ.get("MAILMOND_BUILD") or os.environ.get("B", "build"))).resolve()
DUMP_LINE = re.compile(r"^(\S+)::(\S+?)((?:\.\d+)*) = (.*)$")


def setting(value):
    """A Python value in libconfig's syntax."""
    if isinstance(value, dict):
        return "{ " + " ".join(f"{k} = {setting(v)};" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "( " + ", ".join(setting(v) for v in value) + " )"
    return str(value).lower() if isinstance(value, bool) else json.dumps(
        str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def columns():
    """{OID of the column: (table, column, {number: label})} as `mailmond --tables` lists."""
    out = subprocess.run([BUILD / "mailmond", "--tables"], capture_output=True, text=True,
                         check=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    return {"." + r[3]: (r[1], r[2], dict((int(n), label) for label, n in
                                          re.findall(r"(\w+)\((\d+)\)", r[5]))) for r in rows}


class Walk(dict):
    """{(column, index, ...): value}: texts are str, enumerations their label, the rest int."""

    def column(self, name):
        """{index: value}; an index of one part is that part."""
        return {k[1] if len(k) == 2 else k[1:]: v for k, v in self.items() if k[0] == name}

    def index(self, column, value):
        """The index of the one row that has this value."""
        found = [i for i, v in self.column(column).items() if v == value]
        assert len(found) == 1, f"{column} = {value}: {found}"
        return found[0]

    def appl(self, name):
        return self.index("applName", name)

    def group(self, appl, name):
        """(applIndex, mtaGroupIndex)"""
        found = [i for i, v in self.column("mtaGroupName").items()
                 if v == name and i[0] == self.appl(appl)]
        assert len(found) == 1, f"{appl} {name}: {found}"
        return found[0]

    def of(self, column, appl, group=None, *more):
        """The cell of an application or of one of its groups; None if absent."""
        index = self.group(appl, group) if group else (self.appl(appl),)
        return self.get((column, *index, *more))


class Daemon:
    """`settings`: of mailmond.conf, beyond those that every test wants."""

    def __init__(self, folder, port, settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.port = port
        self.config = self.folder / "mailmond.conf"
        self.columns = columns()
        self.client = Client(port, community="public")
        self.process = None
        every = {"log": "stderr", "log_level": "info", "run_dir": self.folder / "run",
                 "interval": "250 ms", "queue": {"interval": "1 s"},
                 "snmp": {"mode": "standalone", "listen": f"udp:127.0.0.1:{port}"}}
        self.config.write_text(
            "".join(f"{k} = {setting(v)};\n" for k, v in {**every, **settings}.items()))

    def command(self, *options):
        return [BUILD / "mailmond", "--config", self.config, "--state", self.folder / "state",
                *options]

    def ask(self, *options):
        """What `mailmond OPTION` prints."""
        return subprocess.run(self.command(*options), capture_output=True, text=True, check=True,
                              timeout=30 * PATIENCE).stdout

    def start(self):
        (self.folder / "run").mkdir(exist_ok=True)
        self.process = Process(self.command("--foreground"), self.folder / "mailmond.log")
        ready, _ = wait_for(lambda: self.process.process.poll() is not None or
                            self.client.uptime(0.2) is not None and self.client.serves(), 15)
        if not ready or self.process.process.poll() is not None:
            text = self.process.text()
            self.stop()
            raise RuntimeError(f"mailmond does not start:\n{text}")
        return self

    def stop(self, sig=signal.SIGTERM):
        status = self.process.stop(sig)
        if self.port:  # the publisher of a killed mailmond ends a moment later
            wait_for(self.port_is_free, 10)
        return status

    def port_is_free(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            try:
                s.bind(("127.0.0.1", self.port))
                return True
            except OSError:
                return False

    def text(self):
        return self.process.text()

    def walk(self):
        cells = Walk()
        for root in ROOTS:
            for oid, kind, value in self.client.values("snmpbulkwalk", root):
                if kind is not None:
                    key, decoded = self.decode(oid, kind, value)
                    cells[key] = decoded
        return cells

    def shows(self, check, seconds=10):
        """The first walk that check(walk) finds nothing wrong with; it asserts. The tables of a walk may be those
        of several moments."""
        seen = {}

        def right():
            seen["walk"] = self.walk()
            check(seen["walk"])
            return True
        wait_for(right, seconds, 0.2)
        return seen["walk"]

    def decode(self, oid, kind, value):
        parts = oid.split(".")
        for n in range(len(parts) - 1, 0, -1):
            known = self.columns.get(".".join(parts[:n]))
            if known:
                index = tuple(int(p) for p in parts[n:])
                if kind == 4 and not known[1] == "mailmonPeerAddress":
                    value = bytes.fromhex(value).decode("utf-8", "replace")
                return (known[1], *index), known[2].get(value, value)
        raise AssertionError(f"{oid} is not in --tables")

    def dump(self):
        """`mailmond --dump` as {(column, index ...): text}."""
        found = (DUMP_LINE.match(line) for line in self.ask("--dump").splitlines())
        return {(m[2], *(int(p) for p in m[3].split(".")[1:])): m[4] for m in found}
