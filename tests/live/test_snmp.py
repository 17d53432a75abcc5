"""The publisher under a real snmpd, and as an embedded master: what a manager sees is what the model
holds, whatever happens to the master."""
import os
import random
import re
import shutil
import socket
import signal
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from snmp_lab import (ARC, BUILD, ROOTS, Client, Publisher, Snmpd, differences, free_port, oid_key,
                      wait_for)

pytestmark = pytest.mark.skipif(
    not all((BUILD / p).exists() for p in ("mailmond-publish", "bench_model"))
    or not shutil.which("snmpd") or os.geteuid() != 0,
    reason="needs root, snmpd, mailmond-publish and bench_model")

PHANTOM = ".1.3.6.1.2.1.28.1.1.3.1"  # snmpd's own mta_sendmail serves it on a host without sendmail
TIMETICKS, COUNTER64 = 67, 70
MTA_GROUP_STORED = ".1.3.6.1.2.1.28.2.1.4"
MARGIN = 5.0  # seconds in which the publisher is back after the master is


def quoted(text):
    return f'"{text}"'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("snmp")
    for p in (path, *path.parents):  # the publisher is another account
        if str(p).startswith("/tmp/"):
            p.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def lab(folder):
    """One snmpd with one publisher, for the tests that only look."""
    snmpd = Snmpd(folder, extra=(
        'createUser mailmon SHA-256 "auth password" AES "privacy password"',)).start()
    publisher = Publisher(folder, "main", {"agentx_socket": quoted(snmpd.socket)}, interval=20)
    yield snmpd, publisher
    publisher.stop()
    snmpd.stop()


@pytest.fixture
def own(tmp_path):
    """Processes of one test, stopped in any case."""
    for p in (tmp_path, *tmp_path.parents):
        if str(p).startswith("/tmp/"):
            p.chmod(0o755)
    started = []
    yield tmp_path, lambda p: started.append(p) or p
    for p in reversed(started):
        p.stop()


def test_runs_unprivileged_and_is_connected(lab):
    snmpd, publisher = lab
    status = Path(f"/proc/{publisher.pid}/status").read_text()
    assert not re.search(r"^Uid:\s+0\b", status, re.M)
    assert re.search(r"^SigBlk:\s+0+$", status, re.M)
    assert publisher.back((1, 0)) == (1, 0)
    assert publisher.text().count("connected to the master agent") == 1


@pytest.mark.parametrize("tool", ["snmpbulkwalk", "snmpwalk"])
def test_walk_is_the_model(lab, tool):
    snmpd, publisher = lab
    assert not differences(publisher, snmpd.client, tool)
    assert len(publisher.cells()) > 5000


def test_v1_walk_leaves_out_counter64_alone(lab):
    snmpd, publisher = lab
    client = Client(snmpd.port, version="1")
    assert any(c[2] == COUNTER64 for c in publisher.cells())
    assert not any(c[1] == COUNTER64 for c in client.walk("snmpwalk"))
    assert not differences(publisher, client, "snmpwalk", kinds=(COUNTER64,))


def test_v3_walk(lab):
    """As the user of snmpd.conf.example."""
    snmpd, publisher = lab
    client = Client(snmpd.port, "-l", "authPriv", "-u", "mailmon", "-a", "SHA-256", "-A",
                    "auth password", "-x", "AES", "-X", "privacy password", version="3",
                    community=None)
    assert not differences(publisher, client)


def around(oids, rng):
    """An OID in, before, after or between the given ones."""
    oid = rng.choice(oids)
    return rng.choice((lambda: oid, lambda: oid + ".0", lambda: oid.rpartition(".")[0],
                       lambda: f"{oid.rpartition('.')[0]}.{int(oid.rpartition('.')[2]) + 1}",
                       lambda: oid.rpartition(".")[0] + ".4294967295"))()


def check_next(client, oids, asked):
    """GETNEXT of many OIDs in one request finds what the sorted list has."""
    keys = [oid_key(o) for o in oids]
    answers = client.values("snmpgetnext", *asked)
    assert len(answers) == len(asked)
    for name, (seen, _, _) in zip(asked, answers):
        at = bisect_right(keys, oid_key(name))
        if at < len(keys):
            root = next(r for r in ROOTS if oids[at].startswith(r + "."))
            if name.startswith(root):
                assert seen == oids[at], name
                continue
        assert seen not in oids or seen == oids[at], name


def test_getnext_has_no_gap_and_no_extra(lab):
    snmpd, publisher = lab
    oids = [c[1] for c in publisher.cells()]
    rng = random.Random(1)
    for _ in range(12):
        check_next(snmpd.client, oids, [around(oids, rng) for _ in range(40)])


