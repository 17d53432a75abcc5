"""A FIFO as a log: lines of a real log in pieces of any size, over reloads; the writer stays alive."""
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from daemon import BUILD, Daemon
from postfix_site import children, wait_until
from snmp_lab import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not (BUILD / "mailmond").exists(),
                                reason="needs root and the programs in B")

PORT = int(os.environ.get("MAILMOND_TEST_BASE", "28900")) + 51
LOG = ROOT / "tests/data/postfix_real.log"


def items(daemon):
    walk = daemon.walk()
    index = [i for i, v in walk.column("mailmonSourceTarget").items() if v.startswith("fifo:")]
    return walk.get(("mailmonSourceItems", index[0])) if index else 0


def test_pieces_and_reloads():
    """Written without regard to lines, with a reload in the middle of a line: none is lost or cut."""
    folder = Path(tempfile.mkdtemp(prefix="mailmond-fifo-"))
    folder.chmod(0o755)
    fifo = folder / "mail.fifo"
    os.mkfifo(fifo, 0o644)
    data = LOG.read_bytes()
    lines = data.count(b"\n")
    daemon = Daemon(folder / "mailmond", PORT, {"detect": False, "postfix": [{
        "name": "postfix", "log": f"fifo:{fifo}", "queue_directory": "/nonexistent",
        "listen": ["127.0.0.1:1"]}]}).start()
    writer = os.open(fifo, os.O_WRONLY)
    try:
        supervisor = daemon.process.process.pid
        step = len(data) // 4 + 7
        for at in range(0, len(data), step):
            old, = children(supervisor, "mailmond-collec")
            piece = data[at:at + step]
            half = len(piece) // 2
            for k in range(0, half, 4000):
                os.write(writer, piece[k:min(k + 4000, half)])
            wait_until(lambda: items(daemon) == data[:at + half].count(b"\n"), 10)
            os.kill(supervisor, signal.SIGHUP)
            os.write(writer, piece[half:])
            wait_until(lambda: len(now := children(supervisor, "mailmond-collec")) == 1 and now != [old], 10)
            wait_until(lambda: items(daemon) == data[:at + step].count(b"\n"), 20)
        walk = daemon.walk()
        assert not any(walk.column("mailmonSourceUnrecognised").values()), daemon.text()
        os.close(writer)
        writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, data.splitlines(True)[0])
        wait_until(lambda: items(daemon) == lines + 1, 10, 0.3)
    finally:
        daemon.stop()
        os.close(writer)
        shutil.rmtree(folder, ignore_errors=True)
