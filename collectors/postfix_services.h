/* Postfix's daemons as groups: see postfix_services.c. */
#ifndef POSTFIX_SERVICES_H
#define POSTFIX_SERVICES_H

#include "mta.h"

extern const struct mta_service postfix_services[];

#endif
