/* What the options of an instance of Sun's Messaging Server tell others. */
#ifndef SUN_SOURCE_H
#define SUN_SOURCE_H

#include "../agent/config.h"

/* Octets of a block: MTA option BLOCK_SIZE, as the option file or the setting log_options has it now. */
uint32_t sun_source_block_size(const struct config_mta *m);

#endif
