/*
 * Texts of logs that are XML or JSON: what is escaped in them ("&lt;", "&#10;", "\"", "\u00e9") becomes what it
 * stands for. Parsers leave values as they stand, because their slices point into the line; it is undone in a
 * scratch of fixed size just before an event is counted or shown. Pure.
 */
#ifndef ESCAPE_H
#define ESCAPE_H

#include "event.h"

enum escape { ESCAPE_NONE, ESCAPE_XML, ESCAPE_JSON };

/*
 * Writes `s` to `to` (room octets) and returns the result, or `s` itself if nothing is escaped in it; what has no
 * room is cut on a UTF-8 character boundary. Control characters become blanks; what is no valid escape stays as it
 * stands, a half of a surrogate pair becomes U+FFFD.
 */
struct slice escape_undo(struct slice s, enum escape how, char *to, size_t room);

/*
 * Takes one escape of JSON (RFC 8259, section 7) off the front: "\n", "\u00e9", both halves of "\ud83d\ude00".
 * false, leaving the text alone: what stands there is none.
 */
bool escape_take_json(struct slice *s, uint32_t *c);
/* The character in UTF-8, U+FFFD for half of a surrogate pair; returns its length, 1 to 4. */
size_t escape_utf8(uint32_t c, char to[4]);

#define ESCAPE_FIELD_MAX 1024 /* octets of a text that are kept */
struct escape_scratch {
    char field[8][ESCAPE_FIELD_MAX];
};
/* The event with its texts as they were meant; they point into the scratch or where they did. */
struct event escape_undone(const struct event *e, struct escape_scratch *scratch);

#endif
