#!/usr/bin/env python3
"""Compares what mailmond read from a log with what the generator knows.

usage: check_truth.py DUMP TRUTH

DUMP is the text of `mailmond --read postfix LOG`, TRUTH the JSON of gen_postfix_log. Every number of
the truth must be in the dump, and the dump may have no application, group, error, entry, destination
or peer with a number that the truth has not. A cell that should be 0 may be absent. Prints each
difference; exit status 1 if there is one.
"""
import ipaddress
import json
import re
import sys

LINE = re.compile(r"^([\w-]+)::(\w+)\.([\d.]+) = (?:([A-Za-z][\w -]*): )?(.*)$")
SHOWN = 8  # of each object

COUNTER32, COUNTER64, GAUGE32, KILO = "Counter32", "Counter64", "Gauge32", "K-octets"

# member of the truth -> (object, how it is served)...
APPL = {
    "accumulated_outbound": [("applAccumulatedOutboundAssociations", COUNTER32)],
    "rejected_inbound": [("applRejectedInboundAssociations", COUNTER32)],
    "failed_outbound": [("applFailedOutboundAssociations", COUNTER32)],
    "received_messages": [("mtaReceivedMessages", COUNTER32)],
    "received_octets": [("mtaReceivedVolume", KILO)],
    "received_recipients": [("mtaReceivedRecipients", COUNTER32)],
    "transmitted_messages": [("mtaTransmittedMessages", COUNTER32)],
    "transmitted_octets": [("mtaTransmittedVolume", KILO)],
    "transmitted_recipients": [("mtaTransmittedRecipients", COUNTER32)],
    "loops_detected": [("mtaLoopsDetected", COUNTER32)],
}
GROUP = {
    "received_messages": [("mtaGroupReceivedMessages", COUNTER32)],
    "received_octets": [("mtaGroupReceivedVolume", KILO), ("mailmonChannelReceivedOctets", COUNTER64)],
    "received_recipients": [("mtaGroupReceivedRecipients", COUNTER32)],
    "transmitted_messages": [("mtaGroupTransmittedMessages", COUNTER32)],
    "transmitted_octets": [("mtaGroupTransmittedVolume", KILO),
                           ("mailmonChannelTransmittedOctets", COUNTER64)],
    "transmitted_recipients": [("mtaGroupTransmittedRecipients", COUNTER32)],
    "rejected_messages": [("mtaGroupRejectedMessages", COUNTER32),
                          ("mailmonChannelRejectedMessages", COUNTER32)],
    "rejected_recipients": [("mailmonChannelRejectedRecipients", COUNTER32)],
    "accumulated_inbound": [("mtaGroupAccumulatedInboundAssociations", COUNTER32)],
    "rejected_inbound": [("mtaGroupRejectedInboundAssociations", COUNTER32)],
    "accumulated_outbound": [("mtaGroupAccumulatedOutboundAssociations", COUNTER32)],
    "failed_outbound": [("mtaGroupFailedOutboundAssociations", COUNTER32)],
    "attempted_messages": [("mailmonChannelAttemptedMessages", COUNTER32)],
    "attempted_recipients": [("mailmonChannelAttemptedRecipients", COUNTER32)],
    "attempted_octets": [("mailmonChannelAttemptedOctets", COUNTER64)],
    "failed_messages": [("mailmonChannelFailedMessages", COUNTER32)],
    "failed_recipients": [("mailmonChannelFailedRecipients", COUNTER32)],
    "failed_octets": [("mailmonChannelFailedOctets", COUNTER64)],
    "expired": [("mailmonChannelExpired", COUNTER32)],
    "loops_detected": [("mtaGroupLoopsDetected", COUNTER32)],
    "queue_time_sum_ms": [("mailmonChannelQueueTimeSum", COUNTER64)],
    "queue_time_count": [("mailmonChannelQueueTimeCount", COUNTER32)],
    "queue_time_first_sum_ms": [("mailmonChannelQueueTimeFirstSum", COUNTER64)],
    "queue_time_first_count": [("mailmonChannelQueueTimeFirstCount", COUNTER32)],
}
ERROR = {
    "inbound": [("mtaGroupInboundErrorCount", COUNTER32)],
    "internal": [("mtaGroupInternalErrorCount", COUNTER32)],
    "outbound": [("mtaGroupOutboundErrorCount", COUNTER32)],
}
DESTINATION = {
    "deferrals": [("mailmonDestinationDeferrals", COUNTER32)],
    "deliveries": [("mailmonDestinationDeliveries", COUNTER32)],
    "queued": [("mailmonDestinationQueued", GAUGE32)],
    "deferred": [("mailmonDestinationDeferred", GAUGE32)],
}
PEER = {
    "rejected": [("mailmonPeerRejected", COUNTER32)],
    "auth_failures": [("mailmonPeerAuthFailures", COUNTER32)],
}
ENTRY_OPENED = "12"


