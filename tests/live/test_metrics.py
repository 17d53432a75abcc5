"""Dovecot's own metrics (service stats, inet_listener http) beside its log: they fill what the log leaves absent,
count on when Dovecot is started again, and a server that hangs or says something else is told of."""
import os
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

import dovecot_site as ds
from daemon import BUILD, Daemon
from postfix_site import wait_until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not ds.available() or not (BUILD / "mailmond").exists(),
    reason="needs root, Dovecot (make deps) and the programs in MAILMOND_BUILD")

BASE = int(os.environ.get("MAILMOND_TEST_BASE_METRICS", "26800"))
METRIC = """metric imap_command {
  filter = event=imap_command_finished
  group_by = cmd_name tagged_reply_state
}
"""


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="mailmond-metrics-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def start(folder, site, metrics, port):
    return Daemon(folder / "mailmond", port, {"dovecot": [{
        "name": "dovecot", "log": site.log, "pid_file": site.folder / "run/master.pid",
        "protocols": ["imap"], "metrics": metrics,
        "interval": "5 s"}]}).start()


def selected(daemon):
    walk = daemon.walk()
    return (walk.of("mailmonAccessMailboxesSelected", "dovecot/imap"),
            walk.of("mailmonAccessGoodLogins", "dovecot/imap"))


def use(site):
    """Two mailboxes are opened; a third is not there."""
    client = site.imap("u1")
    client.select()
    client.select("nosuch")
    client.select("INBOX", readonly=True)
    client.append("INBOX", None, None, b"Subject: x\r\n\r\nhi\r\n")
    client.logout()


def status(daemon):
    walk = daemon.walk()
    i = walk.index("mailmonSourceName", "dovecot metrics")
    return walk["mailmonSourceStatus", i], walk.get(("mailmonSourceLastError", i), "")


def test_dovecot(folder):
    site = ds.Site(folder / "dovecot", BASE, more=METRIC)
    daemon = None
    try:
        site.start()
        use(site)
        daemon = start(folder, site, f"http://127.0.0.1:{BASE + ds.METRICS}/metrics", BASE + 90)
        wait_until(lambda: selected(daemon) == (2, 1), 15)
        wait_until(lambda: daemon.walk().of("mailmonAccessAppended", "dovecot/imap") == 1, 15)
        wait_until(lambda: status(daemon) == ("ok", ""), 15)
        use(site)
        wait_until(lambda: selected(daemon) == (4, 2), 15)
        site.stop()
        wait_until(lambda: status(daemon)[0] == "missing", 15)
        assert selected(daemon)[0] == 4  # nothing is forgotten
        site.start()  # counts from zero
        use(site)
        wait_until(lambda: selected(daemon) == (6, 3), 15)
        daemon.stop()
        daemon.start()  # remembers what it took
        wait_until(lambda: selected(daemon) == (6, 3), 15)
        use(site)
        wait_until(lambda: selected(daemon) == (8, 4), 15)
    finally:
        if daemon:
            daemon.stop()
        site.stop()


ANSWERS = {
    "silent": (b"", "stale"),
    "error": (b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n", "malformed"),
    "half": (b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"
             b"dovecot_a_total{cmd_name=\"SELECT\"} 7\n", "malformed"),
    "endless": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x_total 1\n" * 120000, "malformed"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_fault(folder, kind):
    """A server of metrics that does not do as it should."""
    answer, wanted = ANSWERS[kind]
    site = ds.Site(folder / "dovecot", BASE, more=METRIC)
    (site.folder / "dovecot.log").touch()
    server = socket.create_server(("127.0.0.1", BASE + 80 + list(ANSWERS).index(kind)))
    held = []

    def serve():
        while True:
            try:
                client, _ = server.accept()
                held.append(client)
                if answer:
                    client.recv(1000)
                    client.sendall(answer)
                    client.close()
            except OSError:
                if server.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    daemon = None
    try:
        port = server.getsockname()[1]
        daemon = start(folder, site, f"http://127.0.0.1:{port}/metrics", BASE + 91)
        wait_until(lambda: status(daemon)[0] == wanted and status(daemon)[1], 15)
        assert not daemon.walk().column("mailmonAccessMailboxesSelected")
    finally:
        if daemon:
            daemon.stop()
        server.close()
        for client in held:
            client.close()
