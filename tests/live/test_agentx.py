"""What a master may send and snmpd does not: with and without the fast path, and through TCP, the answers are
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


@pytest.fixture(scope="module")
def ways(tmp_path_factory):
    """[(master, publisher)], without the fast path, with it, and with it through TCP."""
    tmp = tmp_path_factory.mktemp("agentx")
    for p in (tmp, *tmp.parents):
        if str(p).startswith("/tmp/"):
            p.chmod(0o755)
    base, pairs = now_ms(), []
    for name, path, fast in (("slow", tmp / "slow.socket", "false"), ("fast", tmp / "fast.socket", "true"),
                             ("tcp", None, "true")):
        master = Master(path)
        publisher = Publisher(tmp, name, {"agentx_socket": f'"{master.address}"', "fast_path": fast,
                                          "ping_interval": '"1 s"'}, base=base)
        assert publisher.back() == (1, 0), publisher.text()
        pairs.append((master, publisher))
    for master, _ in pairs:
        master.at_rest()
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


def same(ways, *requests, **how):
    """What all ways answer."""
    expected, *others = (ask(master, *requests, **how) for master, _ in ways)
    for seen in others:
        assert [s[:3] for s in seen] == [e[:3] for e in expected]
        for s, e in zip(seen, expected):
            assert s[3] == e[3]
    assert len(expected) == len(requests)
    return expected


@pytest.fixture(scope="module")
def names(ways):
    """Of cells that do not move with the time."""
    return [c[1] for c in ways[0][1].cells() if c[0] == "="]


@pytest.mark.parametrize("flags", [0, NETWORK])
def test_all_ways_give_the_same(ways, names, flags):
    rng = random.Random(flags)
    cells = sorted((c[1] for c in ways[0][1].cells()), key=oid_key)
    steady = set(names)
    for _ in range(60):
        asked = [(rng.choice(names) + rng.choice(("", "", ".0", ".1")), (), 0) for _ in range(20)]
        same(ways, get(GET, asked, flags))
        # an answer that moves is the same cell still, so only steady successors are asked for
        asked = []
        while len(asked) < 20:
            at = rng.randrange(len(cells) - 1)
            if cells[at + 1] in steady:
                end = rng.choice((cells[at + 1], cells[at + 1] + ".0", ()))
                asked.append((cells[at], end, 0))
            elif cells[at] in steady:
                asked.append((cells[at], cells[at] + ".0", 1))
        (_, error, _, found), = same(ways, get(GETNEXT, asked, flags))
        assert error == 0 and len(found) == 20


def test_all_steady_cells(ways, names):
    for at in range(0, len(names), 200):
        part = names[at:at + 200]
        (_, error, _, cells), = same(ways, get(GET, [(n, (), 0) for n in part]))
        assert error == 0 and [tuple(oid_key(n)) for n in part] == [c[1] for c in cells]
        assert all(c[0] < 128 for c in cells)


@pytest.mark.parametrize("pieces, pause", [(1, 0.0), (7, 0.002), (19, 0.0), (21, 0.012), (1000, 0.0)])
def test_stream_in_pieces(ways, names, pieces, pause):
    requests = [get(GET, [(n, (), 0)], packet=i + 1) for i, n in enumerate(names[:6])]
    found = same(ways, *requests, pieces=pieces, pause=pause)
    assert [f[0][12] for f in found] == list(range(1, 7))


def test_other_pdus_among_them(ways, names):
    """A set is refused by the library, in the fast path's stream too; a GetBulk is answered by it."""
    value = b"\x04\0\0\0" + oid(NAME) + b"\x01\0\0\0x\0\0\0"
    one = get(GET, [(names[0], (), 0)], packet=3)
    for master, _ in ways:
        found = ask(master, pdu(TESTSET, value, packet=1), one)
        by_packet = {f[0][12]: f for f in found}
        assert by_packet[1][1] == 17  # notWritable
        assert by_packet[3][3][0][0] < 128
    bulk = pdu(GETBULK, b"\0\0\x02\0" + oid(NAME[:-2]) + oid(()), packet=1)
    same(ways, bulk)


