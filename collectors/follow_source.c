/*
 * Reads one generation of a log (see follow_source.h). A plain file is read anew from shortly
 * before the offset, so that no octet has to be kept between calls and a truncation shows in what
 * precedes the offset; a gzip file cannot go back, so what is needed again stays in the buffer.
 */
#include "follow_source.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LINE_ROOM = FOLLOW_LINE_ROOM,
    CHUNK = FOLLOW_CHUNK,
    HEAD_MAX = FOLLOW_HEAD_MAX,
    TAIL_MAX = FOLLOW_TAIL_MAX,
    PAGE = 4096,
    BUDGET_MIN = PAGE,
    /* What precedes the offset, the line and the newline that it may lack; whole pages. */
    BUFFER_SIZE = LINE_ROOM + PAGE
};

static uint64_t hash(const char *p, size_t n)
{
    return n ? slice_hash((struct slice){p, n}, 0) : 0;
}

/* What of the buffer was not handed on yet. */
static struct slice unread(const struct follow_source *s)
{
    size_t skip = (size_t)(s->at.offset - s->base);
    return skip > s->fill ? (struct slice){s->buffer, 0}
                          : (struct slice){s->buffer + skip, s->fill - skip};
}

static void advance(struct follow_source *s, size_t n)
{
    s->at.offset += n;
    uint64_t before = s->at.offset - s->base;
    s->at.tail_length = before < TAIL_MAX ? (uint32_t)before : TAIL_MAX;
    s->at.tail_hash = hash(s->buffer + before - s->at.tail_length, s->at.tail_length);
}

/* Is the buffer's content before the offset what was read there before? */
static bool verify(const struct follow_source *s)
{
    const struct follow_position *at = &s->at;
    uint64_t before = at->offset - s->base;
    if (before > s->fill || before < at->tail_length)
        return false;
    if (hash(s->buffer + before - at->tail_length, at->tail_length) != at->tail_hash)
        return false;
    return s->base != 0 ||
           (s->fill >= at->head_length && hash(s->buffer, at->head_length) == at->head_hash);
}

static void learn_head(struct follow_source *s)
{
    if (s->base != 0 || s->at.head_length == HEAD_MAX || s->fill <= s->at.head_length)
        return;
    s->at.head_length = s->fill < HEAD_MAX ? (uint32_t)s->fill : HEAD_MAX;
    s->at.head_hash = hash(s->buffer, s->at.head_length);
}

static void learn_blank(struct follow_source *s)
{
    uint64_t before = s->at.offset - s->base;
    if (s->at.offset == 0)
        s->blank = s->fill == 0 || s->buffer[0] == '\0';
    else if (before > 0 && before <= s->fill)
        s->blank = s->buffer[before - 1] == '\0';
}

static void hand_on(struct follow_source *s, struct follow_call *c, const char *p, size_t n)
{
    s->bytes += n;
    c->yielded = true;
    c->lines(c->arg, (struct slice){p, n}, s->mtime_ns / 1000000);
}

/*
 * Skips what no line begins with: NULs that a writer without O_APPEND left at the start, and the
 * rest of a line that was handed on cut. The octet before the offset tells which of them it is.
 */
static void skip_rest(struct follow_source *s)
{
    struct slice data = unread(s);
    if (data.n == 0)
        return;
    char before = s->at.offset == 0 ? '\0' : data.p[-1];
    if (before == '\n')
        return;
    size_t n = 0;
    if (before == '\0')
        while (n < data.n && data.p[n] == '\0')
            n++;
    else
        n = slice_find(data, '\n') + 1;
    if (n > data.n)
        n = data.n;
    if (n)
        advance(s, n);
}

/* Hands on the whole lines in the buffer, and at the file's `last` read what is left as one. */
static void consume(struct follow_source *s, struct follow_call *c, bool last)
{
    uint64_t start = s->at.offset;
    skip_rest(s);
    struct slice data = unread(s);
    const char *newline = data.n ? memrchr(data.p, '\n', data.n) : NULL;
    if (newline != NULL) {
        size_t n = (size_t)(newline + 1 - data.p);
        hand_on(s, c, data.p, n);
        advance(s, n);
        data = slice_skip(data, n);
    }
    if (data.n >= LINE_ROOM || (last && data.n > 0)) {
        s->buffer[s->at.offset - s->base + data.n] = '\n';
        hand_on(s, c, data.p, data.n + 1);
        advance(s, data.n);
    }
    uint64_t moved = s->at.offset - start;
    c->left -= moved < c->left ? (size_t)moved : c->left;
}

/* Fills the buffer from a plain source. *end: it holds all there is. */
static enum follow_drain fill_plain(struct follow_source *s, size_t room, bool *end)
{
    s->base = s->at.head_length < HEAD_MAX ? 0 : s->at.offset - s->at.tail_length;
    uint64_t stop = s->size - s->at.offset > room ? s->at.offset + room : s->size;
    ssize_t got = follow_file_read(&s->reader, s->buffer, (size_t)(stop - s->base), s->base);
    s->fill = got < 0 ? 0 : (size_t)got;
    if (got < 0)
        return FOLLOW_DRAIN_ERROR;
    *end = stop == s->size || s->base + s->fill < stop;
    return verify(s) ? FOLLOW_DRAIN_END : FOLLOW_DRAIN_LOST;
}

