/*
 * Any octets as what the store has of transitions: they are refused, or each reader comes to its end, numbers only
 * grow, and what is saved again is taken again. Records of two octets of length each; the first is the
 * head, the rest have the numbers that the octet before each adds. The first eight octets are what a publisher says
 * that it accepted.
 */
#include "../../agent/model.h"
#include "../../agent/transitions.h"
#include "memory_store.h"

#define CLOCK INT64_C(1700000000000)

static void fill(struct store *s, const uint8_t *data, size_t size)
{
    struct checkpoint *c = checkpoint_new();
    uint32_t number = 0;
    for (int kind = STORE_TRANSITIONS_HEAD; size >= 3; kind = STORE_TRANSITIONS) {
        size_t n = data[1] | (size_t)data[2] << 8;
        number += kind == STORE_TRANSITIONS ? data[0] : 0;
        data += 3, size -= 3;
        n = n < size ? n : size;
        checkpoint_put(c, kind, kind == STORE_TRANSITIONS ? number : 0, data, n);
        data += n, size -= n;
    }
    store_write(s, c);
    checkpoint_free(c);
}

static void read_all(struct transitions *t)
{
    for (int r = 0; r < TRANSITION_READERS; r++) {
        struct transition x;
        uint64_t before = 0;
        while (transitions_next(t, (enum transition_reader)r, &x)) {
            fuzz_check(x.number > before && x.number <= UINT32_MAX);
            before = x.number;
            transitions_done(t, (enum transition_reader)r, x.number);
        }
        fuzz_check(transitions_waiting(t, (enum transition_reader)r) <= TRANSITIONS_WAITING);
    }
}

/* One more, saved and told; returns its number. */
static uint64_t go_on(struct transitions *t, struct store *s)
{
    struct transition x = {.at = 5, .reset_at = MODEL_NEVER, .value_at = MODEL_NEVER};
    struct checkpoint *c = checkpoint_new();
    uint64_t before = transitions_taken(t, READER_MAIL);
    fuzz_check(transitions_add(t, &x, CLOCK));
    fuzz_check(transitions_save(t, c) && store_write(s, c));
    checkpoint_free(c);
    transitions_stored(t, true);
    transitions_show(t, CLOCK);
    read_all(t);
    fuzz_check(transitions_taken(t, READER_MAIL) >= before);
    return x.number;
}

/* Returns the number of the last one, 0: what the store has was refused. */
static uint64_t load(struct store *s, uint64_t accepted)
{
    struct model m;
    fuzz_check(model_init(&m, NULL));
    struct transitions *t = transitions_new(&m);
    fuzz_check(t != NULL);
    uint64_t last = 0;
    if (transitions_load(t, s, accepted, CLOCK)) {
        read_all(t);
        last = go_on(t, s);
    }
    transitions_free(t);
    model_free(&m);
    return last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store s = {0};
    uint64_t accepted;
    if (size < sizeof accepted)
        return 0;
    memcpy(&accepted, data, sizeof accepted);
    fill(&s, data + sizeof accepted, size - sizeof accepted);
    uint64_t last = load(&s, accepted);
    if (last && last < 1u << 31) /* no number is greater */
        fuzz_check(load(&s, 0) == last + 1);
    memory_store_free(&s);
    return 0;
}
