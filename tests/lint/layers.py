#!/usr/bin/python3
"""Holds the include lines to the layers of docs/architecture.md: a file includes only lower layers, only
publish*.c knows Net-SNMP, collectors never see a table, the publisher never sees a collector or the store."""
import re
import sys
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read_layers():
    """The table of docs/architecture.md: {"collectors/mta_*": 4}."""
    found = {}
    for row in re.findall(r"^\| (\d) \|(.*)\|(.*)\|$", (ROOT / "docs/architecture.md").read_text(), re.M):
        for folder, names in zip(("agent", "collectors"), row[1:]):
            found.update({f"{folder}/{n}": int(row[0]) for n in names.replace(",", " ").split()})
    return found


LAYERS = read_layers()

# Who may include a library's headers.
LIBRARIES = {
    r"net-snmp/": r"agent/publish\w*\.[ch]",
    r"sqlite3\.h": r"agent/(store|store_file|history)\.c",
    r"libconfig\.h": r"agent/config\w*\.[ch]",
    r"uv\.h": r"(collectors/(collector|mailq_ahead)\.h|agent/main_(collect|read)\.c)",
    r"zlib\.h": r"(collectors/follow\w*\.c|agent/main_(read|explain)\.c)",
    r"openssl/": r"collectors/(tls|ldap_\w+)\.[ch]",
    r"ares\.h": r"collectors/resolve\.c",
    r"systemd/": r"agent/main_journal\.c",
    r"libmnl/": r"collectors/sockets\.c",
    r"(ldap|lber|openldap)\.h": r"collectors/ldap_client\w*\.[ch]",
}
FORBIDDEN = [
    (r"collectors/.*", r"agent/(table|tables|dump|publish|slots)\b"),
    (r"agent/(publish\w*|main_publish)\.[ch]", r"(collectors/|agent/(store|persist|names)\b)"),
    (r"agent/main_directory\.c", r"(agent/(store|persist|config|names|slots)|collectors/(?!ldap_))"),
    (r"agent/main_journal\.c", r"(agent/(store|persist|config|names|slots)|collectors/(?!journal_|log_line))"),
    (r"agent/(main|supervise)\.c", r"(collectors/|agent/(store|persist|config|publish)\b)"),
]


def name_of(path):
    """The name of the table that means this file; None if there is none."""
    stem = re.sub(r"\.[ch]$", "", path)
    return max((n for n in LAYERS if fnmatch(stem, n)), key=lambda n: (n == stem, len(n)), default=None)


def layer(path):
    return LAYERS.get(name_of(path))


def check(path, text):
    """The faults of one file, as (line, text)."""
    own = layer(path)
    if own is None:
        yield 1, "has no layer in docs/architecture.md"
        return
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if not m:
            continue
        if m[1] == "<":
            for library, who in LIBRARIES.items():
                if re.match(library, m[2]) and not re.fullmatch(who, path):
                    yield number, f"<{m[2]}> belongs to {who} alone"
            continue
        target = str((ROOT / path).parent.joinpath(m[2]).resolve().relative_to(ROOT))
        other = layer(target)
        if other is not None and other > own:
            yield number, f"layer {own} includes {target} of layer {other}"
        for who, what in FORBIDDEN:
            if re.fullmatch(who, path) and re.match(what, target):
                yield number, f"must not know {target}"


def main():
    faults = 0
    files = sorted(p for d in ("agent", "collectors") for p in (ROOT / d).glob("*.[ch]"))
    for p in files:
        path = str(p.relative_to(ROOT))
        for number, text in check(path, p.read_text()):
            print(f"{path}:{number}: {text}")
            faults += 1
    used = {name_of(str(p.relative_to(ROOT))) for p in files}
    for name in LAYERS.keys() - used:
        print(f"docs/architecture.md: there is no file {name}")
        faults += 1
    print(f"layers: {len(files)} files, {faults} faults")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main())
