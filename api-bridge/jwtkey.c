/* SPDX-License-Identifier: MPL-2.0 */
#include <cjose/cjose.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "api-bridge/jwtkey.h"

#include "api-bridge/json.h"
#include "base/own.h"

#include <errno.h>

enum {
    JWT_KEYS_MAX = 32,
    JWT_KID_MAX = 128,
    JWT_FILE_MAX = 256 * LIMIT_KIB,
    JWT_SECRET_MIN = 32, /* RFC 7518 section 3.2: as long as the hash */
    JWT_SECRET_MAX = 4096,
    JWT_MODULUS_MIN = 256, /* RFC 7518 section 3.3: 2048 bits */
};

struct api_jwt_key {
    const char *alg;
    char kid[JWT_KID_MAX + 1];
    cjose_jwk_t *jwk;
};

struct api_jwt_keys {
    size_t n;
    struct api_jwt_key at[JWT_KEYS_MAX];
};

void api_jwt_keys_free(struct api_jwt_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < keys->n; i++)
        (void)cjose_jwk_release(keys->at[i].jwk);
    free(keys);
}

static int jwt_keys_add(struct api_jwt_keys *keys, cjose_jwk_t *jwk, struct err *err)
{
    cjose_err cerr = {0};
    const char *kid = cjose_jwk_get_kid(jwk, &cerr);
    cjose_jwk_kty_t kty = cjose_jwk_get_kty(jwk, &cerr);
    struct api_jwt_key key = {.jwk = jwk};
    int r = 0;

    if (keys->n == JWT_KEYS_MAX)
        r = err_set(err, E2BIG, "more than %d keys", JWT_KEYS_MAX);
    else if (kid && strlen(kid) > JWT_KID_MAX)
        r = err_set(err, EINVAL, "a kid is longer than %d bytes", JWT_KID_MAX);
    else if (kty == CJOSE_JWK_KTY_OCT)
        key.alg = "HS256";
    else if (kty == CJOSE_JWK_KTY_RSA)
        key.alg = "RS256";
    else
        r = err_set(err, EINVAL, "a key is neither oct (HS256) nor RSA (RS256)");
    if (r == 0) {
        size_t bits = cjose_jwk_get_keysize(jwk, &cerr);
        size_t least = kty == CJOSE_JWK_KTY_OCT ? JWT_SECRET_MIN : JWT_MODULUS_MIN;

        if (bits < least * 8)
            r = err_set(err, EINVAL, "a %s key of %zu bits is too short", key.alg, bits);
    }
    if (r < 0) {
        (void)cjose_jwk_release(jwk);
        return r;
    }
    if (kid)
        memcpy(key.kid, kid, strlen(kid) + 1);
    keys->at[keys->n++] = key;
    return 0;
}

/* One JWK of JSON. Its alg, when it has one, must be the one its kind stands for. */
static int jwt_jwk_add(struct api_jwt_keys *keys, const struct api_json_at *at, struct err *err)
{
    struct api_fault fault = {0};
    struct span alg = api_json_text(at, "alg", 16, &fault);
    struct span kty = api_json_text(at, "kty", 16, &fault);
    auto_buf struct buf json;
    cjose_err cerr = {0};

    buf_init(&json, JWT_FILE_MAX);
    if (fault.code || !kty.data)
        return err_set(err, EINVAL, "a key has no kty");
    if (alg.data && !span_eq(alg, span_of("HS256")) && !span_eq(alg, span_of("RS256")))
        return err_set(err, EINVAL, "alg %.*s is not HS256 or RS256", (int)alg.len, alg.data);
    if (alg.data && span_eq(alg, span_of("HS256")) != span_eq(kty, span_of("oct")))
        return err_set(err, EINVAL, "alg %.*s does not fit kty %.*s", (int)alg.len, alg.data,
                       (int)kty.len, kty.data);
    if (api_json_dump(at, &json) < 0)
        return err_set(err, EINVAL, "a key is too large");

    cjose_jwk_t *jwk = cjose_jwk_import((const char *)json.data, json.len, &cerr);
    if (!jwk)
        return err_set(err, EINVAL, "a key is not a valid JWK: %s", cerr.message);
    return jwt_keys_add(keys, jwk, err);
}

static int jwt_json_add(struct api_jwt_keys *keys, struct span text, struct err *err)
{
    struct api_fault fault = {0};
    struct api_json *root = api_json_parse(text, &fault);
    struct api_json_at top = api_json_root(root);
    int r = 0;

    if (!root)
        return err_set(err, EINVAL, "%s", fault.text);

    struct api_json_at list = api_json_field(&top, "keys");
    if (!list.value)
        r = jwt_jwk_add(keys, &top, err);
    for (size_t i = 0; r == 0 && list.value && i < api_json_len(&list); i++) {
        struct api_json_at item = api_json_item(&list, i);

        r = jwt_jwk_add(keys, &item, err);
    }
    api_json_free(root);
    return r;
}

