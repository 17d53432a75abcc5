/*
 * Runs a fuzz entry without a fuzzer: once for each file named. Linked to every fuzz_*.c unless the
 * engine brings a main of its own.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_INPUT (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        uint8_t *data = malloc(MAX_INPUT);
        if (!file || !data) {
            perror(argv[i]);
            return 1;
        }
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
