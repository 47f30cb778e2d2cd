/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/tree.h"

#include "base/own.h"

#include <errno.h>

static bool is_a(const struct api_json_at *at, enum api_json_kind kind)
{
    return at->value && at->value->kind == kind;
}

bool api_json_is_object(const struct api_json_at *at)
{
    return is_a(at, API_JSON_OBJECT);
}

bool api_json_is_array(const struct api_json_at *at)
{
    return is_a(at, API_JSON_ARRAY);
}

bool api_json_is_text(const struct api_json_at *at)
{
    return is_a(at, API_JSON_TEXT);
}

bool api_json_is_number(const struct api_json_at *at)
{
    return is_a(at, API_JSON_INT) || is_a(at, API_JSON_REAL);
}

bool api_json_is_bool(const struct api_json_at *at)
{
    return is_a(at, API_JSON_BOOL);
}

size_t api_json_len(const struct api_json_at *at)
{
    return at->value ? at->value->n : 0;
}

struct api_json_at api_json_field(const struct api_json_at *object, const char *key)
{
    struct api_json *v = api_tree_member(object->value, span_of(key));

    return (struct api_json_at){
        .value = v && v->kind != API_JSON_NULL ? v : NULL, .up = object, .key = key};
}

struct api_json_at api_json_item(const struct api_json_at *array, size_t index)
{
    const bool has = is_a(array, API_JSON_ARRAY) && index < array->value->n;

    return (struct api_json_at){
        .value = has ? array->value->in[index] : NULL, .up = array, .index = index};
}

const char *api_json_next(const struct api_json_at *object, const char *key)
{
    const struct api_json *o = object->value;
    uint32_t i = 0;

    if (!is_a(object, API_JSON_OBJECT))
        return NULL;
    while (key && i < o->n && (const char *)o->in[i]->key.data != key)
        i++;
    i += key != NULL;
    return i < o->n ? (const char *)o->in[i]->key.data : NULL;
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
    const struct api_json *o = object->value;

    for (uint32_t i = 0; o && i < o->n && !f->code; i++) {
        struct api_json_at at = {.up = object, .key = (const char *)o->in[i]->key.data};

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
    struct span text;

    if (f->code)
        return (struct span){0};
    if (!is_a(at, API_JSON_TEXT)) {
        api_json_fault(at, f, API_FAULT_BAD_TYPE, "must be a string");
        return (struct span){0};
    }
    text = at->value->is.text;
    if (text.len <= max)
        return text;
    api_json_fault(at, f, API_FAULT_TOO_LONG, "is %zu bytes long, at most %zu are allowed",
                   text.len, max);
    return (struct span){0};
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
    if (!is_a(&at, API_JSON_INT)) {
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an integer");
        return fallback;
    }
    n = at.value->is.whole;
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
    if (is_a(&at, API_JSON_BOOL))
        return at.value->is.truth;
    api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be true or false");
    return fallback;
}

double api_json_real(const struct api_json_at *object, const char *key, double max, double fallback,
                     struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);
    double v;

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

    if (at.value && !is_a(&at, API_JSON_OBJECT)) {
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
    if (!is_a(&at, API_JSON_ARRAY))
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an array");
    else if (api_json_len(&at) > max)
        api_json_fault(&at, f, API_FAULT_TOO_LONG, "has %zu elements, at most %zu are allowed",
                       api_json_len(&at), max);
    else
        return at;
    at.value = NULL;
    return at;
}

bool api_json_as_real(const struct api_json_at *at, double *ret_value)
{
    if (!api_json_is_number(at))
        return false;
    *ret_value = is_a(at, API_JSON_INT) ? (double)at->value->is.whole : at->value->is.real;
    return true;
}

bool api_json_as_int(const struct api_json_at *at, int64_t *ret_value)
{
    if (!is_a(at, API_JSON_INT))
        return false;
    *ret_value = at->value->is.whole;
    return true;
}

/* As deep as what api_json_parse() lets pass. */
static void dump_one(struct api_json_writer *w, const char *key, const struct api_json *v)
{
    const bool object = v->kind == API_JSON_OBJECT;

    switch (v->kind) {
    case API_JSON_NULL:
        api_json_put_null(w, key);
        break;
    case API_JSON_BOOL:
        api_json_put_bool(w, key, v->is.truth);
        break;
    case API_JSON_INT:
        api_json_put_int(w, key, v->is.whole);
        break;
    case API_JSON_REAL:
        api_json_put_real(w, key, v->is.real);
        break;
    case API_JSON_TEXT:
        api_json_put_text(w, key, v->is.text);
        break;
    case API_JSON_ARRAY:
    case API_JSON_OBJECT:
        api_json_open(w, key, object ? '{' : '[');
        for (uint32_t i = 0; i < v->n; i++)
            dump_one(w, object ? (const char *)v->in[i]->key.data : NULL, v->in[i]);
        api_json_close(w, object ? '}' : ']');
        break;
    }
}

int api_json_dump(const struct api_json_at *at, struct buf *out)
{
    struct api_json_writer w;

    api_json_writer_init(&w, out);
    if (at->value)
        dump_one(&w, NULL, at->value);
    return at->value && !out->full ? 0 : -ENOSPC;
}
