/*
 * What the Administration Guides print of the utilities, word by word (tests/data/sun_utilities; in `imsimta counters` the line with the
 * channel's name, which the print lost, is put back): every line is understood, and what it says is what is read.
 */
#include "../../collectors/sun_counters.h"
#include "../../collectors/sun_utility.h"
#include "data_file.h"

static void every_line(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        sun_knows_line *knows;
        unsigned known;
    } examples[] = {{"imsimta_counters", sun_knows_counters, 12},
                    {"imsimta_qm_counters", sun_knows_counters, 5},
                    {"counterutil_imapstat", sun_knows_counter, 8},
                    {"imquotacheck", sun_knows_quota, 3},
                    {"imquotacheck_user", sun_knows_quota, 1},
                    {"imsconnutil_c", sun_knows_connected, 11},
                    {"imsconnutil_a", sun_knows_last_access, 1},
                    {"reconstruct_o", sun_knows_finding, 3},
                    {"reconstruct_o_d", sun_knows_finding, 1}};
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct sun_judged j = sun_judge_lines(
            data_file("tests/data/sun_utilities/%s.txt", examples[i].name), examples[i].knows);
        if (j.unknown)
            fail_msg("%s: %.*s", examples[i].name, (int)j.sample.n, j.sample.p);
        assert_int_equal(j.known, examples[i].known);
    }
}

/* What another release may print is told from what is understood, and from what frames it. */
static void other_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sample;
        sun_knows_line *knows;
        unsigned known, unknown;
    } texts[] = {
        {"", "", sun_knows_counter, 0, 0},
        {"\n\n---- ----\r\n", "", sun_knows_quota, 0, 0},
        {"a.b [4 bytes]: 1\nsomething new\na.c: 2\n", "something new", sun_knows_counter, 1, 2},
        {"tcp_local\n  Received 1 2\n  Bounced 1 2 3\n  Failed 1 2 3", "  Received 1 2",
         sun_knows_counters, 2, 2},
        {"2\tlocks\n7 locks\nlocks: 3\n", "locks: 3", sun_knows_database, 2, 1},
        {"user/joe/INBOX ok\nuser/ann/INBOX: Invalid cache data\n", "user/joe/INBOX ok",
         sun_knows_finding, 1, 1},
        {"imquotacheck: cannot open the store\n", "imquotacheck: cannot open the store",
         sun_knows_quota, 0, 1},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sun_judged j = sun_judge_lines(slice_of(texts[i].text), texts[i].knows);
        assert_int_equal(j.known, texts[i].known);
        assert_int_equal(j.unknown, texts[i].unknown);
        assert_true(slice_eq(j.sample, slice_of(texts[i].sample)));
    }
}

static void counters(void **state)
{
    (void)state;
    struct slice text = data_file("tests/data/sun_utilities/%s.txt", "imsimta_counters");
    struct sun_counters c;
    assert_true(sun_counters_next(&text, &c));
    const int64_t lines[SUN_LINES][3] = {
        {29379, 79714, 982252}, {61, 113, -2004}, {29369, 79723, 983903},
        {13698, 13699, 18261},  {0, 0, 0},        {1, 10, 0},
        {104, 104, 4681}};
    const int64_t singles[SUN_SINGLES] = {29369, 16425, 29440, 16425, 29440, 297637, 28306};
    assert_memory_equal(c.line, lines, sizeof lines);
    assert_memory_equal(c.single, singles, sizeof singles);
    assert_false(sun_counters_next(&text, &c));
    text = data_file("tests/data/sun_utilities/%s.txt", "imsimta_qm_counters");
    assert_true(sun_counters_next(&text, &c));
    assert_int_equal(c.line[SUN_STORED][SUN_BLOCKS], -362);
    assert_int_equal(c.line[SUN_SUBMITTED][SUN_RECIPIENTS], 2594);
    assert_int_equal(c.lines, 0x0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line),
        cmocka_unit_test(other_forms),
        cmocka_unit_test(counters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
