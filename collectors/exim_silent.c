/*
 * Lines of Exim's that are known and change no number. Data and loops over it; see mta_exim.c.
 */
#include "exim_fields.h"

static const struct slice starts[] = {
    TEXT("no immediate delivery: "),
    TEXT("End queue run: "),
    TEXT("Start '"),
    TEXT("Start ODMR "),
    TEXT("End '"),
    TEXT("Abandon queue run: "),
    TEXT("no host name found for IP address "),
    TEXT("no IP address found for host "),
    TEXT("no MAIL in "),
    TEXT("SMTP syntax error in "),
    TEXT("SMTP protocol error in "),
    TEXT("SMTP error from remote mail server "),
    TEXT("SMTP timeout "),
    TEXT("TLS "),
    TEXT("SSL"),
    TEXT("DANE "),
    TEXT("DKIM: "),
    TEXT("OCSP "),
    TEXT("PRDR "),
    TEXT("["),
    TEXT("ATRN "),
    TEXT("Ci="),
    TEXT("ETRN "),
    TEXT("VRFY "),
    TEXT("Warning: "),
    TEXT("Long "),
    TEXT("listen backlog "),
    TEXT("host name alias list truncated"),
    TEXT("cwd="),
    TEXT("Sender identification "),
    TEXT("sender address changed to "),
    TEXT("Message abandoned: "),
    TEXT("Spool "),
    TEXT("spool directory space check failed"),
    TEXT("log directory space check failed"),
    TEXT("spool file "),
    TEXT("Format error in spool file "),
    TEXT("Error reading spool file "),
    TEXT("Error in system filter"),
    TEXT("Failed "),
    TEXT("failed "),
    TEXT("Couldn't "),
    TEXT("Process "),
    TEXT("process "),
    TEXT("queue run: "),
    TEXT("moved from "),
    TEXT("daemon: "),
    TEXT("socket bind() to port "),
    TEXT("SIGTERM "),
    TEXT("SIGINT "),
    TEXT("timed out while reading local message"),
    TEXT("Exim configuration error"),
    TEXT("Connection aborted; "),
    TEXT("ident connection to "),
    TEXT("notify triggered "),
    TEXT("ignoring AUTH="),
    TEXT("getsockopt() failed"),
    TEXT("configured error code "),
    TEXT("invalid message_size_limit"),
    TEXT("EHLO/HELO response "),
    TEXT("bind of "),
    TEXT("unable to "),
    TEXT("peer close after all rcpt responses"),
    TEXT("spam acl condition: "),
    TEXT("malware acl condition: "),
    TEXT("DNS list lookup "),
    TEXT("sender verify "),
    TEXT("recipient verify "),
    TEXT("ARC: "),
    TEXT("SA: "), /* sa-exim */
    TEXT("Setting IPV6_V6ONLY "),
    TEXT("re-exec of "),
    TEXT("ALERT: "),
    /* Complaints about the configuration, the system, DNS. */
    TEXT("expansion of "),
    TEXT("Expansion of "),
    TEXT("attempt to use"),
    TEXT("attempt to open "),
    TEXT("Attempt to exec "),
    TEXT("Tainted "),
    TEXT("tainted "),
    TEXT("DMARC "),
    TEXT("dmarc: "),
    TEXT("arc: "),
    TEXT("SIGSEGV "),
    TEXT("dnslist"),
    TEXT("dnssec fail on "),
    TEXT("dns_again_means_nonexist "),
    TEXT("CNAME loop for "),
    TEXT("regex acl condition"),
    TEXT("mime_regex acl condition"),
    TEXT("MIME acl condition"),
    TEXT("acl_smtp_mime: "),
    TEXT("ACL for "),
    TEXT("ACL \"warn\" "),
    TEXT("rewrite rule "),
    TEXT("Rewrite of "),
    TEXT("qualify/rewrite: "),
    TEXT("routing loop for "),
    TEXT("responsible-mailbox truncated"),
    TEXT("getrlimit("),
    TEXT("setrlimit("),
    TEXT("setsockopt("),
    TEXT("getsockname() failed"),
    TEXT("Header modification in data ACLs"),
    TEXT("delivery re-exec "),
    TEXT("remote delivery process "),
    TEXT("redirection process "),
    TEXT("shadow transport "),
    TEXT("callout transport "),
    TEXT("smtp-wait database entry "),
    TEXT("tls_verify_certificates "),
    TEXT("could not stat "),
    TEXT("cannot accept message: "),
    TEXT("Delivery status for "),
    TEXT("Received TLS cert status "),
    TEXT("Required TLS certificate status "),
    TEXT("Server certificate status "),
    TEXT("signing"),
    TEXT("socks "),
    TEXT("string too large in "),
    TEXT("fork of process "),
    TEXT("internal "),
    TEXT("DCC: "),
    TEXT("too many lookups open"),
    TEXT("WARNING: "),
    TEXT("list matching forced to fail: "),
    TEXT("unknown named"),
    TEXT("no @ found in the subject of an address list match: "),
    TEXT("unknown item in dnslist "),
    TEXT("unknown log name "),
    TEXT("partial matching is not applicable "),
    TEXT("IPv"),
    TEXT("dlfunc{"),
    TEXT("readsock "),
    TEXT("Unrecognised socks auth method "),
    TEXT("Bad expansion for "),
    TEXT("bad value for "),
    TEXT("Bad db record size "),
    TEXT("Temporary error with DCC: "),
    TEXT("Unknown DCC response: "),
    TEXT("Wrong header from DCC"),
    TEXT("failure to "),
    TEXT("bad local_part "),
    TEXT("Error in "),
    TEXT("Error loading "),
    TEXT("Error reading OCSP response "),
    TEXT("Server certificate revoked"),
    TEXT("ALPN unusable "),
    TEXT("already initialised GnuTLS"),
    TEXT("Wrong ownership on "),
    TEXT("Stat failed on "),
    TEXT("Duplicate lookup name "),
    TEXT("Lookup module "),
    TEXT("Module "),
    TEXT("More than one path given in log_file_path"),
    TEXT("debug tag may not "),
    TEXT("debugging Exim "),
    TEXT("macro name too long "),
    TEXT("macro "),
    TEXT("malformed macro "),
    TEXT("can't redefine "),
    TEXT("bad router variable name "),
    TEXT("bad protocol option in transport"),
    TEXT("Timeout on nmh lookup "),
    TEXT("nmh lookup: "),
    TEXT("delivery setrlimit("),
    TEXT("smtp_notquit_exit() "),
    TEXT("null conn-context pointer"),
    TEXT("2nd fork for serialized ETRN"),
    TEXT("setup fail for "),
    TEXT("Could not open datafile "),
    TEXT("rmdir("),
    TEXT("unlink("),
    TEXT("link("),
    TEXT("SEGV_"),
    TEXT("backtrace"),
    TEXT("---"),
};

