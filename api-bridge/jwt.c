/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/jwt.h"

#include "api-bridge/base64.h"
#include "api-bridge/json.h"
#include "base/hash.h"
#include "base/own.h"

#include <errno.h>

enum { JWT_TOKEN_MAX = 8192, JWT_LEEWAY_S = 30, JWT_CLAIM_MAX = 512 };

/* Splits at the two dots; false unless there are exactly two and no part is empty. */
static bool jwt_split(struct span token, struct span parts[3])
{
    const uint8_t *at = token.data;
    const uint8_t *end = token.data + token.len;

    for (int i = 0; i < 3; i++) {
        const uint8_t *dot = memchr(at, '.', (size_t)(end - at));
        const uint8_t *stop = dot && i < 2 ? dot : end;

        if ((i < 2 && !dot) || (i == 2 && dot) || stop == at)
            return false;
        parts[i] = (struct span){at, (size_t)(stop - at)};
        at = stop + (i < 2 ? 1 : 0);
    }
    return true;
}

static int jwt_refuse(struct err *err, const char *why)
{
    return err_set(err, EACCES, "%s", why);
}

/* The key for this header, once it is clear that the header asks for nothing odd. */
static int jwt_header_check(const struct api_jwt_keys *keys, struct span header,
                            const struct api_jwt_key **ret_key, struct err *err)
{
    struct api_fault fault = {0};
    auto_buf struct buf text;
    int r = -EACCES;

    buf_init(&text, JWT_TOKEN_MAX);
    if (api_base64_decode(header, API_BASE64_URL, &text) < 0)
        return jwt_refuse(err, "the token's header is not base64url");

    struct api_json *root = api_json_parse(buf_span(&text), &fault);
    struct api_json_at top = api_json_root(root);
    if (!root || !api_json_is_object(&top)) {
        api_json_free(root);
        return jwt_refuse(err, "the token's header is not a JSON object");
    }

    struct span alg = api_json_text(&top, "alg", 16, &fault);
    struct span kid = api_json_text(&top, "kid", JWT_CLAIM_MAX, &fault);
    const struct api_jwt_key *key = api_jwt_key_find(keys, kid);

    if (fault.code)
        (void)jwt_refuse(err, "the token's header has a field of the wrong type");
    else if (api_json_field(&top, "crit").value)
        (void)jwt_refuse(err, "the token has critical extensions, none is known");
    else if (!key)
        (void)jwt_refuse(err, "the token names no known key");
    else if (!span_eq(alg, span_of(api_jwt_key_alg(key))))
        (void)jwt_refuse(err, "the token's algorithm is not the one of its key");
    else
        r = 0;
    api_json_free(root);
    if (r == 0)
        *ret_key = key;
    return r;
}

/* A NumericDate (RFC 7519 section 2): -ENOENT when absent, -EINVAL when it is none. */
static int jwt_date(const struct api_json_at *claims, const char *name, int64_t *ret_s)
{
    struct api_json_at at = api_json_field(claims, name);
    double real;

    if (!at.value)
        return -ENOENT;
    if (api_json_as_int(&at, ret_s))
        return 0;
    if (!api_json_as_real(&at, &real) || real < 0 || real > 1e15)
        return -EINVAL;
    *ret_s = (int64_t)real;
    return 0;
}

static int jwt_times_check(const struct api_json_at *claims, int64_t now_s, struct err *err)
{
    int64_t exp;
    int64_t nbf = 0;
    int64_t iat = 0;

    if (jwt_date(claims, "exp", &exp) < 0)
        return jwt_refuse(err, "the token has no exp");
    if (jwt_date(claims, "nbf", &nbf) == -EINVAL || jwt_date(claims, "iat", &iat) == -EINVAL)
        return jwt_refuse(err, "the token's nbf or iat is not a date");
    if (exp <= now_s - JWT_LEEWAY_S)
        return jwt_refuse(err, "the token has expired");
    if (nbf > now_s + JWT_LEEWAY_S || iat > now_s + JWT_LEEWAY_S)
        return jwt_refuse(err, "the token is not valid yet");
    return 0;
}

static bool jwt_text_is(const struct api_json_at *at, const char *want)
{
    struct api_fault fault = {0};
    struct span text = api_json_as_text(at, JWT_CLAIM_MAX, &fault);

    return !fault.code && span_eq(text, span_of(want));
}

static bool jwt_audience_is(const struct api_json_at *claims, const char *want)
{
    struct api_json_at aud = api_json_field(claims, "aud");

    if (!aud.value)
        return false;
    if (!api_json_is_array(&aud))
        return jwt_text_is(&aud, want);
    for (size_t i = 0; i < api_json_len(&aud); i++) {
        struct api_json_at item = api_json_item(&aud, i);

        if (jwt_text_is(&item, want))
            return true;
    }
    return false;
}