def test_get_tells_missing_cells_from_missing_objects(lab):
    snmpd, publisher = lab
    rng = random.Random(2)
    known = {c[1]: c for c in publisher.cells()}
    asked = rng.sample(sorted(known), 60)
    for i in range(0, 60, 20):
        for oid, kind, _ in snmpd.client.values("snmpget", *asked[i:i + 20]):
            assert kind == known[oid][2]
    for oid, text in ((".1.3.6.1.2.1.27.1.1.2.77", "No Such Instance"),
                      (ARC + ".1.6.1.3.1.1.1", "No Such Instance"),
                      (ARC + ".1.6.1.99.1.1", "No Such Object"), (ARC + ".9", "No Such Object")):
        assert text in snmpd.client.run("snmpget", oid).stdout, oid


def test_set_is_refused(lab):
    snmpd, _ = lab
    result = snmpd.client.run("snmpset", ".1.3.6.1.2.1.27.1.1.2.1", "s", "x")
    assert re.search("notWritable|noAccess|not writable|No Access", result.stderr, re.I)


def test_sysortable_names_the_modules(lab):
    snmpd, _ = lab
    ids = {value for _, _, value in snmpd.client.values("snmpwalk", ".1.3.6.1.2.1.1.9.1.2")}
    assert set(ROOTS) <= ids


def test_the_view_shows_nothing_else(lab):
    snmpd, _ = lab
    assert snmpd.client.values("snmpget", ".1.3.6.1.2.1.25.1.1.0")[0][1] is None


def test_both_paths_give_the_same(lab, own):
    """The fast path answers as the agent library does."""
    snmpd, publisher = lab
    tmp, keep = own
    other = keep(Snmpd(tmp).start())
    slow = keep(Publisher(tmp, "slow", {"agentx_socket": quoted(other.socket), "fast_path": "false"},
                          base=int(publisher.model[-1])))
    assert slow.back((1, 0)) == (1, 0)
    for tool in ("snmpbulkwalk", "snmpwalk"):
        assert not differences(slow, other.client, tool)
    rng = random.Random(3)
    cells = publisher.cells()
    oids = [c[1] for c in cells]
    fixed = {c[1] for c in cells if c[0] == "="}
    for tool in ("snmpget", "snmpgetnext"):
        for _ in range(8):
            asked = [around(oids, rng) for _ in range(25)]
            a, b = snmpd.client.values(tool, *asked), other.client.values(tool, *asked)
            assert [c for c in a if c[0] in fixed or c[1] is None] == \
                [c for c in b if c[0] in fixed or c[1] is None]
            assert [c[0] for c in a] == [c[0] for c in b]


def test_pysnmp(lab):
    from pysnmp import hlapi
    snmpd, publisher = lab
    expected = {c[1]: c[3] for c in publisher.cells() if c[1].startswith(".1.3.6.1.2.1.28.2.1.2.")}
    seen = {}
    for error, status, _, binds in hlapi.bulkCmd(
            hlapi.SnmpEngine(), hlapi.CommunityData("mailmon"),
            hlapi.UdpTransportTarget(("127.0.0.1", snmpd.port)), hlapi.ContextData(), 0, 25,
            hlapi.ObjectType(hlapi.ObjectIdentity("1.3.6.1.2.1.28.2.1.2")), lookupMib=False,
            lexicographicMode=False):
        assert not error and not status
        seen.update({"." + str(name): int(value) for name, value in binds})
    assert seen == expected


PERL = r"""
use Net::SNMP;
my ($s, $e) = Net::SNMP->session(-hostname => '127.0.0.1', -port => $ARGV[0], -version => 'snmpv2c',
                                 -community => 'mailmon');
my $t = $s->get_table(-baseoid => $ARGV[1], -maxrepetitions => 20) or die $s->error;
print "$_ $t->{$_}\n" for keys %$t;
"""


def test_perl(lab):
    snmpd, publisher = lab
    column = ARC + ".1.6.1.9"
    out = subprocess.run(["perl", "-e", PERL, str(snmpd.port), column], capture_output=True, text=True,
                         check=True).stdout
    seen = {k: int(v) for k, v in (line.split() for line in out.splitlines())}
    assert seen == {c[1]: c[3] for c in publisher.cells() if c[1].startswith(column + ".")}
    assert seen


CHECK_SNMP = "/usr/lib/nagios/plugins/check_snmp"


