"""Private directory servers: slapd of Debian's package with its own database, sockets and
certificates, below one folder and on loopback ports."""
import os
import shutil
import signal
import subprocess
import time
import urllib.parse
from pathlib import Path

from snmp_lab import PATIENCE, wait_for

SUFFIX = "dc=lab,dc=test"
ADMIN = f"cn=admin,{SUFFIX}"
READER = f"cn=reader,{SUFFIX}"
PASSWORD = "a password"
SCHEMAS = "core cosine inetorgperson".split()
ENTRIES = f"""dn: {SUFFIX}
objectClass: dcObject
objectClass: organization
o: Lab
dc: lab

dn: ou=people,{SUFFIX}
objectClass: organizationalUnit
ou: people

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {PASSWORD}

dn: uid=postmaster,ou=people,{SUFFIX}
objectClass: inetOrgPerson
uid: postmaster
cn: Postmaster
sn: Master
userPassword: {PASSWORD}

dn: ou=elsewhere,{SUFFIX}
objectClass: referral
objectClass: extensibleObject
ou: elsewhere
ref: %(referral)s
"""


def available():
    return shutil.which("slapd") and shutil.which("ldapsearch") and shutil.which("openssl")


def make_certificates(folder):
    """ca.pem; good, expired and other (for another host), each .pem and .key."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "100",
            "-subj", "/CN=Lab CA")
    (folder / "index.txt").write_text("")
    (folder / "serial").write_text("1000\n")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\n"
        "certificate=ca.pem\nprivate_key=ca.key\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
        "copy_extensions=copy\n[p]\ncommonName=supplied\n")
    for name, host, begin, end in (("good", "IP:127.0.0.1", -1, 90),
                                   ("expired", "IP:127.0.0.1", -30, -3),
                                   ("other", "DNS:other.example", -1, 90)):
        stamp = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 86400 * d))
                 for d in (begin, end)]
        openssl("req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}", "-addext", f"subjectAltName={host}")
        openssl("ca", "-batch", "-config", "ca.cnf", "-in", f"{name}.csr", "-out", f"{name}.pem",
                "-notext", "-startdate", stamp[0], "-enddate", stamp[1])


class Slapd:
    """ldap at `port`, ldaps at port + 1, and a local socket. cn=Monitor is for the reader, for root
    and for `account` (uid, gid)."""

    def __init__(self, folder, port, certificates, account, certificate="good", more="",
                 referral="ldap://127.0.0.1:1/"):
        self.folder, self.port, self.process = Path(folder), port, None
        (self.folder / "db").mkdir(parents=True)
        self.folder.chmod(0o755)
        self.socket = self.folder / "ldapi"
        self.local = "ldapi://" + urllib.parse.quote(str(self.socket), safe="") + "/"
        self.uri = f"ldap://127.0.0.1:{port}"
        self.config = self.folder / "slapd.conf"
        modules = "".join(f"moduleload {m}\n" for m in ("back_mdb", "back_monitor", "retcode",
                                                         "syncprov")
                          if list(Path("/usr/lib/ldap").glob(f"{m}.so*")))
        self.config.write_text(
            "".join(f"include /etc/ldap/schema/{s}.schema\n" for s in SCHEMAS) + f"""
modulepath /usr/lib/ldap
{modules}
pidfile {self.folder}/slapd.pid
threads 4
TLSCACertificateFile {certificates}/ca.pem
TLSCertificateFile {certificates}/{certificate}.pem
TLSCertificateKeyFile {certificates}/{certificate}.key
database config
database monitor
access to dn.subtree="cn=Monitor"
  by dn.exact="{READER}" read
  by dn.exact="gidNumber=0+uidNumber=0,cn=peercred,cn=external,cn=auth" read
  by dn.exact="gidNumber={account[1]}+uidNumber={account[0]},cn=peercred,cn=external,cn=auth" read
  by * none
database mdb
suffix {SUFFIX}
rootdn {ADMIN}
rootpw "{PASSWORD}"
directory {self.folder}/db
maxsize 16777216
monitoring on
{more or '''overlay syncprov
overlay retcode
retcode-parent ou=codes,''' + SUFFIX + '''
retcode-item cn=busy 0x33
retcode-item cn=unavailable 0x34
retcode-item cn=slow 0x00 sleeptime=3'''}
""")
        self.config.chmod(0o600)
        if not more:
            ldif = self.folder / "entries.ldif"
            ldif.write_text(ENTRIES % {"referral": referral})
            subprocess.run(["slapadd", "-q", "-f", self.config, "-b", SUFFIX, "-l", ldif],
                           check=True, capture_output=True)

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["slapd", "-d", "stats", "-f", self.config, "-h",
                 f"{self.uri}/ ldaps://127.0.0.1:{self.port + 1}/ {self.local}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        asked = ("ldapsearch", "-b", "", "-s", "base")
        if wait_for(lambda: self.run(*asked, check=False).returncode == 0, 10)[0]:
            return self
        raise RuntimeError("slapd does not start:\n" + (self.folder / "log").read_text())

    def send(self, number):
        os.kill(self.process.pid, number)

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(number)
            self.process.wait(10 * PATIENCE)
        self.process = None

    def run(self, tool, *arguments, text=None, dn=ADMIN, check=True):
        """One connection: a simple bind, what the tool does, an unbind."""
        return subprocess.run([tool, "-x", "-H", self.uri, "-D", dn, "-w", PASSWORD, *arguments],
                              input=text, text=True, capture_output=True, check=check, timeout=20 * PATIENCE)
