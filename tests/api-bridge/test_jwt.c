/* SPDX-License-Identifier: MPL-2.0 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "api-bridge/base64.h"
#include "api-bridge/jwt.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const int64_t now = 1800000000;

struct fixture {
    char dir[64];
    char secret_file[96], pem_file[96], jwks_file[96];
    EVP_PKEY *rsa;
    struct buf pem; /* of the public key */
    struct api_jwt_keys *hs, *rs, *set;
};

static void write_file(const char *path, const void *data, size_t len)
{
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
}

static int set_up(void **state)
{
    struct fixture *f = own_calloc(1, sizeof(*f));
    struct err err = {0};
    char jwks[512];
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/jwt-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->secret_file, sizeof(f->secret_file), "%s/secret", f->dir);
    (void)snprintf(f->pem_file, sizeof(f->pem_file), "%s/pem", f->dir);
    (void)snprintf(f->jwks_file, sizeof(f->jwks_file), "%s/jwks", f->dir);
    f->rsa = EVP_RSA_gen(2048);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, f->rsa), 1);
    buf_init(&f->pem, 8192);
    assert_int_equal(buf_put(&f->pem, pem, (size_t)BIO_get_mem_data(bio, &pem)), 0);
    BIO_free(bio);
    write_file(f->pem_file, f->pem.data, f->pem.len);
    write_file(f->secret_file, "0123456789abcdef0123456789abcdef\n", 33);
    (void)snprintf(jwks, sizeof(jwks),
                   "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"one\",\"alg\":\"HS256\",\"k\":"
                   "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"},{\"kty\":\"oct\",\"kid\":"
                   "\"two\",\"k\":\"ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY\"}]}");
    write_file(f->jwks_file, jwks, strlen(jwks));
    f->hs = api_jwt_keys_load(f->secret_file, &err);
    f->rs = api_jwt_keys_load(f->pem_file, &err);
    f->set = api_jwt_keys_load(f->jwks_file, &err);
    if (!f->hs || !f->rs || !f->set)
        fail_msg("%s", err.text);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    api_jwt_keys_free(f->hs);
    api_jwt_keys_free(f->rs);
    api_jwt_keys_free(f->set);
    EVP_PKEY_free(f->rsa);
    buf_done(&f->pem);
    (void)unlink(f->secret_file);
    (void)unlink(f->pem_file);
    (void)unlink(f->jwks_file);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

/* header.payload, ready to be signed */
static void start(struct buf *token, const char *header, const char *payload)
{
    buf_init(token, 16384);
    assert_int_equal(api_base64_encode(span_of(header), API_BASE64_URL, token), 0);
    (void)buf_putc(token, '.');
    assert_int_equal(api_base64_encode(span_of(payload), API_BASE64_URL, token), 0);
}

static void finish(struct buf *token, const uint8_t *mac, size_t len)
{
    (void)buf_putc(token, '.');
    (void)api_base64_encode((struct span){mac, len}, API_BASE64_URL, token);
}

static void sign_hs(struct buf *token, struct span key)
{
    uint8_t mac[32];
    unsigned len = sizeof(mac);

    assert_non_null(HMAC(EVP_sha256(), key.data, (int)key.len, token->data, token->len, mac, &len));
    finish(token, mac, len);
}

static void sign_rs(struct buf *token, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t mac[512];
    size_t len = sizeof(mac);

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, mac, &len, token->data, token->len), 1);
    EVP_MD_CTX_free(ctx);
    finish(token, mac, len);
}

static int check(const struct api_jwt_keys *keys, const struct buf *token,
                 struct api_principal *who, struct err *err)
{
    struct api_jwt_rules rules = {.keys = keys, .issuer = "", .audience = "arena"};

    return api_jwt_check(&rules, buf_span(token), now, who, err);
}

static int check_hs(const struct api_jwt_keys *keys, const char *header, const char *payload,
                    struct err *err)
{
    auto_buf struct buf token;
    struct api_principal who;

    start(&token, header, payload);
    sign_hs(&token, span_of(secret));
    return check(keys, &token, &who, err);
}

