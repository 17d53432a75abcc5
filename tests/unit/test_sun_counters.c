/* Sun's channel counters: the examples of the Administration Guide, resets, negative minima, other text. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../collectors/sun_counters.h"

static const char show[] = "Channel          Messages    Recipients    Blocks \n"
                           "-------          --------    ----------    ------- \n"
                           "tcp_local\n"
                           "   Received       29379       79714      982252\n"
                           "   Stored            61         113       -2004\n"
                           "   Delivered      29369       79723      983903 (29369 first time)\n"
                           "   Submitted      13698       13699       18261\n"
                           "   Attempted          0           0           0\n"
                           "   Rejected           1          10           0\n"
                           "   Failed           104         104        4681\n"
                           "\n"
                           "   Queue time/count        16425/29440 = 0.56\n"
                           "   Queue first time/count  16425/29440 = 0.56\n"
                           "\n"
                           "   Total In Assocs           297637\n"
                           "   Total Out Assocs           28306\n"
                           "ims-ms\r\n"
                           "   Received              13077      13859     264616 \n"
                           "   Stored                   92         91       -362 \n"
                           "   Delivered             12985      13768     264978 \n"
                           "   Submitted              2594       2594       3641\n";

static void example(void **state)
{
    (void)state;
    struct slice text = SLICE(show);
    struct sun_counters c;
    assert_true(sun_counters_next(&text, &c));
    assert_true(slice_eq(c.channel, SLICE("tcp_local")));
    assert_int_equal(c.lines, 0x7f);
    assert_int_equal(c.singles, 0x7f);
    const int64_t lines[SUN_LINES][3] = {
        {29379, 79714, 982252}, {61, 113, -2004}, {29369, 79723, 983903},
        {13698, 13699, 18261},  {0, 0, 0},        {1, 10, 0},
        {104, 104, 4681}};
    assert_memory_equal(c.line, lines, sizeof lines);
    const int64_t singles[SUN_SINGLES] = {29369, 16425, 29440, 16425, 29440, 297637, 28306};
    assert_memory_equal(c.single, singles, sizeof singles);
    assert_true(sun_counters_next(&text, &c));
    assert_true(slice_eq(c.channel, SLICE("ims-ms")));
    assert_int_equal(c.lines, 0x0f);
    assert_int_equal(c.singles, 0);
    assert_int_equal(c.line[SUN_STORED][SUN_BLOCKS], -362);
    assert_false(sun_counters_next(&text, &c));
}

static void other_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "imsimta: cannot open shared memory\n",
                                        "   Received 1 2 3\n",
                                        "Channel Messages\n------- --------\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct slice text = slice_of(texts[i]);
        struct sun_counters c;
        assert_false(sun_counters_next(&text, &c));
    }
    struct slice text =
        SLICE("x\n   Received 1 2\n   Received a b c\n   Delivered 1 2 3 (x first time)\n"
              "   Received 99999999999999999999 1 1\n   Queue time/count 1-2\n");
    struct sun_counters c;
    assert_true(sun_counters_next(&text, &c));
    assert_int_equal(c.lines, 1u << SUN_DELIVERED);
    assert_int_equal(c.singles, 0);
}

static struct sun_counters reading(int64_t received, int64_t stored, int64_t delivered)
{
    struct sun_counters c = {.lines = 0x7f, .singles = 0x7f};
    for (unsigned k = 0; k < 3; k++) {
        c.line[SUN_RECEIVED][k] = received;
        c.line[SUN_STORED][k] = stored;
        c.line[SUN_DELIVERED][k] = delivered;
    }
    return c;
}

static void counting_on(void **state)
{
    (void)state;
    static const struct {
        int64_t received, stored, delivered; /* as printed */
        int64_t came, level, went, minimum;  /* as counted */
    } steps[] = {
        {100, 10, 90, 100, 10, 90, 0}, /* all of the first reading */
        {120, 15, 105, 20, 15, 15, 0},
        {130, -5, 135, 10, 0, 30, -5}, /* zeroed while messages were queued: they go out now */
        {130, -20, 150, 0, 0, 15, -20},
        {140, -12, 152, 10, 8, 2, -20},
        {7, 3, 4, 7, 3, 4, 0}, /* imsimta counters -clear, or a reboot */
        {7, 3, 4, 0, 3, 0, 0},
    };
    struct sun_counted counted = {0};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct sun_counters now = reading(steps[i].received, steps[i].stored, steps[i].delivered);
        struct sun_counters delta;
        sun_counters_since(&counted, &now, &delta);
        assert_int_equal(delta.line[SUN_RECEIVED][SUN_MESSAGES], steps[i].came);
        assert_int_equal(delta.line[SUN_STORED][SUN_BLOCKS], steps[i].level);
        assert_int_equal(delta.line[SUN_DELIVERED][SUN_RECIPIENTS], steps[i].went);
        assert_int_equal(counted.minimum[SUN_MESSAGES], steps[i].minimum);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example),
        cmocka_unit_test(other_text),
        cmocka_unit_test(counting_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
