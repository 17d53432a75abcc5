"""mailmonConnectionTable and the sockets of mailmonPeerTable beside a real Postfix: connections that are
half open, open, and left by the peer.

Environment: MAILMOND_BUILD or B (build), MAILMOND_TEST_BASE, the first of 100 free ports (23000),
and MAILMOND_TEST_PORTS."""
import ctypes
import os
import signal
import socket
import struct

import postfix_site as ps
from postfix_lab import PostfixLab, eventually, lab_fixture, needs_postfix

pytestmark = needs_postfix
ESTABLISHED, SYN_RECEIVED, CLOSE_WAIT = 5, 4, 8  # RFC 4022
SO_ATTACH_FILTER = 26


class Lab(PostfixLab):
    def states(self):
        walk = self.daemon.walk()
        return [walk.get(("mailmonConnectionCount", walk.appl("postfix"), s))
                for s in (SYN_RECEIVED, ESTABLISHED, CLOSE_WAIT)]

    def peer(self, address):
        """What the row of a peer says; {} without one."""
        walk, end = self.daemon.walk(), tuple(int(p) for p in address.split("."))
        return {k[0][len("mailmonPeer"):]: v for k, v in walk.items()
                if k[0].startswith("mailmonPeer") and k[-4:] == end}

    def half_open(self, source):
        """A connection whose peer hears no answer: a filter drops all that its socket receives."""
        s = socket.socket()
        ret0 = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
        s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                     struct.pack("HL", 1, ctypes.addressof(ret0)))
        s.bind((source, 0))
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", self.postfix.port(ps.SMTP)))
        return s


lab = lab_fixture(Lab, "socket")


def test_states(lab):
    """Half open, open, left by the peer: each is counted, for the host that does it too."""
    eventually(lambda: lab.states() == [0, 0, 0], 25)
    half = [lab.half_open("127.0.0.21") for _ in range(3)]
    left = [lab.postfix.connect(source="127.0.0.22") for _ in range(2)]
    held = lab.postfix.connect(source="127.0.0.23")
    servers = ps.children(lab.postfix.pid(), "smtpd")
    assert len(servers) >= 3
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        for s in left:
            s.close()

        def right():
            assert lab.states() == [3, 1, 2]
            row = lab.peer("127.0.0.21")  # of which no log tells
            assert (row["SynReceived"], row["Current"], row["CloseWait"], row["Connections"]) == (3, 0, 0, 0)
            row = lab.peer("127.0.0.22")
            assert (row["SynReceived"], row["Current"], row["CloseWait"], row["Connections"]) == (0, 0, 2, 2)
            return lab.peer("127.0.0.23")["Current"] == 1
        eventually(right, 25)
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
        for s in (*half, held):
            s.close()
    eventually(lambda: lab.states()[1:] == [0, 0], 25)
    row = lab.peer("127.0.0.22")
    assert (row["CloseWait"], row["Connections"]) == (0, 2)


def test_forgets(lab):
    """The row of a host that was in no log ends with its sockets; those of the log stay."""
    eventually(lambda: lab.peer("127.0.0.21") == {}, 75)  # the kernel gives up its half of them
    assert lab.states() == [0, 0, 0]
    assert lab.peer("127.0.0.23")["Connections"] == 1
