/* Any octets as an escaped text: what comes out is no longer, has room, and is the text itself if nothing was escaped. */
#include <stdlib.h>

#include "../../collectors/escape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice text = {(const char *)data + 1, size - 1};
    size_t room = *data;
    for (enum escape how = ESCAPE_NONE; how <= ESCAPE_JSON; how++) {
        char *to = malloc(room ? room : 1); /* of its size, for the sanitizer */
        struct slice plain = escape_undo(text, how, to, room);
        bool same = plain.p == text.p;
        if (plain.n > text.n || (same ? plain.n != text.n : plain.p != to || plain.n > room))
            abort();
        for (size_t i = 0; i < plain.n && !same; i++)
            if (plain.p[i] == '\0' && !memchr(text.p, '\0', text.n))
                abort();
        free(to);
    }
    return 0;
}
