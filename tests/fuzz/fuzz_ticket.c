/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Tickets from a stranger. As it is, no text is taken. With the first byte odd, what follows is
 * signed with the right key, as one who has it may write anything: what is taken then fits its
 * places, and is refused as soon as one bit of it differs, and when its time is over.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "api-bridge/base64.h"
#include "api-bridge/ticket.h"
#include "base/own.h"

#include <assert.h>

enum { FUZZ_NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[API_TICKET_KEY] = {1};

static void another_bit(char *text)
{
    const size_t len = strlen(text);

    /* The last character may hold bits that are no part of the bytes. */
    for (size_t at = 0; at + 1 < len; at += 1 + len / 16) {
        struct api_principal who;

        text[at] ^= 1;
        assert(api_ticket_read(key, text, FUZZ_NOW, &who) < 0);
        text[at] ^= 1;
    }
}

/* What a ticket says can be said again, but for the right to administer. */
static void once_more(const struct api_principal *who)
{
    char text[API_TICKET_TEXT];
    struct api_principal again;

    api_ticket_make(key, who, FUZZ_NOW, text);
    assert(api_ticket_read(key, text, FUZZ_NOW + API_TICKET_S, &again) == 0);
    assert(api_ticket_read(key, text, FUZZ_NOW + API_TICKET_S + 1, &again) < 0);
    assert(strcmp(who->tenant, again.tenant) == 0 && strcmp(who->subject, again.subject) == 0);
    assert(again.scopes == (who->scopes & ~(unsigned)API_SCOPE_ADMIN));
    assert(again.token_hash == who->token_hash && again.authenticated == who->authenticated);
    another_bit(text);
}

static void signed_by_us(struct span bytes)
{
    auto_buf struct buf both = {.max = LIMIT_MIB}, text = {.max = LIMIT_MIB};
    struct api_principal who = {0};
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    assert(HMAC(EVP_sha256(), key, sizeof(key), bytes.data, bytes.len, mac, &len));
    (void)buf_put(&both, bytes.data, bytes.len);
    (void)buf_put(&both, mac, len);
    (void)api_base64_encode(buf_span(&both), API_BASE64_URL, &text);
    (void)buf_putc(&text, 0);
    if (api_ticket_read(key, (const char *)text.data, FUZZ_NOW, &who) < 0)
        return;
    assert(memchr(who.tenant, 0, sizeof(who.tenant)) &&
           memchr(who.subject, 0, sizeof(who.subject)));
    once_more(&who);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = own_calloc(1, size + 1);
    struct api_principal who;

    if (size == 0)
        return 0;
    memcpy(text, data + 1, size - 1);
    if (data[0] & 1)
        signed_by_us((struct span){data + 1, size - 1});
    else
        assert(api_ticket_read(key, text, FUZZ_NOW, &who) < 0);
    return 0;
}
