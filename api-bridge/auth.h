/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_AUTH_H
#define API_AUTH_H
/*
 * The gate that finds out who asks (RFC 6750). Without keys in the configuration everybody is
 * the anonymous tenant and may do all but administer. With keys, a route that has a scope
 * needs `Authorization: Bearer <JWT>` (api-bridge/jwt.h) that grants it; 401 and 403 say what
 * is missing in WWW-Authenticate. Tokens are never logged.
 *
 * Created before the loops start; api_auth_reload() may replace the keys while they run.
 */
#include "api-bridge/exchange.h"
#include "base/err.h"

struct api_auth;

struct api_auth_options {
    const char *key_file; /* see api_jwt_keys_load(); "" = no authentication */
    const char *issuer;   /* "" = any */
    const char *audience; /* "" = any */
};

/* Copies the options. NULL with `err` when the key file is not usable. */
struct api_auth *api_auth_new(const struct api_auth_options *options, struct err *err);
void api_auth_free(struct api_auth *a);
/* Reads the key file again; on an error the old keys stay. */
int api_auth_reload(struct api_auth *a, struct err *err);
/* An api_gate; `auth` is a struct api_auth. */
bool api_auth_pass(void *auth, struct api_exchange *x);
#endif
