/*
 * Postfix's daemons that receive or deliver mail, as groups of mtaGroupTable (master(5), the manual
 * page of each daemon). Data only; mta_postfix.c names this list.
 */
#include "mta.h"
#include "postfix_services.h"

const struct mta_service postfix_services[] = {
    {"smtpd", -1, MTA_SERVICE_NETWORK, 25, "mail received by SMTP"},
    {"qmqpd", -1, MTA_SERVICE_NETWORK, 628, "mail received by QMQP"},
    {"postscreen", -1, MTA_SERVICE_NETWORK | MTA_SERVICE_SCREENS, 25,
     "clients screened before they may talk to smtpd"},
    {"pickup", -1, 0, 0, "mail submitted by local programs (sendmail command, maildrop queue)"},
    {"cleanup", -1, MTA_SERVICE_OWN, 0,
     "mail made by Postfix itself (bounces, notices, forwarding), and mail of unknown origin"},
    {"smtp", -2, MTA_SERVICE_NETWORK, 25, "delivery by SMTP"},
    {"lmtp", -2, MTA_SERVICE_NETWORK, 24, "delivery by LMTP"},
    {"local", -2, 0, 0, "delivery to UNIX users, aliases and commands"},
    {"virtual", -2, 0, 0, "delivery to virtual mailboxes"},
    {"pipe", -2, MTA_SERVICE_BY_RELAY, 0, "delivery to a command"},
    {"error", -2, 0, 0, "recipients that the configuration returns or defers"},
    {"retry", -2, 0, 0, "recipients whose delivery is put off for now"},
    {"discard", -2, MTA_SERVICE_DISCARDS, 0, "recipients whose mail is dropped"},
    {NULL, 0, 0, 0, NULL},
};
