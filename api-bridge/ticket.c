/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A ticket is base64url of: a version, its end (Unix seconds), the scopes, the hash of the token
 * it was got with, the tenant, the subject; and behind all that their HMAC-SHA256.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "api-bridge/ticket.h"

#include "api-bridge/base64.h"
#include "api-bridge/config.h"
#include "api-bridge/server.h"
#include "api-bridge/writer.h"
#include "base/clock.h"
#include "base/own.h"

#include <errno.h>

enum { TICKET_VERSION = 1, TICKET_MAC = 32, TICKET_BYTES = 3 * (LIMIT_NAME + 1) + TICKET_MAC };

int api_ticket_key(const char *secret, uint8_t ret_key[API_TICKET_KEY])
{
    if (secret[0])
        return EVP_Digest(secret, strlen(secret), ret_key, NULL, EVP_sha256(), NULL) == 1 ? 0
                                                                                          : -EIO;
    return RAND_bytes(ret_key, API_TICKET_KEY) == 1 ? 0 : -EIO;
}

static void sign(const uint8_t key[API_TICKET_KEY], struct span text, uint8_t mac[TICKET_MAC])
{
    if (!HMAC(EVP_sha256(), key, API_TICKET_KEY, text.data, text.len, mac, NULL))
        abort();
}

static void put_number(struct buf *b, uint64_t v)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        (void)buf_putc(b, (uint8_t)(v >> shift));
}

static void put_name(struct buf *b, const char *name)
{
    (void)buf_putc(b, (uint8_t)strlen(name));
    (void)buf_puts(b, name);
}

void api_ticket_make(const uint8_t key[API_TICKET_KEY], const struct api_principal *who,
                     int64_t now_s, char out[API_TICKET_TEXT])
{
    auto_buf struct buf b = {.max = TICKET_BYTES}, text = {.max = API_TICKET_TEXT};
    uint8_t mac[TICKET_MAC];

    (void)buf_putc(&b, TICKET_VERSION);
    put_number(&b, (uint64_t)(now_s + API_TICKET_S));
    (void)buf_putc(&b, (uint8_t)(who->scopes & ~(unsigned)API_SCOPE_ADMIN));
    (void)buf_putc(&b, who->authenticated);
    put_number(&b, who->token_hash);
    put_name(&b, who->tenant);
    put_name(&b, who->subject);
    sign(key, buf_span(&b), mac);
    (void)buf_put(&b, mac, sizeof(mac));
    (void)api_base64_encode(buf_span(&b), API_BASE64_URL, &text);
    (void)snprintf(out, API_TICKET_TEXT, "%.*s", (int)text.len, (const char *)text.data);
}

/* What is left to be read; it runs dry rather than over. */
static uint64_t get_number(struct span *at, unsigned bytes)
{
    uint64_t v = 0;

    if (at->len < bytes) {
        at->len = 0;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | at->data[i];
    at->data += bytes;
    at->len -= bytes;
    return v;
}

static void get_name(struct span *at, char out[LIMIT_NAME + 1])
{
    uint64_t len = get_number(at, 1);

    if (len > LIMIT_NAME || len > at->len)
        len = 0;
    memcpy(out, at->data, len);
    out[len] = '\0';
    at->data += len;
    at->len -= len;
}

int api_ticket_read(const uint8_t key[API_TICKET_KEY], const char *text, int64_t now_s,
                    struct api_principal *ret_who)
{
    auto_buf struct buf b = {.max = TICKET_BYTES};
    struct api_principal who = {0};
    uint8_t mac[TICKET_MAC];
    struct span at;

    if (api_base64_decode(span_of(text), API_BASE64_URL, &b) < 0 || b.len <= TICKET_MAC)
        return -EACCES;
    at = (struct span){b.data, b.len - TICKET_MAC};
    sign(key, at, mac);
    /* Whoever has the key wrote what follows. */
    if (CRYPTO_memcmp(mac, b.data + at.len, TICKET_MAC) != 0)
        return -EACCES;
    if (get_number(&at, 1) != TICKET_VERSION || (int64_t)get_number(&at, 8) < now_s)
        return -EACCES;
    who.scopes = (unsigned)get_number(&at, 1);
    who.authenticated = get_number(&at, 1) != 0;
    who.token_hash = get_number(&at, 8);
    get_name(&at, who.tenant);
    get_name(&at, who.subject);
    *ret_who = who;
    return 0;
}

bool api_ticket_opens(const struct api_route *route)
{
    return route && (route->id == API_ROUTE_JOBS_EVENTS || route->id == API_ROUTE_EVENTS ||
                     route->id == API_ROUTE_SESSIONS);
}

/* POST /api/stream-ticket */
void api_ticket_handle(struct api_exchange *x)
{
    struct api_json_writer w;
    char text[API_TICKET_TEXT];

    api_ticket_make(api_exchange_config(x)->ticket_key, &x->who, clock_wall_ms() / 1000, text);
    api_answer_header(x, "Cache-Control", "no-store");
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, "ticket", text);
    api_json_put_int(&w, "expiresIn", API_TICKET_S);
    api_json_close(&w, '}');
    api_answer(x, 200, NULL);
}
