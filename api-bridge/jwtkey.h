/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_JWTKEY_H
#define API_JWTKEY_H
/*
 * The keys that tokens are verified with. Each key is of one algorithm from the moment it is
 * read, so that a token can never choose how it is checked: a public RSA key is RS256 and can
 * not be used as an HMAC secret. api-bridge/jwtkey.c is the only file that includes cjose.
 *
 * A set is never changed after it was read; any thread may use it.
 */
#include "base/buf.h"
#include "base/err.h"

struct api_jwt_key;
struct api_jwt_keys;

/*
 * Reads one file: a JWK set or a single JWK (RFC 7517; kty oct = HS256, kty RSA = RS256), a
 * PEM public key or certificate (RS256), or anything else of 32..4096 bytes as an HS256
 * secret, a line end behind it ignored. A key with an `alg` other than those two, an RSA
 * modulus under 2048 bits or a secret under 32 bytes is refused.
 */
struct api_jwt_keys *api_jwt_keys_load(const char *path, struct err *err);
void api_jwt_keys_free(struct api_jwt_keys *keys);
/* The key of that `kid`. Without one (data NULL) the only key there is, else NULL. */
const struct api_jwt_key *api_jwt_key_find(const struct api_jwt_keys *keys, struct span kid);
/* "HS256" or "RS256" */
const char *api_jwt_key_alg(const struct api_jwt_key *key);
/* 0 and the payload appended to `ret_payload`; -EBADMSG when the signature does not fit. The
 * caller has compared the header's alg with api_jwt_key_alg() before. */
int api_jwt_key_verify(const struct api_jwt_key *key, struct span token, struct buf *ret_payload);
#endif
