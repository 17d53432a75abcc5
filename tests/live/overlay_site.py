"""What mail systems in an overlay (overlay.py) have in common: ports from a base, servers that they deliver to, mail
that is sent to them."""
import socket

import smtp_client
from overlay import Overlay
from postfix_site import Sink, wait_until


class OverlaySite:
    """name: of the host that the mail system takes itself for."""

    def __init__(self, folder, base, packages, accounts, name):
        self.base, self.sinks, self.size = base, {}, 0
        self.overlay = Overlay(folder, packages, accounts)
        self.log = self.overlay.log
        (self.overlay.upper / "etc" / "hosts").write_text(
            f"127.0.0.1 localhost\n127.0.0.1 {name} {socket.gethostname()}\n")

    def ports(self, constants):
        """Those of a module's constants that are ports, for its configuration: {"smtp": 25000}."""
        return {k.lower(): self.base + v for k, v in constants.items() if k.isupper() and isinstance(v, int)}

    def port(self, service):
        return self.base + service

    def deliver_to(self, sinks, address="127.0.0.1"):
        """Starts servers that answer so: {port: {command: reply}}."""
        for port, replies in sinks.items():
            self.sinks[port] = Sink(self.base + port, replies, address=address)

    def send(self, recipients, sender="sender@ok.test", service=0, source="127.0.0.2",
             subject="test", body="text\n"):
        """Sends one message and returns the refused recipients: {address: (code, text)}."""
        text = smtp_client.compose(sender, subject, body)
        self.size = len(text)  # of the message sent last
        return smtp_client.send(self.port(service), sender, recipients, text, source)

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_log(self, what, count=1, seconds=30):
        wait_until(lambda: self.text().count(what) >= count, seconds)

    def stop(self):
        self.overlay.stop()
        for s in self.sinks.values():
            s.stop()
        self.sinks = {}