static EVP_PKEY *jwt_pem_key(struct span text)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);

    if (!key) {
        (void)BIO_reset(bio);

        X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        key = cert ? X509_get_pubkey(cert) : NULL;
        X509_free(cert);
    }
    BIO_free(bio);
    return key;
}

static int jwt_pem_add(struct api_jwt_keys *keys, struct span text, struct err *err)
{
    EVP_PKEY *key = jwt_pem_key(text);
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    uint8_t n_bytes[1024];
    uint8_t e_bytes[64];
    cjose_err cerr = {0};
    cjose_jwk_t *jwk = NULL;

    if (key && EVP_PKEY_get_bn_param(key, "n", &n) == 1 &&
        EVP_PKEY_get_bn_param(key, "e", &e) == 1 && BN_num_bytes(n) <= (int)sizeof(n_bytes) &&
        BN_num_bytes(e) <= (int)sizeof(e_bytes)) {
        cjose_jwk_rsa_keyspec spec = {.n = n_bytes,
                                      .nlen = (size_t)BN_bn2bin(n, n_bytes),
                                      .e = e_bytes,
                                      .elen = (size_t)BN_bn2bin(e, e_bytes)};

        jwk = cjose_jwk_create_RSA_spec(&spec, &cerr);
    }
    BN_free(n);
    BN_free(e);
    EVP_PKEY_free(key);
    if (!jwk)
        return err_set(err, EINVAL, "the PEM holds no RSA public key or certificate");
    return jwt_keys_add(keys, jwk, err);
}

static int jwt_secret_add(struct api_jwt_keys *keys, struct span text, struct err *err)
{
    cjose_err cerr = {0};

    while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    if (text.len < JWT_SECRET_MIN || text.len > JWT_SECRET_MAX)
        return err_set(err, EINVAL, "an HS256 secret must have %d to %d bytes", JWT_SECRET_MIN,
                       JWT_SECRET_MAX);

    cjose_jwk_t *jwk = cjose_jwk_create_oct_spec(text.data, text.len, &cerr);
    if (!jwk)
        return err_set(err, EINVAL, "the secret cannot be used: %s", cerr.message);
    return jwt_keys_add(keys, jwk, err);
}

struct api_jwt_keys *api_jwt_keys_load(const char *path, struct err *err)
{
    struct api_jwt_keys *keys = own_calloc(1, sizeof(*keys));
    auto_buf struct buf text;
    int r;

    buf_init(&text, JWT_FILE_MAX);
    r = buf_load(&text, path, err);
    if (r == 0) {
        struct span s = buf_span(&text);
        size_t blank = 0;

        while (blank < s.len && strchr(" \t\r\n", s.data[blank]))
            blank++;
        if (blank < s.len && s.data[blank] == '{')
            r = jwt_json_add(keys, s, err);
        else if (s.len > 10 && memmem(s.data, s.len, "-----BEGIN", 10))
            r = jwt_pem_add(keys, s, err);
        else
            r = jwt_secret_add(keys, s, err);
        if (r == 0 && keys->n == 0)
            r = err_set(err, EINVAL, "there is no key in it");
        if (r < 0)
            (void)err_wrap(err, "%s", path);
    }
    if (text.data)
        explicit_bzero(text.data, text.cap);
    if (r < 0) {
        api_jwt_keys_free(keys);
        return NULL;
    }
    return keys;
}

const struct api_jwt_key *api_jwt_key_find(const struct api_jwt_keys *keys, struct span kid)
{
    if (!kid.data)
        return keys->n == 1 ? &keys->at[0] : NULL;
    for (size_t i = 0; i < keys->n; i++) {
        if (span_eq(kid, span_of(keys->at[i].kid)))
            return &keys->at[i];
    }
    /* A lone key without a name (a PEM or a secret file) serves whatever name a token gives. */
    return keys->n == 1 && keys->at[0].kid[0] == '\0' ? &keys->at[0] : NULL;
}

const char *api_jwt_key_alg(const struct api_jwt_key *key)
{
    return key->alg;
}

int api_jwt_key_verify(const struct api_jwt_key *key, struct span token, struct buf *ret_payload)
{
    cjose_err cerr = {0};
    cjose_jws_t *jws = cjose_jws_import((const char *)token.data, token.len, &cerr);
    uint8_t *payload;
    size_t len;
    int r = -EBADMSG;

    if (!jws)
        return r;
    if (cjose_jws_verify(jws, key->jwk, &cerr) &&
        cjose_jws_get_plaintext(jws, &payload, &len, &cerr) &&
        buf_put(ret_payload, payload, len) == 0)
        r = 0;
    cjose_jws_release(jws);
    return r;
}
