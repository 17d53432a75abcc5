/*
 * OpenSSL 3 for probes. Sessions are never resumed: a resumed one shows no certificate. The library's
 * own verification notes the first fault of the chain and goes on; the name is compared here, so that
 * a certificate that is both expired and another's says both.
 */
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

struct trust {
    struct trust *next;
    char *file; /* NULL: the system's */
    SSL_CTX *context;
    struct timespec changed;
    ino_t inode;
};

struct tls_trusts {
    struct trust *first;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    char name[256];
    bool is_address;
    char error[160];
};

struct tls_trusts *tls_trusts_new(void)
{
    return calloc(1, sizeof(struct tls_trusts));
}

static void free_trust(struct trust *t)
{
    SSL_CTX_free(t->context);
    free(t->file);
    free(t);
}

void tls_trusts_free(struct tls_trusts *t)
{
    for (struct trust *i = t ? t->first : NULL, *next; i; i = next) {
        next = i->next;
        free_trust(i);
    }
    free(t);
}

/* The library's first error, as words. */
static void explain(char *text, size_t size, const char *fallback)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    snprintf(text, size, "%s", reason ? reason : fallback);
    ERR_clear_error();
}

static SSL_CTX *make_context(const char *file, char *error, size_t size)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (!c) {
        explain(error, size, "out of memory");
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
    /* A server may not make us hold more than this of its certificates. */
    SSL_CTX_set_max_cert_list(c, 64 * 1024);
    if (file ? SSL_CTX_load_verify_file(c, file) : SSL_CTX_set_default_verify_paths(c))
        return c;
    char why[100];
    explain(why, sizeof why, "no certificate in it");
    snprintf(error, size, "%s: %s", file ? file : "the system's certificates", why);
    SSL_CTX_free(c);
    return NULL;
}

/* The file whose change makes a trust set old. */
static const char *trust_path(const char *file)
{
    if (file)
        return file;
    const char *set = getenv(X509_get_default_cert_file_env());
    return set ? set : X509_get_default_cert_file();
}

static struct trust *find_trust(struct tls_trusts *t, const char *file)
{
    for (struct trust *i = t->first; i; i = i->next)
        if (file && i->file ? strcmp(file, i->file) == 0 : file == i->file)
            return i;
    return NULL;
}

static struct trust *new_trust(struct tls_trusts *t, const char *file)
{
    struct trust *i = calloc(1, sizeof *i);
    if (i && file && !(i->file = strdup(file))) {
        free(i);
        return NULL;
    }
    if (i) {
        i->next = t->first;
        t->first = i;
    }
    return i;
}

static SSL_CTX *trusted(struct tls_trusts *t, const char *file, char *error, size_t size)
{
    struct stat st = {0};
    bool there = stat(trust_path(file), &st) == 0;
    struct trust *i = find_trust(t, file);
    bool fresh = i && i->context &&
                 (!there || (i->inode == st.st_ino && i->changed.tv_sec == st.st_mtim.tv_sec &&
                             i->changed.tv_nsec == st.st_mtim.tv_nsec));
    if (fresh)
        return i->context;
    if (!i && !(i = new_trust(t, file))) {
        snprintf(error, size, "out of memory");
        return NULL;
    }
    SSL_CTX *made = make_context(file, error, size);
    if (made) {
        SSL_CTX_free(i->context); /* connections that use it hold it */
        i->context = made;
        i->inode = st.st_ino;
        i->changed = st.st_mtim;
    }
    return made;
}