/* Keeps of a gzip source what later reads need: it cannot go back. */
static void keep_tail(struct follow_source *s)
{
    uint64_t from = s->base + s->fill < s->at.offset ? s->base + s->fill : s->at.offset;
    if (s->at.head_length < HEAD_MAX || from < s->base + TAIL_MAX)
        return;
    size_t drop = (size_t)(from - TAIL_MAX - s->base);
    memmove(s->buffer, s->buffer + drop, s->fill - drop);
    s->base += drop;
    s->fill -= drop;
}

/* The same from a gzip source; on the way to the offset it uses up the budget. */
static enum follow_drain fill_gzip(struct follow_source *s, struct follow_call *c, size_t room,
                                   bool *end)
{
    keep_tail(s);
    uint64_t before = s->at.offset - s->base; /* far more than the buffer while skipping */
    size_t most = LINE_ROOM + (before < HEAD_MAX ? (size_t)before : TAIL_MAX) - s->fill;
    if (room > most)
        room = most;
    ssize_t got = follow_file_read(&s->reader, s->buffer + s->fill, room, 0);
    if (got < 0 && errno != EBADMSG)
        return FOLLOW_DRAIN_ERROR;
    if (got < 0)
        s->damaged = true;
    *end = got < (ssize_t)room;
    s->fill += got > 0 ? (size_t)got : 0;
    if (!s->checked && s->base + s->fill < s->at.offset) {
        c->left -= room < c->left ? room : c->left;
        return *end ? FOLLOW_DRAIN_LOST : FOLLOW_DRAIN_END;
    }
    if (!s->checked && !verify(s))
        return FOLLOW_DRAIN_LOST;
    s->checked = true;
    return FOLLOW_DRAIN_END;
}

/*
 * Octets that were never written are NULs that need not be read: goes to shortly before the end of the hole.
 * A log of which somebody else cut off a gigabyte, or a terabyte, begins with one.
 */
static void skip_hole(struct follow_source *s)
{
    static const char nothing[TAIL_MAX];
    if (s->at.head_length < HEAD_MAX)
        return;
    off_t end = lseek(s->reader.fd, (off_t)s->at.offset, SEEK_DATA);
    struct stat st;
    /* It reaches to the end of the file, unless that was cut off just now. */
    if (end < 0 && errno == ENXIO && fstat(s->reader.fd, &st) == 0 && st.st_size >= (off_t)s->size)
        end = (off_t)s->size;
    if (end > (off_t)s->size)
        end = (off_t)s->size;
    if (end < (off_t)s->at.offset + 2 * PAGE)
        return;
    s->at.offset = (uint64_t)end - PAGE;
    s->at.tail_length = TAIL_MAX;
    s->at.tail_hash = hash(nothing, TAIL_MAX);
}

enum follow_drain follow_source_drain(struct follow_source *s, struct follow_call *c, bool last)
{
    bool gzip = s->reader.gz != NULL, end = false;
    if (!gzip && s->size < s->at.offset)
        return FOLLOW_DRAIN_LOST;
    if (!gzip && !last && s->size == s->seen_size && s->mtime_ns == s->seen_mtime_ns)
        return FOLLOW_DRAIN_END;
    for (size_t room = CHUNK; !end; room = CHUNK) {
        /* It never stops within NULs: a truncation would not show. */
        bool blank = s->blank && s->at.offset > 0 && !gzip;
        if (blank)
            skip_hole(s);
        if (!last && !blank && room > c->left)
            room = c->left < BUDGET_MIN ? BUDGET_MIN : c->left;
        uint64_t before = s->at.offset;
        do {
            enum follow_drain r = gzip ? fill_gzip(s, c, room, &end) : fill_plain(s, room, &end);
            if (r != FOLLOW_DRAIN_END)
                return r;
            s->at.mtime_ns = s->mtime_ns;
            learn_head(s);
            if (s->base + s->fill >= s->at.offset)
                consume(s, c, last && end);
            learn_blank(s);
            s->large |= s->fill > CHUNK;
            room = LINE_ROOM; /* if no line was whole, with more of it */
        } while (!end && s->at.offset == before && c->left > 0);
        if (!end && !last && c->left == 0 && (gzip || !s->blank))
            return FOLLOW_DRAIN_MORE;
    }
    s->seen_size = s->size;
    s->seen_mtime_ns = s->mtime_ns;
    return FOLLOW_DRAIN_END;
}

bool follow_source_matches(const struct follow_position *at, const struct follow_file *file,
                           struct follow_reader *reader)
{
    char bytes[HEAD_MAX];
    size_t n = at->head_length;
    bool same =
        follow_file_read(reader, bytes, n, 0) == (ssize_t)n && hash(bytes, n) == at->head_hash;
    follow_file_rewind(reader);
    if (!same || file->gzip)
        return same;
    n = at->tail_length;
    return follow_file_read(reader, bytes, n, at->offset - n) == (ssize_t)n &&
           hash(bytes, n) == at->tail_hash;
}

