/* Programs run beside the loop: what they print, and each way in which they can fail. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../collectors/child.h"

struct outcome {
    unsigned calls;
    char error[200], text[64];
};

static void on_done(void *arg, const char *error, struct slice text)
{
    struct outcome *o = arg;
    o->calls++;
    snprintf(o->error, sizeof o->error, "%s", error);
    snprintf(o->text, sizeof o->text, "%.*s", (int)text.n, text.n ? text.p : "");
}

static struct outcome run(const char *script, size_t size, uint32_t timeout_s)
{
    struct outcome o = {0};
    const char *argv[] = {"sh", "-c", script, NULL};
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_non_null(child_start(&loop, argv, size, timeout_s, on_done, &o));
    assert_int_equal(o.calls, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return o;
}

static void test_outcomes(void **state)
{
    (void)state;
    struct outcome o = run("echo hello; echo lost >&2", 1000, 10);
    assert_int_equal(o.calls, 1);
    assert_string_equal(o.error, "");
    assert_string_equal(o.text, "hello\n");
    o = run("echo $HOME$SECRET", 1000, 10);
    assert_string_equal(o.text, "\n");
    o = run("echo $TZ; date -d @0 +%H", 1000, 10); /* it has the clock of this program */
    assert_string_equal(o.text, "IST-5:30\n05\n");
    assert_string_equal(run("exit 3", 1000, 10).error, "it failed with status 3");
    assert_string_equal(run("echo no way >&2; echo more >&2; exit 3", 1000, 10).error,
                        "it failed with status 3: no way");
    assert_string_equal(run("printf '\\n\\033[1mred\\n' >&2; exit 3", 1000, 10).error,
                        "it failed with status 3: [1mred");
    o = run("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 3", 1000, 10);
    assert_int_equal(strlen(o.error), sizeof o.error - 1);
    assert_string_equal(run("kill -9 $$", 1000, 10).error, "it was killed by signal 9");
    assert_string_equal(run("exec yes", 50000, 10).error, "it printed more than 50000 octets");
    assert_string_equal(run("exec sleep 60", 1000, 1).error, "it took too long and was killed");
    /* A child of its own that keeps the output open is not waited for. */
    assert_string_equal(run("sleep 5 & echo x", 1000, 1).error, "it took too long and was killed");
}

static void test_forgotten(void **state)
{
    (void)state;
    struct outcome o = {0};
    const char *argv[] = {"sleep", "60", NULL}, *none[] = {"/nonexistent", NULL};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct child *c = child_start(&loop, argv, 1000, 60, on_done, &o);
    assert_non_null(c);
    child_forget(c);
    assert_null(child_start(&loop, none, 1000, 60, on_done, &o));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(o.calls, 0);
}

int main(void)
{
    setenv("SECRET", "secret", 1);
    setenv("TZ", "IST-5:30", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
