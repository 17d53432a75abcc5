"""What a master may send and snmpd does not: both ways of answering, with and without the fast path, give
the same."""
import os
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agentx_master import (CONTEXT, GET, GETBULK, GETNEXT, NETWORK, PING, TESTSET, Master, get, oid, pdu,
                           response)
from snmp_lab import ARC, BUILD, Publisher, now_ms, oid_key, wait_for

pytestmark = pytest.mark.skipif(
    not all((BUILD / p).exists() for p in ("mailmond-publish", "bench_model")) or os.geteuid() != 0,
    reason="needs root, mailmond-publish and bench_model")

NAME = ".1.3.6.1.2.1.27.1.1.2.1"
FAST, SLOW = "true", "false"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """[(master, publisher)], with the fast path and without."""
    tmp = tmp_path_factory.mktemp("agentx")
    for p in (tmp, *tmp.parents):
        if str(p).startswith("/tmp/"):
            p.chmod(0o755)
    base, pairs = now_ms(), []
    for way in (FAST, SLOW):
        master = Master(tmp / way / "master")
        publisher = Publisher(tmp, way, {"agentx_socket": f'"{master.path}"', "fast_path": way,
                                         "ping_interval": '"1 s"'}, base=base)
        assert publisher.back() == (1, 0), publisher.text()
        pairs.append((master, publisher))
    yield pairs
    for master, publisher in pairs:
        publisher.stop()
        master.stop()


def ask(master, *requests, pieces=None, pause=0.0):
    """The answers to requests, sent at once or in pieces of so many octets."""
    stream = b"".join(requests)
    with master.changed:  # so that no answer to a Ping comes between the pieces
        for at in range(0, len(stream), pieces or len(stream)):
            master.send(stream[at:at + (pieces or len(stream))])
            time.sleep(pause)
    return [response(a) for a in master.wait_answers(len(requests))]


def same(both, *requests, **how):
    fast, slow = (ask(master, *requests, **how) for master, _ in both)
    assert [f[:3] for f in fast] == [s[:3] for s in slow]
    for a, b in zip(fast, slow):
        assert a[3] == b[3]
    assert len(fast) == len(requests)
    return fast


@pytest.fixture(scope="module")
def names(both):
    """Of cells that do not move with the time."""
    return [c[1] for c in both[0][1].cells() if c[0] == "="]


@pytest.mark.parametrize("flags", [0, NETWORK])
def test_both_ways_give_the_same(both, names, flags):
    rng = random.Random(flags)
    cells = sorted((c[1] for c in both[0][1].cells()), key=oid_key)
    steady = set(names)
    for _ in range(60):
        asked = [(rng.choice(names) + rng.choice(("", "", ".0", ".1")), (), 0) for _ in range(20)]
        same(both, get(GET, asked, flags))
        # an answer that moves is the same cell still, so only steady successors are asked for
        asked = []
        while len(asked) < 20:
            at = rng.randrange(len(cells) - 1)
            if cells[at + 1] in steady:
                end = rng.choice((cells[at + 1], cells[at + 1] + ".0", ()))
                asked.append((cells[at], end, 0))
            elif cells[at] in steady:
                asked.append((cells[at], cells[at] + ".0", 1))
        (_, error, _, found), = same(both, get(GETNEXT, asked, flags))
        assert error == 0 and len(found) == 20


def test_all_steady_cells(both, names):
    for at in range(0, len(names), 200):
        part = names[at:at + 200]
        (_, error, _, cells), = same(both, get(GET, [(n, (), 0) for n in part]))
        assert error == 0 and [tuple(oid_key(n)) for n in part] == [c[1] for c in cells]
        assert all(c[0] < 128 for c in cells)


@pytest.mark.parametrize("pieces, pause", [(1, 0.0), (7, 0.002), (19, 0.0), (21, 0.012), (1000, 0.0)])
def test_stream_in_pieces(both, names, pieces, pause):
    requests = [get(GET, [(n, (), 0)], packet=i + 1) for i, n in enumerate(names[:6])]
    found = same(both, *requests, pieces=pieces, pause=pause)
    assert [f[0][12] for f in found] == list(range(1, 7))


