/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_JWT_H
#define API_JWT_H
/*
 * JSON Web Tokens (RFC 7519) in JWS compact form (RFC 7515): from bytes to who asks. The
 * rules: at most 8 KiB, three parts of strict base64url, no duplicate member, `alg` equal to
 * the algorithm of the configured key (RFC 8725 section 3.1), no `crit`, `exp` required,
 * `nbf` and `iat` not in the future (30 s of leeway), `iss` and `aud` as configured.
 *
 * Claims used: `sub`; `tenant` (else `sub` is the tenant); `scope`, words with spaces between
 * (RFC 8693 section 4.2), or an array of them. Thread safe.
 */
#include "api-bridge/http.h"
#include "api-bridge/jwtkey.h"

#include <stdint.h>

struct api_jwt_rules {
    const struct api_jwt_keys *keys;
    const char *issuer;   /* "" = any */
    const char *audience; /* "" = any */
};

/* 0 and *ret_who filled; -EACCES with the reason in `err` (fit to be shown to the client:
 * it never holds a part of the token). `now_s` is Unix time. */
int api_jwt_check(const struct api_jwt_rules *rules, struct span token, int64_t now_s,
                  struct api_principal *ret_who, struct err *err);
#endif
