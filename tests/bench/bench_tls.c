/*
 * What a bare TLS handshake costs the client: processor time of the client's half, over memory, with
 * the chain verified. The measure for a TLS probe.
 *
 *   bench_tls CA.pem SERVER.pem COUNT
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One handshake; returns the client's time. */
static double shake(SSL_CTX *client_side, SSL_CTX *server_side)
{
    double spent = -cpu();
    SSL *client = SSL_new(client_side);
    BIO *one = BIO_new(BIO_s_mem()), *two = BIO_new(BIO_s_mem());
    BIO_up_ref(one);
    BIO_up_ref(two);
    SSL_set_bio(client, one, two);
    SSL_set_connect_state(client);
    SSL_set_tlsext_host_name(client, "localhost");
    spent += cpu();
    SSL *server = SSL_new(server_side);
    SSL_set_bio(server, two, one);
    SSL_set_accept_state(server);
    for (int done = 0; done < 2;) {
        double from = cpu();
        int a = SSL_do_handshake(client);
        spent += cpu() - from;
        int b = SSL_do_handshake(server);
        done = (a == 1) + (b == 1);
        if ((a <= 0 && SSL_get_error(client, a) == SSL_ERROR_SSL) ||
            (b <= 0 && SSL_get_error(server, b) == SSL_ERROR_SSL)) {
            fprintf(stderr, "bench_tls: the handshake failed\n");
            exit(1);
        }
    }
    double from = cpu();
    SSL_free(client);
    spent += cpu() - from;
    SSL_free(server);
    return spent;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_OFF);
    if (!SSL_CTX_load_verify_file(client, argv[1]) ||
        SSL_CTX_use_certificate_file(server, argv[2], SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(server, argv[2], SSL_FILETYPE_PEM) != 1)
        return 1;
    int count = atoi(argv[3]);
    double spent = 0;
    for (int i = 0; i < count; i++)
        spent += shake(client, server);
    printf("%.1f\n", spent / count * 1e6);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    return 0;
}
