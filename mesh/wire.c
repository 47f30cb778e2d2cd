/* SPDX-License-Identifier: MPL-2.0 */
#include <msgpack.h>

#include "mesh/wire.h"

#include "base/limits.h"

#include <errno.h>
#include <math.h>

/*
 * How this works: msgpack-c packs, because its packer only calls back with bytes. Reading is
 * done here, because its unpacker allocates a tree from what a stranger sent. Every read
 * starts at a head byte; head_read() turns it into a kind and a number (a value, a length or
 * a count), and each wire_get_*() accepts the kinds it is for.
 */

static int pack_write(void *out, const char *data, size_t len)
{
    return buf_put(out, data, len);
}

static msgpack_packer packer(struct buf *b)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, pack_write);
    return pk;
}

void wire_put_array(struct buf *b, uint32_t n)
{
    msgpack_packer pk = packer(b);

    (void)msgpack_pack_array(&pk, n);
}

void wire_put_uint(struct buf *b, uint64_t v)
{
    msgpack_packer pk = packer(b);

    (void)msgpack_pack_uint64(&pk, v);
}

void wire_put_int(struct buf *b, int64_t v)
{
    msgpack_packer pk = packer(b);

    (void)msgpack_pack_int64(&pk, v);
}

void wire_put_bool(struct buf *b, bool v)
{
    msgpack_packer pk = packer(b);

    (void)(v ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk));
}

void wire_put_nil(struct buf *b)
{
    msgpack_packer pk = packer(b);

    (void)msgpack_pack_nil(&pk);
}

void wire_put_double(struct buf *b, double v)
{
    msgpack_packer pk = packer(b);

    (void)msgpack_pack_double(&pk, v);
}

void wire_put_bin(struct buf *b, const void *data, size_t len)
{
    msgpack_packer pk = packer(b);

    if (len > UINT32_MAX) {
        b->full = true;
        return;
    }
    if (msgpack_pack_bin(&pk, len) == 0 && len)
        (void)msgpack_pack_bin_body(&pk, data, len);
}

void wire_put_str(struct buf *b, const char *s)
{
    msgpack_packer pk = packer(b);
    size_t len = s ? strlen(s) : 0;

    if (len > UINT32_MAX) {
        b->full = true;
        return;
    }
    if (msgpack_pack_str(&pk, len) == 0 && len)
        (void)msgpack_pack_str_body(&pk, s, len);
}

void wire_put_id(struct buf *b, const struct id *id)
{
    wire_put_bin(b, id->b, sizeof(id->b));
}

/* What a head byte announces. */
enum head_kind {
    HEAD_BAD,
    HEAD_UINT,
    HEAD_NEGATIVE, /* number is the two's complement */
    HEAD_NIL,
    HEAD_BOOL,
    HEAD_FLOAT,  /* number is the bits of a float */
    HEAD_DOUBLE, /* number is the bits of a double */
    HEAD_STR,
    HEAD_BIN,
    HEAD_ARRAY,
    HEAD_MAP,
    HEAD_EXT, /* number counts the type byte too */
};

struct head {
    enum head_kind kind;
    uint64_t number;
};

/* The formats with a head byte of 0xc0 and up: kind, bytes of big-endian number behind it. */
struct format {
    uint8_t kind;
    uint8_t width;
    uint8_t number; /* when width is 0 */
    bool is_signed;
};

