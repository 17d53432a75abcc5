/* See input.h: the registry of the kinds, and the one of files, which follow.c reads. */
#include "input.h"

static void *file_open(struct collect *c, const char *target, struct slice at,
                       void (*wake)(struct collect *c))
{
    struct follow_position position;
    (void)c, (void)wake;
    if (at.n != 0 && at.n != sizeof position)
        return NULL;
    if (at.n)
        memcpy(&position, at.p, sizeof position);
    return follow_new(target, at.n ? &position : NULL);
}

static enum follow_result file_read(void *input, size_t budget, input_lines *lines, void *arg)
{
    return follow_read(input, budget, lines, arg);
}

static struct slice file_position(const void *input)
{
    return (struct slice){(const char *)follow_position(input), sizeof(struct follow_position)};
}

static struct input_place file_place(const void *input)
{
    const struct follow_position *at = follow_position(input);
    return (struct input_place){at->inode, at->offset};
}

static void file_status(const void *input, struct follow_status *status)
{
    follow_status(input, status);
}

static void file_close(void *input)
{
    follow_free(input);
}

const struct input_kind input_file = {"",         SOURCE_LOG,  file_open, file_read, file_position,
                                      file_place, file_status, file_close};

const struct input_kind *input_named(const char *log, const char **target)
{
    static const struct input_kind *const kinds[] = {&input_journal, &input_fifo, &input_file};
    for (unsigned i = 0; i + 1 < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(log, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0) {
            *target = log + strlen(kinds[i]->prefix);
            return kinds[i];
        }
    *target = log;
    return &input_file;
}