@pytest.mark.skipif(not os.path.exists(CHECK_SNMP), reason="needs monitoring-plugins-standard")
def test_check_snmp(lab):
    """As docs/nms.md shows it: a limit, several objects at once, and a cell that is not there."""
    snmpd, publisher = lab
    stored = {c[1]: c[3] for c in publisher.cells() if c[1].startswith(MTA_GROUP_STORED + ".")}
    oid, value = next((o, v) for o, v in stored.items() if 0 < v < 1 << 31)

    def check(*options):
        ran = subprocess.run([CHECK_SNMP, "-H", "127.0.0.1", "-p", str(snmpd.port), "-P", "2c", "-C", "mailmon",
                              *options], capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout

    assert check("-o", oid, "-l", "stored", "-u", "messages", "-c", str(value)) == (
        0, f"SNMP OK - stored {value} messages | stored={value};;{value} \n")
    assert check("-o", oid, "-w", str(value - 1))[0] == 1
    assert check("-o", f"{oid},{ARC}.1.1.6.0", "-c", f"{value - 1},600000")[0] == 2
    assert check("-o", f"{MTA_GROUP_STORED}.1.999999999", "-c", "5")[0] == 3


def test_second_publisher_is_refused_once(lab, own):
    snmpd, publisher = lab
    tmp, keep = own
    second = keep(Publisher(tmp, "second", {"agentx_socket": quoted(snmpd.socket)}))
    said = wait_for(lambda: re.search(r"refused (\d+) of (\d+) registrations", second.text()), 5)[0]
    assert said and said[1] == said[2] and int(said[1]) > 50, second.text()
    assert second.back((1, int(said[1]))) == (1, int(said[1]))
    assert second.text().count("another agent already registered") == 1
    assert not differences(publisher, snmpd.client)


def test_what_was_refused_is_tried_again(own):
    """As by a publisher of a killed mailmond that was slow to end."""
    tmp, keep = own
    snmpd = keep(Snmpd(tmp).start())
    first, second = (keep(Publisher(tmp, name, {"agentx_socket": quoted(snmpd.socket)}, model=["--rows", "3"]))
                     for name in ("slow", "successor"))
    assert wait_for(lambda: "they are tried again" in second.text(), 10)[0]
    first.stop()
    assert wait_for(lambda: second.back() == (1, 0), 15)[0]
    assert second.text().count("accepts all registrations again") == 1
    assert not differences(second, snmpd.client)


def test_at_rest_it_sleeps(lab):
    _, publisher = lab
    status = Path(f"/proc/{publisher.pid}/status")

    def switches():
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.M).group(1))

    def asleep():
        """A busy machine may take memory away, or make it wait otherwise."""
        before = switches()
        time.sleep(6.2)
        return switches() - before <= 6
    assert wait_for(asleep, 7)[0]


def test_context(own):
    tmp, keep = own
    snmpd = keep(Snmpd(tmp, extra=(
        "com2sec -Cn mail2 ctxuser 127.0.0.1 inmail2", "group ctxgroup v2c ctxuser",
        "access ctxgroup mail2 any noauth exact mailmond none none")).start())
    publisher = keep(Publisher(tmp, "ctx", {"agentx_socket": quoted(snmpd.socket),
                                            "context": quoted("mail2")}))
    assert publisher.back((1, 0)) == (1, 0)
    inside = Client(snmpd.port, community="inmail2")
    assert not differences(publisher, inside, kinds=(TIMETICKS,))
    assert not snmpd.client.serves()


# --- the master comes and goes --------------------------------------------------------------------


def test_master_restarts(own):
    """Killed and started anew: everything is back within the margin, phantoms only in between, and
    TimeStamps are those of the new master's sysUpTime."""
    tmp, keep = own
    snmpd = keep(Snmpd(tmp).start())
    assert any(c[0] == PHANTOM or c[0].startswith(".1.3.6.1.2.1.28.") for c in snmpd.client.walk())
    publisher = keep(Publisher(tmp, "restart", {"agentx_socket": quoted(snmpd.socket)},
                               model=["--spread", "4000"]))
    assert publisher.back((1, 0)) == (1, 0)
    files = os.listdir(f"/proc/{publisher.pid}/fd")
    for _ in range(int(os.environ.get("RESTARTS", "2"))):
        snmpd.stop(signal.SIGKILL)
        snmpd.start()
        assert wait_for(snmpd.client.serves, MARGIN)[0]

        def of_this_master():
            stamps = {c[1]: c for c in publisher.cells(snmpd.client.started()) if c[0] == "t"}
            seen = [c for c in snmpd.client.walk() if c[0] in stamps]
            assert len(seen) == len(stamps)
            for oid, _, value in seen:
                assert abs(stamps[oid][3] - value) <= 30, oid
            return True
        wait_for(of_this_master, MARGIN)
        assert publisher.back((1, 0)) == (1, 0)
    assert not differences(publisher, snmpd.client)
    assert wait_for(lambda: len(os.listdir(f"/proc/{publisher.pid}/fd")) == len(files), 5)[0]
    assert "263" not in publisher.text() and "refused " not in publisher.text()
    lines = publisher.text().count("the master agent")
    assert lines <= 1 + 2 * 2 * int(os.environ.get("RESTARTS", "2"))
    assert "duplicate registration" not in snmpd.process.text()


