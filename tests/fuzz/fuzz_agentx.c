/* Any octets as a stream of AgentX: two octets for the room of a Response, then PDUs one after another. A
 * Response is whole, names its request, and has the room. */
#include <stdlib.h>
#include "../../agent/agentx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct agentx_session sessions[] = {{7, {NULL, 0}}, {7, {"mail2", 5}}};
static const struct table_time now = {.monotonic_ms = 1000000, .real_ms = 1700000000000};

/* A row of each table. */
static const struct view *small_view(void)
{
    static struct model m;
    static struct view v;
    if (v.number)
        return &v;
    if (!model_init(&m, (uint32_t[MODEL_TABLES]){0}))
        abort();
    for (int t = 0; t < MODEL_TABLES; t++)
        if (!model_place(&m, (enum model_table)t, (uint32_t[3]){1, 1, 1},
                         (uint8_t[16]){192, 0, 2, 1}))
            abort();
    if (!slots_view_of(&m, now.monotonic_ms, now.real_ms, &v))
        abort();
    return &v;
}

static void check(const uint8_t *pdu, size_t length, const struct agentx_session *s, size_t room)
{
    uint8_t *out = malloc(room + 1); /* so that a sanitizer sees every octet beyond */
    if (!out)
        abort();
    size_t n = agentx_answer(s, small_view(), &now, pdu, length, out, room);
    if (n > room || (n && (n % 4 || n < 28 || agentx_length(out, n) != n || out[1] != 18 ||
                           memcmp(out + 4, pdu + 4, 12) != 0)))
        abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t room = (size_t)(data[0] << 8 | data[1]);
    data += 2, size -= 2;
    while (size > 0) {
        uint64_t length = agentx_length(data, size);
        size_t n = length && length < size ? (size_t)length : size;
        for (unsigned i = 0; i < 2; i++)
            check(data, n, &sessions[i], room);
        data += n, size -= n;
    }
    return 0;
}
