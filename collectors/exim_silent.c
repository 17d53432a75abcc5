/*
 * Exim's lines that change no number although they look as if they might, and what else is nobody's account. Data
 * and loops over it; see mta_exim.c.
 *
 * An ACL, a filter or an event may write any text to the main log (logwrite, log_message), and what Exim complains of
 * (its configuration, DNS, the spool) has hundreds of forms. None of that can be an account: those begin with an arrow,
 * a host or a few words, or name a host in a field. So only a text with such a sign can be one that is not understood.
 */
#include "exim_fields.h"

static const struct slice starts[] = {
    TEXT("SMTP syntax error in "),
    TEXT("SMTP protocol error in "),
    TEXT("SMTP error from remote mail"),
    TEXT("SMTP timeout "),
    TEXT("Connection aborted; "),
    TEXT("ATRN "),
    TEXT("Ci="),
    TEXT("ETRN "),
    TEXT("VRFY "),
    TEXT("TLS "),
    TEXT("SSL"),
    TEXT("["),
    TEXT("Warning: "),
    TEXT("cwd="),
    TEXT("ignoring AUTH="),
    TEXT("no MAIL in "),
    TEXT("Remote host "), /* closed the connection: before 4.88 */
};

/* What a line that counts begins with. */
static const struct slice accounts[] = {
    TEXT("SMTP "),     TEXT("Connection "),  TEXT("connection "), TEXT("refused "),
    TEXT("rejected "), TEXT("temporarily "), TEXT("exim "),       TEXT("H="),
    TEXT("F="),        TEXT("R="),           TEXT("T="),          TEXT("P="),
};

bool exim_is_silent(struct slice s, bool of_message)
{
    return s.n == 0 || slice_starts_any(s, starts, sizeof starts / sizeof starts[0]) ||
           (of_message && *s.p == '<') || /* "<a@b>: address_pipe transport output: words" */
           HAS(s, ": delivering unencrypted to H=");
}

/* "<= ", "=> " or another that a new release may have, or the word that ends a message. */
static bool is_of_life(struct slice s)
{
    return (s.n > 2 && s.p[2] == ' ' && memchr("<>=*-+~(", s.p[0], 8) &&
            memchr("<>=*", s.p[1], 4)) ||
           STARTS(s, "Completed");
}

bool exim_is_local_text(struct slice s, bool of_message)
{
    struct slice second = slice_skip(s, slice_find(s, ' ') + 1); /* behind an id of a new form */
    return !(of_message && is_of_life(s)) && !is_of_life(second) && !HAS(s, " H=") &&
           !slice_starts_any(s, accounts, sizeof accounts / sizeof accounts[0]);
}
