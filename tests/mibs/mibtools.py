"""MIB modules through several parsers, for test_mibs.py and test_tables.py.

Each parser's view of a module is brought to one shape, a dict from descriptor to Node, so that
views can be compared with ==. The texts that our modules import come with Debian's erlang-snmp;
mibs/base/ has those that do not.
"""

import glob
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

from pysmi.codegen import PySnmpCodeGen
from pysmi.compiler import MibCompiler
from pysmi.parser import SmiV2Parser
from pysmi.reader import FileReader
from pysmi.searcher import StubSearcher
from pysmi.writer import PyFileWriter
from pysnmp.proto import rfc1902
from pysnmp.smi import builder

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MIBS = os.path.join(ROOT, "mibs")
STANDARD = ["NETWORK-SERVICES-MIB", "MTA-MIB", "DIRECTORY-SERVER-MIB"]
OURS = ["MAILMON-MIB", "MAILMON-CAPABILITIES-MIB"]
MODULES = STANDARD + OURS
PYSNMP_MIBS = "/usr/lib/python3/dist-packages/pysnmp_mibs"


def directories():
    """Where modules are looked for, first hit first."""
    erlang = glob.glob("/usr/lib/erlang/lib/snmp-*/mibs")
    assert erlang, "the package erlang-snmp is missing: it has SNMPv2-SMI and its kin"
    return [MIBS, os.path.join(MIBS, "base"), erlang[-1]]


def run(command, check=True, **environment):
    """Runs a program in the C locale; fails with what it printed."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": "/nonexistent", **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if check:
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def smi(program, *arguments):
    """A tool of libsmi on our modules, and on no others."""
    command = [program, "--config=/dev/null", *arguments]
    return run(command, check=False, SMIPATH=":".join(directories()))


class Node(NamedTuple):
    """What a module says of one descriptor; a member that has no meaning for it is None."""

    kind: str  # convention, node, module, scalar, table, row, column, group, compliance
    oid: str  # None for a convention
    access: str = None
    type: str = None  # the name of the type or textual convention; Integer32 for INTEGER
    labels: tuple = None  # ((1, "up"), …)
    ranges: tuple = None  # ((low, high), …) of the value or its size, as restricted by the object
    index: tuple = None  # of a row, by descriptor; an augmenting row has the other one's
    members: tuple = None  # of a group: objects; of a compliance: groups; sorted
    hint: str = None  # of a convention


# pysnmp ------------------------------------------------------------------------------------------

KINDS = {
    "MibIdentifier": "node",
    "ObjectIdentity": "node",
    "ModuleIdentity": "module",
    "MibScalar": "scalar",
    "MibTable": "table",
    "MibTableRow": "row",
    "MibTableColumn": "column",
    "ObjectGroup": "group",
    "NotificationType": "notification",
    "NotificationGroup": "group",
    "ModuleCompliance": "compliance",
    "AgentCapabilities": "node",
}
UNRESTRICTED = {
    "Integer32": (-(2**31), 2**31 - 1),
    "Counter32": (0, 2**32 - 1),
    "Gauge32": (0, 2**32 - 1),
    "Unsigned32": (0, 2**32 - 1),
    "Counter64": (0, 2**64 - 1),
    "OctetString": (0, 65535),
    "TimeTicks": (0, 2**32 - 1),
    "ObjectIdentifier": None,
}
PYSNMP_NAMES = {"Integer": "Integer32"}


def compile_modules(folder):
    """Compiles our modules with pysmi for pysnmp; returns a builder that has loaded them."""
    compiler = MibCompiler(SmiV2Parser(), PySnmpCodeGen(), PyFileWriter(folder))
    compiler.addSources(*[FileReader(d) for d in directories()])
    compiler.addSearchers(StubSearcher(*PySnmpCodeGen.baseMibs))
    status = compiler.compile(*MODULES)
    assert {m: status.get(m) for m in MODULES} == dict.fromkeys(MODULES, "compiled"), status
    return load_pysnmp(MODULES, folder)


class NamedBits(rfc1902.Bits):
    """Old compiled modules name bits by subtype(); the pyasn1 of Debian 12 refuses that."""

    def subtype(self, **named):
        bits = rfc1902.Bits()
        bits.namedValues = named["namedValues"]
        return bits


def load_pysnmp(modules, folder):
    """Loads modules compiled for pysnmp: from this folder or pysnmp's own, from nowhere else."""
    mibs = builder.MibBuilder()
    mibs.loadTexts = True
    own = builder.ZipMibSource("pysnmp.smi.mibs")
    mibs.setMibSources(builder.DirMibSource(folder), own)
    if folder == PYSNMP_MIBS:
        mibs.loadModules("SNMPv2-SMI")
        mibs.mibSymbols["SNMPv2-SMI"]["Bits"] = NamedBits
    return mibs.loadModules(*modules)


def leaves(constraint):
    """The (low, high) pairs within a pyasn1 constraint."""
    if type(constraint).__name__ in ("ValueRangeConstraint", "ValueSizeConstraint"):
        return {tuple(int(v) for v in constraint._values)}
    if type(constraint).__name__ == "SingleValueConstraint":
        return set()
    return {pair for value in constraint._values for pair in leaves(value)}


