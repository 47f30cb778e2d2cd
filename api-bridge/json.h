/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_JSON_H
#define API_JSON_H
/*
 * JSON from strangers. Reading is strict (duplicate keys, NUL in strings, bad UTF-8, NaN, numbers
 * over 64 bits and bytes behind the value are refused) and goes through paths, so that an
 * error names its field: "testCases[3].input". api-bridge/json.c is the only file that
 * includes jansson. For writing see api-bridge/writer.h.
 *
 * Readers follow one pattern: read every field, look at the fault once. After the first
 * fault they return their fallback and do nothing. A field that is null counts as absent.
 */
#include "api-bridge/http.h"
#include "api-bridge/writer.h"
#include "base/buf.h"

struct api_json; /* a value in a tree; the root owns all */

/* Once, before threads: the hash of object keys gets a random seed. */
void api_json_init(void);

/* The root (an object or an array), or NULL and the fault set. */
struct api_json *api_json_parse(struct span text, struct api_fault *f);
void api_json_free(struct api_json *root);

/* A place in the tree, with the way to it. Lives on the reader's stack. */
struct api_json_at {
    const struct api_json *value; /* NULL = absent */
    const struct api_json_at *up;
    const char *key; /* NULL: an element of an array */
    size_t index;
};

static inline struct api_json_at api_json_root(const struct api_json *root)
{
    return (struct api_json_at){.value = root};
}

bool api_json_is_object(const struct api_json_at *at);
bool api_json_is_array(const struct api_json_at *at);
bool api_json_is_text(const struct api_json_at *at);
bool api_json_is_number(const struct api_json_at *at);
bool api_json_is_bool(const struct api_json_at *at);
size_t api_json_len(const struct api_json_at *at); /* elements or members */

/* Where a field is; .value is NULL when it is absent or null. */
struct api_json_at api_json_field(const struct api_json_at *object, const char *key);
struct api_json_at api_json_item(const struct api_json_at *array, size_t index);
/* Walks an object's keys: NULL starts, then the key got last; NULL at the end. */
const char *api_json_next(const struct api_json_at *object, const char *key);

/* "testCases[3].input" */
void api_json_path(const struct api_json_at *at, char *out, size_t size);
/* Faults the place. */
void api_json_fault(const struct api_json_at *at, struct api_fault *f, enum api_fault_code code,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Faults the first member whose name is not among `known`. */
void api_json_known(const struct api_json_at *object, const char *const *known, size_t n,
                    struct api_fault *f);
/* Faults a field that is absent. */
void api_json_need(const struct api_json_at *object, const char *key, struct api_fault *f);

/* Fields of an object. Text is borrowed from the tree; absent: data NULL. */
struct span api_json_text(const struct api_json_at *object, const char *key, size_t max,
                          struct api_fault *f);
/* Copies short text with its NUL into out[size]; "" when absent. */
void api_json_word(const struct api_json_at *object, const char *key, char *out, size_t size,
                   struct api_fault *f);
uint64_t api_json_uint(const struct api_json_at *object, const char *key, uint64_t max,
                       uint64_t fallback, struct api_fault *f);
bool api_json_bool(const struct api_json_at *object, const char *key, bool fallback,
                   struct api_fault *f);
/* A number (integer or real) in [0, max]. */
double api_json_real(const struct api_json_at *object, const char *key, double max, double fallback,
                     struct api_fault *f);
/* An object or an array, or .value NULL; an array of more than `max` elements is a fault. */
struct api_json_at api_json_object(const struct api_json_at *object, const char *key,
                                   struct api_fault *f);
struct api_json_at api_json_array(const struct api_json_at *object, const char *key, size_t max,
                                  struct api_fault *f);
/* An element, or any place, itself as text; a fault when it is not. */
struct span api_json_as_text(const struct api_json_at *at, size_t max, struct api_fault *f);
/* A member's integer or real, whichever it is; false when it is not a number. */
bool api_json_as_real(const struct api_json_at *at, double *ret_value);
bool api_json_as_int(const struct api_json_at *at, int64_t *ret_value);
/* Appends the value as compact JSON; 0 or -ENOSPC. */
int api_json_dump(const struct api_json_at *at, struct buf *out);
#endif