static bool is_address(const char *name)
{
    unsigned char address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

struct tls *tls_new(struct tls_trusts *t, const char *ca_file, const char *name, char *error,
                    size_t size)
{
    ERR_clear_error();
    SSL_CTX *context = trusted(t, ca_file, error, size);
    struct tls *s = context ? calloc(1, sizeof *s) : NULL;
    if (!context)
        return NULL;
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL *ssl = s && in && out ? SSL_new(context) : NULL;
    if (!ssl) {
        snprintf(error, size, "out of memory");
        BIO_free(in);
        BIO_free(out);
        free(s);
        return NULL;
    }
    *s = (struct tls){.ssl = ssl, .in = in, .out = out};
    snprintf(s->name, sizeof s->name, "%s", name ? name : "");
    s->is_address = is_address(s->name);
    SSL_set_bio(ssl, in, out);
    if (s->name[0] && !s->is_address)
        SSL_set_tlsext_host_name(ssl, s->name);
    SSL_set_connect_state(ssl);
    return s;
}

void tls_free(struct tls *s)
{
    if (s)
        SSL_free(s->ssl);
    free(s);
}

bool tls_feed(struct tls *s, struct slice octets)
{
    return octets.n == 0 ||
           (octets.n <= INT32_MAX && BIO_write(s->in, octets.p, (int)octets.n) == (int)octets.n);
}

struct slice tls_pending(struct tls *s)
{
    char *p = NULL;
    long n = BIO_get_mem_data(s->out, &p);
    return (struct slice){p, n > 0 ? (size_t)n : 0};
}

void tls_sent(struct tls *s, size_t n)
{
    char gone[4096];
    while (n) {
        int got = BIO_read(s->out, gone, (int)(n < sizeof gone ? n : sizeof gone));
        if (got <= 0)
            return;
        n -= (size_t)got;
    }
}

/* What a call that did not succeed means; a fault's words go to s->error. */
static enum tls_state judge(struct tls *s, int result)
{
    int why = SSL_get_error(s->ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return TLS_GOES_ON;
    s->error[0] = 0;
    if (why != SSL_ERROR_ZERO_RETURN)
        explain(s->error, sizeof s->error, "the stream broke off");
    return TLS_FAILED;
}

enum tls_state tls_handshake(struct tls *s)
{
    ERR_clear_error();
    int result = SSL_do_handshake(s->ssl);
    return result == 1 ? TLS_DONE : judge(s, result);
}

int tls_read(struct tls *s, char *out, size_t room)
{
    ERR_clear_error();
    int n = SSL_read(s->ssl, out, room < INT32_MAX ? (int)room : INT32_MAX);
    if (n > 0)
        return n;
    return judge(s, n) == TLS_GOES_ON ? 0 : -1;
}

bool tls_write(struct tls *s, struct slice octets)
{
    ERR_clear_error();
    int n = SSL_write(s->ssl, octets.p, (int)octets.n);
    if (n == (int)octets.n)
        return true;
    judge(s, n);
    return false;
}

void tls_close(struct tls *s)
{
    ERR_clear_error();
    SSL_shutdown(s->ssl);
    ERR_clear_error();
}

const char *tls_error(const struct tls *s)
{
    return s->error;
}

static int64_t not_after(const X509 *certificate)
{
    struct tm t;
    if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &t))
        return INT64_MIN;
    return timegm(&t);
}

static bool name_fits(const struct tls *s, X509 *certificate)
{
    if (s->is_address)
        return X509_check_ip_asc(certificate, s->name, 0) == 1;
    return !s->name[0] || X509_check_host(certificate, s->name, 0, 0, NULL) == 1;
}

/* One of the names that the certificate is for, printable. */
static void its_name(X509 *certificate, char *text, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    const GENERAL_NAME *first = names ? sk_GENERAL_NAME_value(names, 0) : NULL;
    *text = 0;
    if (first && first->type == GEN_DNS)
        snprintf(text, size, "%.*s", ASN1_STRING_length(first->d.dNSName),
                 (const char *)ASN1_STRING_get0_data(first->d.dNSName));
    else
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text,
                                  (int)size);
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > 126)
            *c = '?';
    GENERAL_NAMES_free(names);
}

static void add_fault(struct tls_certificate *c, const char *text)
{
    size_t n = strlen(c->error);
    snprintf(c->error + n, sizeof c->error - n, "%s%s", n ? "; " : "", text);
}

void tls_certificate(const struct tls *s, int64_t now_s, struct tls_certificate *c)
{
    X509 *certificate = SSL_get1_peer_certificate(s->ssl);
    *c = (struct tls_certificate){.not_after_s = INT64_MIN};
    if (!certificate) {
        add_fault(c, "the server showed no certificate");
        return;
    }
    c->not_after_s = not_after(certificate);
    long fault = SSL_get_verify_result(s->ssl);
    bool expired = c->not_after_s != INT64_MIN && c->not_after_s < now_s;
    if (fault != X509_V_OK)
        add_fault(c, X509_verify_cert_error_string(fault));
    if (expired && fault != X509_V_ERR_CERT_HAS_EXPIRED)
        add_fault(c, "certificate has expired");
    if (!name_fits(s, certificate)) {
        char own[64], text[100];
        its_name(certificate, own, sizeof own);
        snprintf(text, sizeof text, "it is for %s", own[0] ? own : "no name");
        add_fault(c, text);
    }
    X509_free(certificate);
}
