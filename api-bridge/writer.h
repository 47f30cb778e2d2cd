/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_WRITER_H
#define API_WRITER_H
/*
 * JSON out, straight into a struct buf, without a tree. Any bytes may be given as text: the
 * result is always valid JSON. A full buffer shows in its `full`: look once, at the end.
 */
#include "api-bridge/http.h"
#include "base/buf.h"

/* `key` is NULL for an element of an array and for the outermost value. */
struct api_json_writer {
    struct buf *out;
    bool comma; /* a value was written at this level */
};

void api_json_writer_init(struct api_json_writer *w, struct buf *out);
void api_json_open(struct api_json_writer *w, const char *key, char bracket); /* '{' or '[' */
void api_json_close(struct api_json_writer *w, char bracket);                 /* '}' or ']' */
void api_json_put_str(struct api_json_writer *w, const char *key, const char *s);
/* Bytes that are not UTF-8 become U+FFFD. */
void api_json_put_text(struct api_json_writer *w, const char *key, struct span text);
void api_json_put_base64(struct api_json_writer *w, const char *key, struct span bytes);
void api_json_put_int(struct api_json_writer *w, const char *key, int64_t v);
void api_json_put_uint(struct api_json_writer *w, const char *key, uint64_t v);
void api_json_put_bool(struct api_json_writer *w, const char *key, bool v);
void api_json_put_null(struct api_json_writer *w, const char *key);
/* Microseconds as seconds: 1234567 is 1.234567. */
void api_json_put_seconds(struct api_json_writer *w, const char *key, uint64_t us);
void api_json_put_real(struct api_json_writer *w, const char *key, double v);
/* JSON that is ready. */
void api_json_put_raw(struct api_json_writer *w, const char *key, struct span json);
/* {"error": {...}} */
void api_json_put_fault(struct buf *out, const struct api_fault *f);

/* True when all of it is UTF-8 (RFC 3629). */
bool api_utf8_ok(struct span text);
/* The length without an incomplete sequence at the end, as a cut leaves it. */
size_t api_utf8_whole(struct span text);
#endif
