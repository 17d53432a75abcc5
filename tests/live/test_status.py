"""applOperStatus from process, log and probes together, beside a real Postfix that is stopped, hung and
drained.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (23000),
and MAILMOND_TEST_PORTS."""
import postfix_site as ps
from postfix_lab import PostfixLab, eventually, lab_fixture, needs_postfix

pytestmark = needs_postfix


class Lab(PostfixLab):
    def __init__(self, folder):
        probe = {"protocol": "smtp", "host": "127.0.0.1", "appl": "postfix", "interval": "1 s",
                 "timeout": "2 s", "step_timeout": "1 s"}
        super().__init__(folder, lambda lab: {
            "system_interval": "1 s",
            "responses": [{"name": "mx", "port": lab.postfix.port(ps.SMTP), **probe}]})

    def cell(self, column):
        return self.daemon.walk().of(column, "postfix")

    def probed(self):
        return self.daemon.walk().get(("mailmonResponseStatus", 1))


lab = lab_fixture(Lab, "status")


def test_up(lab):
    eventually(lambda: lab.probed() == "up")
    eventually(lambda: lab.cell("applOperStatus") == "up")


def test_halted(lab):
    """The processes are there and connections are taken, but nobody greets."""
    eventually(lambda: lab.probed() == "up")
    go_on = lab.postfix.hang()
    try:
        eventually(lambda: lab.probed() == "timedOut")
        eventually(lambda: lab.cell("applOperStatus") == "halted")
        change = lab.cell("applLastChange")
    finally:
        go_on()
    eventually(lambda: lab.cell("applOperStatus") == "up")
    assert lab.cell("applLastChange") > change


def test_down_and_back(lab):
    """What was probed while it was down does not make it down after its start."""
    lab.postfix.stop()
    eventually(lambda: lab.cell("applOperStatus") == "down" and lab.probed() == "refused")
    lab.postfix.start()
    eventually(lambda: lab.cell("applOperStatus") == "up", 8)
    eventually(lambda: lab.probed() == "up")


def test_listener_is_gone(lab):
    """The master runs, but its port is closed."""
    config = lab.postfix.config / "master.cf"
    text = config.read_text()
    port = f"127.0.0.1:{lab.postfix.port(ps.SMTP)}"
    assert any(line.startswith(port) for line in text.splitlines())
    config.write_text("".join(line for line in text.splitlines(True) if not line.startswith(port)))
    try:
        lab.postfix.run("postfix", "reload")
        eventually(lambda: lab.probed() == "refused")
        eventually(lambda: lab.cell("applOperStatus") == "down")
        assert lab.daemon.walk().column("mailmonProcessStatus") and lab.postfix.pid()
    finally:
        config.write_text(text)
        lab.postfix.run("postfix", "reload")
    eventually(lambda: lab.cell("applOperStatus") == "up")
