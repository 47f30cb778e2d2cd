/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_TREE_H
#define API_TREE_H
/*
 * JSON text as a tree, for api-bridge/json.c only. Strict (RFC 8259): no duplicate keys, no NUL
 * in strings, no bad UTF-8 or lone surrogates, integers of 64 bits, reals that are finite, nothing
 * behind the value, which is an object or an array, and at most API_TREE_DEPTH levels. All of a
 * tree lies in a few pieces of memory that go with it.
 */
#include "base/buf.h"

enum { API_TREE_DEPTH = 1024 };

enum api_tree_kind {
    API_TREE_NULL,
    API_TREE_FALSE,
    API_TREE_TRUE,
    API_TREE_INT,
    API_TREE_REAL,
    API_TREE_TEXT,
    API_TREE_ARRAY,
    API_TREE_OBJECT,
};

/* A value. */
struct api_json {
    enum api_tree_kind kind;
    uint32_t key_len;
    const char *key; /* of a member; NUL terminated */
    struct api_json *next;
    size_t len; /* of the text; elements; members */
    union {
        int64_t whole;
        double real;
        const char *text;        /* NUL terminated */
        struct api_json *first;  /* of an object */
        struct api_json **items; /* of an array */
    };
};

/* Where and why a text is no JSON. */
struct api_tree_trouble {
    const char *why;
    unsigned line, column; /* from 1, in characters */
};

/* The root, or NULL. */
struct api_json *api_tree_parse(struct span text, struct api_tree_trouble *ret_trouble);
void api_tree_free(struct api_json *root);
/* The member whose name is at `key`, which must be some member's own `key`. */
const struct api_json *api_tree_member(const char *key);
/* Compact text of a value; 0 or -ENOSPC. */
int api_tree_write(const struct api_json *v, struct buf *out);
#endif
