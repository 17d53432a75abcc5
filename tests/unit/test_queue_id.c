/* Queue ids as numbers: equal exactly when the texts are. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../collectors/event.h"

static void round_trip(const char *text)
{
    char back[22];
    struct queue_id id = queue_id_pack(slice_of(text));
    assert_false(queue_id_null(id));
    assert_int_equal(queue_id_text(id, back), strlen(text));
    assert_string_equal(back, text);
}

static void test_round_trip(void **state)
{
    (void)state;
    round_trip("9FBF112D687");
    round_trip("4SVLCh4dz5z9HdB");
    round_trip("1r31eq-000000003D7-2k");
    round_trip("0");
    round_trip("000000");
    round_trip("zzzzzzzzzzzzzzzzzzzzz");
    round_trip("---------------------");
}

static void test_leading_zeros_count(void **state)
{
    (void)state;
    struct queue_id a = queue_id_pack(SLICE("0ABC")), b = queue_id_pack(SLICE("ABC"));
    assert_true(a.lo != b.lo || a.hi != b.hi);
    /* The 11th character from the end moves into the other word. */
    a = queue_id_pack(SLICE("A0123456789"));
    b = queue_id_pack(SLICE("B0123456789"));
    assert_true(a.lo != b.lo || a.hi != b.hi);
}

static void test_no_id(void **state)
{
    (void)state;
    assert_true(queue_id_null(queue_id_pack(SLICE(""))));
    assert_true(queue_id_null(queue_id_pack(SLICE("9FBF_12D687"))));
    assert_true(queue_id_null(queue_id_pack(SLICE("9FBF 12D687"))));
    assert_true(queue_id_null(queue_id_pack(SLICE("9FBF\0002D687"))));
    assert_true(queue_id_null(queue_id_pack(SLICE("9FBF\xC3\xA9"))));
    assert_true(queue_id_null(queue_id_pack(SLICE("0123456789012345678901")))); /* 22 */
}

static void test_text_of_any_number(void **state)
{
    (void)state;
    char text[22];
    assert_int_equal(queue_id_text((struct queue_id){0, 0}, text), 0);
    assert_string_equal(text, "");
    assert_in_range(queue_id_text((struct queue_id){UINT64_MAX, UINT64_MAX}, text), 1, 21);
    assert_int_equal(queue_id_text((struct queue_id){0, 64}, text), 2); /* a 0 inside */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_leading_zeros_count),
        cmocka_unit_test(test_no_id),
        cmocka_unit_test(test_text_of_any_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
