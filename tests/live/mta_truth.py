"""What mail that was injected must have changed, as counters of a walk that can be subtracted and
compared; for every mail transfer agent."""
import os
import signal
from collections import Counter

from postfix_site import children, wait_until

APPL = ("mtaReceivedMessages mtaReceivedRecipients mtaTransmittedMessages mtaTransmittedRecipients "
        "applRejectedInboundAssociations applFailedOutboundAssociations "
        "applAccumulatedInboundAssociations applAccumulatedOutboundAssociations").split()
GROUP = [f"mtaGroup{c}" for c in (
    "ReceivedMessages RejectedMessages TransmittedMessages ReceivedRecipients "
    "TransmittedRecipients RejectedInboundAssociations FailedOutboundAssociations").split()] + [
    f"mailmonChannel{c}" for c in (
        "DeliveredFirstTime AttemptedMessages AttemptedRecipients RejectedRecipients "
        "FailedMessages FailedRecipients BouncesGenerated ReceivedOctets TransmittedOctets").split()]


def counters(walk, appl):
    """{(group or "", column): count} of one application, those that are not 0."""
    index, names, found = walk.appl(appl), walk.column("mtaGroupName"), Counter()
    for (column, *key), value in walk.items():
        if key[0] != index:
            continue
        if column in APPL and len(key) == 1:
            found["", column] = value
        elif column in GROUP:
            found[names.get(tuple(key[:2]), "?"), column] = value
    return Counter({k: v for k, v in found.items() if v})


class Truth(Counter):
    """The change that the mail so far must have made. `size` of a message is in octets."""

    def plus(self, group, n=1, *columns):
        for c in columns:
            self[group, c] += n
        return self

    def received(self, group, recipients, size, n=1):
        self["", "mtaReceivedMessages"] += n
        self["", "mtaReceivedRecipients"] += n * recipients
        self[group, "mtaGroupReceivedMessages"] += n
        self[group, "mtaGroupReceivedRecipients"] += n * recipients
        self[group, "mailmonChannelReceivedOctets"] += n * size
        return self

    def sent(self, group, recipients, size, again=False, first=True, n=1):
        """again: the message went by another group before; first: it was never deferred."""
        self["", "mtaTransmittedMessages"] += 0 if again else n
        self["", "mtaTransmittedRecipients"] += n * recipients
        self[group, "mtaGroupTransmittedMessages"] += n
        self[group, "mtaGroupTransmittedRecipients"] += n * recipients
        self[group, "mailmonChannelTransmittedOctets"] += n * size
        self[group, "mailmonChannelDeliveredFirstTime"] += n if first else 0
        return self

    def deferred(self, group, recipients, n=1):
        self[group, "mailmonChannelAttemptedMessages"] += n
        self[group, "mailmonChannelAttemptedRecipients"] += n * recipients
        return self

    def failed(self, group, recipients, n=1):
        self[group, "mailmonChannelFailedMessages"] += n
        self[group, "mailmonChannelFailedRecipients"] += n * recipients
        return self

    def rejected(self, group, recipient=True, n=1):
        self[group, "mtaGroupRejectedMessages"] += n
        self[group, "mailmonChannelRejectedRecipients"] += n if recipient else 0
        return self


def difference(walk, appl, truth, without=()):
    """{counter: (is, should be)} where they differ; `without`: columns that are not compared."""
    is_ = counters(walk, appl)
    return {k: (is_[k], truth[k]) for k in sorted(is_.keys() | truth.keys())
            if is_[k] != truth[k] and k[1] not in without}


def settle(daemon, appl, truth, without, wanted):
    """Waits until all that is expected is shown, at most `wanted` seconds; what differs then."""
    seen = {}

    def same():
        seen["is"] = difference(daemon.walk(), appl, truth, without)
        return not seen["is"]
    try:
        wait_until(same, wanted, 0.5)
    except TimeoutError:
        pass
    return seen["is"]


def kill_collector(daemon):
    """SIGKILL; returns when its successor is there."""
    supervisor, name = daemon.process.process.pid, "mailmond-collect"[:15]

    def killed():
        for pid in children(supervisor, name):  # none while it is being started again
            os.kill(pid, signal.SIGKILL)
            return pid
    pid = wait_until(killed, 10)
    wait_until(lambda: [p for p in children(supervisor, name) if p != pid], 10)