#define HS "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD "\"exp\":1800000100,\"aud\":[\"x\",\"arena\"],\"sub\":\"ann\""

static void a_good_token_names_its_tenant_and_scopes(void **state)
{
    const struct fixture *f = *state;
    auto_buf struct buf token;
    struct api_principal who = {0};
    struct err err = {0};

    start(&token, HS, "{" GOOD ",\"tenant\":\"school\",\"scope\":\"submit read\"}");
    sign_hs(&token, span_of(secret));
    assert_int_equal(check(f->hs, &token, &who, &err), 0);
    assert_string_equal(who.tenant, "school");
    assert_string_equal(who.subject, "ann");
    assert_int_equal(who.scopes, API_SCOPE_SUBMIT | API_SCOPE_READ);
    assert_true(who.authenticated && who.token_hash != 0);
}

static void an_rs256_token_is_checked_with_the_public_key(void **state)
{
    const struct fixture *f = *state;
    auto_buf struct buf token;
    struct api_principal who = {0};
    struct err err = {0};

    start(&token, "{\"alg\":\"RS256\",\"kid\":\"any\"}", "{" GOOD "}");
    sign_rs(&token, f->rsa);
    assert_int_equal(check(f->rs, &token, &who, &err), 0);
    assert_string_equal(who.tenant, "ann");
    token.data[token.len - 10] ^= 1;
    assert_int_equal(check(f->rs, &token, &who, &err), -EACCES);
}

static void an_hmac_made_with_the_public_key_is_refused(void **state)
{
    const struct fixture *f = *state;
    auto_buf struct buf token;
    struct api_principal who;
    struct err err = {0};

    start(&token, HS, "{" GOOD "}");
    sign_hs(&token, buf_span(&f->pem));
    assert_int_equal(check(f->rs, &token, &who, &err), -EACCES);
    assert_non_null(strstr(err.text, "algorithm"));
}

static void a_token_without_signature_is_refused(void **state)
{
    const struct fixture *f = *state;
    static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{}",
                                          "{\"alg\":null}", "{\"alg\":\"\"}"};
    struct api_principal who;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        auto_buf struct buf token;

        start(&token, headers[i], "{" GOOD "}");
        (void)buf_putc(&token, '.');
        assert_int_equal(check(f->hs, &token, &who, &err), -EACCES);
        (void)buf_puts(&token, "AAAA");
        assert_int_equal(check(f->hs, &token, &who, &err), -EACCES);
    }
}

static void each_broken_rule_is_named(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        const char *header, *payload, *says;
    } bad[] = {
        {HS, "{\"exp\":1799999960,\"aud\":\"arena\"}", "expired"},
        {HS, "{\"aud\":\"arena\"}", "no exp"},
        {HS, "{\"exp\":\"1900000000\",\"aud\":\"arena\"}", "no exp"},
        {HS, "{\"exp\":1800000100,\"aud\":\"other\"}", "audience"},
        {HS, "{\"exp\":1800000100}", "audience"},
        {HS, "{" GOOD ",\"nbf\":1800000060}", "not valid yet"},
        {HS, "{" GOOD ",\"iat\":1800000060}", "not valid yet"},
        {HS, "{" GOOD ",\"tenant\":\"*\",\"scope\":\"read\"}", "tenant"},
        {HS, "{" GOOD ",\"tenant\":7}", "tenant"},
        {HS, "{\"exp\":1800000100,\"aud\":\"arena\"}", "neither sub nor tenant"},
        {HS, "{\"exp\":1800000100,\"aud\":\"arena\",\"sub\":\"\",\"tenant\":\"\"}",
         "neither sub nor tenant"},
        {HS, "{" GOOD ",\"exp\":1900000000}", "claims"},
        {HS, "[1]", "claims"},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "{" GOOD "}", "critical"},
        {"{\"alg\":\"HS512\"}", "{" GOOD "}", "algorithm"},
        {"{\"alg\":\"HS256\",\"alg\":\"none\"}", "{" GOOD "}", "header"},
        {"{\"alg\":\"HS256\",\"kid\":7}", "{" GOOD "}", "header"},
        {"\"HS256\"", "{" GOOD "}", "header"},
    };
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = (struct err){0};
        assert_int_equal(check_hs(f->hs, bad[i].header, bad[i].payload, &err), -EACCES);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s %s: \"%s\"", bad[i].header, bad[i].payload, err.text);
    }
    assert_int_equal(check_hs(f->hs, HS, "{" GOOD "}", &err), 0);
}

