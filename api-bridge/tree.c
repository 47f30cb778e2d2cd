/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: yajl walks over the text and calls back for what it meets; that is hung into the
 * tree. Nodes and text lie in blocks, the first of which holds most bodies whole, and go with it.
 *
 * yajl checks the grammar. What it would let pass is refused here: UTF-8 that is none although it
 * looks like it, halves of pairs in \u and more kinds of blanks, before it sees the text; NUL in
 * strings, names that come twice, numbers that do not fit and what is too deep, as it meets them;
 * and what stands behind the root.
 */
#include "api-bridge/tree.h"

#include "base/map.h"
#include "base/own.h"

#include <errno.h>
#include <math.h>
#include <sys/random.h>
#include <yajl/yajl_parse.h>

enum {
    TREE_DEPTH_MAX = 512,
    TREE_BLOCK = 1024, /* around the text */
    TREE_BLOCK_MAX = 64 * LIMIT_KIB,
    TREE_FEW = 16, /* members that are faster looked through than looked up */
    TREE_FIRST = 8,
    TREE_DIGITS = 64,
};

struct tree_block {
    struct tree_block *next;
    size_t left;
    uint8_t *at;
    _Alignas(16) uint8_t data[];
};

struct tree_names {
    struct tree_names *next;
    struct map *map;
};

struct tree {
    struct api_json root; /* first: who has it has the tree */
    struct tree_block *blocks;
    struct tree_names *names;
};

struct parser {
    yajl_handle yajl;
    struct tree *tree;
    struct api_json *open[TREE_DEPTH_MAX];
    uint32_t depth;
    size_t end;          /* of the root; 0: it is not over */
    struct span key;     /* of the member whose value comes next */
    const char *trouble; /* NULL: none */
    size_t at;           /* where it is */
};

static uint64_t names_seed;

/* --- memory ---------------------------------------------------------------------------------- */

static void block_add(struct tree *t, size_t size)
{
    struct tree_block *b = own_realloc(NULL, sizeof(*b) + size);

    b->next = t->blocks;
    b->left = size;
    b->at = b->data;
    t->blocks = b;
}

static void *room(struct tree *t, size_t size)
{
    void *at;

    size = (size + 7) & ~(size_t)7;
    if (size > t->blocks->left)
        block_add(t, size > TREE_BLOCK_MAX ? size : TREE_BLOCK_MAX);
    at = t->blocks->at;
    t->blocks->at += size;
    t->blocks->left -= size;
    return at;
}

static struct span keep(struct tree *t, const uint8_t *text, size_t len)
{
    uint8_t *at = room(t, len + 1);

    if (len)
        memcpy(at, text, len);
    at[len] = '\0';
    return (struct span){at, len};
}

static struct tree *tree_new(size_t text_len)
{
    struct tree *t = own_calloc(1, sizeof(*t));

    block_add(t, TREE_BLOCK + (text_len < TREE_BLOCK_MAX ? text_len : TREE_BLOCK_MAX));
    return t;
}

