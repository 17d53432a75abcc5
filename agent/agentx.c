/*
 * A PDU is read and its Response written in one pass: each SearchRange becomes a VarBind (RFC 2741,
 * sections 5 and 6). Numbers are in the order of octets that the request's flag names, and so are the
 * Response's.
 */
#include <string.h>
#include "agentx.h"

enum { GET = 5, GET_NEXT = 6, RESPONSE = 18 };        /* 6.1, h.type */
enum { NON_DEFAULT_CONTEXT = 8, NETWORK_ORDER = 16 }; /* 6.1, h.flags */
enum { VERSION_1 = 1, SESSION_AT = 4, LENGTH_AT = 16, HEADER = 20, RESPONSE_HEAD = HEADER + 8 };
enum { NO_OBJECT = 128, NO_INSTANCE = 129, END_OF_VIEW = 130 }; /* 5.4, v.type */

static const uint32_t internet[] = {1, 3, 6, 1}; /* what a prefix stands for, before itself */
enum { PREFIX = 5 };                             /* sub-identifiers of a prefix */

struct reader {
    const uint8_t *at;
    size_t left;
    bool swap;
};

struct writer {
    uint8_t *at;
    size_t left;
    bool swap, full;
};

/* Whether numbers of a PDU with these flags are not in this machine's order. */
static bool swapped(uint8_t flags)
{
    return ((flags & NETWORK_ORDER) != 0) != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

static uint32_t number_at(const uint8_t *p, bool swap)
{
    uint32_t n;
    memcpy(&n, p, sizeof n);
    return swap ? __builtin_bswap32(n) : n;
}

static void store(uint8_t *p, uint32_t n, bool swap)
{
    n = swap ? __builtin_bswap32(n) : n;
    memcpy(p, &n, sizeof n);
}

uint64_t agentx_length(const uint8_t *p, size_t n)
{
    return n < HEADER ? 0 : HEADER + (uint64_t)number_at(p + LENGTH_AT, swapped(p[2]));
}

/* --- reading --------------------------------------------------------------------------------- */

/* Steps over n octets; NULL: there are fewer. */
static const uint8_t *take(struct reader *in, size_t n)
{
    const uint8_t *p = in->at;
    if (n > in->left)
        return NULL;
    in->at += n;
    in->left -= n;
    return p;
}

/* 5.1; *include: that field. An OID of no sub-identifiers is the null OID. */
static bool take_oid(struct reader *in, struct oid_name *name, bool *include)
{
    const uint8_t *head = take(in, 4), *ids = head ? take(in, (size_t)head[0] * 4) : NULL;
    uint32_t n = 0;
    if (!ids || head[0] + (head[1] ? PREFIX : 0) > OID_MAX)
        return false;
    if (head[1]) {
        memcpy(name->ids, internet, sizeof internet);
        name->ids[PREFIX - 1] = head[1];
        n = PREFIX;
    }
    name->length = n + head[0];
    for (; n < name->length; n++, ids += 4)
        name->ids[n] = number_at(ids, in->swap);
    *include = head[2] != 0;
    return true;
}

/* 5.3, when there is one: the context must be the session's. */
static bool take_context(struct reader *in, bool there, struct slice expected)
{
    const uint8_t *head = there ? take(in, 4) : NULL;
    if (!head)
        return !there && expected.n == 0;
    size_t n = number_at(head, in->swap);
    const uint8_t *p = n == expected.n ? take(in, (n + 3) / 4 * 4) : NULL;
    return p && slice_eq((struct slice){(const char *)p, n}, expected);
}

/* --- writing --------------------------------------------------------------------------------- */

/* Room for n octets; NULL: there is none, and the Response is given up. */
static uint8_t *make(struct writer *out, size_t n)
{
    uint8_t *p = out->at;
    out->full = out->full || n > out->left;
    if (out->full)
        return NULL;
    out->at += n;
    out->left -= n;
    return p;
}

static void put_number(struct writer *out, uint32_t n)
{
    uint8_t *p = make(out, sizeof n);
    if (p)
        store(p, n, out->swap);
}

/* As short as 5.1 allows. */
static void put_oid(struct writer *out, const uint32_t *ids, uint32_t length)
{
    uint32_t n = 0;
    if (length >= PREFIX && memcmp(ids, internet, sizeof internet) == 0 && ids[PREFIX - 1] > 0 &&
        ids[PREFIX - 1] <= UINT8_MAX)
        n = PREFIX;
    uint8_t *p = make(out, 4 + (size_t)(length - n) * 4);
    if (!p)
        return;
    p[0] = (uint8_t)(length - n);
    p[1] = n ? (uint8_t)ids[PREFIX - 1] : 0;
    p[2] = p[3] = 0;
    for (p += 4; n < length; n++, p += 4)
        store(p, ids[n], out->swap);
}

static void put_octets(struct writer *out, const uint8_t *octets, uint32_t length)
{
    size_t padded = ((size_t)length + 3) / 4 * 4;
    put_number(out, length);
    uint8_t *p = make(out, padded);
    if (!p)
        return;
    memcpy(p, octets, length);
    memset(p + length, 0, padded - length);
}

/* The beginning of a VarBind (5.4). */
static void put_head(struct writer *out, uint16_t type, const struct oid_name *name)
{
    uint8_t *p = make(out, 4);
    type = out->swap ? __builtin_bswap16(type) : type;
    if (!p)
        return;
    memcpy(p, &type, sizeof type);
    memset(p + sizeof type, 0, 4 - sizeof type);
    put_oid(out, name->ids, name->length);
}

static void put_value(struct writer *out, const struct oid_name *name, const struct value *value)
{
    put_head(out, (uint16_t)value->type, name); /* enum smi are the codes of 5.4 too */
    uint32_t low = (uint32_t)value->number, high = (uint32_t)(value->number >> 32);
    bool big = out->swap != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
    switch (value->type) {
    case SMI_OCTETS:
        put_octets(out, value->octets, value->length);
        break;
    case SMI_OID:
        put_oid(out, value->oid, value->length);
        break;
    case SMI_COUNTER64:
        put_number(out, big ? high : low);
        put_number(out, big ? low : high);
        break;
    default:
        put_number(out, low);
    }
}

/* --- answers --------------------------------------------------------------------------------- */

static void answer_get(struct writer *out, const struct view *v, const struct table_time *now,
                       const struct oid_name *name)
{
    struct value value;
    enum lookup_result found = lookup_get(v, now, name, &value);
    if (found == LOOKUP_FOUND)
        put_value(out, name, &value);
    else
        put_head(out, found == LOOKUP_NO_OBJECT ? NO_OBJECT : NO_INSTANCE, name);
}

/* The first cell of a SearchRange (5.2). */
static void answer_next(struct writer *out, const struct view *v, const struct table_time *now,
                        const struct oid_name *name, bool include, const struct oid_name *end)
{
    struct oid_name next;
    struct value value;
    if (include && lookup_get(v, now, name, &value) == LOOKUP_FOUND)
        put_value(out, name, &value);
    else if (lookup_next(v, now, name, end, &next, &value))
        put_value(out, &next, &value);
    else
        put_head(out, END_OF_VIEW, name);
}

/* The head of the Response: sysUpTime, which only the master knows, and no error. */
static void put_response(struct writer *out, const uint8_t *request)
{
    uint8_t *p = make(out, RESPONSE_HEAD);
    if (!p)
        return;
    memset(p, 0, RESPONSE_HEAD);
    p[0] = VERSION_1;
    p[1] = RESPONSE;
    p[2] = request[2] & NETWORK_ORDER;
    memcpy(p + SESSION_AT, request + SESSION_AT, LENGTH_AT - SESSION_AT); /* transaction, packet */
}

size_t agentx_answer(const struct agentx_session *session, const struct view *v,
                     const struct table_time *now, const uint8_t *pdu, size_t length,
                     uint8_t *response, size_t room)
{
    if (length < HEADER || pdu[0] != VERSION_1 || (pdu[1] != GET && pdu[1] != GET_NEXT))
        return 0;
    bool swap = swapped(pdu[2]), include;
    struct reader in = {pdu + HEADER, length - HEADER, swap};
    struct writer out = {response, room, swap, false};
    struct oid_name name, end;
    if (number_at(pdu + SESSION_AT, swap) != session->id ||
        !take_context(&in, pdu[2] & NON_DEFAULT_CONTEXT, session->context))
        return 0;
    put_response(&out, pdu);
    while (in.left && !out.full) {
        bool ignored;
        if (!take_oid(&in, &name, &include) || !take_oid(&in, &end, &ignored))
            return 0;
        if (pdu[1] == GET)
            answer_get(&out, v, now, &name);
        else
            answer_next(&out, v, now, &name, include, &end);
    }
    if (out.full)
        return 0;
    store(response + LENGTH_AT, (uint32_t)(room - out.left - HEADER), swap);
    return room - out.left;
}
