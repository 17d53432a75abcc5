/*
 * What Postfix's programs write when they are told to talk (-v in master.cf, debug_peer_list, a TLS log level).
 * Pure. Each form is certain: a line that counts is asked after before.
 */
#include "postfix_fields.h"

static bool is_name(char c)
{
    return c == '_' || slice_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "match_list_match: ...", "name_mask: ...", "dict_open(...)", "smtpd_delay_reject = 0": a name with an underscore. No
 * action is named so but reject_warning, which comes before. */
static bool starts_with_name(struct slice s)
{
    size_t n = 0;
    while (n < s.n && is_name(s.p[n]))
        n++;
    if (n == 0 || n == s.n || !memchr(s.p, '_', n))
        return false;
    s = slice_skip(s, n);
    return STARTS(s, ":") || STARTS(s, "(") || STARTS(s, " = ") || STARTS(s, " ret=") ||
           STARTS(s, " count=");
}

static const struct slice starts[] = {
    TEXT("> "),
    TEXT("< "),
    TEXT(">>> "),
    TEXT("=== "),
    TEXT("===="),
    TEXT("input attribute "),
    TEXT("send attr "),
    TEXT("extracted envelope "),
    TEXT("initial envelope "),
    TEXT("old-style scan record "),
    TEXT("record "),
    TEXT("read from "),
    TEXT("write to "),
    TEXT("Read "),
    TEXT("Write "),
    TEXT("SSL3 alert "),
    TEXT("reloaded session "),
    TEXT("save session "),
    TEXT("remove session "),
    TEXT("looking for session "),
    TEXT("lookup "),
    TEXT("put session "),
    TEXT("delete "),
    TEXT("open "),
    TEXT("opening "),
    TEXT("closing "),
    TEXT("close "),
    TEXT("trying... "),
    TEXT("connection established"),
    TEXT("connection closed"),
    TEXT("connect to subsystem "),
    TEXT("connecting to "),
    TEXT("creating connection "),
    TEXT("closing connection "),
    TEXT("connect attempt "),
    TEXT("receive attempt "),
    TEXT("idle timeout -- exiting"),
    TEXT("master disconnect -- "),
    TEXT("time to retire -- "),
    TEXT("request: "),
    TEXT("request ignored"),
    TEXT("process generation: "),
    TEXT("fd="),
    TEXT("fsspace: "),
    TEXT("mynetworks"),
    TEXT("main: "),
    TEXT("myflock"),
    TEXT("watchdog"),
    TEXT("server features: "),
    TEXT("Using "),
    TEXT("skip "),
    TEXT("after "),
    TEXT("before "),
    TEXT("cleanup flags "),
    TEXT("start sorted recipient list"),
    TEXT("end sorted recipient list"),
    TEXT("begin "),
    TEXT("end "),
    TEXT("enter "),
    TEXT("leave "),
    TEXT("pref "),
    TEXT("global TLS level"),
    TEXT("start move queue "),
    TEXT("done "),
    TEXT("wakeup "),
    TEXT("running: "),
    TEXT("recipient "),
    TEXT("read "),
    TEXT("PUSH boundary "),
    TEXT("POP boundary "),
    TEXT("free "),
    TEXT("report "),
    TEXT("query milter states "),
    TEXT("inspect content by "),
    TEXT("abort all milters"),
    TEXT("disconnect event to all milters"),
    TEXT("event: "),
    TEXT("reply: "),
    TEXT("milter "),
    TEXT("override "),
    TEXT("starting new SASL client"),
    TEXT("disposing SASL state"),
    TEXT("SASL authentication "), /* trace, debug */
    TEXT("masquerade: "),
    TEXT("propagate = "),
    TEXT("origin="),
    TEXT("source="),
    TEXT("flags for "),
    TEXT("name_cache="),
    TEXT("import_"),
    TEXT("export "),
    TEXT("setugid: "),
    TEXT("chroot "),
    TEXT("redirecting "), /* a table's type, 3.11 */
    TEXT("replacing server reply "),
    TEXT("pausing to let "),
    TEXT("defer site "),
    TEXT("defer transport "),
    TEXT("enable "),
    TEXT("Relaying allowed for "),
    TEXT("cannot set default OpenSSL "),
    /* local's and virtual's recipients, a line for each thing that is known of them */
    TEXT("level: "),
    TEXT("path: "),
    TEXT("fp: "),
    TEXT("offset: "),
    TEXT("sender: "),
    TEXT("recipient: "),
    TEXT("domain: "),
    TEXT("local: "),
    TEXT("user: "),
    TEXT("extension: "),
    TEXT("unmatched: "),
    TEXT("owner: "),
    TEXT("delivered: "),
    TEXT("relay: "),
    TEXT("why: "),
};

bool postfix_is_debug(struct slice s)
{
    return slice_starts_any(s, starts, sizeof starts / sizeof starts[0]) || starts_with_name(s) ||
           HAS(s, " socket: wanted attribute: ") || HAS(s, ": wanted attribute: ") ||
           slice_ends(s, SLICE(" stream disconnect"));
}
