/* What the readers of the formats share; nobody else includes this. */
#ifndef SUN_RECORD_INTERNAL_H
#define SUN_RECORD_INTERNAL_H

#include "sun_record.h"

/* Takes "19-Jan-1998 19:16:57.64" or "2004-12-08T00:40:26.70" with or without a zone off *s. */
bool sun_take_time(struct syslog_context *c, struct slice *s, int64_t *time_ms);
/* "EEA": the code and its modifiers. false: it is none. */
bool sun_set_code(struct sun_record *r, struct slice code);
/* Drops the "rfc822;" or another type of an address. */
struct slice sun_without_type(struct slice address);
/* The text between < and >, if it is so enclosed (&lt; and &gt; in XML). */
struct slice sun_bare_id(struct slice id);
/* LOG_FORMAT 4: <en ts="..." .../>, and 5: {"en":{"ts":"...",...}}. */
bool sun_parse_xml(struct syslog_context *c, struct slice line, struct sun_record *r);
bool sun_parse_json(struct syslog_context *c, struct slice line, struct sun_record *r);

#endif
