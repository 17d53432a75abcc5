"""Holds the files for managers (packaging/nms) and the columns that the program serves together: names, OIDs,
labels, and what each manager wants of its file.

The program is mailmond in the folder MAILMOND_BUILD (default: build)."""
import os
import re
from collections import namedtuple
from pathlib import Path

import pytest
import yaml
from mibtools import run

ROOT = Path(__file__).resolve().parents[2]
NMS = ROOT / "packaging" / "nms"
Column = namedtuple("Column", "module table name oid type labels index")


@pytest.fixture(scope="module")
def columns():
    program = ROOT / os.environ.get("MAILMOND_BUILD", "build") / "mailmond"
    rows = [Column(*line.split("\t")) for line in run([program, "--tables"]).stdout.splitlines()]
    return {c.name: c for c in rows}


def load(name):
    return yaml.safe_load((NMS / name).read_text())


def test_snmp_exporter(columns):
    module = load("snmp_exporter.yml")["modules"]["mailmond"]
    tables = {c.table for c in columns.values()}
    assert set(module["walk"]) <= tables and len(set(module["walk"])) == len(module["walk"])
    looked_up = {entry["lookup"] for entry in module["lookups"]}
    assert looked_up <= columns.keys()
    overrides = module["overrides"]
    assert overrides.keys() <= columns.keys()
    for name, what in overrides.items():
        assert what == {"ignore": True} or (what == {"type": "EnumAsStateSet"} and columns[name].type == "Enum")
    # A text as a label makes a series of each of its values; DateAndTime becomes a number.
    mib = (ROOT / "mibs" / "MAILMON-MIB.txt").read_text()
    dates = set(re.findall(r"(\w+) OBJECT-TYPE\s+SYNTAX\s+DateAndTime", mib))
    texts = {c.name for c in columns.values() if c.table in module["walk"] and c.type == "OctetString"}
    shown = texts - dates - {name for name, what in overrides.items() if "ignore" in what}
    assert shown == {"applVersion", "mailmonAgentVersion"}


def items_of(template):
    """(item, whether it is a prototype)"""
    yield from ((item, False) for item in template["items"])
    for rule in template["discovery_rules"]:
        yield from ((item, True) for item in rule["item_prototypes"])


def uuids(node):
    if isinstance(node, dict):
        yield from [node["uuid"]] if "uuid" in node else []
        node = list(node.values())
    for part in node if isinstance(node, list) else []:
        yield from uuids(part)


def test_zabbix(columns):
    export = load("zabbix.yaml")["zabbix_export"]
    template, by_oid = export["templates"][0], {c.oid: c for c in columns.values()}
    found = list(uuids(export))
    assert len(found) == len(set(found))
    assert all(re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", uuid) for uuid in found)
    maps = {m["name"]: {x["value"]: x["newvalue"] for x in m["mappings"]} for m in template["valuemaps"]}
    keys = set()
    for item, prototype in items_of(template):
        oid, _, index = item["snmp_oid"].rpartition(".")
        column = by_oid[oid]
        assert index == ("{#SNMPINDEX}" if prototype else "0") and prototype == (column.index != "-")
        assert prototype == item["key"].endswith("[{#SNMPINDEX}]") and item["key"] not in keys
        keys.add(item["key"])
        steps = [step["type"] for step in item.get("preprocessing", [])]
        assert ("CHANGE_PER_SECOND" in steps) == column.type.startswith("Counter")
        assert ("valuemap" in item) == (column.type == "Enum")
        if "valuemap" in item:
            labels = dict((n, label) for label, n in re.findall(r"(\w+)\((\d+)\)", column.labels))
            assert maps[item["valuemap"]["name"]] == labels
        for trigger in item.get("triggers", []) + item.get("trigger_prototypes", []):
            used = re.findall(r"/([^/]+)/([^),]+)", trigger["expression"])
            assert used and all(use == (template["name"], item["key"]) for use in used)
    macros = {m["macro"] for m in template["macros"]}
    for rule in template["discovery_rules"]:
        oids = re.findall(r"\{#\w+\},([\d.]+)", rule["snmp_oid"])
        assert oids and all(by_oid[oid].type == "OctetString" for oid in oids)
    used = set(re.findall(r"\{\$[A-Z.]+", (NMS / "zabbix.yaml").read_text()))
    assert used == {m.rstrip("}") for m in macros}


def sensors(definition):
    """(class, entry) of a discovery definition of LibreNMS."""
    for kind, part in definition["modules"]["sensors"].items():
        if kind != "pre-cache":
            yield from ((kind, entry) for entry in part["data"])


def test_librenms(columns):
    definition = load("librenms.yaml")
    fetched = {entry["oid"] for entry in definition["modules"]["sensors"]["pre-cache"]["data"]}
    indexes = set()
    for kind, entry in sensors(definition):
        module, name = entry["value"].split("::")
        column = columns[name]
        assert (module, entry["oid"]) == (column.module, f"{column.module}::{column.table}")
        assert entry["num_oid"] == f".{column.oid}." + "{{ $index }}"
        assert entry["index"] == name + ".{{ $index }}" and entry["index"] + kind not in indexes
        indexes.add(entry["index"] + kind)
        assert (kind == "state") == (column.type == "Enum")
        if kind == "state":
            labels = {int(n): label for label, n in re.findall(r"(\w+)\((\d+)\)", column.labels)}
            assert {s["value"]: s["descr"] for s in entry["states"]} == labels and entry["state_name"] == name
        for module, name, part in re.findall(r"\{\{ ([\w-]+)::(\w+)(:\d)? \}\}", entry["descr"]):
            assert columns[name].module == module and columns[name].type == "OctetString"
            # of the same table, or of one that is indexed by a part of its index
            assert columns[name].table == column.table or f"{module}::{name}" in fetched
            assert not part or columns[name].index == column.index.split(",")[int(part[1:])]