static const struct format formats[32] = {
    [0x00] = {HEAD_NIL, 0, 0, false},    [0x02] = {HEAD_BOOL, 0, 0, false},
    [0x03] = {HEAD_BOOL, 0, 1, false},   [0x04] = {HEAD_BIN, 1, 0, false},
    [0x05] = {HEAD_BIN, 2, 0, false},    [0x06] = {HEAD_BIN, 4, 0, false},
    [0x07] = {HEAD_EXT, 1, 0, false},    [0x08] = {HEAD_EXT, 2, 0, false},
    [0x09] = {HEAD_EXT, 4, 0, false},    [0x0a] = {HEAD_FLOAT, 4, 0, false},
    [0x0b] = {HEAD_DOUBLE, 8, 0, false}, [0x0c] = {HEAD_UINT, 1, 0, false},
    [0x0d] = {HEAD_UINT, 2, 0, false},   [0x0e] = {HEAD_UINT, 4, 0, false},
    [0x0f] = {HEAD_UINT, 8, 0, false},   [0x10] = {HEAD_UINT, 1, 0, true},
    [0x11] = {HEAD_UINT, 2, 0, true},    [0x12] = {HEAD_UINT, 4, 0, true},
    [0x13] = {HEAD_UINT, 8, 0, true},    [0x14] = {HEAD_EXT, 0, 1, false},
    [0x15] = {HEAD_EXT, 0, 2, false},    [0x16] = {HEAD_EXT, 0, 4, false},
    [0x17] = {HEAD_EXT, 0, 8, false},    [0x18] = {HEAD_EXT, 0, 16, false},
    [0x19] = {HEAD_STR, 1, 0, false},    [0x1a] = {HEAD_STR, 2, 0, false},
    [0x1b] = {HEAD_STR, 4, 0, false},    [0x1c] = {HEAD_ARRAY, 2, 0, false},
    [0x1d] = {HEAD_ARRAY, 4, 0, false},  [0x1e] = {HEAD_MAP, 2, 0, false},
    [0x1f] = {HEAD_MAP, 4, 0, false},
};

static size_t left(const struct wire_reader *r)
{
    return (size_t)(r->end - r->at);
}

static struct head bad(struct wire_reader *r)
{
    r->bad = true;
    return (struct head){HEAD_BAD, 0};
}

static uint64_t sign_extend(uint64_t v, unsigned width)
{
    unsigned shift = 64 - 8 * width;

    return (uint64_t)((int64_t)(v << shift) >> shift);
}

/* A head byte of 0xc0..0xdf, already taken. */
static struct head head_wide(struct wire_reader *r, const struct format *f)
{
    struct head h = {f->kind, f->number};

    if (f->kind == HEAD_BAD || left(r) < f->width)
        return bad(r);
    if (f->width)
        h.number = 0;
    for (unsigned i = 0; i < f->width; i++)
        h.number = h.number << 8 | *r->at++;
    if (f->is_signed) {
        h.number = sign_extend(h.number, f->width);
        if ((int64_t)h.number < 0)
            h.kind = HEAD_NEGATIVE;
    }
    if (h.kind == HEAD_EXT)
        h.number++;
    return h;
}

static struct head head_read(struct wire_reader *r)
{
    uint8_t c;

    if (r->bad || r->at == r->end)
        return bad(r);
    c = *r->at++;
    if (c <= 0x7f)
        return (struct head){HEAD_UINT, c};
    if (c <= 0x8f)
        return (struct head){HEAD_MAP, c & 0x0fu};
    if (c <= 0x9f)
        return (struct head){HEAD_ARRAY, c & 0x0fu};
    if (c <= 0xbf)
        return (struct head){HEAD_STR, c & 0x1fu};
    if (c <= 0xdf)
        return head_wide(r, &formats[c - 0xc0]);
    return (struct head){HEAD_NEGATIVE, sign_extend(c, 1)};
}

void wire_reader_init(struct wire_reader *r, const void *data, size_t len)
{
    static const uint8_t nothing[1];

    r->at = data && len ? data : nothing;
    r->end = r->at + (data ? len : 0);
    r->bad = false;
}

uint32_t wire_get_array(struct wire_reader *r, uint32_t max)
{
    struct head h = head_read(r);

    /* An element is a byte at least: a count past the end is a lie. */
    if (h.kind != HEAD_ARRAY || h.number > max || h.number > left(r))
        h = bad(r);
    return (uint32_t)h.number;
}

uint64_t wire_get_uint(struct wire_reader *r, uint64_t max)
{
    struct head h = head_read(r);

    if (h.kind != HEAD_UINT || h.number > max)
        h = bad(r);
    return h.number;
}

