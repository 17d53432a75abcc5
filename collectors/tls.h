/*
 * TLS of probes: OpenSSL over memory, so that whoever owns the socket reads and writes it and times
 * what comes. One SSL_CTX for each trust set, made at its first use (reading a bundle of certificates
 * costs 24 ms of processor time and 2 MB) and anew when the bundle's file changed. A certificate's
 * faults are data: the handshake goes on, and the caller decides.
 */
#ifndef TLS_H
#define TLS_H

#include "../agent/slice.h"

struct tls_trusts; /* the trust sets made so far */
struct tls;        /* one connection */

/* NULL: memory is short. */
struct tls_trusts *tls_trusts_new(void);
void tls_trusts_free(struct tls_trusts *t);

/*
 * A client's connection. ca_file: certificates to trust, NULL: those of the system. name: for SNI and
 * the certificate's check, NULL or an address: no SNI. NULL when it cannot be made: `error` says why.
 */
struct tls *tls_new(struct tls_trusts *t, const char *ca_file, const char *name, char *error,
                    size_t size);
void tls_free(struct tls *s);

/* Octets from the socket. false: memory is short. */
bool tls_feed(struct tls *s, struct slice octets);
/* Octets for the socket, valid until the next call of the connection; tls_sent takes them off. */
struct slice tls_pending(struct tls *s);
void tls_sent(struct tls *s, size_t n);

enum tls_state { TLS_GOES_ON, TLS_DONE, TLS_FAILED };
/* The handshake, as far as it can go now. After TLS_FAILED, tls_error says why. */
enum tls_state tls_handshake(struct tls *s);
/* Plain octets out; 0: none now; -1: the stream is broken or closed (tls_error; empty: closed). */
int tls_read(struct tls *s, char *out, size_t room);
/* Plain octets in, all of them, after the handshake. */
bool tls_write(struct tls *s, struct slice octets);
/* Says that no more will come (close_notify). */
void tls_close(struct tls *s);
/* In words, without a line end. */
const char *tls_error(const struct tls *s);

struct tls_certificate {
    int64_t not_after_s; /* seconds since the epoch; INT64_MIN: there is none */
    char error[128];     /* what is wrong with name, time or chain; empty: nothing */
};
/* Of the server, after the handshake. now_s: seconds since the epoch. */
void tls_certificate(const struct tls *s, int64_t now_s, struct tls_certificate *c);

#endif