def base_name(syntax):
    """The SMI type below a textual convention."""
    names = [PYSNMP_NAMES.get(c.__name__, c.__name__) for c in syntax.__mro__]
    return next(n for n in names if n in UNRESTRICTED)


def pysnmp_value(kind, symbol):
    """A scalar or a column as a Node."""
    syntax = symbol.getSyntax()
    cls = type(syntax)
    name = PYSNMP_NAMES.get(cls.__name__, cls.__name__)
    named = dict(getattr(syntax, "namedValues", None) or {})
    labels = tuple(sorted((int(value), str(label)) for label, value in named.items())) or None
    ranges = leaves(syntax.subtypeSpec) - leaves(cls.subtypeSpec) - {UNRESTRICTED[base_name(cls)]}
    access = vars(symbol).get("maxAccess", "noaccess")  # pysmi writes nothing for not-accessible
    return Node(kind, dotted(symbol.getName()), access, name, labels, tuple(sorted(ranges)) or None)


def pysnmp_node(symbol):
    """One symbol of a loaded module as a Node; None if it is not part of the module's text."""
    if isinstance(symbol, type):
        ranges = leaves(symbol.subtypeSpec) - {UNRESTRICTED[base_name(symbol)]}
        return Node("convention", None, type=base_name(symbol),
                    ranges=tuple(sorted(ranges)) or None, hint=symbol.displayHint)
    kind = KINDS.get(type(symbol).__name__)
    if kind in ("scalar", "column"):
        return pysnmp_value(kind, symbol)
    if kind == "row":
        index = tuple(str(name) for _, _, name in symbol.getIndexNames())
        return Node(kind, dotted(symbol.getName()), index=index)
    if kind in ("group", "compliance", "notification"):
        members = tuple(sorted({str(name) for _, name in symbol.getObjects()}))
        return Node(kind, dotted(symbol.getName()), members=members)
    return Node(kind, dotted(symbol.getName())) if kind else None


def dotted(oid):
    """An OID as text."""
    return ".".join(map(str, oid))


def pysnmp_view(mibs, module):
    """A module as pysnmp has loaded it."""
    nodes = {name: pysnmp_node(symbol) for name, symbol in mibs.mibSymbols[module].items()
             if name != builder.MibBuilder.moduleID}
    return {name: node for name, node in nodes.items() if node}


# smidump -f xml ----------------------------------------------------------------------------------


def smidump(module):
    """The parsed output of smidump, which must have nothing to complain of."""
    done = smi("smidump", "-f", "xml", module)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return ElementTree.fromstring(done.stdout)


def xml_ranges(syntax, name):
    """The (low, high) pairs that restrict a type."""
    pairs = {(int(r.get("min")), int(r.get("max"))) for r in syntax.iter("range")}
    return tuple(sorted(pairs - {UNRESTRICTED.get(name)})) or None


def xml_value(kind, element):
    """A scalar or a column as a Node."""
    syntax = element.find("syntax")
    type_ = syntax.find("type")
    if type_ is None:
        type_ = syntax.find("typedef/parent")
    if type_ is not None:
        name = type_.get("name")
    else:
        name = syntax.find("typedef").get("basetype").replace("Enumeration", "Integer32")
    labels = sorted((int(n.get("number")), n.get("name")) for n in syntax.iter("namednumber"))
    return Node(kind, element.get("oid"), element.findtext("access"), name, tuple(labels) or None,
                xml_ranges(syntax, name))


def xml_row(element):
    """A row as a Node."""
    linkage = element.find("linkage")
    augments = linkage.find("augments")
    if augments is None:
        return Node("row", element.get("oid"),
                    index=tuple(i.get("name") for i in linkage.findall("index")))
    rows = smidump(augments.get("module")).iter("row")
    row = next(r for r in rows if r.get("name") == augments.get("name"))
    return Node("row", element.get("oid"), index=xml_row(row).index)


def xml_node(element):
    """An element as a Node; None if it defines no descriptor."""
    oid = element.get("oid")
    if element.tag == "typedef" and element.get("name"):
        base = element.get("basetype")
        return Node("convention", None, type=base, ranges=xml_ranges(element, base),
                    hint=element.findtext("format"))
    if element.tag in ("scalar", "column"):
        return xml_value(element.tag, element)
    if element.tag == "row":
        return xml_row(element)
    if element.tag in ("group", "compliance", "notification"):
        tags = ("member", "mandatory", "option", "object")
        names = [e.get("name") for e in element.iter() if e.tag in tags]
        return Node(element.tag, oid, members=tuple(sorted(names)))
    return Node(element.tag, oid) if element.tag in ("node", "table") else None


def smidump_view(module):
    """A module as smidump understands it."""
    tree = smidump(module)
    nodes = {e.get("name"): node for e in tree.iter() if (node := xml_node(e))}
    identity = tree.find("module/identity").get("node")
    nodes[identity] = nodes[identity]._replace(kind="module")
    return nodes
