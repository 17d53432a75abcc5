#!/usr/bin/python3
"""Holds names to what they name: a file that a comment or a page names is there; a function in a header is called from
another file, tests included, or it is static; the options that a program prints are those of its manual page, and the
rules of alarms that are built in those of docs/alarms.md; what begins as an object's name is one, or the beginning of
one."""
import re
import sys
from bisect import bisect_left
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (".c", ".h", ".py", ".sh", ".md", ".5", ".8", ".yaml", ".mailmond")
PATH = re.compile(r"(?<![\w/.%*-])((?:agent|collectors|tests|docs|mibs|packaging)/[\w./-]*\w\.\w+|[\w-]+\.md)(?![\w*])")
DECLARED = re.compile(r"^(?!static|typedef)\w[\w *]*?[ *](\w+)\([^;{]*\)[^;{]*;", re.M)
OBJECT = r"\b(?:mailmon|mta|appl|assoc|ds)[A-Z]\w*"
MODULES = ("NETWORK-SERVICES-MIB", "MTA-MIB", "DIRECTORY-SERVER-MIB", "MAILMON-MIB", "MAILMON-CAPABILITIES-MIB")
USAGES = {"docs/mailmond.8": "agent/main.c", "docs/mailmond-report.8": "agent/main_report.c"}


def read(files):
    """The texts by name, without recorded data."""
    kept = [f for f in files if f.endswith(TEXTS) and not f.startswith(("tests/data/", "tests/fuzz/corpus/"))]
    return {f: (ROOT / f).read_text(errors="replace") for f in kept}


def missing_files(texts, files):
    names = {f.rsplit("/", 1)[-1] for f in files}
    for file, text in texts.items():
        for path in PATH.findall(text):
            there = (ROOT / path).exists() if "/" in path else path in names
            if not there and not re.search(r"NAME|test_x", path):
                yield f"{file}: there is no {path}"
        for link in re.findall(r"\]\(([^):#]+)", text) if file.endswith(".md") else []:
            if not (ROOT / file).parent.joinpath(link).exists():
                yield f"{file}: there is no {link}"


def functions_of_one_file(texts):
    code = {f: re.sub(r"/\*.*?\*/", "", t, flags=re.S) for f, t in texts.items() if f.endswith((".c", ".h"))}
    users = {}
    for file, text in code.items():
        for word in set(re.findall(r"\w+", text)):
            users.setdefault(word, set()).add(file)
    headers = {f: t for f, t in code.items() if f.startswith(("agent/", "collectors/")) and f.endswith(".h")}
    for file, text in headers.items():
        for name in DECLARED.findall(text):
            by_itself = len(re.findall(rf"\b{name}\b", text)) > 1  # an inline function of the header
            if not by_itself and len(users[name] - {file}) < 2:
                yield f"{file}: {name} is used in one file only; make it static"


def options(texts):
    for page, program in USAGES.items():
        usage = "".join(re.findall(r'^ *"(.*)"', texts[program], re.M))
        printed = set(re.findall(r"--([a-z][a-z-]+)", usage))
        told = set(re.findall(r"(?:Fl |, )-([a-z][a-z-]+)", texts[page]))
        for option in printed ^ told:
            yield f"{page}: --{option} is told by {'this page' if option in told else program} only"


def objects(texts):
    mib = "\n".join((ROOT / "mibs" / f"{m}.txt").read_text() for m in MODULES)
    there = sorted(set(re.findall(OBJECT, mib)))
    for file, text in texts.items():
        if file.startswith(("docs/", "agent/", "collectors/", "packaging/", "README")):
            for name in sorted(set(re.findall(OBJECT, text))):
                at = bisect_left(there, name)
                if at == len(there) or not there[at].startswith(name):
                    yield f"{file}: no module has {name}"


SECONDS = {"second": 1, "s": 1, "minute": 60, "min": 60, "hour": 3600}


def built_in_rules(texts):
    """Name, severity and interval of each."""
    rule = r'\.name = "(\w+)",.*?\.interval_s = (\d+),.*?\.severity = "(\w+)"'
    built = {(name, severity, int(s)) for name, s, severity in re.findall(rule, texts["agent/alarm_defaults.c"], re.S)}
    row = r"^\| (\w+) \| .* \| (\w+) \| (?:(\d+) )?(\w+) \|$"
    told = {(name, severity, int(n or 1) * SECONDS.get(unit, 0))
            for name, severity, n, unit in re.findall(row, texts["docs/alarms.md"], re.M)}
    for name, severity, s in built ^ told:
        where = "docs/alarms.md" if (name, severity, s) in told else "agent/alarm_defaults.c"
        yield f"{where}: rule {name}, {severity}, every {s} s, is told there only"


def main():
    folders = ("agent", "collectors", "docs", "mibs", "packaging", "tests")
    found = [*ROOT.glob("*.*"), *(p for d in folders for p in (ROOT / d).rglob("*"))]
    files = [str(p.relative_to(ROOT)) for p in sorted(found) if p.is_file() and ".pytest_cache" not in p.parts]
    texts = read(files)
    faults = [*missing_files(texts, files), *functions_of_one_file(texts), *options(texts),
              *built_in_rules(texts), *objects(texts)]
    print(*faults, f"names: {len(texts)} files, {len(faults)} faults", sep="\n")
    return 1 if faults or not texts else 0


if __name__ == "__main__":
    sys.exit(main())