def served(value, how):
    """The number as SNMP shows it."""
    if how == KILO:
        value //= 1024
    if how == COUNTER64:
        return value % 2**64
    return min(value, 2**32 - 1) if how == GAUGE32 else value % 2**32


def read_dump(path):
    """object -> {index: text of the value}; an index is a tuple of integers."""
    objects = {}
    with open(path, encoding="utf-8", errors="replace") as dump:
        for text in dump:
            match = LINE.match(text.rstrip("\n"))
            if match:
                index = tuple(int(part) for part in match[3].split("."))
                objects.setdefault(match[2], {})[index] = match[5]
    return objects


def as_number(text):
    """12, up(1), "12 messages" -> the integer; None if there is none."""
    match = re.search(r"\((-?\d+)\)|(-?\d+)", text)
    return int(match[1] or match[2]) if match else None


def as_text(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


class Check:
    def __init__(self, objects):
        self.objects = objects
        self.compared = 0
        self.differences = []
        self.readings = []

    def say(self, what, kind=""):
        self.differences.append((kind, what))

    def number(self, name, index):
        text = self.objects.get(name, {}).get(index)
        return None if text is None else as_number(text)

    def equal(self, name, index, label, value, how):
        self.compared += 1
        found, expected = self.number(name, index), served(value, how)
        if found != expected and (found is not None or expected != 0):
            self.say(f"{label}: {name}.{'.'.join(map(str, index))} is "
                     f"{'absent' if found is None else found}, should be {expected}", name)

    def members(self, table, index, label, truth):
        for member, columns in table.items():
            for name, how in columns:
                self.equal(name, index, f"{label} {member}", truth.get(member, 0), how)

    def sum(self, name, prefix=()):
        cells = self.objects.get(name, {}).items()
        return sum(as_number(text) for index, text in cells if index[:len(prefix)] == prefix)

    def one_reading(self, label, readings):
        """readings: name -> list of (object, index, value); one of them must hold throughout."""
        wrong = {}
        for reading, cells in readings.items():
            trial = Check(self.objects)
            for name, index, value in cells:
                trial.equal(name, index, f"{label} ({reading})", value, COUNTER32)
            wrong[reading] = trial
        best = min(wrong, key=lambda reading: len(wrong[reading].differences))
        self.compared += wrong[best].compared
        self.differences += wrong[best].differences
        if wrong[best].differences:
            self.say(f"{label}: wrong in each reading: " + ", ".join(
                f"{reading} {len(trial.differences)} of {trial.compared}" +
                (f" (should be {readings[reading][0][2]})" if trial.compared == 1 else "")
                for reading, trial in wrong.items()))
        if not wrong[best].differences:
            self.readings.append(f"{label}: {best}")


def rows_of(check, name, appl):
    """text of the column -> index, for the rows of one application."""
    return {as_text(text): index for index, text in check.objects.get(name, {}).items()
            if index[0] == appl}


def check_groups(check, appl, label, truth):
    rows = rows_of(check, "mtaGroupName", appl)
    for name, group in truth["groups"].items():
        if name not in rows:
            check.say(f"{label}: no group {name}")
            continue
        found = check.number("mtaGroupHierarchy", rows[name])
        if found != group["hierarchy"]:
            check.say(f"{label} {name}: mtaGroupHierarchy is {found}, should be {group['hierarchy']}")
    for name, index in rows.items():
        check.members(GROUP, index, f"{label} {name}", truth["groups"].get(name, {}))
        check.equal("mailmonEntryWithTls", index + (int(ENTRY_OPENED),), f"{label} {name} tls",
                    truth["groups"].get(name, {}).get("tls", 0), COUNTER32)
        check_errors(check, index, f"{label} {name}", truth["errors"].get(name, {}))
        check_entries(check, index, f"{label} {name}", truth["entries"].get(name, {}))
    check.compared += 1
    bounces = check.sum("mailmonChannelBouncesGenerated", (appl,))
    if bounces != truth["mta"]["bounces_generated"]:
        check.say(f"{label}: mailmonChannelBouncesGenerated of all groups is {bounces}, should be "
                  f"{truth['mta']['bounces_generated']}")


def codes_in(check, names, index):
    return {cell[-1] for name in names for cell in check.objects.get(name, {}) if cell[:2] == index}


def check_errors(check, index, label, truth):
    names = [name for columns in ERROR.values() for name, _ in columns]
    for code in codes_in(check, names, index) | {int(code) for code in truth}:
        check.members(ERROR, index + (code,), f"{label} error {code}", truth.get(str(code), {}))


def check_entries(check, index, label, truth):
    known = {3, 4, 6, 8, 9, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21}
    for code in known & codes_in(check, ["mailmonEntryCount"], index) | {int(c) for c in truth}:
        check.equal("mailmonEntryCount", index + (code,), f"{label} entry {code}",
                    truth.get(str(code), 0), COUNTER32)


def check_destinations(check, appl, label, truth):
    rows = rows_of(check, "mailmonDestinationDomain", appl)
    for domain in truth["destinations"].keys() - rows.keys():
        check.say(f"{label}: no destination {domain}")
    for domain, index in rows.items():
        if domain not in truth["destinations"]:
            check.say(f"{label}: there is no destination {domain}")
        check.members(DESTINATION, index, f"{label} {domain}", truth["destinations"].get(domain, {}))


def peer_address(index):
    """The address in an index appl.type.length.octets; the length may be left out."""
    octets = index[-4:] if index[1] == 1 else index[-16:]
    return str(ipaddress.ip_address(bytes(octets)))


def peer_index(appl, ip):
    octets = ipaddress.ip_address(ip).packed
    return (appl, 1 if len(octets) == 4 else 2, len(octets)) + tuple(octets)


def check_peers(check, appl, label, truth):
    cells = {index for name in ("mailmonPeerConnections", "mailmonPeerRejected", "mailmonPeerAuthFailures")
             for index in check.objects.get(name, {}) if index[0] == appl}
    rows = {peer_address(index): index for index in cells}
    known = {str(ipaddress.ip_address(ip)): peer for ip, peer in truth["peers"].items()}
    for ip in known.keys() - rows.keys():
        rows[ip] = peer_index(appl, ip)
    for ip, index in rows.items():
        if ip not in known:
            check.say(f"{label}: there is no peer {ip}")
        check.members(PEER, index, f"{label} {ip}", known.get(ip, {}))
    both = [(index, known[ip]) for ip, index in rows.items() if ip in known]
    check.one_reading(f"{label} peers' connections", {
        reading: [("mailmonPeerConnections", index, peer[reading]) for index, peer in both]
        for reading in ("connections", "lines", "smtpd")})


def check_sources(check, truth):
    """The logs' rows; other sources count items of their own."""
    logs = [index for index, kind in check.objects.get("mailmonSourceKind", {}).items()
            if kind == "log" or as_number(kind) == 1]

    def total(name):
        return sum(check.sum(name, index) for index in logs)

    for name, member in (("mailmonSourceUnrecognised", "unrecognised"), ("mailmonSourceItems", "lines"),
                         ("mailmonSourceOctets", "bytes")):
        check.compared += 1
        if name in check.objects and total(name) != truth[member] % \
                (2**64 if name.endswith("Octets") else 2**32):
            check.say(f"{name} is {total(name)}, should be {truth[member]}")


def check_all(objects, truth):
    check = Check(objects)
    rows = {as_text(text): index for index, text in objects.get("applName", {}).items()}
    for name, app in truth["apps"].items():
        if name not in rows:
            check.say(f"no application {name}")
            continue
        appl = rows[name][0]
        check.members(APPL, (appl,), name, app["mta"])
        check.one_reading(f"{name} inbound associations", {
            reading: [("applAccumulatedInboundAssociations", (appl,), value)]
            for reading, value in app["mta"]["accumulated_inbound"].items()})
        check_groups(check, appl, name, app)
        check_destinations(check, appl, name, app)
        check_peers(check, appl, name, app)
    for name in rows.keys() - truth["apps"].keys():
        check.say(f"there is no application {name}")
    check_sources(check, truth)
    return check


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], encoding="utf-8") as file:
        truth = json.load(file)
    check = check_all(read_dump(sys.argv[1]), truth)
    seen = {}
    for kind, what in check.differences:
        seen[kind] = seen.get(kind, 0) + 1
        if kind == "" or seen[kind] <= SHOWN:
            print(what)
    for kind, count in seen.items():
        if kind and count > SHOWN:
            print(f"... and {count - SHOWN} more of {kind}")
    for reading in check.readings:
        print(f"({reading})")
    print(f"{check.compared} numbers compared, {len(check.differences)} differences")
    sys.exit(1 if check.differences else 0)


if __name__ == "__main__":
    main()
