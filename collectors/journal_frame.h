/*
 * What mailmond-journal hands to mailmond-collect through a pipe: frames of whole lines, each with the place
 * in the journal at which reading goes on after them. Both programs are of one build.
 */
#ifndef JOURNAL_FRAME_H
#define JOURNAL_FRAME_H

#include "../agent/model.h"
#include "log_line.h"

#define JOURNAL_CURSOR 256 /* room for a cursor and its NUL: systemd's have about 130 octets */
#define JOURNAL_BODY   (128 * 1024)
#define JOURNAL_MAGIC  0x6a6d6f6eu

struct journal_frame {
    uint32_t magic;
    uint32_t size; /* octets of lines that follow */
    /* enum source_status: OK (the end was reached), CATCHING_UP; else no lines follow */
    uint32_t status;
    uint32_t gap;    /* records between the last frame's cursor and this frame are gone */
    int64_t time_ms; /* of the last record, 0: none */
    char cursor[JOURNAL_CURSOR]; /* empty: as before */
    char error[128];
};

/* Does it make sense? Nothing of a frame is used before it was asked. */
bool journal_frame_good(const struct journal_frame *f);

/*
 * Is the record at cursor `next` the one written right after that at `last`? Both as sd_journal_get_cursor(3)
 * gives them, "s=ID;i=NUMBER;...", the number in base 16. false also when that cannot be told.
 */
bool journal_cursor_follows(const char *last, const char *next);

#endif
