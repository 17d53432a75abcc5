/* Requests as octets: what comes back, what is cut, and how long one may be and still be said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../collectors/dialog_rows.h"
#include "../../collectors/probe_internal.h"

static const struct probe_request mail = {.protocol = PROTOCOL_SMTP,
                                          .port = 2525,
                                          .timeout_ms = 5,
                                          .host = "mx.example.com",
                                          .want = {.helo = "here",
                                                   .sender = "",
                                                   .recipient = "x@example.com",
                                                   .message = "Subject: x\n\ny\n"}};

static void test_round_trip(void **state)
{
    (void)state;
    struct probe_request r;
    size_t size = probe_packed_size(&mail);
    char *octets = malloc(size);
    probe_pack(&mail, octets);
    assert_true(probe_unpack((struct slice){octets, size}, &r));
    assert_int_equal(r.port, 2525);
    assert_int_equal(r.timeout_ms, 5);
    assert_string_equal(r.host, "mx.example.com");
    assert_string_equal(r.want.sender, "");
    assert_string_equal(r.want.message, "Subject: x\n\ny\n");
    assert_null(r.want.user);
    assert_null(r.ca_file);
    free(octets);
}

/* Each of its beginnings is refused, and nothing behind it is read. */
static void test_cut(void **state)
{
    (void)state;
    struct probe_request r;
    size_t size = probe_packed_size(&mail);
    char *octets = malloc(size);
    probe_pack(&mail, octets);
    for (size_t n = 0; n < size; n++) {
        char *part = malloc(n ? n : 1);
        memcpy(part, octets, n);
        assert_false(probe_unpack((struct slice){part, n}, &r));
        free(part);
    }
    free(octets);
}

/* The longest message that is fit, in lines of a dot: said, each of its octets is two. */
static void test_long(void **state)
{
    (void)state;
    struct probe_request r = mail;
    struct dialog d;
    size_t n = PROBE_PACKED_MAX - probe_packed_size(&mail) + strlen(mail.want.message);
    char *message = malloc(n + 2), *out = malloc(PROBE_BUFFER);
    for (size_t i = 0; i < n; i++)
        message[i] = i % 2 ? '\n' : '.';
    message[n] = 0;
    r.want.message = message;
    assert_int_equal(probe_packed_size(&r), PROBE_PACKED_MAX);
    assert_null(probe_unfit(&r));
    dialog_start(&d, PROTOCOL_SMTP, &r.want);
    while (d.row->step != STEP_SENDING)
        d.row++;
    assert_in_range(dialog_say(&d, out, PROBE_BUFFER), n * 2, PROBE_BUFFER);
    strcpy(message + n, "x");
    assert_string_equal(probe_unfit(&r), "it is too long");
    free(message);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
