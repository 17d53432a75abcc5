/* The settings of alarms by mail, as data, and what they need together; see config_schema.h. */
#include <string.h>
#include "config_schema.h"

#define IN(member) (offsetof(struct config, notice) + offsetof(struct config_notice, member))

static const char *const tls_words[] = {"none", "starttls", "smtps", NULL};

const struct setting config_mail_settings[] = {
    {.name = "enabled",
     .kind = SETTING_BOOL,
     .offset = IN(enabled),
     .example = "true",
     .help = "Send alarms by mail too. Beware: it travels through a mail system."},
    {.name = "host",
     .kind = SETTING_TEXT,
     .offset = IN(host),
     .example = "\"localhost\"",
     .help = "The SMTP server that takes them; left out: localhost."},
    {.name = "port",
     .kind = SETTING_NUMBER,
     .offset = IN(port),
     .high = 65535,
     .example = "25",
     .help = "Its port; 0: 25, or 465 with tls \"smtps\"."},
    {.name = "tls",
     .kind = SETTING_WORD,
     .offset = IN(tls),
     .text = "none",
     .words = tls_words,
     .example = "\"starttls\"",
     .help =
         "\"starttls\": only over TLS, begun by STARTTLS. \"smtps\": TLS from the first octet on."},
    {.name = "recipient",
     .kind = SETTING_TEXT,
     .offset = IN(recipient),
     .example = "\"postmaster@example.com\"",
     .help = "Who is told; left out: Postmaster@localhost."},
    {.name = "sender",
     .kind = SETTING_TEXT,
     .offset = IN(sender),
     .example = "\"mailmond@example.com\"",
     .help = "Who tells; left out: Postmaster@localhost."},
    {.name = "user",
     .kind = SETTING_TEXT,
     .offset = IN(user),
     .example = "\"mailmond\"",
     .help = "Log in under this name, with password_file."},
    {.name = "password_file",
     .kind = SETTING_PATH,
     .offset = IN(password_file),
     .example = "\"/etc/mailmond/mail.password\"",
     .help = "Its first line is the password. No other account may read it."},
    {.name = "ca_file",
     .kind = SETTING_PATH,
     .offset = IN(ca_file),
     .example = "\"/etc/ssl/certs/ca-certificates.crt\"",
     .help = "Certificates to trust; left out: the system's. With TLS a certificate's fault ends "
             "the attempt."},
    {.name = "template",
     .kind = SETTING_PATH,
     .offset = IN(template_file),
     .example = "\"/etc/mailmond/alarm.template\"",
     .help = "A file with the message, its header included: each %s is replaced, in this order, by "
             "sender, "
             "recipient, description, instance, value and the lines that tell all."},
    {.name = "server_instance",
     .kind = SETTING_TEXT,
     .offset = IN(server_instance),
     .example = "\"/opt/SUNWmsgsr\"",
     .help = "What the line \"Server instance\" says; left out: the name of this host."},
    {.name = "cleared",
     .kind = SETTING_BOOL,
     .offset = IN(cleared),
     .example = "true",
     .help = "Tell also that an alarm is cleared."},
    {.name = "give_up",
     .kind = SETTING_DURATION_S,
     .offset = IN(give_up_s),
     .low = 60,
     .high = 30 * 86400,
     .number = 86400,
     .example = "\"24 h\"",
     .help = "A message that nobody takes is given up after this time."},
    {.name = NULL},
};

static void set_default(char **member, const char *text)
{
    if (!*member)
        *member = config_copy(text);
}

void config_check_mail(struct config *c, const config_t *tree, struct err_list *errors)
{
    struct config_notice *n = &c->notice;
    const config_setting_t *at = config_lookup(tree, "mail");
    char why[512];
    set_default(&n->host, "localhost");
    set_default(&n->recipient, "Postmaster@localhost");
    set_default(&n->sender, "Postmaster@localhost");
    if (!at)
        return;
    if (!n->user != !n->password_file)
        config_fault(errors, at, "user and password_file belong together; there is only %s",
                     n->user ? "user" : "password_file");
    if (n->user && strcmp(n->tls, "none") == 0)
        config_fault(errors, at,
                     "a password is not sent in the clear: set tls = \"starttls\" or "
                     "tls = \"smtps\"");
    if (!config_password_good(n->password_file, why))
        config_fault(errors, at, "password_file: %s", why);
    for (const char *const *s = (const char *const[]){n->recipient, n->sender, NULL}; *s; s++)
        if (strpbrk(*s, " <>\r\n\t"))
            config_fault(errors, at, "\"%.200s\" must be an address such as postmaster@example.com",
                         *s);
}
