/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/frame.h"

#include "base/hash.h"

#include <errno.h>

static const struct {
    const char *name;
    uint32_t fields;
} frames[] = {
#define X(name, fields) {#name, fields},
    FRAMES(X)
#undef X
};

const char *frame_name(enum frame_type t)
{
    return (unsigned)t < FRAME_TYPE_N ? frames[t].name : "unknown";
}

uint32_t frame_fields(enum frame_type t)
{
    return frames[t].fields;
}

void frame_put(struct buf *b, enum frame_type t)
{
    wire_put_array(b, 1 + frames[t].fields);
    wire_put_uint(b, t);
}

void frame_encode(const struct frame_head *head, struct span body, struct buf *out)
{
    size_t start = out->len;

    wire_put_array(out, FRAME_HEAD);
    wire_put_uint(out, head->version);
    wire_put_uint(out, head->cluster);
    wire_put_uint(out, head->session);
    wire_put_uint(out, head->generation);
    buf_put(out, body.data, body.len);
    if (out->full)
        return;

    uint32_t crc = hash_crc32c(0, out->data + start, out->len - start);
    for (int i = 0; i < FRAME_CRC; i++)
        buf_putc(out, (uint8_t)(crc >> (8 * i)));
}

int frame_decode(struct span frame, struct frame_head *ret_head, struct wire_reader *ret_body)
{
    struct frame_head head;
    struct wire_reader r;
    uint32_t crc = 0;

    if (frame.len < FRAME_CRC || frame.len > LIMIT_FRAME_BULK)
        return -EBADMSG;

    size_t len = frame.len - FRAME_CRC;
    for (int i = 0; i < FRAME_CRC; i++)
        crc |= (uint32_t)frame.data[len + (size_t)i] << (8 * i);
    if (hash_crc32c(0, frame.data, len) != crc)
        return -EBADMSG;
    wire_reader_init(&r, frame.data, len);
    if (wire_get_array(&r, FRAME_HEAD) != FRAME_HEAD)
        return -EBADMSG;
    head.version = (uint32_t)wire_get_uint(&r, FRAME_VERSION);
    head.cluster = (uint32_t)wire_get_uint(&r, UINT32_MAX);
    head.session = wire_get_uint(&r, UINT64_MAX);
    head.generation = wire_get_uint(&r, UINT64_MAX);
    if (r.bad || head.version < FRAME_VERSION_MIN)
        return -EBADMSG;
    *ret_head = head;
    *ret_body = r;
    return 0;
}

int frame_next(struct wire_reader *r, enum frame_type *ret_type)
{
    if (r->bad)
        return -EBADMSG;
    if (r->at == r->end)
        return 0;

    uint32_t n = wire_get_array(r, FRAME_FIELDS_MAX);
    enum frame_type t = (enum frame_type)wire_get_uint(r, FRAME_TYPE_N - 1);
    if (r->bad || n != 1 + frames[t].fields)
        return -EBADMSG;
    *ret_type = t;
    return 1;
}
