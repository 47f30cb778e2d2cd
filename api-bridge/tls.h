/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_TLS_H
#define API_TLS_H
/*
 * TLS 1.2 and 1.3 for the server side, on memory: ciphertext in, plaintext out, and back; it
 * never touches a socket. The context is made once and shared by all loops; a connection
 * belongs to its loop. api-bridge/tls.c is the only file that includes OpenSSL's ssl.h.
 */
#include "base/buf.h"
#include "base/err.h"

struct api_tls;
struct api_tls_conn;

/* PEM files: the certificate with its chain, and the key. */
struct api_tls *api_tls_new(const char *cert_file, const char *key_file, struct err *err);
void api_tls_free(struct api_tls *t);

struct api_tls_conn *api_tls_conn_new(struct api_tls *t);
void api_tls_conn_free(struct api_tls_conn *c);

/*
 * Bytes from the network. What they hold goes to `plain`; what must be sent back (handshake,
 * alerts) to `reply`. *ret_ready: the handshake is done. 0; -ENODATA when the client said
 * good-bye; -EPROTO when it does not speak TLS well: send `reply`, then close.
 */
int api_tls_open(struct api_tls_conn *c, struct span in, struct buf *plain, struct buf *reply,
                 bool *ret_ready);
/* Appends the ciphertext of `plain`; 0, -EPROTO or -ENOSPC. */
int api_tls_seal(struct api_tls_conn *c, struct span plain, struct buf *out);
/* Appends what tells the client that no more comes (RFC 8446 section 6.1), once; nothing when the
 * handshake is not done or something failed. 0 or -ENOSPC. */
int api_tls_bye(struct api_tls_conn *c, struct buf *out);
#endif
