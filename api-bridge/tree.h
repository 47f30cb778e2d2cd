/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_TREE_H
#define API_TREE_H
/*
 * What JSON text is once it was read: values, in an order that is the text's. For the readers of
 * api-bridge/json.c only; they hand out places, not these.
 */
#include "api-bridge/json.h"

struct map;

enum api_json_kind {
    API_JSON_NULL,
    API_JSON_BOOL,
    API_JSON_INT,
    API_JSON_REAL,
    API_JSON_TEXT,
    API_JSON_ARRAY,
    API_JSON_OBJECT,
};

struct api_json {
    enum api_json_kind kind;
    uint32_t n, cap;      /* what is in it, and room for */
    struct span key;      /* of a member; a NUL stands behind it */
    struct api_json **in; /* of an array or an object */
    union {
        bool truth;
        int64_t whole;
        double real;
        struct span text;  /* a NUL stands behind it */
        struct map *names; /* of an object of many members: its members by their keys */
    } is;
};

/* The member of that name; NULL when there is none, or `object` is none. */
struct api_json *api_tree_member(const struct api_json *object, struct span key);
#endif
