/* A log of each day: as Sun's Messaging Server keeps them, and with the date in the name. */
#include "follow_fixture.h"

/* The message return job of Sun's Messaging Server, about midnight. */
static void return_job(void)
{
    if (access(scratch_path("mail.log_yesterday"), F_OK) == 0) {
        char command[256];
        snprintf(command, sizeof command, "cd %s && cat mail.log_yesterday >> mail.log", scratch);
        assert_int_equal(system(command), 0);
    }
    move("mail.log_current", "mail.log_yesterday");
}

static void sun_nights(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/mail.log_current", scratch);
    put("mail.log", "long ago\n");
    put("mail.log_yesterday", "yesterday 1\n");
    set_time("mail.log_yesterday", 1000);
    put("mail.log_current", filler);
    put("mail.log_current", "today 1\n");
    start();
    read_all();
    assert_non_null(strstr(got, "today 1\n"));
    assert_null(strstr(got, "long ago"));
    got_length = 0;
    put("mail.log_current", "today 2\n");
    return_job();
    put("mail.log_yesterday", "late word of today\n"); /* by a process that had it open */
    read_on();
    put("mail.log_current", "second day 1\n");
    read_all();
    expect("today 2\nlate word of today\nsecond day 1\n");
    put("mail.log_current", "second day 2\n");
    restart(); /* while the job runs */
    return_job();
    restart();
    read_all();
    expect("second day 2\n");
    put("mail.log_current", "third day 1\n");
    restart();
    read_all();
    expect("third day 1\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* It stood still for some nights: what they had is at the end of mail.log. */
static void sun_many_nights(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/mail.log_current", scratch);
    put("mail.log", "long ago\n");
    put("mail.log_current", filler);
    put("mail.log_current", "first 1\n");
    start();
    read_all();
    got_length = 0;
    got[0] = '\0';
    put("mail.log_current", "first 2\n");
    return_job();
    put("mail.log_current", "second 1\n");
    return_job();
    put("mail.log_current", "third 1\n");
    return_job();
    put("mail.log_current", "fourth 1\n");
    restart();
    read_on(); /* the job may still run */
    expect("");
    assert_int_not_equal(status().status, SOURCE_TRUNCATED);
    old_files = true;
    restart();
    read_all();
    restart();
    read_all();
    expect("first 2\nsecond 1\nthird 1\nfourth 1\n");
    assert_int_equal(status().status, SOURCE_OK);
}

/* What mail.log does not have either is lost, and said to be. */
static void sun_lost_nights(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/mail.log_current", scratch);
    put("mail.log_current", filler);
    put("mail.log_current", "first 1\n");
    start();
    read_all();
    got_length = 0;
    got[0] = '\0';
    for (unsigned night = 0; night < 2; night++) {
        return_job();
        put("mail.log_current", "later\n");
    }
    return_job();
    remove(scratch_path("mail.log"));
    put("mail.log", "another\n");
    put("mail.log_current", "last\n");
    old_files = true;
    restart();
    read_all();
    expect("later\nlast\n");
    assert_int_equal(status().status, SOURCE_TRUNCATED);
}

/* "log-%D": each day has a file of its own, and the next one takes over when it is there. */
static void dated_names(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    wall_ms = INT64_C(1795305540000); /* 2026-11-21T23:59:00Z */
    snprintf(path, sizeof path, "%s/log-%%D", scratch);
    put("log-20261119", "one\n");
    set_time("log-20261119", 1795100000);
    put("log-2026112", "no\n");
    put("log-20261118.5", "no\n");
    start();
    read_all();
    expect("one\n");
    assert_int_equal(status().status, SOURCE_OK);
    put("log-20261121", "two\n");
    read_all();
    expect("two\n");
    wall_ms += 120000; /* midnight; the first line of the new day comes later */
    put("log-20261121", "three\n");
    read_all();
    expect("three\n");
    assert_int_equal(status().status, SOURCE_OK);
    put("log-20261121", "four\n");
    put("log-20261122", "five\n");
    read_all();
    expect("four\nfive\n");
    put("log-20261122", "six\n");
    wall_ms += 86400000;
    put("log-20261123", "seven\n");
    compress_file("log-20261122");
    restart();
    read_all();
    expect("six\nseven\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        follow_test(sun_nights),
        follow_test(sun_many_nights),
        follow_test(sun_lost_nights),
        follow_test(dated_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
