"""Sun's Messaging Server, as an instance tree (sun_site.py): what its log, queues and utilities tell, through
a roll-over and a kill, against the truth."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from daemon import BUILD, Daemon
from snmp_lab import wait_for
from sun_site import COLUMNS, LINES, Traffic, Tree

PORT = int(os.environ.get("MAILMOND_SUN_PORT", "28161"))
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (BUILD / "mailmond").exists() or not shutil.which("snmpbulkwalk"),
    reason="needs root, snmpbulkwalk and the programs in MAILMOND_BUILD")


@pytest.fixture
def folder(tmp_path):
    for each in (tmp_path, *tmp_path.parents):  # the daemon's accounts must get there
        if each.owner() == "root" and each != Path("/") and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)
    return tmp_path


def channel_cells(walk, instance, channel):
    cells = {}
    for line in LINES:
        octets = {"received": "mailmonChannelReceivedOctets", "delivered": "mailmonChannelTransmittedOctets"}.get(
            line, COLUMNS[line] + "Octets")
        messages = "mtaGroupRejectedMessages" if line == "rejected" else COLUMNS[line] + "Messages"
        cells[line] = [walk.of(messages, instance, channel),
                       walk.of(COLUMNS[line] + "Recipients", instance, channel),
                       walk.of(octets, instance, channel) // 1024]
    cells["first_time"] = walk.of("mailmonChannelDeliveredFirstTime", instance, channel)
    cells["ins"] = walk.of("mtaGroupAccumulatedInboundAssociations", instance, channel)
    cells["outs"] = walk.of("mtaGroupAccumulatedOutboundAssociations", instance, channel)
    return cells


def expected(channel):
    want = dict(channel.counts, ins=channel.ins, outs=channel.outs)
    want["first_time"] = channel.first_time if channel.queue_count else None
    return want


def check_truth(walk, instance, traffic):
    for name, channel in traffic.channels.items():
        assert channel_cells(walk, instance, name) == expected(channel), name


def settled(daemon, instance, traffic):
    def done(walk):
        assert sum(v for k, v in walk.items() if k[0] == "mailmonEntryCount" and
                   k[1] == walk.appl(instance)) == traffic.entries, daemon.text()
    daemon.shows(done, 20)
    return daemon.walk()  # of one moment at least as late for all tables


def kill(daemon, port):
    """At once; its children go a moment later, and with them the port."""
    daemon.stop(signal.SIGKILL)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        wait_for(lambda: s.connect_ex(("127.0.0.1", port)) == 0 and refused(s), 10)


def refused(s):
    try:
        s.settimeout(0.2)
        s.send(b"0")
        s.recv(1)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def test_log_over_midnight_and_kills(folder):
    """Roll-overs while it runs, while it is killed and while it stands still; then the queues."""
    traffic, tree = Traffic(11), Tree(folder / "msg")
    tree.options(LOG_NODE=1, LOG_PROCESS=1, LOG_FILENAME=1, LOG_MESSAGE_ID=1)
    tree.write(traffic.take(400))
    daemon = Daemon(folder / "d", PORT, {"checkpoint_interval": "1 s",
                                         "sun": [{"name": "mailsrv-1", "base_directory": tree.base}]}).start()
    try:
        check_truth(settled(daemon, "mailsrv-1", traffic), "mailsrv-1", traffic)
        tree.write(traffic.take(300))
        tree.return_job()
        tree.write(traffic.take(300))
        settled(daemon, "mailsrv-1", traffic)
        kill(daemon, PORT)
        tree.write(traffic.take(300))
        tree.return_job()
        tree.write(traffic.take(300))
        daemon.start()
        settled(daemon, "mailsrv-1", traffic)
        kill(daemon, PORT)
        for _ in range(3):  # it stands still for nights: mail.log has what yesterday has no more
            tree.write(traffic.take(200))
            tree.return_job()
        tree.write(traffic.take(200))
        os.utime(tree.log.with_name("mail.log"), (time.time() - 300,) * 2)
        daemon.start()
        walk = settled(daemon, "mailsrv-1", traffic)
        check_truth(walk, "mailsrv-1", traffic)
        for title, cells in (("received", "mtaReceived"), ("transmitted", "mtaTransmitted")):
            assert [walk.of(cells + "Messages", "mailsrv-1"), walk.of(cells + "Recipients", "mailsrv-1")] == \
                traffic.mta[title][:2]
        assert walk.of("mtaReceivedVolume", "mailsrv-1") == traffic.mta["received"][2]
        smtp = walk.appl("mailsrv-1/smtp")
        assert walk[("applAccumulatedInboundAssociations", smtp)] == traffic.channels["tcp_local"].ins
        source = [i for i, v in walk.column("mailmonSourceTarget").items() if v == str(tree.log)]
        assert walk[("mailmonSourceStatus", source[0])] == "ok"
        assert walk[("mailmonSourceUnrecognised", source[0])] == 0
        processes = {v: walk[("mailmonProcessStatus", i)] for i, v in walk.column("mailmonProcessName").items()}
        assert processes["mailsrv-1 job_controller"] == processes["mailsrv-1 dispatcher"] == "tooFew"
        assert processes["mailsrv-1 stored"] == processes["mailsrv-1 imapd"] == "ok"  # need not be there
        check_queue(daemon, tree, traffic)
    finally:
        daemon.stop()


def check_queue(daemon, tree, traffic):
    begin = time.monotonic()
    oldest = tree.queue(traffic.queued, held=3)
    held = {}
    for copy in traffic.queued[:3]:
        held[copy["channel"]] = held.get(copy["channel"], 0) + 1
    names = {copy["channel"] for copy in traffic.queued}
    counts = {n: sum(copy["channel"] == n for copy in traffic.queued) for n in names}

    def right(walk):
        assert walk.of("mtaStoredMessages", "mailsrv-1") == len(traffic.queued), daemon.text()
        for name, channel in traffic.channels.items():
            assert walk.of("mtaGroupStoredMessages", "mailsrv-1", name) == counts.get(name, 0)
            assert walk.of("mtaGroupStoredRecipients", "mailsrv-1", name) == channel.stored()[1]
            assert walk.of("mailmonChannelHeld", "mailsrv-1", name) == held.get(name, 0)
        ages = [walk.of("mtaGroupOldestMessageStored", "mailsrv-1", n) or 0 for n in names]
        assert oldest <= max(ages) / 100 <= oldest + time.monotonic() - begin + 1
        assert all(str(walk.of("mtaGroupOldestMessageId", "mailsrv-1", n)).startswith("<") for n in names)
    daemon.shows(right, 15)


def test_separate_connection_log(folder):
    """SEPARATE_CONNECTION_LOG, set some day: connections are in a log of their own, over midnight and a kill."""
    traffic, tree = Traffic(13), Tree(folder / "msg")
    options = {"LOG_NODE": 1, "LOG_PROCESS": 1, "LOG_FILENAME": 1, "LOG_MESSAGE_ID": 1}
    tree.options(**options)
    tree.write(traffic.take(200))
    daemon = Daemon(folder / "d", PORT + 9, {"checkpoint_interval": "1 s",
                                             "sun": [{"name": "msg", "base_directory": tree.base}]}).start()
    try:
        settled(daemon, "msg", traffic)
        tree.options(SEPARATE_CONNECTION_LOG=1, **options)
        tree.write_separate(traffic.take(300))
        settled(daemon, "msg", traffic)
        kill(daemon, PORT + 9)
        tree.write_separate(traffic.take(200))
        tree.return_job()
        tree.write_separate(traffic.take(200))
        daemon.start()
        settled(daemon, "msg", traffic)
        tree.return_job()
        tree.write_separate(traffic.take(200))
        check_truth(settled(daemon, "msg", traffic), "msg", traffic)
    finally:
        daemon.stop()


def test_directoryscan(folder):
    """local.snmp.directoryscan = 0, as sites with very many messages have it: nobody looks into the queues. What is
    stored comes from the counters, if they are read."""
    traffic, tree = Traffic(14), Tree(folder / "msg")
    tree.options(LOG_NODE=1, LOG_PROCESS=1, LOG_FILENAME=1, LOG_MESSAGE_ID=1)
    tree.write(traffic.take(300))
    tree.queue(traffic.queued, held=1)
    tree.utility("imsimta", traffic.counters())
    (folder / "configutil").write_text("local.snmp.directoryscan = 0\n")
    name = next(copy["channel"] for copy in traffic.queued)
    settings = {"name": "msg", "base_directory": tree.base, "utility_interval": "1 s"}
    for n, utilities in enumerate((("imsimta counters",), ("imquotacheck",))):
        daemon = Daemon(folder / f"d{n}", PORT + 11 + n, {"configutil": folder / "configutil", "sun": [
            {**settings, "utilities": utilities}]}).start()
        try:
            def right(walk, stored=None if n else traffic.channels[name].stored()[0]):
                assert walk.of("mtaGroupReceivedMessages", "msg", name) == \
                    traffic.channels[name].counts["received"][0], daemon.text()
                i = walk.index("mailmonSourceName", "msg queue")
                assert walk["mailmonSourceStatus", i] == "disabled"
                assert "directoryscan" in walk["mailmonSourceLastError", i]
                assert walk.of("mtaGroupStoredMessages", "msg", name) == stored
                for column in "mailmonChannelHeld", "mtaGroupOldestMessageStored":
                    assert walk.of(column, "msg", name) is None
                assert walk.of("mtaStoredMessages", "msg") is None
            daemon.shows(right, 20)
        finally:
            daemon.stop()


def test_utilities(folder):
    """imsimta counters and the log agree on the same traffic; a reset is counted on; the other utilities."""
    traffic, by_log, by_counters = Traffic(12), Tree(folder / "one"), Tree(folder / "two")
    text = traffic.take(800)
    for tree in (by_log, by_counters):
        tree.options(BLOCK_SIZE=2048, LOG_NODE=1, LOG_PROCESS=1, LOG_FILENAME=1, LOG_MESSAGE_ID=1)
        tree.write(text)
    by_counters.utility("imsimta", traffic.counters())
    (by_counters.base / "data/queue").rmdir()  # what is stored comes from the counters, too
    by_counters.utility("imquotacheck", "diskquota         size(K)    %use    msgquota      msgs    %use    user\n"
                        "# of domains = 1\n# of users = 705\n\n"
                        "no quota          50418             no quota      4392             ajonk\n"
                        "10240              9728     95%     no quota      12               beth\n"
                        "10240             10752    105%     no quota      2                andrt\n")
    by_counters.utility("counterutil", "count = 1 at 972082466 rh = 0xc0990 oh = 0xc0968 \n\n"
                        "global.currentStartTime [4 bytes]: 17/Oct/2000:12:44:23 -0700 \n"
                        "global.lastConnectionTime [4 bytes]: 20/Oct/2000:15:53:37 -0700 \n"
                        "global.maxConnections [4 bytes]: 69 \nglobal.numConnections [4 bytes]: 12480 \n"
                        "global.numCurrentConnections [4 bytes]: 48 \nglobal.numFailedConnections [4 bytes]: 0 \n"
                        "global.numFailedLogins [4 bytes]: 15 \nglobal.numGoodLogins [4 bytes]: 10446 \n")
    by_counters.utility("stored", "", status=1)
    by_counters.utility("imcheck", "2\tCurrent number of locks\n5\tNumber of deadlocks\n")
    daemon = Daemon(folder / "d", PORT + 1, {"checkpoint_interval": "1 s", "sun": [
        {"name": "one", "base_directory": by_log.base},
        {"name": "two", "base_directory": by_counters.base, "utility_interval": "1 s",
         "utilities": ["imsimta counters", "imquotacheck", "counterutil imapstat", "stored", "imcheck",
                       "imsconnutil"]}]}).start()
    try:
        settled(daemon, "one", traffic)

        def right(walk):
            for name in traffic.channels:
                one, two = (channel_cells(walk, i, name) for i in ("one", "two"))
                two["first_time"] = two["first_time"] if traffic.channels[name].queue_count else None
                assert one == two, name
                check_other_lines(walk, traffic, name)
            check_rows(walk)
        daemon.shows(right, 15)
        before = traffic.channels["tcp_local"].counts["received"][0]

        def received(walk, messages=before):
            assert walk.of("mtaGroupReceivedMessages", "two", "tcp_local") == messages, daemon.text()
        daemon.shows(received)
        kill(daemon, PORT + 1)  # what was counted is in the store, with its reading
        daemon.start()
        daemon.shows(received)
        by_counters.utility("imsimta", "tcp_local\n   Received 7 7 7\n   Stored -2 0 0\n   Delivered 9 9 9 (9 first time)\n")

        def reset(walk):
            received(walk, before + 7)
            assert walk.of("mailmonChannelStoredMinimumMessages", "two", "tcp_local") == -2
        daemon.shows(reset, 15)
    finally:
        daemon.stop()


def check_other_lines(walk, traffic, name):
    """Stored and both queue times; the counters have whole seconds."""
    channel = traffic.channels[name]
    stored = channel.stored()
    assert walk.of("mtaGroupStoredMessages", "two", name) == stored[0]
    assert walk.of("mtaGroupStoredRecipients", "two", name) == stored[1]
    if not channel.queue_count:
        return
    for title in ("QueueTime", "QueueTimeFirst"):
        one, two = ([walk.of(f"mailmonChannel{title}{end}", i, name) for end in ("Count", "Sum")] for i in ("one", "two"))
        assert one[0] == two[0] and abs(one[1] - two[1]) < 1500, (name, title, one, two)


def check_rows(walk):
    assert walk[("mailmonQuotaAccounts", 0)] == 705
    assert walk[("mailmonQuotaOverWarn", 0)] == 2
    assert walk[("mailmonQuotaOverQuota", 0)] == 1
    assert sorted(walk.column("mailmonQuotaPercent").values()) == [95, 105]
    imap = walk.appl("two/imap")
    assert walk[("mailmonAccessConnections", imap)] == 12480
    assert walk[("mailmonAccessCurrentConnections", imap)] == 48
    assert walk[("mailmonAccessMaxConnections", imap)] == 69
    assert walk[("mailmonAccessFailedLogins", imap)] == 15
    assert walk[("mailmonAccessGoodLogins", imap)] == 10446
    store = walk.index("mailmonStoreName", "two")
    assert walk[("mailmonStoreStatus", store)] == "failed"
    assert walk[("mailmonStoreLocks", store)] == 2
    assert walk[("mailmonStoreDeadlocks", store)] == 5
    sources = {v: i for i, v in walk.column("mailmonSourceName").items()}
    assert walk[("mailmonSourceStatus", sources["two imsconnutil"])] == "missing"
    assert walk[("mailmonSourceStatus", sources["two imsimta counters"])] == "ok"


def test_store_utilities(folder):
    """Partitions, files, response times, who is logged in, shared folders, orphans; quotas of two instances."""
    tree, other = Tree(folder / "msg"), Tree(folder / "other")
    store = tree.base / "data/store"
    for name in ("partition/primary", "partition/second", "mboxlist", "dbdata/snapshots/001"):
        (store / name).mkdir(parents=True)
    for n in range(4):
        (store / f"mboxlist/log.000000000{n}").write_text("x" * 1024)
    (store / "dbdata/snapshots/001/folder.db").write_text("x")
    (tree.base / "data/core.123").write_text("x")
    for each in (tree, other):
        each.write("")
    quotas = "# of users = {}\n\n10240  9728  95%  no quota  12  beth\n"
    tree.utility("imquotacheck", quotas.format(7))
    other.utility("imquotacheck", quotas.format(5))
    tree.utilities("counterutil", {
        "diskusage": "diskusage.availSpace [4 bytes]: 2048\ndiskusage.lastStatTime [4 bytes]: 17/Oct/2000:12:44:23 -0700\n"
                     "diskusage.mailPartitionPath [512 bytes]: /far/partition\ndiskusage.percentAvail [4 bytes]: 20\n"
                     "diskusage.totalSpace [4 bytes]: 10240\n",
        "serverresponse": "imap.laststattime [4 bytes]: 17/Oct/2000:12:44:23 -0700\nimap.responsetime [4 bytes]: 2\n"
                          "ldap_siroe.com_389.responsetime [4 bytes]: 11\n",
        "db_log": "dblog.cursize [4 bytes]: 7\ndblog.nwrites [4 bytes]: 8\n",
        "alarm": "diskavail./far.alarm.current [4 bytes]: 20\n"})
    tree.utilities("imsconnutil", {
        "-c": "UID  TIME   AUTH          TO           FROM\ned  17/Jun/2003:11:24:03  plain\n"
              "anil  17/Jun/2003:12:26:40  plaintext\nanil  17/Jun/2003:12:25:17  plaintext\n\n"
              "3 users were logged in to imap.\nFeature is not enabled for http.\n",
        "-a": "soroork   08/Jul/2003:10:49:05  10/Jul/2003:14:55:52  ----NOT-RECORDED----\n"})
    tree.utility("readership", "3 user/ann/golf\n1 user/bob/x\n")
    tree.utilities("reconstruct", {"-o": "  mboxutil -d user/test/annie/INBOX\n  mboxutil -d user/test/oliver/INBOX\n"
                                         "  reconstruct: Found 2 orphaned mailbox(es)\n",
                                   "-n": "user/joe/INBOX: Invalid cache data for msg 102\n"})
    names = ["imquotacheck", "counterutil diskusage", "counterutil serverresponse", "counterutil db_log",
             "counterutil alarm", "imsconnutil", "imsconnutil -a", "readership", "reconstruct -n", "reconstruct -o"]
    daemon = Daemon(folder / "d", PORT + 3, {"system_interval": "1 s", "sun": [
        {"name": "msg", "base_directory": tree.base, "utility_interval": "1 s", "utilities": names},
        {"name": "other", "base_directory": other.base, "utility_interval": "1 s", "utilities": ["imquotacheck"]}]}).start()

    def right(walk):
        sources = {v: i for i, v in walk.column("mailmonSourceName").items()}
        assert all(walk.get(("mailmonSourceItems", sources.get(f"msg {n}")), 0) for n in names), daemon.text()
        assert walk[("mailmonQuotaAccounts", 0)] == 12
        check_store(walk, store)
    try:
        daemon.shows(right, 30)
    finally:
        daemon.stop()


def check_store(walk, store):
    assert walk[("mailmonQuotaOverWarn", 0)] == 2
    assert list(walk.column("mailmonQuotaPercent").values()) == [95, 95]
    for path in (store / "partition/primary", store / "partition/second", "/far/partition"):
        disk = walk.index("mailmonDiskPath", str(path))
        assert walk[("mailmonDiskKind", disk)] == "storePartition"
    assert walk[("mailmonDiskPercentAvailable", disk)] == 20
    files = {v: walk[("mailmonFileFiles", i)] for i, v in walk.column("mailmonFileName").items()}
    assert files["msg database logs"] == 4
    assert files["msg snapshots"] == files["msg core files"] == 1
    imap, ldap = (walk.index("mailmonResponseName", n) for n in ("msg imap", "msg ldap_siroe.com_389"))
    assert walk[("mailmonResponseTotal", imap)] == 2000
    assert walk[("mailmonResponseStatus", imap)] == "up"
    assert walk[("mailmonResponseStatus", ldap)] == "slow"
    assert walk[("mailmonResponseHost", ldap)] == "siroe.com"
    assert sorted(walk.column("mailmonSessionUser").values()) == ["anil", "anil", "ed"]
    appl = walk.appl("msg/imap")
    assert walk[("mailmonAccessCurrentConnections", appl)] == 3
    assert walk[("mailmonAccessUsersLoggedIn", appl)] == 2
    sources = {v: i for i, v in walk.column("mailmonSourceName").items()}
    assert walk[("mailmonSourceItems", sources["msg readership"])] == 2
    assert walk[("mailmonSourceItems", sources["msg reconstruct -o"])] == 2
    events = {v: walk[("mailmonLogEventMatches", i)] for i, v in walk.column("mailmonLogEventName").items()}
    assert events["msg: reconstruct: damage"] == events["msg: reconstruct: orphaned mailboxes"] == 1


def test_two_instances(folder):
    """Each has its own dispatcher, told by where it was started from."""
    trees = {name: Tree(folder / name) for name in ("msg", "msg2")}
    children = []
    for tree in trees.values():
        tree.write("")
        (tree.base / "lib").mkdir()
        shutil.copy("/bin/sleep", tree.base / "lib/dispatcher")
        children.append(subprocess.Popen([tree.base / "lib/dispatcher", "300"]))
    daemon = Daemon(folder / "d", PORT + 4, {"system_interval": "1 s", "sun": [
        {"name": name, "base_directory": tree.base} for name, tree in trees.items()]}).start()

    def states():
        walk = daemon.walk()
        return {v: (walk.get(("mailmonProcessRunning", i)), walk.get(("mailmonProcessStatus", i)))
                for i, v in walk.column("mailmonProcessName").items()}
    try:
        ok, _ = wait_for(lambda: states().get("msg dispatcher") == states().get("msg2 dispatcher") == (1, "ok"), 10)
        assert ok, states()
        children[1].kill()
        children[1].wait()
        ok, _ = wait_for(lambda: states()["msg2 dispatcher"] == (0, "tooFew"), 10)
        assert ok and states()["msg dispatcher"] == (1, "ok"), states()
    finally:
        for child in children:
            child.kill()
            child.wait()
        daemon.stop()


def test_service_logs(folder):
    """imap over a roll-over to a name with sequence number and time, msgtrace, default."""
    tree = Tree(folder / "msg")
    logs = tree.log.parent
    tree.write("")
    head = "[31/Aug/2004:16:33:14 -0700] host imapd[5]: "
    login = "Account Information: login [192.0.2.9:{0}] ann{0} plaintext\n"
    close = "Account Notice: close [192.0.2.9:{0}] ann{0} 2004/8/31 16:33:14 0:00:10 100 2000 3\n"
    (logs / "imap").write_text("".join(head + login.format(n) for n in range(40)) +
                               "".join(head + close.format(n) for n in range(30)), encoding="ascii")
    (logs / "msgtrace").write_text(head + login.format(1) + head + "Store Information: fetch:ann:user/ann:<a@b>\n" +
                                   head.replace("imapd", "ims_master") +
                                   "Store Information: append:ann:user/ann:659:<a@b>\n", encoding="ascii")
    (logs / "watcher").write_text("Watched 'imapd' process 5 exited abnormally\n" + head.replace("imapd", "watcher") +
                                  "General Critical: Received request to restart: store imap\n", encoding="ascii")
    (logs / "default").write_text(head.replace("imapd", "stored") + "Store Error: Invalid cache data for msg 102 in "
                                  "mailbox user/joe/INBOX. Needs reconstruct\n" +
                                  head.replace("imapd", "imexpire") + "General Notice: Expire started\n" +
                                  head.replace("imapd", "imexpire").replace("33:14", "34:24") +
                                  "General Notice: 12 messages expunged, 5 messages purged\n", encoding="ascii")
    daemon = Daemon(folder / "d", PORT + 2, {"sun": [{"name": "msg", "base_directory": tree.base}]}).start()
    try:
        ok, _ = wait_for(lambda: {"msg/imap", "msg/lmtp"} <= set(daemon.walk().column("applName").values()), 10)
        assert ok, daemon.text()
        (logs / "pop").write_text(head.replace("imapd", "popd") + login.format(7), encoding="ascii")  # a new service
        (logs / "imap").rename(logs / "imap.64.1093995194")  # rolled over
        (logs / "imap").write_text("".join(head + close.format(n) for n in range(30, 40)), encoding="ascii")
        daemon.shows(check_services, 15)
    finally:
        daemon.stop()


def check_services(walk):
    imap = walk.appl("msg/imap")
    assert walk[("mailmonAccessOctetsOut", imap)] == 80000
    assert walk[("mailmonAccessGoodLogins", imap)] == 40
    assert walk[("mailmonAccessCurrentConnections", imap)] == 0
    assert walk[("mailmonAccessOctetsIn", imap)] == 4000
    assert walk[("mailmonAccessMailboxesSelected", imap)] == 120
    assert walk[("mailmonAccessFetched", imap)] == 1
    assert walk[("mailmonAccessGoodLogins", walk.appl("msg/pop3"))] == 1
    assert walk[("mailmonAccessAppended", walk.appl("msg/lmtp"))] == 1
    events = {v: walk[("mailmonLogEventMatches", i)] for i, v in walk.column("mailmonLogEventName").items()}
    assert events["msg: imap Account Notice"] == 40
    assert events["msg: invalid cache"] == events["msg: reconstruct needed"] == 1
    assert events["msg: default Store Error"] == 1
    assert events["msg: server exited abnormally"] == events["msg: server restarted"] == events["msg: watcher"] == 1
    store = walk.index("mailmonStoreName", "msg")
    assert walk[("mailmonStoreExpunged", store)] == 12
    assert walk[("mailmonStorePurged", store)] == 5
    assert walk[("mailmonStoreLastExpireDuration", store)] == 70


def test_program_logs(folder):
    """dispatcher.log, job_controller.log and the channels' logs: a file for each program that runs, side by side, with
    one that ends while another begins, through a kill; new channels show up by themselves."""
    tree = Tree(folder / "msg")
    logs = tree.log.parent
    tree.write("")
    lines = {}

    def put(file, count, text="message"):
        name = file[:file.index(".log")]
        with open(logs / file, "a", encoding="ascii") as f:
            for _ in range(count):
                lines[name] = lines.get(name, 0) + 1
                f.write(f"10:50:33.{lines[name] % 100:02d} (   1): {name} {text} {lines[name]}\n")

    put("dispatcher.log-0JDJ00A", 20)
    put("job_controller.log-0JDJ00B", 5)
    put("tcp_local_master.log-0JDJ00C", 30)
    put("tcp_local_master.log-0JDJ00D", 30)
    daemon = Daemon(folder / "d", PORT + 5, {"checkpoint_interval": "1 s",
                                             "sun": [{"name": "msg", "base_directory": tree.base}]}).start()

    def events():
        walk = daemon.walk()
        return {v: (walk[("mailmonLogEventMatches", i)], walk.get(("mailmonLogEventLastLine", i)))
                for i, v in walk.column("mailmonLogEventName").items()}

    def all_counted():
        seen = events()
        return all(seen.get(f"msg: {name}", (0,))[0] == n for name, n in lines.items())
    try:
        assert wait_for(all_counted, 15)[0], (lines, events())
        put("tcp_local_master.log-0JDJ00C", 10)  # two programs of a channel at a time
        put("tcp_local_master.log-0JDJ00D", 10, "cannot open")
        put("ims-ms_master.log-0JDJ00E", 3)
        put("tcp_smtp_server.log-0JDJ00F", 4)
        put("tcp_local_slave.log-0JDJ00G", 4)
        assert wait_for(all_counted, 15)[0], (lines, events())
        assert events()["msg: tcp_local_master trouble"][0] == 10
        kill(daemon, PORT + 5)
        put("tcp_local_master.log-0JDJ00D", 7)  # ends
        put("tcp_local_master.log-0JDJ00H", 7)  # ... and another one begins
        (logs / "dispatcher.log-0JDJ00A").rename(logs / "dispatcher.log-0JDJ00A.1")
        put("dispatcher.log-0JDJ00I", 1, "bind: Address already in use")
        daemon.start()
        assert wait_for(all_counted, 15)[0], (lines, events())
        seen = events()
        assert seen["msg: dispatcher"] == (21, "dispatcher bind: Address already in use 21")
        assert seen["msg: port in use"][0] == 1
        walk = daemon.walk()
        states = {str(v): walk[("mailmonSourceStatus", i)] for i, v in walk.column("mailmonSourceTarget").items()}
        for pattern in ("dispatcher.log*", "job_controller.log*", "*_master.log*", "*_slave.log*", "tcp_*_server.log*"):
            assert states[str(logs / pattern)] == "ok", states
    finally:
        daemon.stop()


def test_parts(folder):
    """SMTP and submission as applications of their own: what they took from the log, what is open from the sockets,
    and they live and die with the MTA."""
    tree = Tree(folder / "msg")
    stamp = time.strftime("%d-%b-%Y %H:%M:%S.00", time.localtime())
    tree.write("".join(f"{stamp} tcp_local    +            O   TCP|192.0.2.1|{port}|192.0.2.9|{4000 + n} SMTP\n"
                       for n, port in enumerate((25, 25, 587))) +
               f"{stamp} tcp_local    +            X   TCP|192.0.2.1|587|192.0.2.9|5000 SMTP Too many\n")
    with socket.create_server(("127.0.0.25", 587)) as server, \
            socket.create_connection(("127.0.0.25", 587)) as client, server.accept()[0] as taken:
        assert client and taken
        daemon = Daemon(folder / "d", PORT + 6, {"sun": [{"name": "msg", "base_directory": tree.base}]}).start()
        try:
            def right(walk):
                mta, smtp, submission = (walk.appl(f"msg{end}") for end in ("", "/smtp", "/submission"))
                assert walk[("applInboundAssociations", submission)] == 1
                assert [walk[("applAccumulatedInboundAssociations", i)] for i in (mta, smtp, submission)] == [3, 2, 1]
                assert [walk[("applRejectedInboundAssociations", i)] for i in (mta, smtp, submission)] == [1, 0, 1]
                assert walk[("applInboundAssociations", smtp)] == 0
                assert ("mtaReceivedMessages", smtp) not in walk
                assert [walk[("applOperStatus", i)] for i in (mta, smtp, submission)] == ["down"] * 3  # no process runs
            daemon.shows(right, 20)
        finally:
            daemon.stop()


def test_status(folder):
    """applOperStatus follows the processes: of the MTA its two, of each service its own."""
    tree = Tree(folder / "msg")
    tree.write("")
    (tree.log.parent / "imap").write_text("[31/Aug/2004:16:33:14 -0700] host imapd[5]: Account Information: login "
                                          "[192.0.2.9:4000] ann plaintext\n", encoding="ascii")
    (tree.base / "lib").mkdir()
    children = {}
    for name in ("job_controller", "dispatcher", "imapd"):
        program = tree.base / "lib" / name
        shutil.copy("/bin/sleep", program)
        children[name] = subprocess.Popen([program, "600"])
    daemon = Daemon(folder / "d", PORT + 7, {"system_interval": "1 s",
                                             "sun": [{"name": "msg", "base_directory": tree.base}]}).start()

    def states():
        walk = daemon.walk()
        return [walk.get(("applOperStatus", walk.appl(name))) for name in ("msg", "msg/imap")]

    def end(name):
        children[name].kill()
        children[name].wait()
    try:
        assert wait_for(lambda: states() == ["up", "up"], 15)[0], states()
        end("imapd")
        assert wait_for(lambda: states() == ["up", "down"], 15)[0], states()
        end("dispatcher")
        assert wait_for(lambda: states() == ["down", "down"], 15)[0], states()
    finally:
        for child in children.values():
            child.kill()
            child.wait()
        daemon.stop()


EXAMPLES = Path(__file__).parents[1] / "data/sun_utilities"


def test_printed_examples(folder):
    """The utilities print what the guides show, word by word: each line is understood, and its numbers are in the cells.
    Another instance's print something else: that is told, and nothing becomes zero."""
    tree, other = Tree(folder / "msg"), Tree(folder / "other")
    for each in (tree, other):
        each.write("")

    def example(name):
        return (EXAMPLES / f"{name}.txt").read_text(encoding="ascii")
    tree.utilities("imsimta", {"-show": example("imsimta_counters"), "qm": example("imsimta_qm_counters")})
    tree.utilities("counterutil", {"imapstat": example("counterutil_imapstat")})
    tree.utilities("imquotacheck", {"": example("imquotacheck")})
    tree.utilities("imsconnutil", {"-c": example("imsconnutil_c"), "-a": example("imsconnutil_a")})
    tree.utilities("reconstruct", {"-o": example("reconstruct_o")})
    names = ["imsimta counters", "counterutil imapstat", "imquotacheck", "imsconnutil", "imsconnutil -a", "reconstruct -o"]
    for name in ("imsimta", "counterutil", "imquotacheck", "imsconnutil", "imcheck", "readership"):
        other.utility(name, "Release 9 speaks otherwise.\nconnections = 0; users = 0\n")
    others = ["imsimta counters", "counterutil imapstat", "imquotacheck", "imsconnutil", "imsconnutil -a", "imcheck",
              "readership"]
    daemon = Daemon(folder / "d", PORT + 8, {"sun": [
        {"name": "msg", "base_directory": tree.base, "queue_directory": str(folder / "none"), "utilities": names},
        {"name": "other", "base_directory": other.base, "utilities": others}]}).start()

    def sources():
        walk = daemon.walk()
        return {str(v): (walk[("mailmonSourceStatus", i)], walk[("mailmonSourceUnrecognised", i)])
                for i, v in walk.column("mailmonSourceName").items()}
    try:
        assert wait_for(lambda: all(sources()[f"msg {n}"][0] == "ok" for n in names) and
                        all(sources()[f"other {n}"][0] == "malformed" for n in others), 20)[0], sources()
        assert all(sources()[f"msg {n}"][1] == 0 for n in names), sources()
        assert all(sources()[f"other {n}"][1] == 2 for n in others), sources()
        walk = daemon.walk()
        for column, value in (("mtaGroupReceivedMessages", 29379), ("mtaGroupReceivedRecipients", 79714),
                              ("mtaGroupReceivedVolume", 982252), ("mtaGroupTransmittedMessages", 29369),
                              ("mtaGroupTransmittedRecipients", 79723), ("mailmonChannelDeliveredFirstTime", 29369),
                              ("mailmonChannelSubmittedMessages", 13698), ("mtaGroupRejectedMessages", 1),
                              ("mailmonChannelRejectedRecipients", 10), ("mailmonChannelFailedMessages", 104),
                              ("mailmonChannelQueueTimeSum", 16425000), ("mailmonChannelQueueTimeCount", 29440),
                              ("mailmonChannelQueueTimeFirstCount", 29440), ("mailmonChannelStoredMinimumBlocks", -2004),
                              ("mtaGroupAccumulatedInboundAssociations", 297637),
                              ("mtaGroupAccumulatedOutboundAssociations", 28306)):
            assert walk.of(column, "msg", "tcp_local") == value, column
        assert walk[("mailmonQuotaAccounts", 0)] == 705
        imap = walk.appl("msg/imap")
        assert walk[("mailmonAccessGoodLogins", imap)] == 10446
        assert walk[("mailmonAccessFailedLogins", imap)] == 15
        users = sorted(map(str, walk.column("mailmonSessionUser").values()))
        assert users == sorted("ed bill mia jay paul tony anil anil jack toni".split())
        events = {v: walk[("mailmonLogEventMatches", i)] for i, v in walk.column("mailmonLogEventName").items()}
        assert events["msg: reconstruct: orphaned mailboxes"] == 1
        assert not any(str(v).startswith("other") for v in walk.column("mtaGroupName").values())
        assert "other" not in map(str, walk.column("mailmonStoreName").values())
        assert "Release 9 speaks otherwise." in daemon.text()
    finally:
        daemon.stop()


