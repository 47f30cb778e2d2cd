/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/writer.h"

#include "api-bridge/base64.h"
#include "base/own.h"

#include <inttypes.h>
#include <math.h>

void api_json_writer_init(struct api_json_writer *w, struct buf *out)
{
    *w = (struct api_json_writer){.out = out};
}

/* The length of the valid sequence at `p`, 0 when it is not one, -1 when it is cut off. */
static int utf8_sequence(const uint8_t *p, const uint8_t *end)
{
    uint8_t lo = 0x80, hi = 0xbf;
    int n;

    if (*p < 0x80)
        return 1;
    if (*p < 0xc2 || *p > 0xf4)
        return 0;
    n = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if (*p == 0xe0)
        lo = 0xa0;
    else if (*p == 0xed)
        hi = 0x9f;
    else if (*p == 0xf0)
        lo = 0x90;
    else if (*p == 0xf4)
        hi = 0x8f;
    for (int i = 1; i < n; i++) {
        if (p + i == end)
            return -1;
        if (p[i] < lo || p[i] > hi)
            return 0;
        lo = 0x80;
        hi = 0xbf;
    }
    return n;
}

/* How far it is valid; *ret_cut tells that only an incomplete sequence is left. */
static size_t utf8_prefix(struct span text, bool *ret_cut)
{
    const uint8_t *p = text.data, *end = text.data + text.len;

    *ret_cut = false;
    while (p < end) {
        int n = utf8_sequence(p, end);

        if (n <= 0) {
            *ret_cut = n < 0;
            break;
        }
        p += n;
    }
    return (size_t)(p - text.data);
}

bool api_utf8_ok(struct span text)
{
    bool cut;

    return text.len == 0 || utf8_prefix(text, &cut) == text.len;
}

size_t api_utf8_whole(struct span text)
{
    bool cut;
    size_t len = text.len ? utf8_prefix(text, &cut) : 0;

    return len < text.len && cut ? len : text.len;
}

static void put_escape(struct buf *out, uint8_t c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (size_t i = 0; i < sizeof(shorts) - 1; i += 2) {
        if ((uint8_t)shorts[i] != c)
            continue;
        (void)buf_put(out, (const uint8_t[]){'\\', (uint8_t)shorts[i + 1]}, 2);
        return;
    }
    (void)buf_printf(out, "\\u%04x", c);
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_quoted(struct buf *out, struct span text)
{
    const uint8_t *p = text.data, *end = text.len ? p + text.len : p;

    (void)buf_putc(out, '"');
    while (p < end) {
        const uint8_t *from = p;
        int n;

        while (p < end && is_plain(*p))
            p++;
        if (p > from)
            (void)buf_put(out, from, (size_t)(p - from));
        if (p == end)
            break;
        n = utf8_sequence(p, end);
        if (n > 1)
            (void)buf_put(out, p, (size_t)n);
        else if (n == 1)
            put_escape(out, *p);
        else
            (void)buf_puts(out, "\xef\xbf\xbd");
        p += n > 0 ? n : 1;
    }
    (void)buf_putc(out, '"');
}

static void put_key(struct api_json_writer *w, const char *key)
{
    if (w->comma)
        (void)buf_putc(w->out, ',');
    w->comma = true;
    if (!key)
        return;
    put_quoted(w->out, span_of(key));
    (void)buf_putc(w->out, ':');
}

void api_json_open(struct api_json_writer *w, const char *key, char bracket)
{
    put_key(w, key);
    (void)buf_putc(w->out, (uint8_t)bracket);
    w->comma = false;
}

void api_json_close(struct api_json_writer *w, char bracket)
{
    (void)buf_putc(w->out, (uint8_t)bracket);
    w->comma = true;
}

void api_json_put_str(struct api_json_writer *w, const char *key, const char *s)
{
    put_key(w, key);
    put_quoted(w->out, span_of(s));
}

void api_json_put_text(struct api_json_writer *w, const char *key, struct span text)
{
    put_key(w, key);
    put_quoted(w->out, text);
}

void api_json_put_base64(struct api_json_writer *w, const char *key, struct span bytes)
{
    put_key(w, key);
    (void)buf_putc(w->out, '"');
    (void)api_base64_encode(bytes, API_BASE64_STANDARD, w->out);
    (void)buf_putc(w->out, '"');
}

void api_json_put_int(struct api_json_writer *w, const char *key, int64_t v)
{
    put_key(w, key);
    if (v < 0)
        (void)buf_putc(w->out, '-');
    (void)buf_put_uint(w->out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void api_json_put_uint(struct api_json_writer *w, const char *key, uint64_t v)
{
    put_key(w, key);
    (void)buf_put_uint(w->out, v);
}

void api_json_put_bool(struct api_json_writer *w, const char *key, bool v)
{
    put_key(w, key);
    (void)buf_puts(w->out, v ? "true" : "false");
}

void api_json_put_null(struct api_json_writer *w, const char *key)
{
    put_key(w, key);
    (void)buf_puts(w->out, "null");
}

void api_json_put_seconds(struct api_json_writer *w, const char *key, uint64_t us)
{
    put_key(w, key);
    (void)buf_printf(w->out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

void api_json_put_real(struct api_json_writer *w, const char *key, double v)
{
    put_key(w, key);
    if (isfinite(v))
        (void)buf_printf(w->out, "%.10g", v);
    else
        (void)buf_puts(w->out, "null");
}

void api_json_put_raw(struct api_json_writer *w, const char *key, struct span json)
{
    put_key(w, key);
    (void)buf_put(w->out, json.data, json.len);
}

void api_json_put_fault(struct buf *out, const struct api_fault *f)
{
    struct api_json_writer w;
    char id[ID_TEXT_SIZE];

    api_json_writer_init(&w, out);
    api_json_open(&w, NULL, '{');
    api_json_open(&w, "error", '{');
    api_json_put_str(&w, "code", api_fault_word(f->code));
    api_json_put_str(&w, "message", f->text);
    if (f->field[0])
        api_json_put_str(&w, "field", f->field);
    if (!id_is_zero(&f->jid))
        api_json_put_str(&w, "jobId", id_format(&f->jid, id));
    api_json_close(&w, '}');
    api_json_close(&w, '}');
}
