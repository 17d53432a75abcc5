/* What OpenSMTPD says of its queue; part of its `struct mta`. Source: smtpctl.c of OpenSMTPD 6.8. */
#ifndef OPENSMTPD_QUEUE_H
#define OPENSMTPD_QUEUE_H

#include "mta.h"

/* See mta.h, attempt: the output of `smtpctl show queue`. */
bool opensmtpd_attempt(struct slice *text, int64_t now_s, struct mta_attempt *a);

#endif