def test_syslog(folder):
    """Entries and lines of services that go to syslog, among lines of other programs."""
    traffic, tree = Traffic(14), Tree(folder / "msg")
    tree.options(LOG_NODE=1, LOG_PROCESS=1, LOG_FILENAME=1, LOG_MESSAGE_ID=1, LOG_MESSAGES_SYSLOG=-6)
    log = folder / "maillog"
    stamp = time.strftime("%b %e %H:%M:%S")

    def put(entries):
        with open(log, "a", encoding="ascii") as f:
            for n, entry in enumerate(traffic.take(entries).splitlines()):
                f.write(f"{stamp} hosta imta[77]: {entry.split(' ', 2)[2]}\n")  # syslog has a time of its own
                if n % 10 == 0:
                    f.write(f"{stamp} hosta imapd[5]: Account Information: login [192.0.2.9:{4000 + n}] ann{n} plaintext\n"
                            f"{stamp} hosta sshd[6]: Accepted publickey for root\n"
                            f"{stamp} hosta stored[7]: Store Critical: partition locked: primary\n")
    put(200)
    daemon = Daemon(folder / "d", PORT + 10, {"sun": [{"name": "msg", "base_directory": tree.base, "log": log}]}).start()
    try:
        settled(daemon, "msg", traffic)
        put(200)
        settled(daemon, "msg", traffic)

        def right(walk):
            for name, channel in traffic.channels.items():
                for title, columns in COLUMNS.items():
                    messages = "mtaGroupRejectedMessages" if title == "rejected" else columns + "Messages"
                    if title != "attempted":  # attempts are told apart by the entries' times
                        assert walk.of(messages, "msg", name) == channel.counts[title][0], (name, title)
                    assert walk.of(columns + "Recipients", "msg", name) == channel.counts[title][1], (name, title)
            logins = log.read_text().count(" Account Information: ")
            assert walk[("mailmonAccessGoodLogins", walk.appl("msg/imap"))] == logins >= 40
            events = {v: walk[("mailmonLogEventMatches", i)] for i, v in walk.column("mailmonLogEventName").items()}
            assert events["msg: partition locked"] == events["msg: syslog Account Information"] == logins
            source = [i for i, v in walk.column("mailmonSourceTarget").items() if v == str(log)]
            assert walk[("mailmonSourceUnrecognised", source[0])] == 0
        daemon.shows(right)
    finally:
        daemon.stop()