/* The same, of lines with a message's id. */
static const struct slice starts_of_message[] = {
    TEXT("address <"),
    TEXT("recipient <"),
    TEXT("original recipients ignored "),
    TEXT("Delivery deferred by system filter"),
    TEXT("<"),
    TEXT("\""),
};

/* "address <parent>: error ignored" and the like: words of this message that change nothing. */
static bool ends_known(struct slice s)
{
    return HAS(s, ": error ignored") || HAS(s, " transport output: ") || HAS(s, " rewritten as ") ||
           HAS(s, " transport process ") || HAS(s, ": skipped error: ") ||
           HAS(s, ": delivering unencrypted to H=") || HAS(s, ": callout unencrypted to ") ||
           HAS(s, ": accepted by +include_");
}

/* "dnslookup router: ...", "smtp router failed to expand ...": a driver complains of its options. */
static bool is_of_router(struct slice s)
{
    slice_cut(&s, ' ');
    return STARTS(s, "router: ") || STARTS(s, "router failed ");
}

static bool starts_known(const struct slice *list, size_t n, struct slice s)
{
    for (size_t i = 0; i < n; i++)
        if (slice_starts(s, list[i]))
            return true;
    return false;
}

bool exim_is_silent(struct slice s, bool of_message)
{
    return s.n == 0 || starts_known(starts, sizeof starts / sizeof starts[0], s) ||
           (of_message &&
            starts_known(starts_of_message, sizeof starts_of_message / sizeof starts_of_message[0],
                         s)) ||
           ends_known(s) || is_of_router(s);
}
