/* Any octets as the file of a queued message, and as the name of one. */
#include <stdio.h>
#include <stdlib.h>

#include "../../collectors/mta.h"

#define MAX_INPUT 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice content = {(const char *)data, size};
    struct queue_file f;
    struct queue_id id;
    int64_t arrival_s;
    if (mta_postfix.queue_name(content, &id, &arrival_s)) {
        struct queue_id packed = queue_id_pack(content);
        if (queue_id_null(id) || id.hi != packed.hi || id.lo != packed.lo || arrival_s < 0)
            abort();
    }
    if (!mta_postfix.queue_file(content, &f))
        return 0;
    struct slice id = f.message_id;
    if (id.p && (id.p < content.p || id.p + id.n > content.p + content.n || id.n < 2 ||
                 id.p[0] != '<' || id.p[id.n - 1] != '>'))
        abort();
    if (f.pending > f.recipients || f.arrival_ms < 0)
        abort();
    return 0;
}

#ifndef FUZZ_ENGINE
/* Without libFuzzer: runs the files named. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        uint8_t *data = malloc(MAX_INPUT);
        if (!file || !data)
            return 1;
        size_t n = fread(data, 1, MAX_INPUT, file);
        fclose(file);
        uint8_t *exact = realloc(data, n ? n : 1); /* so that a sanitizer sees every read beyond */
        if (!exact)
            return 1;
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
    }
    return 0;
}
#endif
