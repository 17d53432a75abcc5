"""Tries what the documentation shows: configuration examples, options, and links between its files.

The program is mailmond in the folder MAILMOND_BUILD (default: build)."""
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / os.environ.get("MAILMOND_BUILD", "build") / "mailmond"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# What an example cannot bring along: files, and accounts of the host.
OF_THE_HOST = re.compile(r"No such file or directory|there is no account|response \"[^\"]*\" is not")


def blocks(page):
    """[(line, text)] of the indented blocks of a page."""
    found, start = [], None
    lines = page.read_text().splitlines() + ["end"]
    for number, line in enumerate(lines, 1):
        indented = line.startswith("    ")
        if indented and start is None:
            start = number
        if start is not None and not indented and line.strip():
            text = "\n".join(x[4:] for x in lines[start - 1:number - 1])
            found.append((start, text.rstrip() + "\n"))
            start = None
    return found


def is_configuration(text):
    first = next((x for x in text.splitlines() if x.strip() and not x.lstrip().startswith(("#", "//"))), "")
    return re.match(r"(\w+) = ", first) is not None and ";" in text


EXAMPLES = [pytest.param(text, id=f"{page.relative_to(ROOT)}:{line}") for page in PAGES
            for line, text in blocks(page) if is_configuration(text)]


def test_there_are_examples():
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("text", EXAMPLES)
def test_configuration(text, tmp_path):
    config = tmp_path / "mailmond.conf"
    config.write_text(text)
    config.chmod(0o600)
    done = subprocess.run([PROGRAM, "--config", config, "--check"], capture_output=True, text=True, timeout=60,
                          check=False)
    wrong = [line for line in done.stderr.splitlines() if not OF_THE_HOST.search(line)]
    assert done.returncode == 0 or not wrong, "\n".join(wrong)


def run(*arguments, program=PROGRAM):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name, source", [("mailmond", "main"), ("mailmond-report", "main_report")])
def test_options(name, source):
    """The options of the program, of its --help and of its manual page are the same."""
    manual = (ROOT / "docs" / f"{name}.8").read_text()
    taken = re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', (ROOT / f"agent/{source}.c").read_text())
    in_help = set(re.findall(r"^ +--([a-z-]+)", run("--help", program=PROGRAM.with_name(name)), re.M)) | {"version"}
    in_manual = {o for line in re.findall(r"^\.It Fl (.*)$", manual, re.M)
                 for o in re.findall(r"(?<![\w-])-([a-z][a-z-]*)", line)}
    assert set(taken) == in_help == in_manual


def test_manual_names():
    """Each format of --read and each table that is served is in the manual page."""
    manual = (ROOT / "docs" / "mailmond.8").read_text()
    formats = re.search(r"known are: (.*)", run("--read", "none", os.devnull)).group(1).split(", ")
    tables = {line.split()[1] for line in run("--tables").splitlines()}
    assert len(formats) > 5 and len(tables) > 20
    assert [x for x in (*formats, *tables) if not re.search(rf"\b{x}\b", manual)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    """Files of the project that a page names."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
    for target in re.findall(r"(?<![\w./-])((?:docs|packaging|tests|mibs)/[\w./-]*\w)", page.read_text()):
        assert re.search(r"test_x|NAME", target) or list(ROOT.glob(target + "*")), target


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs/decisions").glob("*.md"))],
                         ids=lambda page: str(page.relative_to(ROOT)))
def test_sources(page):
    """Source files that a page names, such as slots.c."""
    there = {f.name for folder in ("agent", "collectors", "tests") for f in (ROOT / folder).rglob("*.*")}
    named = re.findall(r"(?<![\w/.-])(?:agent/|collectors/|tests/[\w/]+/)?(\w+\.(?:[ch]|py|sh))\b", page.read_text())
    assert [n for n in named if n not in there and not re.search(r"test_x|NAME", n)] == []
