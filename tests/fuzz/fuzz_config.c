/*
 * Any text as a configuration file: it is refused with at least one reason, or what it says
 * survives being printed and read again. @include is left out, because it would open what the
 * fuzzer names.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses a string at some syntax errors. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig\n";
}

static struct config *load(const void *text, size_t size, struct err_list *errors)
{
    char path[64];
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, text, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    struct config *c = config_load(path, errors);
    close(fd);
    return c;
}

static char *dump(const struct config *c, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (!out)
        abort();
    config_dump(c, out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_list errors = {0};
    if (memmem(data, size, "@include", 8))
        return 0;
    struct config *c = load(data, size, &errors);
    if (!c != (errors.count > 0))
        abort();
    err_free(&errors);
    if (!c)
        return 0;
    size_t first_size, second_size;
    char *first = dump(c, &first_size);
    config_free(c);
    c = load(first, first_size, &errors);
    if (!c)
        abort();
    char *second = dump(c, &second_size);
    if (strcmp(first, second) != 0)
        abort();
    config_free(c);
    free(first);
    free(second);
    err_free(&errors);
    return 0;
}
