#!/usr/bin/python3
"""File systems whose server can be made to hang: a FUSE server that speaks the kernel's protocol
(linux/fuse.h) itself. fuse_server.py DIRECTORY... mounts one on each and says "ready".

SIGUSR1: statfs is no longer answered, as by a hard NFS mount whose server is gone: whoever asks waits in the
kernel and cannot even be killed. SIGUSR2: all that waits is answered, and what comes from now on."""
import ctypes
import os
import select
import signal
import struct
import sys

LOOKUP, FORGET, GETATTR, STATFS, INIT, INTERRUPT = 1, 2, 3, 17, 26, 36
ENOSYS, ENOENT = 38, 2
HEAD = struct.Struct("<IIQQIIII")  # length, opcode, unique, nodeid, uid, gid, pid, padding
BLOCKS, AVAILABLE = 1000, 250      # of 4096 octets
DIRECTORY_MODE = 0o40755


def mount(path):
    fd = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={fd},rootmode={DIRECTORY_MODE:o},user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"hung", os.fsencode(path), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    return fd


def reply(fd, unique, body=b"", error=0):
    os.write(fd, struct.pack("<IiQ", 16 + len(body), -error, unique) + body)


def attributes():
    return struct.pack("<QII", 1, 0, 0) + struct.pack(
        "<QQQQQQIIIIIIIIII", 1, 0, 0, 0, 0, 0, 0, 0, 0, DIRECTORY_MODE, 2, 0, 0, 0, 4096, 0)


def space():
    return struct.pack("<QQQQQIIII", BLOCKS, AVAILABLE, AVAILABLE, 100, 40, 4096, 255, 4096, 0) + bytes(24)


class Server:
    def __init__(self, paths):
        self.fds = [mount(p) for p in paths]
        self.hung = False
        self.waiting = []  # (fd, unique) of statfs that are not answered

    def hang(self, *_):
        self.hung = True

    def answer(self, *_):
        self.hung = False

    def serve(self, fd):
        data = os.read(fd, 1 << 17)
        _, opcode, unique, *_ = HEAD.unpack_from(data)
        if opcode == INIT:
            reply(fd, unique, struct.pack("<IIIIHHII", 7, 31, 65536, 0, 12, 10, 65536, 1) + bytes(32))
        elif opcode == GETATTR:
            reply(fd, unique, attributes())
        elif opcode == STATFS and self.hung:
            self.waiting.append((fd, unique))
        elif opcode == STATFS:
            reply(fd, unique, space())
        elif opcode == LOOKUP:
            reply(fd, unique, error=ENOENT)
        elif opcode not in (FORGET, INTERRUPT):
            reply(fd, unique, error=ENOSYS)

    def run(self):
        while True:
            for fd in select.select(self.fds, [], [], 0.1)[0]:
                self.serve(fd)
            while self.waiting and not self.hung:
                reply(*self.waiting.pop(), space())


if __name__ == "__main__":
    server = Server(sys.argv[1:])
    signal.signal(signal.SIGUSR1, server.hang)
    signal.signal(signal.SIGUSR2, server.answer)
    print("ready", flush=True)
    server.run()
