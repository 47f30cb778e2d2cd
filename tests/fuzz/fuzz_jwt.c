/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tokens from a stranger. As they are, none is taken that was not signed with the key. With
 * the first byte odd, what follows is a header and claims (a line end between), which are
 * signed with the right secret: whatever is taken then has the algorithm of its key, and is
 * refused as soon as one bit of it differs.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "api-bridge/base64.h"
#include "api-bridge/jwt.h"
#include "base/own.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const int64_t now_s = 1800000000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct api_jwt_keys *load(const char *text)
{
    auto_fd int fd = memfd_create("keys", MFD_CLOEXEC);
    struct api_jwt_keys *keys;
    struct err err = {0};
    char path[64];

    assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    keys = api_jwt_keys_load(path, &err);
    assert(keys);
    return keys;
}

static bool taken(struct span token)
{
    static struct api_jwt_keys *keys;
    struct api_principal who = {0};
    struct err err = {0};
    struct api_jwt_rules rules = {.issuer = "", .audience = ""};
    int r;

    if (!keys)
        keys = load(secret);
    rules.keys = keys;
    r = api_jwt_check(&rules, token, now_s, &who, &err);
    assert(r == 0 ? who.authenticated : !who.authenticated && err.text[0]);
    assert(r < 0 || who.scopes & API_SCOPE_ADMIN || strcmp(who.tenant, "*") != 0);
    return r == 0;
}

static void encode(struct span text, struct buf *out)
{
    (void)api_base64_encode(text, API_BASE64_URL, out);
}

/* HEADER.CLAIMS.MAC, as RFC 7515 section 3.1 has it. */
static void sign(struct span header, struct span claims, struct buf *token)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    encode(header, token);
    (void)buf_putc(token, '.');
    encode(claims, token);
    assert(HMAC(EVP_sha256(), secret, sizeof(secret) - 1, token->data, token->len, mac, &len));
    (void)buf_putc(token, '.');
    encode((struct span){mac, len}, token);
}

static void signed_by_us(struct span text)
{
    const uint8_t *end = text.len ? memchr(text.data, '\n', text.len) : NULL;
    size_t len = end ? (size_t)(end - text.data) : text.len;
    struct span header = {text.data, len};
    struct span claims = {text.data + len + !!end, text.len - len - !!end};
    auto_buf struct buf token;

    buf_init(&token, 64 * LIMIT_KIB);
    sign(header, claims, &token);
    if (!taken(buf_span(&token)))
        return;
    assert(memmem(header.data, header.len, "HS256", 5) ||
           memmem(header.data, header.len, "\\u00", 4));
    /* The last character may hold bits that are no part of the bytes. */
    for (size_t at = 0; at + 1 < token.len; at += 1 + token.len / 16) {
        ((uint8_t *)token.data)[at] ^= 1;
        assert(!taken(buf_span(&token)));
        ((uint8_t *)token.data)[at] ^= 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text;

    if (size == 0)
        return 0;
    text = (struct span){data + 1, size - 1};
    if (data[0] & 1)
        signed_by_us(text);
    else
        assert(!taken(text));
    return 0;
}