def test_publisher_restarts(own):
    """Killed and started anew at once, as the supervisor does: nothing is refused."""
    tmp, keep = own
    snmpd = keep(Snmpd(tmp).start())
    for i in range(5):
        publisher = keep(Publisher(tmp, f"again{i}", {"agentx_socket": quoted(snmpd.socket)}))
        assert publisher.back((1, 0)) == (1, 0)
        assert snmpd.client.serves()
        os.kill(publisher.pid, signal.SIGKILL)
        assert wait_for(publisher.gone, 10)[0]


def test_master_hangs(own):
    """SIGSTOP: state "away", no flood of log lines, back within the margin."""
    tmp, keep = own
    snmpd = keep(Snmpd(tmp).start())
    publisher = keep(Publisher(tmp, "hang", {"agentx_socket": quoted(snmpd.socket)}))
    os.kill(snmpd.process.pid, signal.SIGSTOP)
    assert wait_for(lambda: publisher.back()[0] == 2, 10)[0]
    time.sleep(4)  # it tries again meanwhile
    os.kill(snmpd.process.pid, signal.SIGCONT)
    assert wait_for(snmpd.client.serves, MARGIN)[0]
    assert publisher.back((1, 0)) == (1, 0)
    assert publisher.text().count("does not answer") == 1
    assert not differences(publisher, snmpd.client)


def test_no_permission_for_the_socket(own):
    """Told once, with the remedy; mended without a restart. SIGTERM is heard meanwhile."""
    tmp, keep = own
    snmpd = keep(Snmpd(tmp).start())
    snmpd.socket.chmod(0o600)
    publisher = keep(Publisher(tmp, "denied", {"agentx_socket": quoted(snmpd.socket),
                                               "ping_interval": quoted("1 s")}))
    assert wait_for(lambda: "agentXPerms 0660 0555 root" in publisher.text(), 5)[0], publisher.text()
    time.sleep(2.5)
    assert publisher.text().count("agentXPerms 0660 0555 root") == 1
    assert publisher.back()[0] == 2
    snmpd.socket.chmod(0o660)
    assert wait_for(snmpd.client.serves, MARGIN)[0]


def test_the_socket_is_none(own):
    """A file in its place is no matter of permissions."""
    tmp, keep = own
    (tmp / "file").touch(0o600)
    publisher = keep(Publisher(tmp, "file", {"agentx_socket": quoted(tmp / "file")}))
    assert wait_for(lambda: "Socket operation on non-socket" in publisher.text(), 5)[0], publisher.text()
    assert "agentXPerms" not in publisher.text()


def test_no_master_and_parent_dies(own):
    tmp, keep = own
    publisher = keep(Publisher(tmp, "alone", {"agentx_socket": quoted(tmp / "none")}))
    assert publisher.ready and publisher.back()[0] == 2
    assert publisher.text().count("with `master agentx`") == 1
    publisher.stop(signal.SIGKILL)
    assert wait_for(publisher.gone, 3)[0]


# --- the embedded master --------------------------------------------------------------------------


def standalone(tmp, keep, name="standalone", directives=(), **snmp):
    port = free_port()
    settings = {"mode": quoted("standalone"), "listen": quoted(f"udp:127.0.0.1:{port}"), **snmp}
    if directives:
        settings["directives"] = "( " + ", ".join(quoted(d) for d in directives) + " )"
    return port, keep(Publisher(tmp, name, settings))


def test_standalone(own):
    tmp, keep = own
    port, publisher = standalone(tmp, keep)
    client = Client(port, community="public")
    assert publisher.back((3, 0)) == (3, 0)
    for tool in ("snmpbulkwalk", "snmpwalk"):
        assert not differences(publisher, client, tool)
    v1 = Client(port, version="1", community="public")
    assert not differences(publisher, v1, "snmpwalk", kinds=(COUNTER64,))
    oids = [c[1] for c in publisher.cells()]
    rng = random.Random(4)
    for _ in range(5):
        check_next(client, oids, [around(oids, rng) for _ in range(40)])
    system = client.values("snmpwalk", ".1.3.6.1.2.1.1")
    assert {".1.3.6.1.2.1.1.1.0", ".1.3.6.1.2.1.1.3.0", ".1.3.6.1.2.1.1.5.0"} <= {c[0] for c in system}
    assert set(ROOTS) <= {c[2] for c in system}
    assert not client.values("snmpget", PHANTOM)[0][1] or PHANTOM in oids
    status = Path(f"/proc/{publisher.pid}/status").read_text()
    assert not re.search(r"^Uid:\s+0\b", status, re.M)


