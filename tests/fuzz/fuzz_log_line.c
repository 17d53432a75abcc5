/* Any octets as tag and text of a record, and as cursors: one line within its bound, and that ends. */
#include <stdlib.h>

#include "../../collectors/journal_frame.h"

#define MAX_INPUT (2 * LOG_LINE_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char line[LOG_LINE_MAX];
    char cursors[2][JOURNAL_CURSOR];
    struct slice all = {(const char *)data, size};
    if (size < 2 || size > MAX_INPUT)
        return 0;
    size_t cut = (size_t)data[0] < size ? data[0] : size;
    struct log_record r = {.time_us = INT64_C(1795301304123456),
                           .host = slice_head(all, cut / 2),
                           .tag = slice_head(all, cut),
                           .pid = data[1],
                           .text = slice_skip(all, cut),
                           .stdout_ = data[1] & 1};
    setenv("TZ", "UTC", 1);
    size_t n = log_line_write(&r, line);
    if (n == 0 || n > sizeof line || memchr(line, '\n', n) != line + n - 1)
        abort();
    slice_copy(cursors[0], sizeof cursors[0], r.tag);
    slice_copy(cursors[1], sizeof cursors[1], r.text);
    journal_cursor_follows(cursors[0], cursors[1]);
    return 0;
}