static void tree_free(struct tree *t)
{
    for (struct tree_names *n = t->names; n; n = n->next)
        map_free(n->map);
    for (struct tree_block *b = t->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(t);
}

void api_json_free(struct api_json *root)
{
    if (root)
        tree_free((struct tree *)(void *)root);
}

/* --- members --------------------------------------------------------------------------------- */

struct api_json *api_tree_member(const struct api_json *object, struct span key)
{
    if (!object || object->kind != API_JSON_OBJECT)
        return NULL;
    if (object->is.names)
        return map_get(object->is.names, key.data, key.len);
    for (uint32_t i = 0; i < object->n; i++) {
        if (span_eq(object->in[i]->key, key))
            return object->in[i];
    }
    return NULL;
}

/* So that a stranger's thousands of members are not looked through for each of them. */
static void names_begin(struct tree *t, struct api_json *object)
{
    struct tree_names *n = room(t, sizeof(*n));

    n->next = t->names;
    n->map = map_new(names_seed);
    t->names = n;
    object->is.names = n->map;
    for (uint32_t i = 0; i < object->n; i++)
        (void)map_set(n->map, object->in[i]->key.data, object->in[i]->key.len, object->in[i]);
}

static void hang(struct tree *t, struct api_json *to, struct api_json *v)
{
    if (to->n == to->cap) {
        struct api_json **before = to->in;

        to->cap = to->cap ? 2 * to->cap : TREE_FIRST;
        to->in = room(t, to->cap * sizeof(struct api_json *));
        if (to->n)
            memcpy(to->in, before, to->n * sizeof(struct api_json *));
    }
    if (to->kind == API_JSON_OBJECT && to->n == TREE_FEW)
        names_begin(t, to);
    if (to->kind == API_JSON_OBJECT && to->is.names)
        (void)map_set(to->is.names, v->key.data, v->key.len, v);
    to->in[to->n++] = v;
}

/* --- what yajl meets ------------------------------------------------------------------------- */

static int refuse(struct parser *p, const char *trouble)
{
    p->trouble = trouble;
    return 0;
}

/* NULL, and refused: a root must be an object or an array. */
static struct api_json *put(struct parser *p, enum api_json_kind kind)
{
    struct api_json *v = &p->tree->root;

    if (p->depth > 0) {
        v = room(p->tree, sizeof(*v));
    } else if (kind < API_JSON_ARRAY) {
        (void)refuse(p, "a syntax error");
        return NULL;
    }
    *v = (struct api_json){.kind = kind, .key = p->key};
    p->key = (struct span){0};
    if (p->depth > 0)
        hang(p->tree, p->open[p->depth - 1], v);
    return v;
}

static int on_null(void *ctx)
{
    return put(ctx, API_JSON_NULL) != NULL;
}

static int on_bool(void *ctx, int truth)
{
    struct api_json *v = put(ctx, API_JSON_BOOL);

    if (v)
        v->is.truth = truth != 0;
    return v != NULL;
}

static int put_whole(struct parser *p, const char *digits)
{
    struct api_json *v;
    long long n;

    errno = 0;
    n = strtoll(digits, NULL, 10);
    if (errno != 0)
        return refuse(p, "a number that is too large");
    v = put(p, API_JSON_INT);
    if (v)
        v->is.whole = n;
    return v != NULL;
}

static int put_real(struct parser *p, const char *digits)
{
    double n = strtod(digits, NULL);
    struct api_json *v;

    if (!isfinite(n))
        return refuse(p, "a number that is too large");
    v = put(p, API_JSON_REAL);
    if (v)
        v->is.real = n;
    return v != NULL;
}

static int on_number(void *ctx, const char *text, size_t len)
{
    char digits[TREE_DIGITS];
    auto_free char *many = NULL;
    bool real = false;

    for (size_t i = 0; i < len; i++)
        real = real || text[i] == '.' || text[i] == 'e' || text[i] == 'E';
    if (len >= sizeof(digits)) {
        many = own_memdup(text, len);
    } else {
        memcpy(digits, text, len);
        digits[len] = '\0';
    }
    return real ? put_real(ctx, many ? many : digits) : put_whole(ctx, many ? many : digits);
}

static bool has_nul(struct parser *p, const uint8_t *text, size_t len)
{
    if (len == 0 || !memchr(text, '\0', len))
        return false;
    (void)refuse(p, "a NUL character in a string (use encoding base64 for binary data)");
    return true;
}

static int on_text(void *ctx, const uint8_t *text, size_t len)
{
    struct parser *p = ctx;
    struct api_json *v = has_nul(p, text, len) ? NULL : put(p, API_JSON_TEXT);

    if (v)
        v->is.text = keep(p->tree, text, len);
    return v != NULL;
}

static int on_key(void *ctx, const uint8_t *text, size_t len)
{
    struct parser *p = ctx;

    if (has_nul(p, text, len))
        return 0;
    if (api_tree_member(p->open[p->depth - 1], (struct span){text, len}))
        return refuse(p, "the same key twice in one object");
    p->key = keep(p->tree, text, len);
    return 1;
}

static int open_one(struct parser *p, enum api_json_kind kind)
{
    struct api_json *v;

    if (p->depth == TREE_DEPTH_MAX)
        return refuse(p, "nested too deeply");
    v = put(p, kind);
    p->open[p->depth++] = v;
    return 1;
}

static int on_object(void *ctx)
{
    return open_one(ctx, API_JSON_OBJECT);
}

static int on_array(void *ctx)
{
    return open_one(ctx, API_JSON_ARRAY);
}

static int on_end(void *ctx)
{
    struct parser *p = ctx;

    if (--p->depth == 0)
        p->end = yajl_get_bytes_consumed(p->yajl);
    return 1;
}

static const yajl_callbacks meets = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = on_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_end,
};

