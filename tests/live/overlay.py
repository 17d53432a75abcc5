"""A root of its own for servers that conflict with those of the host: packages are unpacked, not installed,
into the upper layer of an overlay over "/", and programs run chrooted there, in a private mount
namespace, at the paths they were built for. Network and processes are the host's. Needs root.

What mailmond reads from outside (spools, statistics) is bound in from plain directories, so that inotify
sees what the server does."""
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from snmp_lab import ROOT

PACKAGES = ROOT / "build" / "packages"

MOUNT = """set -e
mount -t overlay overlay -o lowerdir=/,upperdir="$1/upper",workdir="$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mkdir -p "$1/root$1"
mount --bind "$1" "$1/root$1"
for n in null zero full random urandom; do
    touch "$1/root/dev/$n"
    mount --bind /dev/$n "$1/root/dev/$n"
done
shift_from=$1
shift
while [ $# -gt 0 ]; do
    mkdir -p "$shift_from/root$2"
    mount --bind "$1" "$shift_from/root$2"
    shift 2
done
exec chroot "$shift_from/root" sh -c 'echo ready; exec sleep infinity'
"""


def fetch(package):
    """The package's file, from Debian's archive if it was not fetched before."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    if not list(PACKAGES.glob(f"{package}_*.deb")):
        with tempfile.TemporaryDirectory(dir=PACKAGES) as folder:  # half a file has no name of its own
            options = ("-qq", "-o", "DPkg::Lock::Timeout=600", "-o", "APT::Sandbox::User=root")
            download = ["apt-get", "download", *options, package]
            if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
                subprocess.run(["apt-get", "update", *options], check=True)  # no lists, or old ones
                subprocess.run(download, cwd=folder, check=True)
            for file in Path(folder).iterdir():
                file.rename(PACKAGES / file.name)
    return max(PACKAGES.glob(f"{package}_*.deb"))


class Syslog:
    """What comes in at a socket, with time and host before it, is appended to a file as syslog does."""

    def __init__(self, path, log):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        Path(path).chmod(0o666)
        self.log = open(log, "ab", buffering=0)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            line = self.socket.recv(65536)
            if line == b"end":
                return
            line = line.split(b">", 1)[-1].rstrip(b"\n\0")
            if line[:3].isalpha() and line[3:4] == b" ":  # the sender's own time
                line = line[16:]
            line = b"".join(b"#%03o" % c if c < 32 or c == 127 else bytes([c]) for c in line)
            self.log.write(time.strftime("%b %e %H:%M:%S mx ").encode() + line + b"\n")

    def stop(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.connect(self.socket.getsockname())
            s.send(b"end")
        self.thread.join(5)
        self.socket.close()
        self.log.close()


class Overlay:
    """`packages` of Debian in a root below `folder`; `accounts`: {name: number} that they want."""

    def __init__(self, folder, packages, accounts):
        self.folder = Path(folder)
        self.upper, self.root = self.folder / "upper", self.folder / "root"
        for name in ("upper/etc", "upper/dev", "work", "root", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for p in self.folder, self.upper, self.upper / "etc":
            p.chmod(0o755)
        for p in packages:
            subprocess.run(["dpkg", "-x", fetch(p), self.upper], check=True)
        for name in ("bin", "sbin", "lib"):  # links to usr/ that a package's own directory would hide
            own = self.upper / name
            if own.is_dir() and not own.is_symlink():
                shutil.copytree(own, self.upper / "usr" / name, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(own)
        for file, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", "{0}:x:{1}:\n")):
            text = Path("/etc", file).read_text()
            (self.upper / "etc" / file).write_text(
                text + "".join(line.format(*a) for a in accounts.items()))
        (self.upper / "dev" / "log").symlink_to(self.folder / "log.sock")
        self.log = self.folder / "log" / "mail.log"
        # this project, too, which may itself be a mount that an overlay does not see
        self.binds, self.holder, self.syslog = [ROOT, ROOT], None, None

    def bind(self, path):
        """A plain directory of the host at this path of the root; to be called before start."""
        outside = self.folder / "bind" / path.strip("/").replace("/", "-")
        outside.mkdir(parents=True, exist_ok=True)
        outside.parent.chmod(0o755)
        self.binds += [outside, path]
        return outside

    def start(self):
        self.syslog = Syslog(self.folder / "log.sock", self.log)
        self.holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", MOUNT, "sh", self.folder,
             *self.binds], stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        return self

    def command(self, *arguments):
        return ["nsenter", "-m", "-r", "-w", "-t", str(self.holder.pid), *map(str, arguments)]

    def run(self, *arguments, text=None, check=True):
        """A program of the root, to its end: what it printed."""
        done = subprocess.run(self.command(*arguments), input=text, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"})
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}"
        return done.stdout

    def stop(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()
        if self.syslog:
            self.syslog.stop()
        self.holder = self.syslog = None
