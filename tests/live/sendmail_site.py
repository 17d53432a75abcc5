"""A private, real Sendmail 8.17 in an overlay (overlay.py), and the servers that it delivers to."""
import os
import shutil
import signal
import subprocess

from overlay_site import OverlaySite
from postfix_site import alive, wait_until

# Ports of a site, from its base.
SMTP, SUBMISSION, OK, TEMPORARY, PERMANENT, DATA, CLOSED = range(7)
MTA_CF, CLIENT_CF = "/etc/mail/sendmail.cf", "/etc/mail/submit.cf"
SMMTA, SMMSP = 60025, 60026  # accounts
PACKAGES = ("sendmail-bin", "sendmail-base", "sendmail-cf")
PROGRAM = "/usr/libexec/sendmail/sendmail"

CF = """divert(-1)dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
divert(0)dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME',`sm.lab.test')dnl
define(`confDEF_USER_ID',`8:8')dnl
define(`confTO_IDENT',`0')dnl
define(`confTO_ICONNECT',`5s')dnl
define(`confMAX_MESSAGE_SIZE',`200000')dnl
define(`confQUEUE_LA',`100')dnl
define(`confREFUSE_LA',`100')dnl
define(`confMIN_QUEUE_AGE',`0')dnl
define(`confPID_FILE',`/run/sendmail/mta/sendmail.pid')dnl
define(`STATUS_FILE',`/var/lib/sendmail/sendmail.st')dnl
define(`QUEUE_DIR',`/var/spool/mqueue')dnl
{groups}dnl
define(`confLOG_LEVEL',`9')dnl
define(`confPRIVACY_FLAGS',`authwarnings')dnl
define(`confBIND_OPTS',`-DNSRCH -DEFNAMES')dnl
define(`confSERVICE_SWITCH_FILE',`/etc/mail/service.switch')dnl
define(`ALIAS_FILE',`/etc/mail/aliases')dnl
define(`LOCAL_MAILER_PATH',`/usr/local/lib/mda')dnl
define(`LOCAL_MAILER_ARGS',`mda $u')dnl
define(`LOCAL_SHELL_PATH',`/bin/sh')dnl
define(`SMTP_MAILER_ARGS',`TCP $h {ok}')dnl
define(`ESMTP_MAILER_ARGS',`TCP $h {temporary}')dnl
define(`SMTP8_MAILER_ARGS',`TCP $h {permanent}')dnl
define(`DSMTP_MAILER_ARGS',`TCP $h {data}')dnl
define(`RELAY_MAILER_ARGS',`TCP $h {closed}')dnl
DAEMON_OPTIONS(`Port={smtp}, Addr=127.0.0.1, Name=MTA')dnl
DAEMON_OPTIONS(`Port={submission}, Addr=127.0.0.1, Name=MSA, M=E')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`mailertable',`hash /etc/mail/mailertable')dnl
FEATURE(`access_db',`hash -T<TMPF> /etc/mail/access')dnl
FEATURE(`blocklist_recipients')dnl
FEATURE(`use_cw_file')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""
CLIENT = """divert(-1)dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME',`sm.lab.test')dnl
define(`confTIME_ZONE',`USE_TZ')dnl
define(`confDONT_INIT_GROUPS',`True')dnl
define(`confPID_FILE',`/run/sendmail/msp/sendmail.pid')dnl
define(`MSP_QUEUE_DIR',`/var/spool/mqueue-client')dnl
define(`confRUN_AS_USER',`smmsp')dnl
define(`confTRUSTED_USER',`smmsp')dnl
define(`RELAY_MAILER_ARGS',`TCP $h {smtp}')dnl
FEATURE(`msp',`[127.0.0.1]')dnl
"""
# Mail to temporary.test has a queue group of two directories, one of them with folders of its own.
GROUPS = """QUEUE_GROUP(`slow',`P=/var/spool/mqueue/slow*, F=f, I=1h')dnl
define(`ESMTP_MAILER_QGRP',`slow')"""
MAILERS = """ok.test	smtp:[127.0.0.1]
other.test	smtp:[127.0.0.1]
temporary.test	esmtp:[127.0.0.1]
permanent.test	smtp8:[127.0.0.1]
data.test	dsmtp:[127.0.0.1]
refused.test	relay:[127.0.0.1]
"""
ACCESS = """To:ok.test	RELAY
To:other.test	RELAY
To:temporary.test	RELAY
To:permanent.test	RELAY
To:data.test	RELAY
To:refused.test	RELAY
From:spam@bad.test	REJECT
To:blocked@ok.test	ERROR:5.7.1:550 blocked recipient
To:grey@ok.test	ERROR:4.7.1:451 Greylisted
To:hold@ok.test	QUARANTINE:held by access map
Connect:127.0.0.66	REJECT
"""
ALIASES = """postmaster: games
MAILER-DAEMON: games
root: games
team: games, news, list
mixed: games, x@ok.test
owned: news, y@ok.test
owner-owned: root
nowhere: /dev/null
filed: /var/mail/filed
piped: "|/bin/cat >/dev/null"
announce: :include:/etc/mail/announce
"""
# A mailing list, of which one member is an alias.
ANNOUNCE = "games\nlist\na@ok.test\nb@ok.test\nmixed\n"


class Sendmail(OverlaySite):
    """groups: has mail of one mailer a queue group of its own?"""

    def __init__(self, folder, base, groups=False):
        super().__init__(folder, base, PACKAGES, {"smmta": SMMTA, "smmsp": SMMSP}, "sm.lab.test")
        o = self.overlay
        self.queue = o.bind("/var/spool/mqueue")
        self.client_queue = o.bind("/var/spool/mqueue-client")
        self.state = o.bind("/var/lib/sendmail")
        self.run_dir = o.bind("/run/sendmail")
        self.mail = o.bind("/var/mail")
        self.statistics = self.state / "sendmail.st"
        self.pid_file = self.run_dir / "mta" / "sendmail.pid"
        for d in self.queue, self.client_queue:
            d.chmod(0o700)
        shutil.chown(self.client_queue, SMMSP, SMMSP)
        for q in ("slow1", "slow2", "slow2/qf", "slow2/df", "slow2/xf") if groups else ():
            (self.queue / q).mkdir(mode=0o700)
        for d in ("mta", "msp"):
            (self.run_dir / d).mkdir()
        self.mail.chmod(0o1777)
        self.statistics.touch()
        etc = o.upper / "etc"
        (etc / "mail").mkdir(mode=0o755, exist_ok=True)
        ports = self.ports(globals())
        for name, text in (("mta.mc", CF.format(groups=GROUPS if groups else "", **ports)),
                           ("client.mc", CLIENT.format(**ports)), ("mailertable.txt", MAILERS),
                           ("access.txt", ACCESS), ("aliases", ALIASES), ("announce", ANNOUNCE),
                           ("local-host-names", "local.test\n"), ("trusted-users", "root\n"),
                           ("service.switch", "hosts files\naliases files\n")):
            (etc / "mail" / name).write_text(text)
        mda = o.upper / "usr" / "local" / "lib" / "mda"
        mda.parent.mkdir(parents=True, exist_ok=True)
        for d in "usr", "usr/local", "usr/local/lib":
            (o.upper / d).chmod(0o755)
        mda.write_text('#!/bin/sh\n{ cat; echo; } >>/var/mail/"$1"\n')
        mda.chmod(0o755)

    def start(self):
        try:
            self.overlay.start()
            self.deliver_to({OK: {}, TEMPORARY: {"RCPT": "450 4.2.1 not now"},
                             PERMANENT: {"RCPT": "550 5.1.1 no such user"}, DATA: {".": "452 4.3.1 no room"}})
            self.overlay.run("sh", "-ec", """cd /etc/mail
                m4 mta.mc >sendmail.cf; m4 client.mc >submit.cf; chmod 644 *
                for m in mailertable access; do /usr/libexec/sendmail/makemap hash $m <$m.txt; done
                /usr/libexec/sendmail/sendmail -bi -C /etc/mail/sendmail.cf""")
            self.overlay.run(PROGRAM, "-L", "sm-mta", "-bd", "-C", MTA_CF)
            wait_until(lambda: self.pid() and alive(self.pid()))
        except BaseException:
            self.stop()
            raise
        return self

    def pid(self):
        try:
            return int(self.pid_file.read_text().split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return 0

    def submit(self, recipients, sender="root"):
        """By the sendmail command, which hands the message to the daemon."""
        self.overlay.run(PROGRAM, "-Ac", "-C", CLIENT_CF, "-i", "-f", sender, *recipients,
                         text="Subject: test\n\ntext\n")

    def run_queue(self):
        self.overlay.run(PROGRAM, "-L", "sm-mta", "-q", "-C", MTA_CF)

    def queued(self):
        """Control files of queued messages."""
        return [p.name for p in self.queue.rglob("[qh]f*") if p.is_file()]

    def quiet(self):
        """Waits until no delivery is under way."""
        def idle():
            found = subprocess.run(["pgrep", "-P", str(self.pid())], stdout=subprocess.DEVNULL)
            return found.returncode != 0
        wait_until(idle, 30)

    def stop(self):
        pid = self.pid()
        if pid and alive(pid):
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not alive(pid), 20)
        super().stop()
