"""A master agent that sends what it is told to: for what snmpd never sends (RFC 2741)."""
import socket
import struct
import threading
import time

from snmp_lab import PATIENCE, wait_for

OPEN, CLOSE, REGISTER, GET, GETNEXT, GETBULK, TESTSET, PING, RESPONSE = 1, 2, 3, 5, 6, 7, 8, 13, 18
CONTEXT, NETWORK = 8, 16
SESSION = 7
HEADER = 20


def order(flags):
    return ">" if flags & NETWORK else "<"


def oid(ids, flags=0, include=0):
    """As 5.1 writes it; () is the null OID. Takes numbers or text."""
    if isinstance(ids, str):
        ids = tuple(int(x) for x in ids.strip(".").split("."))
    prefix = 0
    if ids[:4] == (1, 3, 6, 1) and len(ids) > 4 and 0 < ids[4] < 256:
        prefix, ids = ids[4], ids[5:]
    return bytes([len(ids), prefix, include, 0]) + struct.pack(f"{order(flags)}{len(ids)}I", *ids)


def pdu(kind, body=b"", flags=0, session=SESSION, packet=1):
    return bytes([1, kind, flags, 0]) + struct.pack(order(flags) + "IIII", session, 99, packet,
                                                     len(body)) + body


def get(kind, ranges, flags=0, **more):
    """`ranges`: (start, end, include)"""
    return pdu(kind, b"".join(oid(s, flags, i) + oid(e, flags) for s, e, i in ranges), flags, **more)


class Reader:
    def __init__(self, octets, flags):
        self.octets, self.order = octets, order(flags)

    def take(self, n):
        taken, self.octets = self.octets[:n], self.octets[n:]
        assert len(taken) == n
        return taken

    def number(self, code="I"):
        return struct.unpack(self.order + code, self.take(struct.calcsize(code)))[0]

    def oid(self):
        n, prefix, _, reserved = self.take(4)
        assert reserved == 0
        return ((1, 3, 6, 1, prefix) if prefix else ()) + tuple(self.number() for _ in range(n))

    def value(self, kind):
        if kind == 4:
            n = self.number()
            return self.take((n + 3) // 4 * 4)[:n]
        if kind == 6:
            return self.oid()
        if kind >= 128:
            return None
        return self.number("Q" if kind == 70 else "I")


def response(octets):
    """(everything of the head but its length, error, index, [(type, name, value)])"""
    flags = octets[2]
    reader = Reader(octets[HEADER:], flags)
    reader.number()
    error, index, cells = reader.number("H"), reader.number("H"), []
    while reader.octets:
        kind, _, name = reader.number("H"), reader.number("H"), reader.oid()
        cells.append((kind, name, reader.value(kind)))
    return octets[:16], error, index, cells


class Master:
    """Takes one subagent at a time and accepts all it asks for; `path` is its socket, None: TCP."""

    def __init__(self, path=None):
        self.listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        if path:
            self.listener.bind(str(path))
            path.chmod(0o666)
        else:
            self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.address = path or "tcp:%s:%d" % self.listener.getsockname()
        self.peer, self.sessions, self.answers = None, 0, []
        self.pings = 0  # of this session
        self.while_registering = b""  # sent before the first Register is answered
        self.registered, self.deaf = 0, False  # Registers of this session; deaf: only the Open is answered
        self.changed = threading.Condition()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            try:
                self.attend(peer)
            except OSError:
                pass
            self.peer = None
            peer.close()

    def attend(self, peer):
        got, said = b"", time.monotonic()
        while True:
            while len(got) >= HEADER and len(got) >= (n := HEADER + struct.unpack(
                    order(got[2]) + "I", got[16:20])[0]):
                self.take(peer, got[:n])
                got, said = got[n:], time.monotonic()
            assert time.monotonic() - said < 60
            more = peer.recv(65536)
            if not more:
                return
            got += more

    def take(self, peer, octets):
        kind, flags = octets[1], octets[2]
        with self.changed:
            if kind == RESPONSE:
                self.answers.append(octets)
            elif kind != CLOSE:
                if kind == OPEN:
                    self.peer, self.sessions, self.pings, self.registered = peer, self.sessions + 1, 0, 0
                self.registered += kind == REGISTER
                self.pings += kind == PING
                if kind == REGISTER and self.while_registering:
                    peer.sendall(self.while_registering)
                    self.while_registering = b""
                packet = struct.unpack(order(flags) + "I", octets[12:16])[0]
                body = struct.pack(order(flags) + "IHH", 4711, 0, 0)
                if kind == OPEN or not self.deaf:
                    peer.sendall(pdu(RESPONSE, body, flags & NETWORK, packet=packet))
            self.changed.notify_all()

    def at_rest(self):
        """Waits until the subagent waits for requests: it pings when it has registered all."""
        assert wait_for(lambda: self.peer and self.pings, 10)[0]

    def send(self, octets):
        with self.changed:
            self.peer.sendall(octets)

    def wait_answers(self, n, seconds=5):
        """The first n answers there are, as they came."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.answers) >= n, seconds * PATIENCE)
            found, self.answers = self.answers[:n], self.answers[n:]
        return found

    def stop(self):
        self.listener.close()
