#!/usr/bin/env python3
"""How true measured step times are while mailmond is busy: servers that answer after known times are
asked each second, and meanwhile a log grows by 500 MB that must be read and a queue of 1,000,000
files is scanned again and again.

The responder runs ahead of all other processes (chrt), so that what it promises is what it does. Exit
status 1 if a limit is missed. Environment: B (build), MAILMOND_TEST_BASE (20400), QUICK."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
os.environ.setdefault("MAILMOND_BUILD", os.environ.get("B", "build"))
sys.path.insert(0, str(HERE.parent / "live"))
from daemon import BUILD, Daemon

BASE = int(os.environ.get("MAILMOND_TEST_BASE", "20400"))
LIMIT_MS = 2.0
DELAYS_MS = (1, 5, 20, 50, 100, 200, 3, 7, 13, 33)
STEPS = ("greeting", "helo", "quit")


def samples(daemon):
    """{name: (checks, {step: us})}"""
    cells = {k: v.partition(": ")[2] for k, v in daemon.dump().items()}
    names = {k[1]: v.strip('"') for k, v in cells.items() if k[0] == "mailmonResponseName"}
    found = {n: (int(cells[("mailmonResponseChecks", i)]), {}) for i, n in names.items()}
    for k, v in cells.items():
        if k[0] == "mailmonStepName":
            found[names[k[1]]][1][v.strip('"')] = int(cells[("mailmonStepLast", *k[1:])])
    return found


def watch(daemon, done):
    """Errors in ms of each step of each probe until done() says true."""
    seen, errors = {}, []
    while not done():
        for name, (checks, steps) in samples(daemon).items():
            if seen.get(name) != checks and len(steps) >= 4:
                errors += [steps[s] / 1000 - float(name) for s in STEPS]
            seen[name] = checks
        time.sleep(0.2)
    return errors


def report(what, errors):
    errors = sorted(errors, key=abs)
    good = bool(errors) and abs(errors[-1]) <= LIMIT_MS
    print(f"{what}: {len(errors)} steps, error {abs(errors[len(errors) // 2]):.3f} ms in the middle, "
          f"{errors[-1]:+.3f} ms at most (limit {LIMIT_MS:g}){'' if good else ' MISSED'}")
    return good


def main():
    quick = bool(os.environ.get("QUICK"))
    octets, files = (50_000_000, 100_000) if quick else (500_000_000, 1_000_000)
    ports = [BASE + n for n in range(len(DELAYS_MS))]
    with tempfile.TemporaryDirectory(prefix="mailmond-accuracy-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        subprocess.run([BUILD / "gen_queue", folder / "queue", "-n", str(files)], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([BUILD / "gen_postfix_log", "-o", folder / "whole.log", "-j",
                        folder / "truth.json", "-b", str(octets)], check=True)
        log = folder / "mail.log"
        log.write_bytes((folder / "whole.log").open("rb").read(100_000).rpartition(b"\n")[0] + b"\n")
        for file in ("main.cf", "master.cf"):
            (folder / file).touch()
        responder = subprocess.Popen(
            ["chrt", "-f", "50", BUILD / "responder",
             *(f"{p}:{ms * 1000}" for p, ms in zip(ports, DELAYS_MS))], stdout=subprocess.PIPE)
        responder.stdout.readline()
        daemon = Daemon(folder / "mailmond", BASE + 50, {
            "user": "root", "publish_user": "root", "queue": {"interval": "1 s", "rescan": "10 s"},
            "responses": [{"name": str(ms), "protocol": "smtp", "host": "127.0.0.1", "port": p,
                           "interval": 1} for p, ms in zip(ports, DELAYS_MS)],
            "postfix": [{"name": "postfix", "log": log, "queue_directory": folder / "queue",
                         "config_directory": folder}]})
        try:
            daemon.start()
            end = time.monotonic() + 5
            good = report("at rest", watch(daemon, lambda: time.monotonic() > end))
            copy = subprocess.Popen(["sh", "-c", f"cat {folder}/whole.log >> {log}"])
            size = lambda: log.stat().st_size
            end = time.monotonic() + 12

            def through():
                behind = [int(v.partition(": ")[2]) for k, v in daemon.dump().items()
                          if k[0] == "mailmonSourceBehind"]
                return copy.poll() is not None and not any(behind) and time.monotonic() > end
            good &= report(f"while {octets // 1000000} MB are read and {files} files scanned",
                           watch(daemon, through))
            assert size() > octets
        finally:
            daemon.stop()
            responder.terminate()
            responder.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
