/* Which local sockets are directory servers', and what they are called. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../collectors/detect.h"

static bool is_socket(const char *line, const char *path)
{
    struct slice s = detect_directory_socket(slice_of(line));
    return path ? slice_eq(s, slice_of(path)) : s.p == NULL;
}

#define LISTENING "0000000000000000: 00000002 00000000 00010000 0001 01 37514 "
#define CONNECTED "0000000000000000: 00000003 00000000 00000000 0001 03 37515 "

static void test_lines(void **state)
{
    (void)state;
    assert_true(is_socket(LISTENING "/run/slapd/ldapi", "/run/slapd/ldapi"));
    assert_true(is_socket(LISTENING "/var/run/ldapi", "/var/run/ldapi"));
    assert_true(is_socket(LISTENING "/run/slapd-lab.socket", "/run/slapd-lab.socket"));
    assert_true(is_socket(CONNECTED "/run/slapd/ldapi", NULL));
    assert_true(is_socket(LISTENING "/tmp/lab/ldapi", NULL));
    assert_true(is_socket(LISTENING "@/run/slapd/ldapi", NULL));
    assert_true(is_socket(LISTENING "/run/ldapi.sock", NULL));
    assert_true(is_socket(LISTENING, NULL));
    assert_true(is_socket("Num       RefCount Protocol Flags    Type St Inode Path", NULL));
    assert_true(is_socket("", NULL));
}

static void assert_called(const char *path, const char *name, const char *uri)
{
    char is_name[64], is_uri[512];
    detect_directory_name(slice_of(path), is_name);
    detect_directory_uri(slice_of(path), is_uri);
    assert_string_equal(is_name, name);
    assert_string_equal(is_uri, uri);
}

static void test_names(void **state)
{
    (void)state;
    assert_called("/run/slapd/ldapi", "slapd", "ldapi://%2Frun%2Fslapd%2Fldapi/");
    assert_called("/var/run/ldapi", "slapd", "ldapi://%2Fvar%2Frun%2Fldapi/");
    assert_called("/run/slapd-a b.socket", "slapd-a b", "ldapi://%2Frun%2Fslapd-a%20b.socket/");
    assert_called("/ldapi", "slapd", "ldapi://%2Fldapi/");
}

/* A list of sockets that are there, one that is not, and the same name twice. */
static void test_found(void **state)
{
    (void)state;
    char folder[] = "/var/tmp/test_detect.XXXXXX", path[64], list[80];
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct err_list notes = {0};
    struct config c = {.detect = true};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ldapi", folder);
    snprintf(list, sizeof list, "%s/unix", folder);
    strcpy(a.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    FILE *out = fopen(list, "w");
    fprintf(out, LISTENING "%s\n" LISTENING "%s\n" LISTENING "/nonexistent/ldapi", path, path);
    fclose(out);
    detect_directories(&c, list, &notes);
    detect_directories(&c, list, &notes); /* some are known: nothing is looked for */
    assert_int_equal(c.directories.count, 1);
    const struct config_directory *d = c.directories.items;
    assert_string_equal(d->name, folder + strlen("/var/tmp/"));
    assert_int_equal(d->interval_s, 60);
    assert_int_equal(notes.count, 1);
    close(fd);
    unlink(path);
    unlink(list);
    rmdir(folder);
    err_free(&notes);
    free(d->name);
    free(d->uri);
    free(c.directories.items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
