#!/usr/bin/python3
"""Holds functions to 60 lines: what is longer is rows of data that were written as code, or two functions; files to 600;
and lines of the program to 120. Goes by clang-format's layout: a function's braces, and nothing else, stand alone at
the start of a line."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOST = 60
MOST_OF_FILE = 600
MOST_OF_LINE = 120  # a comment's: clang-format leaves them alone


def functions(text):
    """The functions of a file, as (line of the opening brace, lines of the body)."""
    begin = None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            begin = number
        elif line == "}" and begin:
            yield begin, number - begin - 1
            begin = None


def main():
    faults = count = 0
    for d in ("agent", "collectors", "tests/unit", "tests/fuzz", "tests/bench"):
        for path in sorted((ROOT / d).glob("*.[ch]")):
            text = path.read_text()
            if text.count("\n") > MOST_OF_FILE:
                print(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines; split it by what one looks for")
                faults += 1
            wide = [n for n, line in enumerate(text.splitlines(), 1) if len(line) > MOST_OF_LINE]
            for number in wide if not d.startswith("tests/") else []:  # where lines of logs stand as they are
                print(f"{path.relative_to(ROOT)}:{number}: more than {MOST_OF_LINE} octets wide")
                faults += 1
            for number, lines in functions(text):
                count += 1
                if lines > MOST:
                    print(f"{path.relative_to(ROOT)}:{number}: a function of {lines} lines; {MOST} are enough")
                    faults += 1
    print(f"length: {count} functions, {faults} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())