def test_other_pdus_among_them(both, names):
    """A set is refused by the library, in the fast path's stream too; a GetBulk is answered by it."""
    value = b"\x04\0\0\0" + oid(NAME) + b"\x01\0\0\0x\0\0\0"
    one = get(GET, [(names[0], (), 0)], packet=3)
    for master, _ in both:
        found = ask(master, pdu(TESTSET, value, packet=1), one)
        by_packet = {f[0][12]: f for f in found}
        assert by_packet[1][1] == 17  # notWritable
        assert by_packet[3][3][0][0] < 128
    bulk = pdu(GETBULK, b"\0\0\x02\0" + oid(NAME[:-2]) + oid(()), packet=1)
    fast, slow = (ask(master, bulk) for master, _ in both)
    assert fast == slow


def test_another_session_and_context(both):
    """Requests that are not for this session or context are the library's."""
    inside = b"\x05\0\0\0mail2\0\0\0" + oid(NAME) + oid(())
    for request in (get(GET, [(NAME, (), 0)], session=8), pdu(GET, inside, CONTEXT)):
        fast, slow = (ask(master, request) for master, _ in both)
        assert fast == slow


@pytest.mark.parametrize("bad", [
    pdu(GET, b"\xff\0\0\0" + b"\0" * 8), pdu(GETNEXT, b"\0\0"), pdu(GET, oid(NAME)), pdu(99, b"abcd"),
    pdu(GET, b"\x80\x02\0\0" + b"\0\0\0\1" * 128 + oid(())), pdu(PING, b"\0" * 70000),
    pdu(GET, (oid(NAME) + oid(())) * 4000)], ids=range(7))
def test_bad_pdus_do_not_end_the_session(both, bad):
    for master, _ in both:
        before = master.sessions
        good = get(GET, [(NAME, (), 0)], packet=0x5a)
        master.send(bad + good)
        answers = []
        assert wait_for(lambda m=master, a=answers: a.extend(m.wait_answers(1, 0.5)) or
                        any(x[12] == 0x5a for x in a), 5)[0]
        assert master.sessions == before


def test_long_response(both, names):
    """Of a request that is not long: the master gets it whole."""
    longest = max((c for c in both[0][1].cells() if c[0] == "=" and c[2] == 4), key=lambda c: len(c[3]))
    request = get(GET, [(longest[1], (), 0)] * 500)
    (_, error, _, cells), = same(both, request)
    assert error == 0 and len(cells) == 500 and len({c[2] for c in cells}) == 1


def test_a_length_that_cannot_be_ends_the_session(both):
    for master, publisher in both:
        before = master.sessions
        master.send(pdu(GET)[:16] + b"\xff\xff\xff\xff" + b"\0" * 100)
        assert wait_for(lambda m=master, b=before: m.sessions > b and m.peer, 5)[0]
        assert publisher.back((1, 0)) == (1, 0)
        assert ask(master, get(GET, [(NAME, (), 0)]))[0][1] == 0


def test_asked_while_it_registers(both, tmp_path_factory):
    for master, publisher in both:
        master.while_registering = get(GET, [(NAME, (), 0)], packet=0x33)
        before = master.sessions
        master.peer.shutdown(2)
        assert wait_for(lambda m=master, b=before: m.sessions > b, 5)[0]
        (head, error, _, cells), = (response(a) for a in master.wait_answers(1))
        assert head[12] == 0x33 and error == 0 and cells[0][0] == 4
        assert publisher.back((1, 0)) == (1, 0)


def test_arc_and_others_have_no_end_but_the_range(both):
    found = same(both, get(GETNEXT, [(ARC, ".1.3.6.1.4.1.8072.9999.9999.1566.0", 0),
                                     (".1.3.6.1.7", (), 0)]))
    assert [c[0] for c in found[0][3]] == [130, 130]
