/*
 * What the answer of a mail server tells, whoever logged it. Pure.
 */
#include "reply.h"

/* One to three digits. */
static bool take_part(struct slice *s, uint32_t *part)
{
    size_t i = 0;
    for (*part = 0; i < s->n && i < 3 && slice_digit(s->p[i]); i++)
        *part = *part * 10 + (uint32_t)(s->p[i] - '0');
    *s = slice_skip(*s, i);
    return i != 0;
}

/* "5.7.1" (RFC 3463 section 2) as a status code; 0 if it is none or tells of success. */
uint32_t reply_take_status(struct slice *s)
{
    uint32_t class, subject, detail;
    struct slice t = *s;
    if (!take_part(&t, &class) || !TAKE(t, ".") || !take_part(&t, &subject) || !TAKE(t, ".") ||
        !take_part(&t, &detail))
        return 0;
    *s = t;
    return class == 4 || class == 5 ? class * 1000000 + subject * 1000 + detail : 0;
}

uint32_t reply_basic_status(uint64_t reply, struct slice words, bool recipient)
{
    static const struct {
        uint16_t reply;
        uint32_t code;
    } known[] = {
        {421, 4003002}, {422, 4002002}, {432, 4007012}, {441, 4004001}, {447, 4004007},
        {450, 4002000}, {451, 4003000}, {452, 4003001}, {454, 4007000}, {471, 4007000},
        {500, 5005002}, {501, 5005004}, {502, 5005001}, {503, 5005001}, {504, 5005004},
        {530, 5007000}, {535, 5007008}, {538, 5007011}, {550, 5007001}, {551, 5001006},
        {552, 5003004}, {553, 5001003}, {554, 5007001}, {555, 5005004}, {556, 5001010},
    };
    if (reply == 550 && recipient && (HAS(words, "nknown") || HAS(words, "o such user")))
        return 5001001;
    if (reply == 552 && (HAS(words, "mailbox") || HAS(words, "uota")))
        return 5002002;
    if (reply == 450 && HAS(words, "reylist"))
        return 4007001;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].reply == reply)
            return known[i].code;
    return reply >= 400 && reply < 600 ? (uint32_t)(reply / 100) * 1000000 : 0;
}

/* "554 5.7.1 words", "554 words" or "5.7.1 words". */
uint32_t reply_status(struct slice reply, bool recipient)
{
    uint64_t basic;
    uint32_t code = reply_take_status(&reply);
    if (code || !slice_number(&reply, &basic))
        return code;
    reply = slice_skip(reply, 1);
    code = reply_take_status(&reply);
    return code ? code : reply_basic_status(basic, reply, recipient);
}

/* Only in answers about routing are these words an MTA's, and not part of an address.
 */
bool reply_tells_loop(uint32_t code, struct slice text)
{
    if (code / 1000 % 1000 != 4)
        return false;
    return code % 1000 == 6 || HAS(text, "too many hops") || HAS(text, "loops back to myself") ||
           HAS(text, "mail forwarding loop");
}
