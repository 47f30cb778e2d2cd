/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/json.h"

#include "base/own.h"

#include <errno.h>
#include <jansson.h>

struct api_json; /* is a json_t: nobody else may look inside */

static json_t *tree(const struct api_json *v)
{
    union {
        const struct api_json *from;
        json_t *to;
    } u = {.from = v};

    return u.to;
}

static struct api_json *untree(json_t *v)
{
    return (struct api_json *)(void *)v;
}

/* jansson's words are for programmers; these are for the one who sent the body. */
static const char *parse_trouble(const json_error_t *e)
{
    switch (json_error_code(e)) {
    case json_error_duplicate_key:
        return "the same key twice in one object";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character in a string (use encoding base64 for binary data)";
    case json_error_invalid_utf8:
        return "bytes that are not UTF-8";
    case json_error_stack_overflow:
        return "nested too deeply";
    case json_error_numeric_overflow:
        return "a number that is too large";
    case json_error_premature_end_of_input:
        return "the text ends too early";
    case json_error_end_of_input_expected:
        return "bytes behind the value";
    default:
        return "a syntax error";
    }
}

void api_json_init(void)
{
    json_object_seed(0);
}

struct api_json *api_json_parse(struct span text, struct api_fault *f)
{
    json_error_t e;
    json_t *v;

    if (text.len == 0) {
        api_fault_set(f, API_FAULT_BAD_JSON, "the body is empty, JSON is needed");
        return NULL;
    }
    v = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &e);
    if (!v)
        api_fault_set(f, API_FAULT_BAD_JSON, "the body is not valid JSON: %s (line %d, column %d)",
                      parse_trouble(&e), e.line, e.column);
    return untree(v);
}

void api_json_free(struct api_json *root)
{
    json_decref(tree(root));
}

bool api_json_is_object(const struct api_json_at *at)
{
    return json_is_object(tree(at->value));
}

bool api_json_is_array(const struct api_json_at *at)
{
    return json_is_array(tree(at->value));
}

bool api_json_is_text(const struct api_json_at *at)
{
    return json_is_string(tree(at->value));
}

bool api_json_is_number(const struct api_json_at *at)
{
    return json_is_number(tree(at->value));
}

bool api_json_is_bool(const struct api_json_at *at)
{
    return json_is_boolean(tree(at->value));
}

size_t api_json_len(const struct api_json_at *at)
{
    json_t *v = tree(at->value);

    return json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

struct api_json_at api_json_field(const struct api_json_at *object, const char *key)
{
    json_t *v = json_object_get(tree(object->value), key);

    return (struct api_json_at){
        .value = json_is_null(v) ? NULL : untree(v), .up = object, .key = key};
}

struct api_json_at api_json_item(const struct api_json_at *array, size_t index)
{
    json_t *v = json_array_get(tree(array->value), index);

    return (struct api_json_at){.value = untree(v), .up = array, .index = index};
}

const char *api_json_next(const struct api_json_at *object, const char *key)
{
    json_t *v = tree(object->value);
    void *it = key ? json_object_iter_next(v, json_object_key_to_iter(key)) : json_object_iter(v);

    return it ? json_object_iter_key(it) : NULL;
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
    json_t *v = tree(object->value);

    for (void *it = json_object_iter(v); it && !f->code; it = json_object_iter_next(v, it)) {
        struct api_json_at at = {.up = object, .key = json_object_iter_key(it)};

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
    json_t *v = tree(at->value);

    if (f->code)
        return (struct span){0};
    if (!json_is_string(v)) {
        api_json_fault(at, f, API_FAULT_BAD_TYPE, "must be a string");
        return (struct span){0};
    }
    if (json_string_length(v) > max) {
        api_json_fault(at, f, API_FAULT_TOO_LONG, "is %zu bytes long, at most %zu are allowed",
                       json_string_length(v), max);
        return (struct span){0};
    }
    return (struct span){(const uint8_t *)json_string_value(v), json_string_length(v)};
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
    json_int_t n;

    if (!at.value || f->code)
        return fallback;
    if (!json_is_integer(tree(at.value))) {
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an integer");
        return fallback;
    }
    n = json_integer_value(tree(at.value));
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
    if (json_is_boolean(tree(at.value)))
        return json_is_true(tree(at.value));
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
    if (!json_is_number(tree(at.value))) {
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be a number");
        return fallback;
    }
    v = json_number_value(tree(at.value));
    if (v >= 0 && v <= max)
        return v;
    api_json_fault(&at, f, API_FAULT_OUT_OF_RANGE, "must be between 0 and %g", max);
    return fallback;
}

struct api_json_at api_json_object(const struct api_json_at *object, const char *key,
                                   struct api_fault *f)
{
    struct api_json_at at = api_json_field(object, key);

    if (at.value && !json_is_object(tree(at.value))) {
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
    if (!json_is_array(tree(at.value)))
        api_json_fault(&at, f, API_FAULT_BAD_TYPE, "must be an array");
    else if (json_array_size(tree(at.value)) > max)
        api_json_fault(&at, f, API_FAULT_TOO_LONG, "has %zu elements, at most %zu are allowed",
                       json_array_size(tree(at.value)), max);
    else
        return at;
    at.value = NULL;
    return at;
}

bool api_json_as_real(const struct api_json_at *at, double *ret_value)
{
    if (!json_is_number(tree(at->value)))
        return false;
    *ret_value = json_number_value(tree(at->value));
    return true;
}

bool api_json_as_int(const struct api_json_at *at, int64_t *ret_value)
{
    if (!json_is_integer(tree(at->value)))
        return false;
    *ret_value = json_integer_value(tree(at->value));
    return true;
}

static int dump_piece(const char *text, size_t len, void *out)
{
    return buf_put(out, text, len);
}

int api_json_dump(const struct api_json_at *at, struct buf *out)
{
    return json_dump_callback(tree(at->value), dump_piece, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0
               ? -ENOSPC
               : 0;
}