int64_t wire_get_int(struct wire_reader *r)
{
    struct head h = head_read(r);

    if (h.kind != HEAD_NEGATIVE && (h.kind != HEAD_UINT || h.number > INT64_MAX))
        h = bad(r);
    return (int64_t)h.number;
}

bool wire_get_bool(struct wire_reader *r)
{
    struct head h = head_read(r);

    if (h.kind != HEAD_BOOL)
        h = bad(r);
    return h.number != 0;
}

double wire_get_double(struct wire_reader *r)
{
    struct head h = head_read(r);
    double v = 0;

    if (h.kind == HEAD_DOUBLE) {
        memcpy(&v, &h.number, sizeof(v));
    } else if (h.kind == HEAD_FLOAT) {
        uint32_t bits = (uint32_t)h.number;
        float f;

        memcpy(&f, &bits, sizeof(f));
        v = (double)f;
    } else {
        bad(r);
    }
    if (!isfinite(v)) {
        bad(r);
        return 0;
    }
    return v;
}

bool wire_get_nil(struct wire_reader *r)
{
    if (r->bad || r->at == r->end || *r->at != 0xc0)
        return false;
    r->at++;
    return true;
}

static struct span body(struct wire_reader *r, struct head h, size_t max)
{
    struct span s = {NULL, 0};

    if (h.number > max || h.number > left(r)) {
        bad(r);
        return s;
    }
    s.data = r->at;
    s.len = (size_t)h.number;
    r->at += s.len;
    return s;
}

struct span wire_get_bin(struct wire_reader *r, size_t max)
{
    struct head h = head_read(r);

    if (h.kind != HEAD_BIN && h.kind != HEAD_STR) {
        bad(r);
        return (struct span){NULL, 0};
    }
    return body(r, h, max);
}

void wire_get_str(struct wire_reader *r, char *out, size_t size)
{
    struct head h = head_read(r);
    struct span s = {NULL, 0};

    if (h.kind == HEAD_STR)
        s = body(r, h, size - 1);
    else
        bad(r);
    if (s.len && memchr(s.data, '\0', s.len)) {
        bad(r);
        s.len = 0;
    }
    if (s.len)
        memcpy(out, s.data, s.len);
    out[s.len] = '\0';
}

struct id wire_get_id(struct wire_reader *r)
{
    struct id id = {{0}};
    struct head h = head_read(r);
    struct span s = {NULL, 0};

    if (h.kind == HEAD_BIN && h.number == ID_SIZE)
        s = body(r, h, ID_SIZE);
    else
        bad(r);
    if (s.len == ID_SIZE)
        memcpy(id.b, s.data, ID_SIZE);
    return id;
}

/* How many values follow `h` as its parts; the bytes of a str, bin or ext are stepped over. */
static uint64_t skip_one(struct wire_reader *r, struct head h)
{
    switch (h.kind) {
    case HEAD_ARRAY:
        return h.number;
    case HEAD_MAP:
        return 2 * h.number;
    case HEAD_STR:
    case HEAD_BIN:
    case HEAD_EXT:
        (void)body(r, h, SIZE_MAX);
        return 0;
    default:
        return 0;
    }
}

void wire_skip(struct wire_reader *r)
{
    uint64_t open[LIMIT_WIRE_DEPTH + 1] = {1}; /* values still to come, at each depth */
    unsigned depth = 0;

    for (;;) {
        while (open[depth] == 0) {
            if (depth == 0)
                return;
            depth--;
        }
        open[depth]--;

        uint64_t parts = skip_one(r, head_read(r));
        if (r->bad)
            return;
        if (parts && depth == LIMIT_WIRE_DEPTH) {
            bad(r);
            return;
        }
        if (parts)
            open[++depth] = parts;
    }
}

int wire_reader_end(const struct wire_reader *r)
{
    return !r->bad && r->at == r->end ? 0 : -EBADMSG;
}
