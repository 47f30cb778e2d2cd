/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/json.h"

#include "api-bridge/tree.h"
#include "base/own.h"

#include <errno.h>

static bool is(const struct api_json_at *at, enum api_tree_kind kind)
{
    return at->value && at->value->kind == kind;
}

struct api_json *api_json_parse(struct span text, struct api_fault *f)
{
    struct api_tree_trouble t;
    struct api_json *v;

    if (text.len == 0) {
        api_fault_set(f, API_FAULT_BAD_JSON, "the body is empty, JSON is needed");
        return NULL;
    }
    v = api_tree_parse(text, &t);
    if (!v)
        api_fault_set(f, API_FAULT_BAD_JSON, "the body is not valid JSON: %s (line %u, column %u)",
                      t.why, t.line, t.column);
    return v;
}

void api_json_free(struct api_json *root)
{
    api_tree_free(root);
}

bool api_json_is_object(const struct api_json_at *at)
{
    return is(at, API_TREE_OBJECT);
}

bool api_json_is_array(const struct api_json_at *at)
{
    return is(at, API_TREE_ARRAY);
}

bool api_json_is_text(const struct api_json_at *at)
{
    return is(at, API_TREE_TEXT);
}

bool api_json_is_number(const struct api_json_at *at)
{
    return is(at, API_TREE_INT) || is(at, API_TREE_REAL);
}

bool api_json_is_bool(const struct api_json_at *at)
{
    return is(at, API_TREE_TRUE) || is(at, API_TREE_FALSE);
}

size_t api_json_len(const struct api_json_at *at)
{
    return api_json_is_array(at) || api_json_is_object(at) ? at->value->len : 0;
}

struct api_json_at api_json_field(const struct api_json_at *object, const char *key)
{
    struct api_json_at at = {.up = object, .key = key};
    size_t len = strlen(key);

    if (!api_json_is_object(object))
        return at;
    for (const struct api_json *e = object->value->first; e; e = e->next) {
        if (e->key_len != len || memcmp(e->key, key, len) != 0)
            continue;
        at.value = e->kind == API_TREE_NULL ? NULL : e;
        break;
    }
    return at;
}

struct api_json_at api_json_item(const struct api_json_at *array, size_t index)
{
    bool there = api_json_is_array(array) && index < array->value->len;

    return (struct api_json_at){
        .value = there ? array->value->items[index] : NULL, .up = array, .index = index};
}

const char *api_json_next(const struct api_json_at *object, const char *key)
{
    const struct api_json *e = NULL;

    if (key)
        e = api_tree_member(key)->next;
    else if (api_json_is_object(object))
        e = object->value->first;
    return e ? e->key : NULL;
}

void api_json_path(const struct api_json_at *at, char *out, size_t size)
{
    size_t len;

    out[0] = '\0';
    if (!at->up)
        return;
    api_json_path(at->up, out, size);
    len = strlen(out);
    if (at->key)
        (void)snprintf(out + len, size - len, "%s%s", len ? "." : "", at->key);
    else
        (void)snprintf(out + len, size - len, "[%zu]", at->index);
}

void api_json_fault(const struct api_json_at *at, struct api_fault *f, enum api_fault_code code,
                    const char *fmt, ...)
{
    char text[LIMIT_TEXT + 1], path[API_FIELD_MAX];
    va_list ap;

    if (f->code != API_FAULT_NONE)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    api_json_path(at, path, sizeof(path));
    if (!path[0])
        api_fault_set(f, code, "the body %s", text);
    else
        api_fault_field(f, code, path, "%s %s", path, text);
}

static bool is_known(const char *key, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(key, known[i]) == 0)
            return true;
    }
    return false;
}

void api_json_known(const struct api_json_at *object, const char *const *known, size_t n,
                    struct api_fault *f)
{
    const struct api_json *e = api_json_is_object(object) ? object->value->first : NULL;

