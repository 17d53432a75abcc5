/*
 * What a mail system's tools and configuration files say of it: the first octet chooses the parser, what follows are up
 * to three texts, each ended by a NUL, which none of them has. What is taken out of a text lies in it, and listeners have a port.
 */
#include <string.h>

#include "../../agent/config_schema.h"
#include "../../collectors/detect.h"
#include "fuzz.h"

struct input {
    struct slice text[3];
};

static void check_within(struct slice part, struct slice text)
{
    fuzz_check(part.p == NULL || (part.p >= text.p && part.p + part.n <= text.p + text.n));
}

static void check_mta(struct config_mta *m)
{
    for (unsigned i = 0; i < m->listen.count; i++)
        fuzz_check(strchr(m->listen.items[i], ':') != NULL);
    for (unsigned i = 0; i < m->syslog_names.count; i++)
        fuzz_check(m->syslog_names.items[i][0] != 0);
    config_mta_release(m);
}

static struct config_mta make_mta(const char *type)
{
    return (struct config_mta){.type = strdup(type), .name = strdup(type)};
}

static void postfix(const struct input *in)
{
    struct err_list notes = {0};
    struct config_mta m = make_mta("postfix");
    struct slice rest = in->text[0];
    struct detect_instance i;
    for (size_t left = rest.n; detect_postfix_instance(&rest, &i); left = rest.n) {
        fuzz_check(rest.n < left);
        check_within(i.name, in->text[0]);
        check_within(i.directory, in->text[0]);
    }
    check_within(detect_postfix_value(in->text[0], "syslog_name"), in->text[0]);
    detect_postfix_services(&m, in->text[0], in->text[1], in->text[2], &notes);
    err_free(&notes);
    check_mta(&m);
}

static void exim(const struct input *in)
{
    char path[4096];
    struct config_mta m = make_mta("exim");
    struct slice value = detect_exim_value(in->text[0], "log_file_path");
    check_within(value, in->text[0]);
    if (detect_exim_log(value, "/var/spool/exim", "main", path))
        fuzz_check(memchr(path, 0, sizeof path) != NULL);
    detect_exim_listeners(&m, in->text[1], in->text[2]);
    check_mta(&m);
}

static void sendmail(const struct input *in)
{
    struct config_mta m = make_mta("sendmail");
    detect_sendmail_options(&m, in->text[0]);
    check_mta(&m);
}

static void opensmtpd(const struct input *in)
{
    struct config_mta m = make_mta("opensmtpd");
    detect_opensmtpd_listeners(&m, in->text[0]);
    check_mta(&m);
}

static void dovecot(const struct input *in)
{
    struct config_access a = {0};
    check_within(detect_dovecot_value(in->text[0], "log_path"), in->text[0]);
    check_within(detect_cyrus_value(in->text[0], "configdirectory"), in->text[0]);
    free(detect_dovecot_log(in->text[0]));
    detect_dovecot_protocols(&a, in->text[1]);
    for (unsigned i = 0; i < a.protocols.count; i++)
        free(a.protocols.items[i]);
    free(a.protocols.items);
}

static void directory(const struct input *in)
{
    char name[64], uri[512];
    struct slice path = detect_directory_socket(in->text[0]);
    check_within(path, in->text[0]);
    if (!path.p)
        return;
    detect_directory_name(path, name);
    detect_directory_uri(path, uri);
    fuzz_check(memchr(name, 0, sizeof name) && memchr(uri, 0, sizeof uri));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const struct input *in) = {postfix,   exim,    sendmail,
                                                              opensmtpd, dovecot, directory};
    if (size == 0)
        return 0;
    struct slice rest = {(const char *)data + 1, size - 1};
    struct input in;
    for (unsigned i = 0; i < 3; i++) {
        in.text[i] = slice_head(rest, slice_find(rest, 0));
        rest = slice_skip(rest, in.text[i].n + 1);
    }
    parsers[(data[0] % 16) % (sizeof parsers / sizeof parsers[0])](&in);
    return 0;
}
