/*
 * Any octets as a server's words, in any protocol with everything wanted. The first octet names the
 * protocol, the second what is left out, the third how many octets come at once.
 */
#include <stdlib.h>

#include "../../collectors/dialog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dialog_want all = {.user = "u",
                                       .password = "p\"\\",
                                       .mailbox = "INBOX",
                                       .sender = "",
                                       .recipient = "r@x",
                                       .message = "A: b\n\n.\n",
                                       .host = "h",
                                       .expect = "x",
                                       .search_header = "Message-ID",
                                       .search_value = "<a>",
                                       .starttls = 1,
                                       .retrieve = 1,
                                       .remove = 1};

static void check(const struct dialog *d)
{
    if (d->fill > sizeof d->line || strlen(d->reply) > DIALOG_REPLY ||
        strlen(d->numbers) >= sizeof d->numbers || strlen(d->text) >= sizeof d->text)
        abort();
    for (const char *c = d->reply; *c; c++)
        if (*c < ' ' || *c > 126)
            abort();
}

static void play(struct dialog *d, struct slice heard, size_t piece)
{
    char out[4096];
    for (unsigned steps = 0; dialog_next(d) != DIALOG_END; steps++) {
        if (steps > 100000)
            abort(); /* it goes round in circles */
        bool whole;
        struct slice part = slice_head(heard, piece);
        switch (dialog_next(d)) {
        case DIALOG_SAY:
            dialog_say(d, out, sizeof out);
            break;
        case DIALOG_SECURE:
            dialog_secured(d, false);
            break;
        default:
            if (heard.n == 0) {
                if (!dialog_closed(d))
                    dialog_fail(d, RESPONSE_TIMED_OUT, "late");
                dialog_farewell(d);
                return;
            }
            heard = slice_skip(heard, dialog_hear(d, part, &whole));
        }
        check(d);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dialog d;
    struct dialog_want want = all;
    if (size < 3)
        return 0;
    enum response_protocol p = (enum response_protocol)(data[0] % PROTOCOLS_END);
    if (data[1] & 1)
        want.user = want.password = NULL;
    if (data[1] & 2)
        want.search_header = want.search_value = NULL;
    want.starttls = !(data[1] & 4) && dialog_knows(p) && !dialog_implicit_tls(p);
    if (dialog_unfit(p, &want))
        return 0;
    dialog_start(&d, p, &want);
    play(&d, (struct slice){(const char *)data + 3, size - 3}, data[2] ? data[2] : SIZE_MAX);
    if (!d.verdict)
        abort();
    return 0;
}
