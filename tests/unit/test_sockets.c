/*
 * sockets.c: what the kernel lists, and whether anything has changed, with connections of our own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../../collectors/sockets.h"

static int listener(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int connection(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

struct count {
    uint16_t port;
    unsigned listening, established;
};

static void seen(void *arg, const struct socket_seen *s)
{
    struct count *c = arg;
    c->listening += s->local_port == c->port && s->state == 10;
    c->established += s->local_port == c->port && s->state == 1;
}

static struct count list(uint16_t port)
{
    struct count c = {.port = port};
    assert_int_equal(sockets_each(seen, &c), 0);
    return c;
}

static void lists_sockets(void **state)
{
    (void)state;
    uint16_t port;
    int server = listener(&port), client = connection(port);
    struct count c = list(port);
    assert_int_equal(c.listening, 1);
    assert_int_equal(c.established, 1);
    close(client);
    close(server);
    assert_int_equal(list(port).listening, 0);
}

/* Others on this host may be active too, so that each change is looked for between two equal numbers. */
static bool quiet(uint64_t *number)
{
    for (unsigned i = 0; i < 1000; i++) {
        *number = sockets_activity();
        assert_true(*number != 0);
        if (*number == sockets_activity())
            return true;
    }
    return false;
}

static void tells_of_changes(void **state)
{
    (void)state;
    uint64_t number[5];
    uint16_t port;
    assert_true(quiet(&number[0]));
    int server = listener(&port);
    assert_true(quiet(&number[1]));
    int client = connection(port);
    assert_true(quiet(&number[2]));
    assert_int_equal(write(client, "x", 1), 1);
    assert_true(quiet(&number[3]));
    close(client); /* the other side waits to be closed: CLOSE_WAIT */
    assert_true(quiet(&number[4]));
    for (unsigned i = 1; i < 5; i++)
        assert_true(number[i] != number[i - 1]);
    close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_sockets),
        cmocka_unit_test(tells_of_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