    for (; e && !f->code; e = e->next) {
        struct api_json_at at = {.up = object, .key = e->key};

        if (is_known(at.key, known, n))
            continue;
        api_json_fault(&at, f, API_FAULT_UNKNOWN_FIELD, "is not a field that is known here");
    }
}

void api_json_need(const struct api_json_at *object, const char *key, struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);

    if (!at.value)
        api_json_fault(&at, f, API_FAULT_MISSING_FIELD, "is required");
}

struct span api_json_as_text(const struct api_json_at *at, size_t max, struct api_fault *f)
{
    const struct api_json *v = at->value;

    if (f->code)
        return (struct span){0};
    if (!api_json_is_text(at)) {
        api_json_fault(at, f, API_FAULT_BAD_TYPE, "must be a string");
        return (struct span){0};
    }
    if (v->len > max) {
        api_json_fault(at, f, API_FAULT_TOO_LONG, "is %zu bytes long, at most %zu are allowed",
                       v->len, max);
        return (struct span){0};
    }
    return (struct span){(const uint8_t *)v->text, v->len};
}

struct span api_json_text(const struct api_json_at *object, const char *key, size_t max,
                          struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);

    return at.value ? api_json_as_text(&at, max, f) : (struct span){0};
}

void api_json_word(const struct api_json_at *object, const char *key, char *out, size_t size,
                   struct api_fault *f)
{
    struct span s = api_json_text(object, key, size - 1, f);

    if (s.len)
        memcpy(out, s.data, s.len);
    out[s.len] = '\0';
}

uint64_t api_json_uint(const struct api_json_at *object, const char *key, uint64_t max,
                       uint64_t fallback, struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);
    int64_t n;

    if (!at.value || f->code)
        return fallback;
    if (!is(&at, API_TREE_INT)) {
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an integer");
        return fallback;
    }
    n = at.value->whole;
    if (n >= 0 && (uint64_t)n <= max)
        return (uint64_t)n;
    api_json_fault(&at, f, API_FAULT_OUT_OF_RANGE, "must be between 0 and %llu",
                   (unsigned long long)max);
    return fallback;
}

bool api_json_bool(const struct api_json_at *object, const char *key, bool fallback,
                   struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);

    if (!at.value || f->code)
        return fallback;
    if (api_json_is_bool(&at))
        return at.value->kind == API_TREE_TRUE;
    api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be true or false");
    return fallback;
}

double api_json_real(const struct api_json_at *object, const char *key, double max, double fallback,
                     struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);
    double v = 0;

    if (!at.value || f->code)
        return fallback;
    if (!api_json_as_real(&at, &v)) {
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be a number");
        return fallback;
    }
    if (v >= 0 && v <= max)
        return v;
    api_json_fault(&at, f, API_FAULT_OUT_OF_RANGE, "must be between 0 and %g", max);
    return fallback;
}

struct api_json_at api_json_object(const struct api_json_at *object, const char *key,
                                   struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);

    if (at.value && !api_json_is_object(&at)) {
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an object");
        at.value = NULL;
    }
    return at;
}

struct api_json_at api_json_array(const struct api_json_at *object, const char *key, size_t max,
                                  struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);

    if (!at.value)
        return at;
    if (!api_json_is_array(&at))
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an array");
    else if (at.value->len > max)
        api_json_fault(&at, f, API_FAULT_TOO_LONG, "has %zu elements, at most %zu are allowed",
                       at.value->len, max);
    else
        return at;
    at.value = NULL;
    return at;
}

bool api_json_as_real(const struct api_json_at *at, double *ret_value)
{
    if (!api_json_is_number(at))
        return false;
    *ret_value = at->value->kind == API_TREE_REAL ? at->value->real : (double)at->value->whole;
    return true;
}

bool api_json_as_int(const struct api_json_at *at, int64_t *ret_value)
{
    if (!is(at, API_TREE_INT))
        return false;
    *ret_value = at->value->whole;
    return true;
}

int api_json_dump(const struct api_json_at *at, struct buf *out)
{
    return api_tree_write(at->value, out);
}
