/* What is escaped in logs of XML and JSON, and what only looks so. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../collectors/escape.h"

static void check(enum escape how, size_t room, const char *text, const char *expected)
{
    size_t n = strlen(text);
    char *from = malloc(n ? n : 1), *to = malloc(room ? room : 1); /* of their sizes */
    memcpy(from, text, n);
    struct slice plain = escape_undo((struct slice){from, n}, how, to, room);
    if (!slice_eq(plain, slice_of(expected)))
        fail_msg("%s\n  is       %.*s\n  expected %s", text, (int)plain.n, plain.p, expected);
    free(from);
    free(to);
}

static void xml(void **state)
{
    (void)state;
    check(ESCAPE_XML, 100, "plain", "plain");
    check(ESCAPE_XML, 100, "", "");
    check(ESCAPE_XML, 100, "&lt;a&gt; &amp;amp; &quot;b&quot; &apos;", "<a> &amp; \"b\" '");
    check(ESCAPE_XML, 100, "550-no&#10;550 more&#x9;x&#13;&#0;&#127;", "550-no 550 more x   ");
    check(ESCAPE_XML, 100, "&#233;&#xE9;&#x20ac;&#x1F600;", "\u00e9\u00e9\u20ac\U0001f600");
    check(ESCAPE_XML, 100, "&lt a &; &#; &#x; &#xg; &#12 &nbsp; & &",
          "&lt a &; &#; &#x; &#xg; &#12 &nbsp; & &");
    check(ESCAPE_XML, 100, "&#x110000;&#99999999999;&#xd800;", "&#x110000;&#99999999999;\ufffd");
    check(ESCAPE_XML, 100, "\\n stays", "\\n stays");
}

static void json(void **state)
{
    (void)state;
    check(ESCAPE_JSON, 100, "plain & simple", "plain & simple");
    check(ESCAPE_JSON, 100, "a \\\"b\\\" \\\\ \\/q\\/x", "a \"b\" \\ /q/x");
    check(ESCAPE_JSON, 100, "1\\n2\\r3\\t4\\b5\\f6\\u00007\\u001f", "1 2 3 4 5 6 7 ");
    check(ESCAPE_JSON, 100, "\\u00e9\\u00E9\\u20ac\\ud83d\\ude00", "\u00e9\u00e9\u20ac\U0001f600");
    check(ESCAPE_JSON, 100, "\\ud83d x \\ude00 \\ud83d\\u0041",
          "\ufffd x \ufffd \ufffd"
          "A");
    check(ESCAPE_JSON, 100, "\\q \\u12 \\u12g4 \\u \\", "\\q \\u12 \\u12g4 \\u \\");
    check(ESCAPE_JSON, 100, "&lt; stays", "&lt; stays");
    check(ESCAPE_NONE, 100, "\\n &lt;", "\\n &lt;");
}

static void cut(void **state)
{
    (void)state;
    check(ESCAPE_XML, 3, "&lt;abc", "<ab");
    check(ESCAPE_XML, 4, "a&#xe9;&#x20ac;b", "a\u00e9");
    check(ESCAPE_JSON, 0, "\\n", "");
    check(ESCAPE_JSON, 2, "\\u0061\u20ac", "a");
}

/* All texts of an event at once. */
static void event(void **state)
{
    (void)state;
    static char text[3 * ESCAPE_FIELD_MAX];
    struct escape_scratch scratch;
    for (size_t i = 0; i + 4 <= sizeof text; i += 4)
        memcpy(text + i, "&gt;", 4);
    struct event e = {.flags = EVENT_XML | EVENT_TLS,
                      .service = SLICE("tcp&amp;x"),
                      .address = SLICE("&quot;a b&quot;@c"),
                      .relay = SLICE("plain"),
                      .text = {text, sizeof text}};
    struct event plain = escape_undone(&e, &scratch);
    assert_true(slice_eq(plain.service, SLICE("tcp&x")));
    assert_true(slice_eq(plain.address, SLICE("\"a b\"@c")));
    assert_ptr_equal(plain.relay.p, e.relay.p);
    assert_int_equal(plain.text.n, sizeof text / 4);
    assert_int_equal(plain.flags, EVENT_TLS);
    e.flags = EVENT_JSON;
    assert_ptr_equal(escape_undone(&e, &scratch).text.p, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xml),
        cmocka_unit_test(json),
        cmocka_unit_test(cut),
        cmocka_unit_test(event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
