/*
 * What mailbox servers tell of themselves beside their logs: who is logged in, who uses how much. Pure parsers:
 * they take a line off a text.
 */
#ifndef ACCESS_LISTING_H
#define ACCESS_LISTING_H

#include "access.h"

/* Somebody who is logged in. */
struct access_listed {
    enum access_protocol protocol;
    struct slice user, remote;
    uint32_t process; /* 0: not told */
};
/*
 * A line of `doveadm -f tab who -1`: a head that names the columns, then "username proto pid ip", with
 * tabs between. columns: of this listing, zeroed before its first line. false: no more lines; a line
 * that lists nobody has protocol ACCESS_NONE.
 */
struct access_columns {
    int user, protocol, process, remote; /* from 1; 0: not there */
    bool known;
};
bool access_who(struct slice *text, struct access_columns *columns, struct access_listed *l);

/* The one line of a file of Cyrus's proc directory: "SERVICE HOST [ADDRESS] USER MAILBOX COMMAND", with
   tabs between, but a blank before the bracket. false: nobody is logged in there. */
bool access_proc(struct slice text, struct access_listed *l);

/* How much one owner uses; MODEL_ABSENT: no limit, or not told. */
struct access_usage {
    struct slice owner;
    uint64_t used_kb, quota_kb, messages, message_quota;
};
/*
 * The next owner of `doveadm -f tab quota get -A`: lines "Username Quota-name Type Value Limit %" with
 * tabs between, STORAGE in kB and MESSAGE; of several quotas of one owner the fullest counts. false: no
 * more.
 */
bool access_quota_dovecot(struct slice *text, struct access_usage *u);
/* The next owner of Cyrus's quota(8): "QUOTA %USED USED RESOURCE ROOT", a line for each resource. */
bool access_quota_cyrus(struct slice *text, struct access_usage *u);

#endif
