/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: two memory BIOs stand for the network. After every call of the library the
 * write BIO is emptied, since any call may have written, and the error queue is cleared
 * before, since an old entry would be taken for ours.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "api-bridge/tls.h"
#include "base/limits.h"
#include "base/own.h"

#include <errno.h>
#include <limits.h>

enum { TLS_PIECE = 16 * LIMIT_KIB };

struct api_tls {
    SSL_CTX *ctx;
};

struct api_tls_conn {
    SSL *ssl; /* owns both */
    BIO *in;
    BIO *out;
    bool over; /* it failed, or good-bye was said: the library is not to be called again */
};

static int tls_error(struct err *err, const char *what)
{
    char text[160] = "unknown";

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    return err_set(err, EINVAL, "%s: %s", what, text);
}

struct api_tls *api_tls_new(const char *cert_file, const char *key_file, struct err *err)
{
    struct api_tls *t = own_calloc(1, sizeof(*t));

    t->ctx = SSL_CTX_new(TLS_server_method());
    if (!t->ctx || SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1) {
        (void)tls_error(err, "TLS");
        api_tls_free(t);
        return NULL;
    }
    (void)SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(t->ctx, cert_file) != 1) {
        (void)tls_error(err, cert_file);
        api_tls_free(t);
        return NULL;
    }
    if (SSL_CTX_use_PrivateKey_file(t->ctx, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(t->ctx) != 1) {
        (void)tls_error(err, key_file);
        api_tls_free(t);
        return NULL;
    }
    return t;
}

void api_tls_free(struct api_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

struct api_tls_conn *api_tls_conn_new(struct api_tls *t)
{
    struct api_tls_conn *c = own_calloc(1, sizeof(*c));

    c->ssl = SSL_new(t->ctx);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    if (!c->ssl || !c->in || !c->out)
        abort();
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_accept_state(c->ssl);
    return c;
}

void api_tls_conn_free(struct api_tls_conn *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    free(c);
}

static int empty_out(struct api_tls_conn *c, struct buf *out)
{
    size_t len = BIO_ctrl_pending(c->out);
    uint8_t *to = len ? buf_reserve(out, len) : NULL;
    int n;

    if (len == 0)
        return 0;
    if (!to || len > INT_MAX)
        return -ENOSPC;
    n = BIO_read(c->out, to, (int)len);
    if (n > 0)
        out->len += (size_t)n;
    return 0;
}

static int read_all(struct api_tls_conn *c, struct buf *plain)
{
    for (;;) {
        uint8_t *to = buf_reserve(plain, TLS_PIECE);
        int n;

        if (!to)
            return -ENOSPC;
        ERR_clear_error();
        n = SSL_read(c->ssl, to, TLS_PIECE);
        if (n > 0) {
            plain->len += (size_t)n;
            continue;
        }
        switch (SSL_get_error(c->ssl, n)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            return 0;
        case SSL_ERROR_ZERO_RETURN:
            return -ENODATA;
        default:
            c->over = true;
            return -EPROTO;
        }
    }
}

int api_tls_open(struct api_tls_conn *c, struct span in, struct buf *plain, struct buf *reply,
                 bool *ret_ready)
{
    int r;

    if (in.len > INT_MAX || BIO_write(c->in, in.data, (int)in.len) != (int)in.len)
        return -EPROTO;
    r = read_all(c, plain);
    if (empty_out(c, reply) < 0)
        r = -ENOSPC;
    *ret_ready = SSL_is_init_finished(c->ssl) == 1;
    return r;
}

int api_tls_seal(struct api_tls_conn *c, struct span plain, struct buf *out)
{
    for (size_t at = 0; at < plain.len;) {
        size_t len = plain.len - at < TLS_PIECE ? plain.len - at : TLS_PIECE;
        int n;

        ERR_clear_error();
        n = SSL_write(c->ssl, plain.data + at, (int)len);
        if (n <= 0) {
            c->over = true;
            return -EPROTO;
        }
        at += (size_t)n;
    }
    return empty_out(c, out);
}

int api_tls_bye(struct api_tls_conn *c, struct buf *out)
{
    if (c->over || SSL_is_init_finished(c->ssl) != 1)
        return 0;
    c->over = true;
    ERR_clear_error();
    (void)SSL_shutdown(c->ssl); /* 0 or 1: whether the client has said the same */
    return empty_out(c, out);
}
