/* Any octets as the kernel's answer to a sock_diag request, of this sequence (4, host order) or of any (0). */
#include <netinet/in.h>
#include <string.h>

#include "../../collectors/sockets.h"
#include "fuzz.h"

static void see(void *arg, const struct socket_seen *s)
{
    static const uint8_t nothing[12];
    ++*(size_t *)arg;
    if (s->family == AF_INET)
        fuzz_check(memcmp(s->local + 4, nothing, 12) == 0 &&
                   memcmp(s->remote + 4, nothing, 12) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = 0;
    uint8_t *aligned = malloc(size + 1); /* as a datagram lies in its buffer */
    fuzz_check(aligned != NULL);
    memcpy(aligned, data, size);
    sockets_parse(aligned, size, size % 2 ? 4 : 0, 0, see, &count);
    fuzz_check(count <= size / 16); /* each behind a head of its own */
    free(aligned);
    return 0;
}