static void a_set_of_keys_needs_the_right_kid(void **state)
{
    const struct fixture *f = *state;
    struct err err;

    assert_int_equal(check_hs(f->set, "{\"alg\":\"HS256\",\"kid\":\"one\"}", "{" GOOD "}", &err),
                     0);
    assert_int_equal(check_hs(f->set, "{\"alg\":\"HS256\",\"kid\":\"two\"}", "{" GOOD "}", &err),
                     -EACCES);
    assert_int_equal(check_hs(f->set, "{\"alg\":\"HS256\",\"kid\":\"six\"}", "{" GOOD "}", &err),
                     -EACCES);
    assert_int_equal(check_hs(f->set, HS, "{" GOOD "}", &err), -EACCES);
}

static void a_token_of_another_shape_is_refused(void **state)
{
    const struct fixture *f = *state;
    static const char *const shapes[] = {"",        ".",    "..",    "a.b",
                                         "a.b.c.d", "a..c", "=.=.=", "%%.a.b"};
    struct api_jwt_rules rules = {.keys = f->hs, .issuer = "", .audience = ""};
    struct api_principal who;
    struct err err;
    auto_buf struct buf huge;

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        assert_int_equal(api_jwt_check(&rules, span_of(shapes[i]), now, &who, &err), -EACCES);
    buf_init(&huge, 65536);
    while (huge.len < 9000)
        (void)buf_putc(&huge, 'A');
    assert_int_equal(api_jwt_check(&rules, buf_span(&huge), now, &who, &err), -EACCES);
    assert_non_null(strstr(err.text, "too long"));
}

static void a_signature_with_padding_or_spare_bits_is_refused(void **state)
{
    const struct fixture *f = *state;
    auto_buf struct buf token;
    struct api_principal who;
    struct err err;
    uint8_t last;

    start(&token, HS, "{" GOOD "}");
    sign_hs(&token, span_of(secret));
    assert_int_equal(check(f->hs, &token, &who, &err), 0);
    last = token.data[token.len - 1];
    token.data[token.len - 1] = (uint8_t)(last + 1); /* the low bits of the last character */
    assert_int_equal(check(f->hs, &token, &who, &err), -EACCES);
    token.data[token.len - 1] = last;
    (void)buf_putc(&token, '=');
    assert_int_equal(check(f->hs, &token, &who, &err), -EACCES);
}

static void weak_or_foreign_keys_are_not_loaded(void **state)
{
    const struct fixture *f = *state;
    static const char *const files[] = {
        "too short a secret",
        "{\"keys\":[]}",
        "{\"kty\":\"oct\",\"k\":\"c2hvcnQ\"}",
        "{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}",
        "{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}",
        "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n",
    };
    char path[128];
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/bad", f->dir);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        write_file(path, files[i], strlen(files[i]));
        assert_null(api_jwt_keys_load(path, &err));
        assert_non_null(strstr(err.text, path));
    }
    (void)unlink(path);
    assert_null(api_jwt_keys_load(path, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_token_names_its_tenant_and_scopes),
        cmocka_unit_test(an_rs256_token_is_checked_with_the_public_key),
        cmocka_unit_test(an_hmac_made_with_the_public_key_is_refused),
        cmocka_unit_test(a_token_without_signature_is_refused),
        cmocka_unit_test(each_broken_rule_is_named),
        cmocka_unit_test(a_set_of_keys_needs_the_right_kid),
        cmocka_unit_test(a_token_of_another_shape_is_refused),
        cmocka_unit_test(a_signature_with_padding_or_spare_bits_is_refused),
        cmocka_unit_test(weak_or_foreign_keys_are_not_loaded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
