/* Any octets as mountinfo, and what is before the first newline as the path, too. */
#include <stdlib.h>

#include "../../collectors/mounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct slice path = slice_head(text, slice_find(text, '\n'));
    struct mount m;
    char point[64];
    if (!mounts_find(text, path, &m))
        return 0;
    if (m.point.p < text.p || m.point.p + m.point.n > text.p + text.n)
        abort();
    size_t n = mounts_point(&m, point, sizeof point);
    if (n >= sizeof point || point[n] != 0)
        abort();
    return 0;
}
