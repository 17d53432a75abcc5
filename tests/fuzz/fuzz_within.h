/* What every fuzz program of a parser needs: its entry, and that a slice lies in what was given. */
#ifndef FUZZ_WITHIN_H
#define FUZZ_WITHIN_H

#include <stdlib.h>

#include "../../agent/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The part lies in the whole, or is empty. */
static inline void fuzz_within(struct slice part, struct slice whole)
{
    if (part.n && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
        abort();
}

#endif
