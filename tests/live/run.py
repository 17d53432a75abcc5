#!/usr/bin/python3
"""Runs the live tests: tests/live/run.py [FILE...], each file in a pytest of its own, two at a time.

A file gets network, processes, mounts and a temporary folder of its own (namespaces), so that neither ports
nor processes of another are in its way, and whatever it leaves behind ends with it. Where namespaces are not
permitted it says so, and why, and the files run one after the other. Files that measure time or CPU run while no other does. A file
that takes longer than MAILMOND_LIVE_SECONDS (900) is killed and counts as one failure.

Prints one line for each file, all that failed ones said, and "N passed, N failed" for all; a test that
was skipped has failed."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SECONDS = float(os.environ.get("MAILMOND_LIVE_SECONDS", "900"))
JOBS = 2
LONGEST_FIRST = ["test_postfix", "test_route", "test_alarm", "test_disk", "test_directory", "test_exim", "test_dovecot",
                 "test_probe", "test_snmp", "test_probe_servers", "test_process"]
ALONE = {"test_kill"}  # they measure time or CPU, or want all of it
# $1 folder, $2 this project if it must be moved, the rest is the command; bash, as process 1, takes in what
# others leave behind (a layer of an overlay cannot lie on another, as the root of a container)
INSIDE = """ip link set lo up || exit 1
[ "$(stat -f -c %T "$1/tmp")" != overlayfs ] || mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
[ -z "$2" ] || { mount --bind "$2" "$1/src" && cd "$1/src"; } || exit 1
shift 2
"$@"
exit $?"""
NAMESPACES = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
              "--mount-proc", "bash", "-c", INSIDE, "live"]


def why_no_namespaces():
    """What unshare says when a file cannot have namespaces of its own, and what to do; "" when it can."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tmp").mkdir()
        done = subprocess.run([*NAMESPACES, folder, "", "true"], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[0]
    if os.geteuid() != 0:
        return f"{said} (be root)"
    if not any(line.split()[4] == "/" for line in Path("/proc/self/mountinfo").read_text().splitlines()):
        return f"{said} (this is a chroot that is no mount point: outside of it, mount --bind DIR DIR, then chroot DIR)"
    return f"{said} (a container must permit mounts and namespaces: CAP_SYS_ADMIN)"


def closed():
    """Whether servers that run as somebody else cannot reach the programs in here, as below /root."""
    return any(not p.stat().st_mode & 0o001 for p in (ROOT, *ROOT.parents))


class Run:
    """One file on its way. Its folder has the log, and `tmp`, where its temporary files are."""

    def __init__(self, path, folder, isolated):
        self.path, self.folder = path, folder
        for p, mode in ((folder, 0o755), (folder / "tmp", 0o1777), (folder / "src", 0o755)):
            p.mkdir()
            p.chmod(mode)
        self.log = folder / "log"
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", path.relative_to(ROOT)]
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                [*(NAMESPACES + [folder, ROOT if closed() else ""] if isolated else []), *command], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                env={**os.environ, "TMPDIR": str(folder / "tmp")})
        self.start, self.killed = time.monotonic(), False

    def ended(self):
        if self.process.poll() is None and time.monotonic() - self.start > SECONDS:
            self.kill()
        return self.process.poll() is not None

    def kill(self):
        self.killed = True
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def result(self):
        """(passed, failed, what to print)"""
        text = self.log.read_text(errors="replace")
        last = text.splitlines()[-1] if text else ""
        n = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last)}
        passed, failed = n.pop("passed", 0), sum(n.values())
        what = last
        if self.killed:
            what = f"killed after {SECONDS:.0f} s"
        elif not n and self.process.returncode != 0:
            what = f"status {self.process.returncode}"
        if not failed and what != last or not passed + failed:
            failed += 1
        what = f"{'FAILED' if failed else 'ok'}: {self.path.name}: {what} ({time.monotonic() - self.start:.0f} s)"
        return passed, failed, what + "\n" + text if failed else what


def order(path):
    name = path.stem
    return (name in ALONE, LONGEST_FIRST.index(name) if name in LONGEST_FIRST else 99, name)


def main(paths):
    why = why_no_namespaces()
    isolated, jobs = not why, 1 if why else JOBS
    if why:
        print(f"NOT ISOLATED from this host, and one file after the other: {why}", flush=True)
    waiting, running, passed, failed = sorted(paths, key=order), [], 0, 0
    root = Path(tempfile.mkdtemp(prefix="mm-"))
    root.chmod(0o755)
    try:
        while waiting or running:
            for run in [r for r in running if r.ended()]:
                running.remove(run)
                p, f, what = run.result()
                print(what, flush=True)
                passed, failed = passed + p, failed + f
            if waiting and len(running) < jobs and (waiting[0].stem not in ALONE or not running):
                path = waiting.pop(0)
                running.append(Run(path, root / path.stem.removeprefix("test_"), isolated))
            time.sleep(0.1)
    finally:
        for run in running:
            run.kill()
        shutil.rmtree(root, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return failed == 0 and passed > 0


if __name__ == "__main__":
    sys.exit(not main([Path(a).resolve() for a in sys.argv[1:]] or sorted(HERE.glob("test_*.py"))))
