/*
 * The hand-over of the model between processes: two anonymous files (memfd), made by the supervisor,
 * sized once and sealed, inherited by both children at every restart.
 *   MODEL  header and three slots; the collect process writes it, everybody else reads it
 *   BACK   one page; the publish process writes it, the collect process reads it
 * One atomic 64-bit word in BACK holds sequence, pinned slot (3 = none) and newest slot together (the
 * collector has BACK mapped for that word too). A slot is whole or not visible: whichever side is
 * killed at whatever instant, no reader sees a torn row and the writer never waits.
 * One writer, one reader: the supervisor reaps the old process before it starts the new one.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "model.h"

/* What the publish process tells the collect process. */
struct slots_back {
    uint64_t master_state; /* mailmonAgentMasterState */
    uint64_t registrations_refused;
    uint64_t acknowledged; /* number of the last notification the master accepted */
    uint64_t given_up;     /* notifications that a receiver never got, see publish_sinks.h */
};

/* One published moment, as the reader sees it. */
struct view_table {
    const unsigned char *rows; /* packed, in index order */
    uint32_t count, row_size;
};
struct view {
    uint64_t number;      /* grows by one with each publish; 0: nothing was published yet */
    int64_t monotonic_ms; /* when it was published */
    int64_t real_ms;
    struct view_table tables[MODEL_TABLES];
};

struct slots;

/* Makes the two files (supervisor). capacities[i] == 0: the kind's default. -1 with errno on failure. */
int slots_create(const uint32_t capacities[MODEL_TABLES], int *model_fd, int *back_fd);
/* Maps them. The writer checks that layout and version are its own; NULL with errno (EPROTO) if not. */
struct slots *slots_open_writer(int model_fd, int back_fd);
struct slots *slots_open_reader(int model_fd, int back_fd);
/* Only looks (mailmond --dump): model_fd read-only, no pin; use slots_copy. */
struct slots *slots_open_observer(int model_fd, int back_fd);
void slots_close(struct slots *s);

/* Writer: hands over the model as it is. Copies only what changed since that slot: tables, or rows of them. */
void slots_publish(struct slots *s, struct model *m, int64_t monotonic_ms, int64_t real_ms);
void slots_back_get(const struct slots *s, struct slots_back *back);

/* Writer: what it has in work; all zero at first, kept over its restarts. */
struct model_work *slots_work(struct slots *s);

/* Reader: pins the newest slot and describes it; every offset and count is checked. false: nothing
   published yet, or the header is damaged. Unpin after the PDU is answered. */
bool slots_pin(struct slots *s, struct view *v);
void slots_unpin(struct slots *s);
void slots_back_set(struct slots *s, const struct slots_back *back);

/* Observer: a private copy of the newest slot, whole; free it with slots_view_free. */
bool slots_copy(struct slots *s, struct view *v);
void slots_view_free(struct view *v);

/* The live model as a view, for --read and tests: rows are copied in index order. slots_view_free. */
bool slots_view_of(const struct model *m, int64_t monotonic_ms, int64_t real_ms, struct view *v);

#endif
