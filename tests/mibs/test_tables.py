"""Holds the tables of the program and the text of the MIB modules together.

`mailmond --tables` prints one line for each column and scalar that it serves, in the order of their
OIDs. Fields are separated by one tab:

    module   NETWORK-SERVICES-MIB, MTA-MIB, DIRECTORY-SERVER-MIB or MAILMON-MIB
    table    descriptor of the table; of a scalar: of the node above it
    column   descriptor of the object
    oid      of the object, dotted, without an instance
    type     on the wire: Integer32, Enum, Counter32, Counter64, Gauge32 (also Unsigned32),
             TimeTicks, OctetString or ObjectIdentifier
    labels   of an Enum or of BITS in the order of their values, "up(1),down(2)"; else "-"
    index    descriptors of the index objects, "applIndex,mtaGroupIndex"; "-" for a scalar

The program is mailmond in the folder MAILMOND_BUILD (default: build).
"""

import os
import re
from typing import NamedTuple

import pytest
from pysnmp.proto import rfc1902

from mibtools import ROOT, pysnmp_view, run

SERVED = ["NETWORK-SERVICES-MIB", "MTA-MIB", "DIRECTORY-SERVER-MIB", "MAILMON-MIB"]
WIRE = {
    rfc1902.Integer32.tagSet: "Integer32",
    rfc1902.Counter32.tagSet: "Counter32",
    rfc1902.Counter64.tagSet: "Counter64",
    rfc1902.Gauge32.tagSet: "Gauge32",
    rfc1902.TimeTicks.tagSet: "TimeTicks",
    rfc1902.OctetString.tagSet: "OctetString",
    rfc1902.ObjectIdentifier.tagSet: "ObjectIdentifier",
}


class Line(NamedTuple):
    """One line of the listing."""

    module: str
    table: str
    column: str
    oid: str
    type: str
    labels: str
    index: str


def order(line):
    """The place of a line in the listing."""
    return [int(part) for part in line.oid.split(".")]


def expected(compiled, module):
    """The lines that a module asks for."""
    view = pysnmp_view(compiled, module)
    above = {node.oid: (name, node) for name, node in view.items() if node.oid}
    for name, node in view.items():
        if node.kind not in ("scalar", "column") or node.access == "noaccess":
            continue
        assert node.access == "readonly", name
        parent, row = above[node.oid.rpartition(".")[0]]
        table = above[row.oid.rpartition(".")[0]][0] if node.kind == "column" else parent
        syntax = compiled.mibSymbols[module][name].getSyntax()
        enum = node.labels and node.type != "Bits"
        labels = ",".join(f"{label}({value})" for value, label in node.labels or ()) or "-"
        yield Line(module, table, name, node.oid, "Enum" if enum else WIRE[syntax.tagSet], labels,
                   ",".join(row.index or ()) or "-")


@pytest.fixture(scope="module")
def wanted(compiled):
    """All lines that the modules ask for."""
    return sorted((line for m in SERVED for line in expected(compiled, m)), key=order)


@pytest.fixture(scope="module")
def listing():
    """What the program prints."""
    program = os.path.join(ROOT, os.environ.get("MAILMOND_BUILD", "build"), "mailmond")
    done = run([program, "--tables"])
    assert done.stderr == ""
    fields = [line.split("\t") for line in done.stdout.splitlines()]
    assert [f for f in fields if len(f) != len(Line._fields)] == []
    return [Line(*f) for f in fields]


def test_the_modules_ask_for_something(wanted):
    """Guards the comparisons below: an empty MIB and an empty program would agree."""
    count = {module: sum(line.module == module for line in wanted) for module in SERVED}
    assert count["NETWORK-SERVICES-MIB"] == 16 + 4
    assert count["MTA-MIB"] == 12 + 33 + 1 + 3
    assert count["DIRECTORY-SERVER-MIB"] == 7 + 25 + 8
    assert count["MAILMON-MIB"] >= 250
    assert all(re.fullmatch(r"[\w.,()-]+", field) for line in wanted for field in line)


def test_same_objects(listing, wanted):
    assert sorted(line.column for line in listing) == sorted(line.column for line in wanted)


def test_same_lines(listing, wanted):
    by_name = {line.column: line for line in listing}
    both = [(by_name[line.column], line) for line in wanted if line.column in by_name]
    assert both
    differ = [f"program: {' '.join(p)}\nmodule:  {' '.join(m)}" for p, m in both if p != m]
    assert not differ, "\n" + "\n".join(differ)


def test_order(listing):
    assert listing == sorted(listing, key=order)
