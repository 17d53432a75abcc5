"""Servers that do one wrong thing each, for the tests of probes: FAULTS names them.

A peer listens on 127.0.0.1 in this process; what it does to a connection is a function of the socket
that runs in a thread of its own."""
import os
import socket
import ssl
import struct
import subprocess
import threading
import time


def hold(c):
    """Takes what comes until the other side ends."""
    try:
        while c.recv(4096):
            pass
    except OSError:
        pass


def say(*parts, then=hold):
    def serve(c):
        for part in parts:
            if isinstance(part, (int, float)):
                time.sleep(part)
            else:
                c.sendall(part)
        then(c)
    return serve


def drip(text, seconds):
    def serve(c):
        for octet in text:
            c.sendall(bytes([octet]))
            time.sleep(seconds)
        hold(c)
    return serve


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def close(_):
    pass


def dialog(greeting, answers, delay=0.0, delays=None):
    """Line by line: the answer to the first command that a line begins with, each after `delay` (or
    after delays[command]; "" is the greeting). None as an answer: none, and silence."""
    def serve(c):
        time.sleep((delays or {}).get("", delay))
        c.sendall(greeting)
        for line in c.makefile("rb"):
            word = line.decode("latin-1").strip()
            word = word.partition(" ")[2] if word[:1] == "a" and word[1:2].isdigit() else word
            for command, answer in answers:
                if word.upper().startswith(command):
                    break
            else:
                command, answer = "*", b"500 what\r\n"
            if answer is None:
                hold(c)
                return
            time.sleep((delays or {}).get(command, delay))
            tag = line.split()[0] if line.split() else b""
            c.sendall(answer.replace(b"TAG", tag))
            if command in ("QUIT", "LOGOUT"):
                return
    return serve


SMTP = [("EHLO", b"250-mx.test\r\n250 SIZE 1000\r\n"), ("MAIL", b"250 ok\r\n"), ("RCPT", b"250 ok\r\n"),
        ("STARTTLS", b"502 no\r\n"), ("QUIT", b"221 bye\r\n")]
IMAP = [("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nTAG OK\r\n"), ("LOGIN", b"TAG OK in\r\n"),
        ("STATUS", b"* STATUS INBOX (MESSAGES 100000 UNSEEN 99999)\r\nTAG OK\r\n"),
        ("LOGOUT", b"* BYE\r\nTAG OK\r\n")]
POP3 = [("CAPA", b"+OK\r\nTOP\r\n.\r\n"), ("USER", b"+OK\r\n"), ("PASS", b"+OK in\r\n"),
        ("STAT", b"+OK 100000 123456789\r\n"), ("UIDL", b"-ERR what\r\n"), ("QUIT", b"+OK\r\n")]


def with_tls(certificate, serve, **settings):
    """`serve` behind TLS; certificate: path of a PEM with its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    for name, value in settings.items():
        setattr(context, name, value)

    def secured(c):
        s = context.wrap_socket(c, server_side=True)
        try:
            serve(s)
            s.unwrap()
        finally:
            s.close()
    return secured


class Peer:
    """One server; `serve` gets each connection."""

    def __init__(self, serve, port=0, backlog=200, address="127.0.0.1"):
        self.serve, self.count, self.keep = serve, 0, []
        self.listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(backlog)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.one, args=(c,), daemon=True).start()

    def one(self, c):
        try:
            self.serve(c)
        except (OSError, ssl.SSLError):
            pass
        finally:
            c.close()

    def stop(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


class BlackHole:
    """A listener whose queue is full: no further connection is answered."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.keep = []
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.keep.append(s)
        time.sleep(0.1)

    def stop(self):
        for s in [*self.keep, self.listener]:
            s.close()


def closed_port():
    """A port at which nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class NameServer:
    """Answers queries for "a NAME" with an address, or not at all (`silent`), or with SERVFAIL."""

    def __init__(self, silent=False, address="127.0.0.1", port=53, host="127.0.0.1"):
        self.silent, self.address = silent, address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            if not self.silent:
                self.socket.sendto(query[:2] + b"\x81\x82" + query[4:6] + bytes(6) + query[12:], peer)

    def stop(self):
        self.socket.close()


def make_certificates(folder):
    """A CA and PEM files with key and certificate: good, expired, other (another host's)."""
    folder.mkdir(parents=True, exist_ok=True)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "100",
            "-subj", "/CN=Test CA")
    (folder / "index").touch()
    (folder / "index.attr").write_text("unique_subject = no\n")
    (folder / "serial").write_text("1000\n")
    (folder / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\n"
        f"new_certs_dir={folder}\ncertificate={folder}/ca.pem\nprivate_key={folder}/ca.key\n"
        "default_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
    here = "DNS:localhost,DNS:mx.site.test,IP:127.0.0.1"
    for name, names, begin, end in (("good", here, -1, 90), ("expired", here, -30, -1),
                                    ("other", "DNS:other.test", -1, 90)):
        days = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * 86400))
                for d in (begin, end)]
        openssl("req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}.test", "-addext", f"subjectAltName={names}")
        openssl("ca", "-batch", "-config", "ca.cnf", "-in", f"{name}.csr", "-out", f"{name}.crt",
                "-notext", "-startdate", days[0], "-enddate", days[1])
        (folder / f"{name}.pem").write_text((folder / f"{name}.key").read_text() +
                                            (folder / f"{name}.crt").read_text())
        os.chmod(folder / f"{name}.pem", 0o644)
    return folder
