/* See input.h: the registry of the kinds, and those of files, which follow.c and follow_set.c read. */
#include "follow_set.h"
#include "input.h"

#include <string.h>

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
    return (struct input_place){at->inode, at->offset, NULL};
}

static void file_status(const void *input, struct follow_status *status)
{
    follow_status(input, status);
}

static void file_close(void *input)
{
    follow_free(input);
}

static size_t file_before(const void *input, char *room, size_t n)
{
    return follow_before(input, room, n);
}

const struct input_kind input_file = {"",          SOURCE_LOG,    file_open,
                                      file_read,   file_position, file_place,
                                      file_status, file_close,    file_before};

static void *files_open(struct collect *c, const char *target, struct slice at,
                        void (*wake)(struct collect *c))
{
    struct follow_position positions[FOLLOW_SET_MAX];
    (void)c, (void)wake;
    if (at.n % sizeof *positions || at.n > sizeof positions)
        return NULL;
    if (at.n)
        memcpy(positions, at.p, at.n);
    return follow_set_new(target, positions, (unsigned)(at.n / sizeof *positions));
}

static enum follow_result files_read(void *input, size_t budget, input_lines *lines, void *arg)
{
    return follow_set_read(input, budget, lines, arg);
}

static struct slice files_position(const void *input)
{
    unsigned count;
    const struct follow_position *at = follow_set_positions(input, &count);
    return (struct slice){count ? (const char *)at : "", count * sizeof *at};
}

static struct input_place files_place(const void *input)
{
    const char *name;
    const struct follow_position *at = follow_set_place(input, &name);
    return (struct input_place){at->inode, at->offset, name};
}

static void files_status(const void *input, struct follow_status *status)
{
    follow_set_status(input, status);
}

static void files_close(void *input)
{
    follow_set_free(input);
}

static const struct input_kind input_files = {"*",          SOURCE_LOG,     files_open,
                                              files_read,   files_position, files_place,
                                              files_status, files_close,    NULL};

/* An absolute path whose last part is a pattern of glob(7). */
static bool is_pattern(const char *log)
{
    const char *slash = strrchr(log, '/');
    return *log == '/' && strpbrk(slash, "*?[");
}

const struct input_kind *input_named(const char *log, const char **target)
{
    static const struct input_kind *const kinds[] = {&input_journal, &input_fifo, &input_file};
    for (unsigned i = 0; i + 1 < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(log, kinds[i]->prefix, strlen(kinds[i]->prefix)) == 0) {
            *target = log + strlen(kinds[i]->prefix);
            return kinds[i];
        }
    *target = log;
    return is_pattern(log) ? &input_files : &input_file;
}
