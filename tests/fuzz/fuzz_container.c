/* Any octets as a line of a container's log, twice: one line within its bound. */
#include <stdlib.h>

#include "../../collectors/container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[LOG_LINE_MAX];
    struct slice s = {(const char *)data, size};
    bool in_parts = false;
    setenv("TZ", "UTC", 1);
    container_is(s);
    s.n = slice_find(s, '\n');
    for (int i = 0; i < 2; i++) {
        size_t n = container_line(s, &in_parts, line);
        if (n > sizeof line || (n && memchr(line, '\n', n) != line + n - 1))
            abort();
    }
    return 0;
}
