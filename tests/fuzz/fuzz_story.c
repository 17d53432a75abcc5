/*
 * Any lines as a log, through the parser, the tally and the tables, as one run and in pieces with a restart between
 * some: the sums hold and no counter goes back after each piece, every cell is one that SNMP may carry, and
 * both ways end with the same numbers. The first octet names the programs, the second where the pieces
 * end, the third the size of tables and what is done between the pieces; the rest is the log.
 */
#include "lines.h"
#include "story.h"
#include "../../collectors/container.h"

enum { SMALL = 1, RESTART = 2, DAMAGE = 4 };

static uint32_t state; /* of a generator, so that the input alone says what is done */

static uint32_t pick(uint32_t n)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

/* The next 1 to 16 lines. */
static struct slice take_piece(struct slice *text)
{
    struct slice piece = *text;
    for (uint32_t n = pick(16) + 1; n && text->n; n--)
        slice_line(text);
    piece.n -= text->n;
    return piece;
}

static bool is_wrapped(struct slice text)
{
    while (text.n) {
        if (container_is(text))
            return true;
        slice_line(&text);
    }
    return false;
}

/* Some records with other octets, or in another slot. */
static void damage(struct store *s)
{
    for (size_t i = 0; i < s->all.count; i++) {
        struct record *r = &s->all.records[i];
        for (uint32_t n = pick(8) ? 0 : pick(4); r->size && n > 0; n--)
            ((unsigned char *)r->data)[pick((uint32_t)r->size)] =
                (unsigned char)(pick(2) ? pick(256) : 255);
        if (pick(100) == 0 && (i + 1 == s->all.count || r->key + 1 < r[1].key))
            r->key++;
    }
}

/* Goes on in `next` with what the store has of s; false: that is damaged and was refused. */
static bool restart(struct story *s, struct story *next, struct store *store, bool damaged)
{
    struct checkpoint *c = checkpoint_new();
    story_save(s, c);
    store_write(store, c);
    checkpoint_free(c);
    if (damaged)
        damage(store);
    story_open(next, s->programs, s->small);
    bool taken = story_load(next, store);
    fuzz_check(taken || damaged);
    story_carry(next, s);
    story_close(s);
    return taken;
}

static void tell_piece(struct story *s, struct slice piece)
{
    char *copy = malloc(piece.n + 1); /* gone when the next one comes */
    fuzz_check(copy != NULL);
    memcpy(copy, piece.p, piece.n);
    maillog_lines(&s->log, (struct slice){copy, piece.n});
    free(copy);
}

/* Tells the text piece by piece; returns which of the two worlds is the last one. */
static struct story *tell(struct story worlds[2], struct slice text, unsigned what)
{
    struct growth g = {0};
    struct store store = {0};
    struct story *s = worlds, *next = worlds + 1, *last;
    for (bool taken = true; taken && text.n;) {
        tell_piece(s, take_piece(&text));
        if (!(what & DAMAGE)) {
            story_check_sums(s);
            growth_check(&g, s);
        }
        if (!(what & (RESTART | DAMAGE)) || pick(3))
            continue;
        taken = restart(s, next, &store, what & DAMAGE);
        last = s, s = next, next = last;
    }
    growth_free(&g);
    memory_store_free(&store);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct story whole, worlds[2];
    if (size < 3)
        return 0;
    unsigned what = data[2] & 7;
    struct slice text = {(const char *)data + 3, size - 3};
    state = data[1];
    if (is_wrapped(text)) /* a log is a container's, or it is not */
        return 0;
    setenv("TZ", "UTC", 1);
    story_open(worlds, data[0], what & SMALL);
    struct story *pieces = tell(worlds, text, what);
    if (!(what & DAMAGE)) {
        story_open(&whole, data[0], what & SMALL);
        maillog_lines(&whole.log, text);
        story_check_same(&whole, pieces);
        story_check_cells(&whole);
        story_close(&whole);
    }
    story_check_cells(pieces);
    story_close(pieces);
    return 0;
}