def test_datagrams_that_are_none(own):
    """Whoever reaches the port cannot fill the disk with what the library says of his datagrams."""
    tmp, keep = own
    port, publisher = standalone(tmp, keep)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", port))
        for i in range(300):
            s.send(b"\x30\x0d\x02\x01\x01\x04\x06public\xaf\x00")
            if i % 50 == 0:
                assert Client(port, community="public").uptime() is not None
    assert Client(port, community="public").uptime() is not None
    said = [line for line in publisher.text().splitlines() if "net-snmp: " in line]
    assert len(said) == 10 and said[9].endswith("left out for a minute)"), said


def test_standalone_v3_and_engine(own):
    """createUser works, engineID stays and engineBoots grows."""
    tmp, keep = own
    boots, engines = [], []
    for password in ("auth-password-1", "auth-password-1", "auth-password-2"):
        port, publisher = standalone(tmp, keep, directives=(
            f"createUser monitor SHA-256 {password} AES priv-password", "rouser monitor authpriv"))
        client = Client(port, "-l", "authPriv", "-u", "monitor", "-a", "SHA-256", "-A", password, "-x",
                        "AES", "-X", "priv-password", version="3", community=None)
        engine = dict((o, v) for o, _, v in client.values("snmpwalk", ".1.3.6.1.6.3.10.2.1"))
        boots.append(engine[".1.3.6.1.6.3.10.2.1.2.0"])
        engines.append(engine[".1.3.6.1.6.3.10.2.1.1.0"])
        assert not differences(publisher, client)
        assert not Client(port, community="public").serves()
        publisher.stop(signal.SIGKILL if len(boots) == 1 else signal.SIGTERM)
    assert boots[0] < boots[1] < boots[2] and len(set(engines)) == 1
    wrong = Client(port, "-l", "authPriv", "-u", "monitor", "-a", "SHA-256", "-A", "auth-password-1",
                   "-x", "AES", "-X", "priv-password", version="3", community=None)
    port, publisher = standalone(tmp, keep, directives=(
        "createUser monitor SHA-256 auth-password-2 AES priv-password", "rouser monitor authpriv"))
    wrong.peer = f"127.0.0.1:{port}"
    assert not wrong.serves()


@pytest.mark.parametrize("listen, directive, said", [
    ("udp:127.0.0.1:{}", "rocommunty public", "Unknown token"),
    ("udp:127.0.0.1:{}", "createUser x SHA-256 short", "passphrase"),
    ("udp:0.0.0.0:{}", None, "who may ask"),
])
def test_standalone_refuses(own, listen, directive, said):
    tmp, keep = own
    snmp = {"mode": quoted("standalone"), "listen": quoted(listen.format(free_port()))}
    if directive:
        snmp["directives"] = f'( "sysLocation here", {quoted(directive)} )'
    publisher = keep(Publisher(tmp, "refused", snmp))
    assert not publisher.ready
    assert publisher.process.process.wait(60) != 0
    assert re.search(said, publisher.text())
    if directive:
        assert f'"{directive}"' in publisher.text()


def test_standalone_waits_for_a_predecessor(own):
    """A killed mailmond's publisher has the port until it ends; who has it for long is told of."""
    tmp, keep = own
    port = free_port()
    snmp = {"mode": quoted("standalone"), "listen": quoted(f"udp:127.0.0.1:{port}")}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))
        late = keep(Publisher(tmp, "late", snmp))
        assert late.process.process.wait(60) != 0
        assert f"cannot listen on udp:127.0.0.1:{port}: Address already in use" in late.text()
        ends = threading.Timer(0.5, other.close)
        ends.start()
        publisher = keep(Publisher(tmp, "successor", snmp))
        ends.join()
    assert publisher.ready and Client(port, community="public").serves()


def test_help_and_version():
    program = str(BUILD / "mailmond-publish")
    version = (Path(__file__).parents[2] / "VERSION").read_text().strip()
    assert subprocess.check_output([program, "--version"], text=True) == f"mailmond-publish {version}\n"
    assert "--engine-dir" in subprocess.check_output([program, "--help"], text=True)
    assert subprocess.run([program, "--model-fd", "x"], capture_output=True).returncode == 1