void follow_source_adopt(struct follow_source *s, const struct follow_file *file,
                         struct follow_reader reader, const struct follow_position *fresh)
{
    follow_file_close(&s->reader);
    s->reader = reader;
    if (fresh != NULL)
        s->at = *fresh;
    s->at.device = file->device;
    s->at.inode = file->inode;
    s->at.mtime_ns = s->mtime_ns = file->mtime_ns;
    s->size = file->size;
    s->seen_size = UINT64_MAX;
    s->checked = s->damaged = false;
    s->blank = fresh != NULL;
    s->base = s->fill = 0;
}

bool follow_source_begin(struct follow_reader *reader, struct follow_position *at)
{
    char bytes[HEAD_MAX];
    *at = (struct follow_position){0};
    if (reader->gz != NULL)
        return true;
    ssize_t n = follow_file_read(reader, bytes, sizeof bytes, 0);
    if (n < 0)
        return false;
    at->head_length = (uint32_t)n;
    at->head_hash = hash(bytes, (size_t)n);
    return true;
}

/* Is what the position describes right before `offset`? */
static bool is_behind(const struct follow_position *at, struct follow_reader *reader,
                      uint64_t offset)
{
    char bytes[HEAD_MAX];
    size_t n = at->head_length;
    return offset >= at->offset &&
           follow_file_read(reader, bytes, n, offset - at->offset) == (ssize_t)n &&
           hash(bytes, n) == at->head_hash;
}

/* The end of a line in text[from..] with the right octets before it that is_behind; false: none. */
static bool find_tail(const struct follow_position *at, struct follow_reader *reader,
                      struct slice text, uint64_t base, uint64_t *offset)
{
    for (size_t i = 0; i < text.n;) {
        i += slice_find(slice_skip(text, i), '\n') + 1;
        size_t n = at->tail_length;
        if (i > text.n || i < n || hash(text.p + i - n, n) != at->tail_hash)
            continue;
        *offset = base + i;
        if (is_behind(at, reader, *offset))
            return true;
    }
    return false;
}

bool follow_source_find(const struct follow_position *at, const struct follow_file *file,
                        struct follow_reader *reader, struct follow_position *start)
{
    const uint64_t step = 1 << 20;
    uint64_t end = file->size, offset = 0;
    uint64_t least = end > FOLLOW_COLLECTED_MAX ? end - FOLLOW_COLLECTED_MAX : 0;
    char *text = malloc(step + TAIL_MAX);
    bool found = false;
    while (text && !found && end > least && at->offset > 0) {
        uint64_t from = end > least + step ? end - step : least;
        uint64_t base = from > TAIL_MAX ? from - TAIL_MAX : 0; /* a tail over the border */
        ssize_t n = follow_file_read(reader, text, (size_t)(end - base), base);
        if (n < 0)
            break;
        found = find_tail(at, reader, (struct slice){text, (size_t)n}, base, &offset);
        end = from;
    }
    free(text);
    if (!found || !follow_source_begin(reader, start))
        return false;
    start->offset = offset;
    start->tail_length = at->tail_length;
    start->tail_hash = at->tail_hash;
    return true;
}

size_t follow_source_before(const struct follow_source *s, char *room, size_t n)
{
    if (s->reader.fd < 0 || s->reader.gz)
        return 0;
    if (n > s->at.offset)
        n = (size_t)s->at.offset;
    ssize_t got = pread(s->reader.fd, room, n, (off_t)(s->at.offset - n));
    return got == (ssize_t)n ? n : 0;
}

uint64_t follow_source_behind(const struct follow_source *s)
{
    if (s->reader.gz != NULL)
        return follow_file_left(&s->reader, s->size) * 8; /* about what a log compresses to */
    return s->reader.fd >= 0 && s->size > s->at.offset ? s->size - s->at.offset : 0;
}

void follow_source_shrink(struct follow_source *s)
{
    if (!s->large || s->reader.gz != NULL)
        return;
    madvise(s->buffer + CHUNK, BUFFER_SIZE - CHUNK, MADV_DONTNEED);
    s->large = false;
}

bool follow_source_impossible(const struct follow_position *at)
{
    return at->head_length > HEAD_MAX || at->tail_length > TAIL_MAX ||
           at->tail_length > at->offset || (at->offset > 0 && at->tail_length == 0) ||
           (at->head_length < HEAD_MAX && at->offset > at->head_length) || at->offset > INT64_MAX;
}

bool follow_source_start(struct follow_source *s, const struct follow_position *at)
{
    *s = (struct follow_source){.at = *at, .reader = FOLLOW_READER_CLOSED};
    s->buffer = aligned_alloc(PAGE, BUFFER_SIZE);
    return s->buffer != NULL;
}

void follow_source_end(struct follow_source *s)
{
    follow_file_close(&s->reader);
    free(s->buffer);
}
