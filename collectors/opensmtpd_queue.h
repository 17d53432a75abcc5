/* What OpenSMTPD's smtpctl says; part of its `struct mta`. Source: smtpctl.c of OpenSMTPD 6.8 and 7.8. */
#ifndef OPENSMTPD_QUEUE_H
#define OPENSMTPD_QUEUE_H

#include "mta.h"

/* See mta.h, attempt: the output of `smtpctl show queue`. */
bool opensmtpd_attempt(struct slice *text, int64_t now_s, struct mta_attempt *a);
/* See mta.h, levels: the output of `smtpctl show stats`, NAME=NUMBER. What is not there is zero, as smtpd
   makes a number when it first counts it. */
bool opensmtpd_levels(struct slice text, struct mta_levels *l);

#endif