static unsigned jwt_scope_bit(struct span word)
{
#define X(id, name)                                                                                \
    if (span_eq(word, span_of(name)))                                                              \
        return API_SCOPE_##id;
    API_SCOPES(X)
#undef X
    return 0;
}

static unsigned jwt_scope_words(struct span text)
{
    unsigned scopes = 0;

    for (size_t at = 0; at < text.len;) {
        const uint8_t *from = text.data + at;
        const uint8_t *space = memchr(from, ' ', text.len - at);
        size_t len = space ? (size_t)(space - from) : text.len - at;

        scopes |= jwt_scope_bit((struct span){from, len});
        at += len + 1;
    }
    return scopes;
}

static unsigned jwt_scopes(const struct api_json_at *claims)
{
    struct api_json_at scope = api_json_field(claims, "scope");
    struct api_fault fault = {0};
    unsigned scopes = 0;

    if (!scope.value)
        return 0;
    if (!api_json_is_array(&scope))
        return jwt_scope_words(api_json_as_text(&scope, JWT_CLAIM_MAX, &fault));
    for (size_t i = 0; i < api_json_len(&scope); i++) {
        struct api_json_at item = api_json_item(&scope, i);

        scopes |= jwt_scope_words(api_json_as_text(&item, JWT_CLAIM_MAX, &fault));
    }
    return scopes;
}

static int jwt_claims_check(const struct api_jwt_rules *rules, const struct api_json_at *claims,
                            int64_t now_s, struct api_principal *ret_who, struct err *err)
{
    struct api_json_at iss = api_json_field(claims, "iss");
    struct api_principal who = {.authenticated = true};
    struct api_fault fault = {0};
    int r = jwt_times_check(claims, now_s, err);

    if (r < 0)
        return r;
    if (rules->issuer[0] && !(iss.value && jwt_text_is(&iss, rules->issuer)))
        return jwt_refuse(err, "the token is from another issuer");
    if (rules->audience[0] && !jwt_audience_is(claims, rules->audience))
        return jwt_refuse(err, "the token is for another audience");
    api_json_word(claims, "sub", who.subject, sizeof(who.subject), &fault);
    api_json_word(claims, "tenant", who.tenant, sizeof(who.tenant), &fault);
    if (fault.code)
        return jwt_refuse(err, "the token's sub or tenant is not a short text");
    if (!who.tenant[0] && !who.subject[0])
        return jwt_refuse(err, "the token names neither sub nor tenant");
    if (!who.tenant[0])
        memcpy(who.tenant, who.subject, sizeof(who.tenant));
    who.scopes = jwt_scopes(claims);
    /* "*" is how the bridge says "all tenants" to a peer: only an admin may be it. */
    if (strcmp(who.tenant, "*") == 0 && !(who.scopes & API_SCOPE_ADMIN))
        return jwt_refuse(err, "the token's tenant is not a name");
    *ret_who = who;
    return 0;
}

int api_jwt_check(const struct api_jwt_rules *rules, struct span token, int64_t now_s,
                  struct api_principal *ret_who, struct err *err)
{
    const struct api_jwt_key *key = NULL;
    struct api_fault fault = {0};
    struct span parts[3];
    auto_buf struct buf payload;
    auto_buf struct buf scratch;
    int r;

    buf_init(&payload, JWT_TOKEN_MAX);
    buf_init(&scratch, JWT_TOKEN_MAX);
    if (token.len > JWT_TOKEN_MAX)
        return jwt_refuse(err, "the token is too long");
    if (!jwt_split(token, parts))
        return jwt_refuse(err, "the token does not have three parts");
    r = jwt_header_check(rules->keys, parts[0], &key, err);
    if (r < 0)
        return r;
    for (int i = 1; i < 3; i++) { /* the library is lenient about base64url, this is not */
        buf_reset(&scratch);
        if (api_base64_decode(parts[i], API_BASE64_URL, &scratch) < 0)
            return jwt_refuse(err, "the token is not base64url");
    }
    if (api_jwt_key_verify(key, token, &payload) < 0)
        return jwt_refuse(err, "the token's signature is wrong");

    struct api_json *root = api_json_parse(buf_span(&payload), &fault);
    struct api_json_at claims = api_json_root(root);
    if (root && api_json_is_object(&claims))
        r = jwt_claims_check(rules, &claims, now_s, ret_who, err);
    else
        r = jwt_refuse(err, "the token's claims are not a JSON object");
    api_json_free(root);
    if (r == 0)
        ret_who->token_hash = hash64(token.data, token.len) | 1;
    return r;
}