def test_another_session_and_context(ways):
    """Requests that are not for this session or context are the library's."""
    inside = b"\x05\0\0\0mail2\0\0\0" + oid(NAME) + oid(())
    for request in (get(GET, [(NAME, (), 0)], session=8), pdu(GET, inside, CONTEXT)):
        expected, *others = (ask(master, request) for master, _ in ways)
        assert all(seen == expected for seen in others)


@pytest.mark.parametrize("bad", [
    pdu(GET, b"\xff\0\0\0" + b"\0" * 8), pdu(GETNEXT, b"\0\0"), pdu(GET, oid(NAME)), pdu(99, b"abcd"),
    pdu(GET, b"\x80\x02\0\0" + b"\0\0\0\1" * 128 + oid(())), pdu(PING, b"\0" * 70000),
    pdu(GET, (oid(NAME) + oid(())) * 4000)], ids=range(7))
def test_bad_pdus_do_not_end_the_session(ways, bad):
    for master, _ in ways:
        before = master.sessions
        good = get(GET, [(NAME, (), 0)], packet=0x5a)
        master.send(bad + good)
        answers = []
        assert wait_for(lambda m=master, a=answers: a.extend(m.wait_answers(1, 0.5)) or
                        any(x[12] == 0x5a for x in a), 5)[0]
        assert master.sessions == before


def test_long_response(ways, names):
    """Of a request that is not long: the master gets it whole."""
    longest = max((c for c in ways[0][1].cells() if c[0] == "=" and c[2] == 4), key=lambda c: len(c[3]))
    request = get(GET, [(longest[1], (), 0)] * 500)
    (_, error, _, cells), = same(ways, request)
    assert error == 0 and len(cells) == 500 and len({c[2] for c in cells}) == 1


def test_a_length_that_cannot_be_ends_the_session(ways):
    for master, publisher in ways:
        master.at_rest()
        before = master.sessions
        master.send(pdu(GET)[:16] + b"\xff\xff\xff\xff" + b"\0" * 100)
        assert wait_for(lambda m=master, b=before: m.sessions > b and m.peer, 5)[0]
        master.at_rest()
        assert publisher.back((1, 0)) == (1, 0)
        assert ask(master, get(GET, [(NAME, (), 0)]))[0][1] == 0


def test_asked_while_it_registers(ways, tmp_path_factory):
    for master, publisher in ways:
        master.at_rest()
        master.while_registering = get(GET, [(NAME, (), 0)], packet=0x33)
        before = master.sessions
        master.peer.shutdown(2)
        assert wait_for(lambda m=master, b=before: m.sessions > b, 10)[0]
        (head, error, _, cells), = (response(a) for a in master.wait_answers(1))
        assert head[12] == 0x33 and error == 0 and cells[0][0] == 4
        assert publisher.back((1, 0)) == (1, 0)


def test_master_that_hangs_while_it_registers(ways):
    """It is waited for once, not once for each of more than a hundred subtrees; it obeys when it wakes up."""
    master, publisher = ways[1]
    master.at_rest()
    master.deaf, before = True, master.sessions
    master.peer.shutdown(2)
    assert wait_for(lambda: master.sessions > before and master.registered > 100, 5)[0]
    assert wait_for(lambda: master.sessions > before + 1, 10)[0]  # no answer to its Ping either
    master.deaf = False
    master.at_rest()
    assert publisher.back((1, 0)) == (1, 0)
    assert ask(master, get(GET, [(NAME, (), 0)]))[0][1] == 0


def test_arc_and_others_have_no_end_but_the_range(ways):
    found = same(ways, get(GETNEXT, [(ARC, ".1.3.6.1.4.1.8072.9999.9999.1566.0", 0),
                                     (".1.3.6.1.7", (), 0)]))
    assert [c[0] for c in found[0][3]] == [130, 130]
