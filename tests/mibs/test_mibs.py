"""The MIB modules: every parser at hand loads them without a word, all parsers agree on them, and
the two standard ones say the same as independent copies of RFC 2788 and RFC 2789.
"""

import collections
import glob
import os
import re
import shutil

import pytest

from mibtools import (HERE, MIBS, MODULES, OURS, PYSNMP_MIBS, ROOT, STANDARD, directories, load_pysnmp, pysnmp_view,
                      run, smi, smidump, smidump_view)

RUBY_MIBS = "/usr/share/doc/ruby-snmp/yaml"
FROZEN = os.path.join(HERE, "mailmon-frozen.txt")
ARC = "1.3.6.1.4.1.8072.9999.9999.1566."


def test_every_module_is_tested():
    assert sorted(os.listdir(MIBS)) == sorted([*(m + ".txt" for m in MODULES), "base"])


# Net-SNMP ----------------------------------------------------------------------------------------


def snmptranslate(tmp_path, module, *arguments):
    """Its output; on stderr it may only say that it skips the macros of SNMPv2-SMI and its kin."""
    (tmp_path / "cert_indexes").mkdir(exist_ok=True)
    done = run(["snmptranslate", "-M", ":".join(directories()), "-m", module, "-Pw", *arguments],
               SNMPCONFPATH=str(tmp_path), SNMP_PERSISTENT_DIR=str(tmp_path))
    said = re.sub(r"^[A-Z-]+ MACRO \(lines \d+\.\.\d+ parsed and ignored\)\.\n", "", done.stderr,
                  flags=re.MULTILINE)
    assert not said
    return done.stdout


