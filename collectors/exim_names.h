/* Names of Exim's groups that no driver of its configuration can have. */
#ifndef EXIM_NAMES_H
#define EXIM_NAMES_H

#define EXIM_SMTP       "smtp-in"
#define EXIM_SMTPS      "smtps-in"
#define EXIM_SUBMISSION "submission-in"
#define EXIM_LOCAL      "local-in"
#define EXIM_OWN        "own-in"
#define EXIM_DISCARD    ":blackhole:"
#define EXIM_NOWHERE    ":routing:"

#endif
