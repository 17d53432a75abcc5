/*
 * Any octets as a rotated log that was compressed: read with any budget, and once more from where a process that ended
 * meanwhile had come. Both readings give the same, in whole lines, and both come to an end.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../collectors/follow.h"
#include "fuzz.h"

enum { OCTETS_MAX = 1 << 20 }; /* what a few octets expand to may have no end */

static char folder[] = "/dev/shm/fuzz_follow.XXXXXX";

static void put(const char *name, const void *octets, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    fuzz_check(fd >= 0 && write(fd, octets, size) == (ssize_t)size);
    close(fd);
}

static void clean(void)
{
    char path[64];
    snprintf(path, sizeof path, "%s/log.1.gz", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/log", folder);
    unlink(path);
    rmdir(folder);
}

struct sum {
    uint64_t octets, hash;
};

static void add(void *arg, struct slice run, int64_t reference_ms)
{
    struct sum *s = arg;
    (void)reference_ms;
    fuzz_check(run.n > 0 && run.p[run.n - 1] == '\n');
    for (size_t i = 0; i < run.n; i++) /* runs end wherever the budget did */
        s->hash = (s->hash ^ (uint8_t)run.p[i]) * 0x100000001b3;
    s->octets += run.n;
}

/* Stops where another process goes on: after `calls`, or never. */
static struct sum read_all(size_t budget, unsigned calls)
{
    char path[64];
    struct sum s = {0};
    enum follow_result r = FOLLOW_MORE;
    snprintf(path, sizeof path, "%s/log", folder);
    struct follow *f = follow_new(path, NULL);
    fuzz_check(f != NULL);
    for (unsigned n = 0; r == FOLLOW_MORE && s.octets < OCTETS_MAX; n++) {
        uint64_t before = follow_position(f)->offset;
        r = follow_read(f, budget, add, &s);
        fuzz_check(n < 4 * OCTETS_MAX / 4096 + 64 || follow_position(f)->offset != before);
        if (n + 1 == calls) {
            struct follow_position at = *follow_position(f);
            follow_free(f);
            f = follow_new(path, &at);
            fuzz_check(f != NULL);
            r = FOLLOW_MORE;
        }
    }
    follow_free(f);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    if (!made) {
        fuzz_check(mkdtemp(folder) != NULL);
        atexit(clean);
        made = true;
    }
    if (size < 2)
        return 0;
    size_t budget = 4096 + (size_t)data[0] * 512;
    put("log.1.gz", data + 2, size - 2);
    put("log", "last\n", 5);
    struct sum once = read_all(budget, 0), twice = read_all(budget, 1 + data[1] % 16);
    if (once.octets < OCTETS_MAX && twice.octets < OCTETS_MAX)
        fuzz_check(once.octets == twice.octets && once.hash == twice.hash);
    return 0;
}
