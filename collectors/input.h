/*
 * Where the lines of a log come from: files (follow.h), the journal of systemd, a FIFO. log_source.c asks
 * for lines and stores the position with what the lines gave; the kinds differ in nothing else.
 */
#ifndef INPUT_H
#define INPUT_H

#include "collector.h"
#include "follow.h"

/* A run of whole lines; see follow_read. */
typedef void input_lines(void *arg, struct slice run, int64_t reference_ms);

/* Where the run that is handed on stands, the same at every reading: to know a line again that killed us. */
struct input_place {
    uint64_t file, offset;
    const char *name; /* of the file, without its directory; NULL: the input is one log */
};

struct input_kind {
    const char *prefix; /* of the setting `log`: "fifo:"; "" for files */
    enum source_kind kind;
    /*
     * target: behind the prefix. at: the stored position, n == 0: none. wake: to be called from the loop when
     * there are lines although nobody asked for them in this tick. NULL: the position is not one, or
     * memory is short.
     */
    void *(*open)(struct collect *c, const char *target, struct slice at,
                  void (*wake)(struct collect *c));
    enum follow_result (*read)(void *input, size_t budget, input_lines *lines, void *arg);
    /* Of what was handed on: what the store keeps. */
    struct slice (*position)(const void *input);
    struct input_place (*place)(const void *input);
    void (*status)(const void *input, struct follow_status *status);
    void (*close)(void *input);
    /* See follow_before; NULL: what was handed on before cannot be had again. */
    size_t (*before)(const void *input, char *room, size_t n);
};

extern const struct input_kind input_file, input_journal, input_fifo;

/* The kind that a setting `log` names, and what is behind its prefix. */
const struct input_kind *input_named(const char *log, const char **target);

#endif
