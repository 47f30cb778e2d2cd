/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/request.h"

#include "base/own.h"

#include <errno.h>
#include <strings.h>

enum { REQUEST_HEAD_KEEP = LIMIT_KIB };

void api_request_init(struct api_request *r)
{
    *r = (struct api_request){.query = ""};
    buf_init(&r->head, API_HEAD_MAX);
    buf_init(&r->body, 0);
}

void api_request_done(struct api_request *r)
{
    api_request_trim(r);
    free(r->path);
    r->path = NULL;
}

void api_request_recycle(struct api_request *r)
{
    struct api_request fresh = {.query = "", .head = r->head};

    free(r->path);
    buf_done(&r->body);
    if (r->cap_headers <= API_HEADERS_STEP) {
        fresh.headers = r->headers;
        fresh.cap_headers = r->cap_headers;
    } else {
        free(r->headers);
    }
    if (fresh.head.cap > REQUEST_HEAD_KEEP)
        buf_done(&fresh.head);
    buf_reset(&fresh.head);
    *r = fresh;
}

void api_request_trim(struct api_request *r)
{
    free(r->headers);
    r->headers = NULL;
    r->n_headers = r->cap_headers = 0;
    r->target = (struct span){0};
    buf_done(&r->head);
    buf_done(&r->body);
}

static bool name_is(struct span name, const char *want)
{
    return name.len == strlen(want) && strncasecmp((const char *)name.data, want, name.len) == 0;
}

bool api_header_is(const struct api_header *h, const char *name)
{
    return name_is(h->name, name);
}

struct span api_request_header(const struct api_request *r, const char *name)
{
    for (unsigned i = 0; i < r->n_headers; i++) {
        if (api_header_is(&r->headers[i], name))
            return r->headers[i].value;
    }
    return (struct span){0};
}

unsigned api_request_headers(const struct api_request *r, const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < r->n_headers; i++)
        n += api_header_is(&r->headers[i], name);
    return n;
}

int api_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int api_request_unescape(struct span in, bool plus_is_space, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < in.len; i++) {
        int c = in.data[i];

        if (c == '%') {
            int hi = i + 2 < in.len ? api_hex_digit(in.data[i + 1]) : -1;
            int lo = hi >= 0 ? api_hex_digit(in.data[i + 2]) : -1;

            if (lo < 0)
                return -EINVAL;
            c = hi << 4 | lo;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0' || n + 1 >= size)
            return -EINVAL;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return (int)n;
}

/* One `name=value` of the query; moves *at behind it. False at the end. */
static bool next_pair(const char **at, struct span *ret_name, struct span *ret_value)
{
    const char *p = *at, *end, *eq;

    while (*p == '&')
        p++;
    if (*p == '\0')
        return false;
    end = p + strcspn(p, "&");
    eq = memchr(p, '=', (size_t)(end - p));
    *ret_name = (struct span){(const uint8_t *)p, (size_t)((eq ? eq : end) - p)};
    *ret_value = (struct span){0};
    if (eq)
        *ret_value = (struct span){(const uint8_t *)eq + 1, (size_t)(end - eq - 1)};
    *at = end;
    return true;
}

int api_request_query(const struct api_request *r, const char *name, char *out, size_t size)
{
    const char *at = r->query;
    struct span key, value;
    int found = 0;

    while (next_pair(&at, &key, &value)) {
        char word[API_FIELD_MAX];

        if (api_request_unescape(key, true, word, sizeof(word)) < 0 || strcmp(word, name) != 0)
            continue;
        if (found || api_request_unescape(value, true, out, size) < 0)
            return -EINVAL;
        found = 1;
    }
    return found;
}

/* As api_request_query(), and an error is a fault. */
static bool query_word(const struct api_request *r, const char *name, char out[32],
                       struct api_fault *f)
{
    int there = f->code ? 0 : api_request_query(r, name, out, 32);

    if (there < 0)
        api_fault_field(f, API_FAULT_BAD_VALUE, name, "the query has no usable value for %s", name);
    return there > 0;
}

uint32_t api_request_query_seconds(const struct api_request *r, const char *name, uint32_t max_s,
                                   uint32_t fallback_ms, struct api_fault *f)
{
    char word[32], *end;
    double v;

    if (!query_word(r, name, word, f))
        return fallback_ms;
    if (word[0] == '\0')
        return max_s * 1000;
    v = strtod(word, &end);
    if (*end == '\0' && strspn(word, "0123456789.") == strlen(word) && v >= 0) {
        if (v <= max_s)
            return (uint32_t)(v * 1000);
        api_fault_field(f, API_FAULT_OUT_OF_RANGE, name, "%s must be between 0 and %u seconds",
                        name, max_s);
        return fallback_ms;
    }
    api_fault_field(f, API_FAULT_BAD_VALUE, name, "%s must be a number of seconds", name);
    return fallback_ms;
}

bool api_request_query_flag(const struct api_request *r, const char *name, bool fallback,
                            struct api_fault *f)
{
    char word[32];

    if (!query_word(r, name, word, f))
        return fallback;
    if (word[0] == '\0' || strcasecmp(word, "true") == 0 || strcmp(word, "1") == 0)
        return true;
    if (strcasecmp(word, "false") == 0 || strcmp(word, "0") == 0)
        return false;
    api_fault_field(f, API_FAULT_BAD_VALUE, name, "%s must be true or false", name);
    return fallback;
}

static bool is_among(const char *word, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(word, known[i]) == 0)
            return true;
    }
    return false;
}

void api_request_query_known(const struct api_request *r, const char *const *known, size_t n,
                             struct api_fault *f)
{
    const char *at = r->query;
    struct span key, value;

    while (!f->code && next_pair(&at, &key, &value)) {
        char word[API_FIELD_MAX];

        if (api_request_unescape(key, true, word, sizeof(word)) < 0)
            api_fault_set(f, API_FAULT_BAD_VALUE, "the query has a name that cannot be read");
        else if (!is_among(word, known, n))
            api_fault_field(f, API_FAULT_UNKNOWN_FIELD, word, "the query has no parameter %s here",
                            word);
    }
}

struct span api_request_key(const struct api_request *r, struct api_fault *f)
{
    struct span key = api_request_header(r, "idempotency-key");

    if (key.len > API_KEY_MAX || (key.data && key.len == 0))
        api_fault_field(f, API_FAULT_BAD_VALUE, "Idempotency-Key",
                        "Idempotency-Key must have 1 to %d bytes", API_KEY_MAX);
    if (api_request_headers(r, "idempotency-key") > 1)
        api_fault_field(f, API_FAULT_BAD_VALUE, "Idempotency-Key",
                        "Idempotency-Key must be there once");
    return key;
}

bool api_request_is_json(const struct api_request *r)
{
    static const char *const types[] = {"application/json", "text/json"};
    struct span type = api_request_header(r, "content-type");
    size_t n = 0;

    if (!type.data)
        return true;
    while (n < type.len && type.data[n] != ';' && type.data[n] != ' ')
        n++;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (name_is((struct span){type.data, n}, types[i]))
            return true;
    }
    return n > 5 && strncasecmp((const char *)type.data + n - 5, "+json", 5) == 0;
}