def details(text):
    """The output of -Td as {descriptor: its text}."""
    parts = re.split(r"^([A-Z-]+::\S+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip((name.split("::")[1] for name in parts[::2]), parts[1::2]))


@pytest.mark.parametrize("module", MODULES)
def test_netsnmp_loads(module, tmp_path):
    tree = snmptranslate(tmp_path, module, "-Tp")
    for name, node in smidump_view(module).items():
        if node.kind != "convention":
            assert re.search(rf"\b{re.escape(name)}\({node.oid.split('.')[-1]}\)", tree), name


@pytest.mark.parametrize("module", MODULES)
def test_netsnmp_agrees(module, tmp_path):
    view = {n: v for n, v in smidump_view(module).items() if v.kind != "convention"}
    names = [f"{module}::{name}" for name in view]
    oids = snmptranslate(tmp_path, module, "-On", *names).split()
    assert dict(zip(view, oids)) == {name: "." + node.oid for name, node in view.items()}
    told = details(snmptranslate(tmp_path, module, "-Td", *names))
    assert set(told) == set(view)
    for name, node in view.items():
        if node.kind in ("scalar", "column"):
            access = re.search(r"^  MAX-ACCESS\t(\S+)", told[name], re.MULTILINE)[1]
            assert {"read-only": "readonly", "not-accessible": "noaccess"}[access] == node.access
            convention = re.search(r"-- TEXTUAL CONVENTION (\S+)", told[name])
            syntax = re.search(r"^  SYNTAX\t(INTEGER \{.*?\}|OBJECT IDENTIFIER|\w+)", told[name],
                               re.MULTILINE)[1]
            type_ = convention[1] if convention else syntax
            if type_.startswith("INTEGER {"):
                labels = re.findall(r"([\w-]+)\((-?\d+)\)", type_)
                assert tuple(sorted((int(v), n) for n, v in labels)) == node.labels, name
                type_ = "Integer32"
            same = {"INTEGER": "Integer32", "OBJECT IDENTIFIER": "ObjectIdentifier", "BITS": "Bits"}
            assert same.get(type_, type_) == node.type, name


# libsmi ------------------------------------------------------------------------------------------


def smilint(module):
    """How often each kind of message comes, at the level that says most."""
    done = smi("smilint", "-m", "-s", "-l", "6", module)
    lines = (done.stdout + done.stderr).splitlines()
    return collections.Counter(re.findall(r"\{([\w-]+)\}", "\n".join(lines))), lines


@pytest.mark.parametrize("module", OURS)
def test_smilint(module):
    _, lines = smilint(module)
    assert lines == []


@pytest.mark.parametrize("module, kind, count", [("NETWORK-SERVICES-MIB", "integer-misuse", 2),
                                                 ("MTA-MIB", "integer-misuse", 4),
                                                 ("DIRECTORY-SERVER-MIB",
                                                  "index-element-accessible", 1)])
def test_smilint_standard(module, kind, count):
    """The RFCs write INTEGER where Integer32 is the custom now, and RFC 2605 lets an index be read;
    nothing else is found."""
    kinds, lines = smilint(module)
    assert kinds == {kind: count}, lines
    assert len(lines) == count, lines


def at_use(view):
    """A view without what conventions say of labels: smidump tells that elsewhere."""
    return {name: node if node.type == "Integer32" else node._replace(labels=None)
            for name, node in view.items()}


@pytest.mark.parametrize("module", MODULES)
def test_smidump_agrees_with_pysmi(module, compiled):
    assert at_use(smidump_view(module)) == at_use(pysnmp_view(compiled, module))


# Erlang ------------------------------------------------------------------------------------------


def test_erlang_compiles(tmp_path):
    """A fourth compiler. It cannot read MAILMON-CAPABILITIES-MIB: its grammar has no VARIATION. Its
    warnings tell what the tables lack for an agent that it would make of them by itself."""
    modules = ["HCNUM-TC", "RMON2-MIB", "NETWORK-SERVICES-MIB", "MTA-MIB", "DIRECTORY-SERVER-MIB",
               "MAILMON-MIB"]
    for module in modules:
        folder = MIBS if module in MODULES else os.path.join(MIBS, "base")
        shutil.copy(os.path.join(folder, module + ".txt"), tmp_path / (module + ".mib"))
    options = (f'[{{i,["{tmp_path}"]}},{{il,["snmp/priv/mibs/"]}},{{outdir,"{tmp_path}"}},'
               "{verbosity,silence}]")
    files = ",".join(f'"{tmp_path}/{module}"' for module in modules)
    done = run(["erl", "-noshell", "-eval",
                f"[{{ok,_}} = snmpc:compile(F, {options}) || F <- [{files}]], halt(0)."],
               HOME=str(tmp_path), ERL_CRASH_DUMP_BYTES="0")
    said = (done.stdout + done.stderr).splitlines()
    assert [line for line in said if "default functions" not in line] == []
    assert all((tmp_path / (module + ".bin")).stat().st_size for module in modules)


# Independent copies of the standard modules -------------------------------------------------------


@pytest.mark.parametrize("module", STANDARD)
def test_same_as_pysnmp_mibs(module, compiled):
    copy = load_pysnmp([module], PYSNMP_MIBS)
    assert pysnmp_view(compiled, module) == pysnmp_view(copy, module)
    identity = {"NETWORK-SERVICES-MIB": "application", "MTA-MIB": "mta",
                "DIRECTORY-SERVER-MIB": "dsMIB"}[module]
    ours, theirs = (mibs.mibSymbols[module][identity] for mibs in (compiled, copy))
    assert ours.getRevisions() == theirs.getRevisions()
    assert len(ours.getRevisions()) == (2 if module == "DIRECTORY-SERVER-MIB" else 4)


@pytest.mark.parametrize("module", STANDARD)
def test_same_as_ruby_snmp(module):
    """It lists all but conventions, groups and compliances."""
    with open(os.path.join(RUBY_MIBS, module + ".yaml"), encoding="utf-8") as file:
        theirs = dict(re.findall(r'^(\w+): "?([\d.]+)"?$', file.read(), re.MULTILINE))
    ours = {name: node.oid for name, node in smidump_view(module).items()
            if node.kind not in ("convention", "group", "compliance")}
    assert ours == theirs


OLD = {
    "applCompliance": "obsolete", "assocCompliance": "obsolete",
    "applRFC1565Group": "obsolete", "assocRFC1565Group": "obsolete",
    "applRFC2248Compliance": "deprecated", "assocRFC2248Compliance": "deprecated",
    "applRFC2248Group": "deprecated", "assocRFC2248Group": "deprecated",
}


@pytest.mark.parametrize("module", MODULES)
def test_status(module):
    status = {e.get("name"): e.get("status") for e in smidump(module).iter() if e.get("status")}
    old = {name: value for name, value in status.items() if value != "current"}
    assert old == (OLD if module == "NETWORK-SERVICES-MIB" else {})


def units(module):
    return {e.get("name"): e.findtext("units") for e in smidump(module).iter()
            if e.tag in ("scalar", "column")}


def test_units_of_the_standard_modules():
    assert set(units("NETWORK-SERVICES-MIB").values()) == {None}
    for name, unit in units("MTA-MIB").items():
        assert unit == ("K-octets" if name.endswith("Volume") else None), name


# MAILMON-MIB -------------------------------------------------------------------------------------


def test_units_of_ours():
    """Every quantity has a unit; a number that names something has none."""
    quantities = {"Counter32", "Counter64", "Gauge32", "Unsigned32", "CounterBasedGauge64"}
    unit = units("MAILMON-MIB")
    bare = {name for name, node in smidump_view("MAILMON-MIB").items()
            if node.type in quantities and not unit[name]}
    assert bare == {"mailmonAlarmLogIndex", "mailmonAlarmLogNumber", "mailmonAlarmLogAlarmIndex"}


@pytest.mark.parametrize("module", MODULES)
def test_descriptions(module):
    """Consumers show the first sentence alone, Prometheus as HELP: it must stand by itself."""
    for element in smidump(module).iter():
        if element.tag not in ("scalar", "column"):
            continue
        text = " ".join(element.findtext("description").split())
        first = re.match(r"(.+?\.)( [A-Za-z0-9]|$)", text)
        assert first and 20 <= len(first[1]) <= 160, (element.get("name"), text)
        assert not re.match(r"(It|This|These|They|As|See)\b", text), (element.get("name"), text)


def test_names():
    for module in OURS:
        for name, node in smidump_view(module).items():
            assert name.startswith("mailmon") and len(name) <= 40, name
            for _, label in node.labels or ():
                assert re.fullmatch("[a-z][A-Za-z0-9]*", label), (name, label)
    assert not re.search(r"FROM\s+NET-SNMP", open(os.path.join(MIBS, "MAILMON-MIB.txt")).read())


def frozen_line(name, node):
    labels = ",".join(f"{n}({v})" for v, n in node.labels or ()) or "-"
    index = ",".join(node.index or ()) or "-"
    number = node.oid.removeprefix(ARC)
    return f"{number} {name} {node.access or '-'} {node.type or '-'} {labels} {index}"


def test_frozen():
    """What has once been published keeps its number, type and labels: the list grows by lines, and
    an enumeration by labels at its end."""
    with open(FROZEN, encoding="utf-8") as file:
        frozen = [line.rstrip("\n") for line in file if not line.startswith("#")]
    view = smidump_view("MAILMON-MIB")
    kinds = ("scalar", "table", "row", "column")
    assert [frozen_line(n, v) for n, v in view.items() if v.kind in kinds] == frozen


def statements():
    """{statement: objects that it says are never there}"""
    with open(os.path.join(MIBS, "MAILMON-CAPABILITIES-MIB.txt"), encoding="utf-8") as file:
        parts = re.split(r"^(\w+) AGENT-CAPABILITIES\n", file.read(), flags=re.MULTILINE)[1:]
    return {name: set(re.findall(r"VARIATION\s+(\w+)\s+ACCESS\s+not-implemented", text))
            for name, text in zip(parts[::2], parts[1::2])}


@pytest.mark.parametrize("statement, format_", [
    ("mailmonPostfix", "postfix"), ("mailmonExim", "exim"), ("mailmonSendmail", "sendmail"),
    ("mailmonOpenSmtpd", "opensmtpd"), ("mailmonSunMta", "sun"), ("mailmonMailboxServers", "dovecot"),
    ("mailmonMailboxServers", "cyrus")])
def test_capabilities(statement, format_):
    """No recorded log of a source gives what its statement says is never there."""
    dumps = glob.glob(os.path.join(ROOT, "tests", "data", f"{format_}_*.dump"))
    shown = set()
    for dump in dumps:
        with open(dump, encoding="utf-8") as file:
            shown |= {re.match(r"\S+::(\w+)", line)[1] for line in file}
    assert dumps and "applName" in shown
    assert not statements()[statement] & shown


def test_capabilities_are_whole():
    """Each group of MAILMON-MIB is of some statement, and each statement is tested."""
    with open(os.path.join(MIBS, "MAILMON-CAPABILITIES-MIB.txt"), encoding="utf-8") as file:
        included = set(re.findall(r"mailmon\w+Group\b", file.read()))
    with open(os.path.join(MIBS, "MAILMON-MIB.txt"), encoding="utf-8") as file:
        groups = set(re.findall(r"^(mailmon\w+Group) +(?:OBJECT|NOTIFICATION)-GROUP", file.read(), re.MULTILINE))
    assert included == groups
    assert all(statements()[s] for s in statements() if s != "mailmonHostCapabilities")
