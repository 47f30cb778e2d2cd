/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_BASE64_H
#define API_BASE64_H
/*
 * base64 (RFC 4648). Decoding is strict: no white space, no characters outside the alphabet,
 * padding exactly as the standard says, and no stray bits in the last character.
 */
#include "base/buf.h"

enum api_base64_kind {
    API_BASE64_STANDARD, /* section 4, padded */
    API_BASE64_URL,      /* section 5, without padding */
};

/* Appends the bytes; 0, -EINVAL (nothing is appended), or -ENOSPC. */
int api_base64_decode(struct span text, enum api_base64_kind kind, struct buf *out);
/* Appends the text; 0 or -ENOSPC. */
int api_base64_encode(struct span bytes, enum api_base64_kind kind, struct buf *out);
#endif