/* --- text ------------------------------------------------------------------------------------ */

/* The unit that \uXXXX at `p` stands for; -1 when there is none. */
static int32_t unit_at(const uint8_t *p, const uint8_t *end)
{
    char digits[5] = {0};
    char *behind;
    long unit;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    memcpy(digits, p + 2, 4);
    unit = strtol(digits, &behind, 16);
    return behind == digits + 4 && unit >= 0 ? (int32_t)unit : -1;
}

/* How far there is no `c`. */
static size_t without(struct span text, int c)
{
    const uint8_t *at = memchr(text.data, c, text.len);

    return at ? (size_t)(at - text.data) : text.len;
}

/* How far no half of a pair stands alone. Only in strings may there be a backslash at all. */
static size_t paired(struct span text)
{
    const uint8_t *end = text.data + text.len;
    const uint8_t *p = text.data;

    while (p < end && (p = memchr(p, '\\', (size_t)(end - p)))) {
        int32_t unit = unit_at(p, end);
        bool high = unit >= 0xd800 && unit < 0xdc00;
        int32_t low = high ? unit_at(p + 6, end) : 0;

        if ((unit >= 0xdc00 && unit < 0xe000) || (high && (low < 0xdc00 || low >= 0xe000)))
            return (size_t)(p - text.data);
        p += high ? 12 : 2;
    }
    return text.len;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* yajl does not tell when what is behind the root is a string without an end. */
static void check_end(struct parser *p, struct span text)
{
    for (p->at = p->end; p->at < text.len; p->at++) {
        if (!is_blank(text.data[p->at])) {
            p->trouble = "bytes behind the value";
            return;
        }
    }
}

static void read_all(struct parser *p, struct span text)
{
    bool good;

    p->yajl = yajl_alloc(&meets, NULL, p);
    if (!p->yajl)
        abort();
    (void)yajl_config(p->yajl, yajl_dont_validate_strings, 1);
    good = yajl_parse(p->yajl, text.data, text.len) == yajl_status_ok;
    p->at = yajl_get_bytes_consumed(p->yajl);
    if (p->end)
        check_end(p, text);
    else if (!p->trouble)
        p->trouble = good ? "the text ends too early" : "a syntax error";
    yajl_free(p->yajl);
}

/* False, and told, when the text is not good as far as to its end. */
static bool is_good(struct parser *p, struct span text, size_t until, const char *trouble)
{
    if (until == text.len)
        return true;
    p->at = until;
    p->trouble = trouble;
    return false;
}

static void check_and_read(struct parser *p, struct span text)
{
    /* The two blanks are yajl's, and not JSON's. */
    if (is_good(p, text, api_utf8_prefix(text), "bytes that are not UTF-8") &&
        is_good(p, text, paired(text), "half of a surrogate pair") &&
        is_good(p, text, without(text, '\v'), "a syntax error") &&
        is_good(p, text, without(text, '\f'), "a syntax error"))
        read_all(p, text);
}

static void say_where(const struct parser *p, struct span text, struct api_fault *f)
{
    int line = 1, column = 0;

    for (size_t i = 0; i < p->at && i < text.len; i++) {
        column = text.data[i] == '\n' ? 0 : column + 1;
        line += text.data[i] == '\n';
    }
    api_fault_set(f, API_FAULT_BAD_JSON, "the body is not valid JSON: %s (line %d, column %d)",
                  p->trouble, line, column);
}

/* Its places in `open` are written before they are read. */
static void parser_init(struct parser *p, struct tree *tree)
{
    p->tree = tree;
    p->depth = 0;
    p->end = 0;
    p->key = (struct span){0};
    p->trouble = NULL;
    p->at = 0;
}

struct api_json *api_json_parse(struct span text, struct api_fault *f)
{
    struct parser p;

    if (text.len == 0) {
        api_fault_set(f, API_FAULT_BAD_JSON, "the body is empty, JSON is needed");
        return NULL;
    }
    parser_init(&p, tree_new(text.len));
    check_and_read(&p, text);
    if (!p.trouble)
        return &p.tree->root;
    say_where(&p, text, f);
    tree_free(p.tree);
    return NULL;
}

void api_json_init(void)
{
    if (getrandom(&names_seed, sizeof(names_seed), 0) != (ssize_t)sizeof(names_seed))
        abort();
}
