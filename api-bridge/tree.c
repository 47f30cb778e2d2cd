/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: one pass, a function a kind of value. Values and texts are taken from pieces
 * of memory in a list (struct piece); the first one is sized by the text, so that a small body
 * takes one allocation. A text is copied a run of plain characters at a time. An object's keys
 * are compared with each other while they are few, and looked up in a map with a secret seed
 * when they are many: a stranger chooses them.
 */
#include "api-bridge/tree.h"

#include "api-bridge/writer.h"
#include "base/map.h"
#include "base/own.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>

enum {
    TREE_KEYS_FEW = 16,
    TREE_FIRST = 1024, /* and twice the text: the first piece */
    TREE_PIECE = 16 * 1024,
    TREE_NUMBER_MAX = 400, /* characters; a longer one is no number anybody means */
};

struct piece {
    struct piece *next;
    size_t used, size;
    uint8_t data[];
};

struct root {
    struct api_json value; /* first: api_tree_free() */
    struct piece *pieces;
};

struct parser {
    const uint8_t *at, *end, *begin;
    struct piece *pieces;
    unsigned depth;
    const char *why; /* NULL: no trouble */
};

static bool fail(struct parser *p, const char *why)
{
    if (!p->why)
        p->why = why;
    return false;
}

static bool syntax(struct parser *p)
{
    return fail(p, p->at == p->end ? "the text ends too early" : "a syntax error");
}

static struct piece *piece_new(size_t size, struct piece *next)
{
    struct piece *m = own_realloc(NULL, sizeof(*m) + size);

    *m = (struct piece){.next = next, .size = size};
    return m;
}

static void *take(struct parser *p, size_t size)
{
    struct piece *m = p->pieces;
    size_t want = (size + 7) & ~(size_t)7;

    if (!m || m->size - m->used < want) {
        m = piece_new(want > TREE_PIECE ? want : TREE_PIECE, p->pieces);
        p->pieces = m;
    }
    m->used += want;
    return m->data + m->used - want;
}

static void pieces_free(struct piece *m)
{
    while (m) {
        struct piece *next = m->next;

        free(m);
        m = next;
    }
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
}

static bool is_next(struct parser *p, char c)
{
    skip_space(p);
    if (p->at == p->end || *p->at != (uint8_t)c)
        return false;
    p->at++;
    return true;
}

/* --- texts ---------------------------------------------------------------------------------- */

static bool read_hex4(struct parser *p, uint32_t *ret_unit)
{
    uint32_t v = 0;

    if (p->end - p->at < 4)
        return fail(p, "the text ends too early");
    for (int i = 0; i < 4; i++, p->at++) {
        uint8_t c = *p->at;
        uint8_t low = c | 0x20;

        if (c >= '0' && c <= '9')
            v = v << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (uint32_t)(low - 'a' + 10);
        else
            return syntax(p);
    }
    *ret_unit = v;
    return true;
}

static uint8_t *put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
    } else if (c < 0x800) {
        *out++ = (uint8_t)(0xc0 | c >> 6);
        *out++ = (uint8_t)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (uint8_t)(0xe0 | c >> 12);
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (c & 0x3f));
    } else {
        *out++ = (uint8_t)(0xf0 | c >> 18);
        *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3f));
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        *out++ = (uint8_t)(0x80 | (c & 0x3f));
    }
    return out;
}

/* Behind "\u"; never longer than what it stands for in the text. */
static uint8_t *read_unicode(struct parser *p, uint8_t *out)
{
    uint32_t c, low;

    if (!read_hex4(p, &c))
        return NULL;
    if (c >= 0xd800 && c < 0xdc00) {
        if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
            return fail(p, "half of a surrogate pair"), NULL;
        p->at += 2;
        if (!read_hex4(p, &low))
            return NULL;
        if (low < 0xdc00 || low > 0xdfff)
            return fail(p, "half of a surrogate pair"), NULL;
        c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
    } else if (c >= 0xdc00 && c < 0xe000) {
        return fail(p, "half of a surrogate pair"), NULL;
    }
    if (c == 0)
        return fail(p, "a NUL character in a string (use encoding base64 for binary data)"), NULL;
    return put_utf8(out, c);
}

static uint8_t *read_escape(struct parser *p, uint8_t *out)
{
    static const char names[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    uint8_t c = p->at < p->end ? *p->at : 0;

    if (c == 'u') {
        p->at++;
        return read_unicode(p, out);
    }
    for (size_t i = 0; i < sizeof(names) - 1; i += 2) {
        if ((uint8_t)names[i] != c)
            continue;
        p->at++;
        *out = (uint8_t)names[i + 1];
        return out + 1;
    }
    return syntax(p), NULL;
}

/* The closing quote of the string at p->at, or NULL. */
static const uint8_t *find_quote(struct parser *p)
{
    const uint8_t *q = p->at;

    while ((q = memchr(q, '"', (size_t)(p->end - q)))) {
        size_t slashes = 0;

        while (q - slashes > p->at && q[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return q;
        q++;
    }
    return NULL;
}

/* Behind the opening quote. A member's name has a pointer to its value before it. */
static bool read_text(struct parser *p, const char **ret_text, size_t *ret_len,
                      struct api_json *member)
{
    const uint8_t *quote = find_quote(p);
    const uint8_t *run = p->at;
    uint8_t *out, *start;
    bool high = false;

    if (!quote) {
        p->at = p->end;
        return fail(p, "the text ends too early");
    }
    start = take(p, sizeof(struct api_json *) + (size_t)(quote - p->at) + 1);
    memcpy(start, &member, sizeof(struct api_json *));
    out = start += sizeof(struct api_json *);
    while (p->at < quote) {
        uint8_t c = *p->at++;

        high |= c >= 0x80;
        if (c < 0x20) {
            p->at--;
            return fail(p, "a control character in a string");
        }
        if (c != '\\')
            continue;
        memcpy(out, run, (size_t)(p->at - 1 - run));
        out += p->at - 1 - run;
        out = read_escape(p, out);
        if (!out)
            return false;
        run = p->at;
    }
    memcpy(out, run, (size_t)(quote - run));
    out += quote - run;
    *out = '\0';
    if (high && !api_utf8_ok((struct span){start, (size_t)(out - start)}))
        return fail(p, "bytes that are not UTF-8");
    p->at = quote + 1;
    *ret_text = (const char *)start;
    *ret_len = (size_t)(out - start);
    return true;
}

/* --- numbers -------------------------------------------------------------------------------- */

static const uint8_t *digits(const struct parser *p, const uint8_t *c)
{
    while (c < p->end && *c >= '0' && *c <= '9')
        c++;
    return c;
}

/* The end of the number at p->at, or NULL; *ret_real tells that it has more than an integer. */
static const uint8_t *number_end(struct parser *p, bool *ret_real)
{
    const uint8_t *c = p->at + (*p->at == '-');
    const uint8_t *from = c;

    c = digits(p, c);
    if (c == from || (*from == '0' && c - from > 1))
        return NULL;
    *ret_real = false;
    if (c < p->end && *c == '.') {
        from = c + 1;
        c = digits(p, from);
        *ret_real = true;
        if (c == from)
            return NULL;
    }
    if (c < p->end && (*c | 0x20) == 'e') {
        from = c + 1;
        from += from < p->end && (*from == '+' || *from == '-');
        c = digits(p, from);
        *ret_real = true;
        if (c == from)
            return NULL;
    }
    return c;
}

static bool read_number(struct parser *p, struct api_json *v)
{
    char text[TREE_NUMBER_MAX + 1];
    bool real;
    const uint8_t *end = number_end(p, &real);
    size_t len;

    if (!end)
        return syntax(p);
    len = (size_t)(end - p->at);
    if (len > TREE_NUMBER_MAX)
        return fail(p, "a number that is too large");
    memcpy(text, p->at, len);
    text[len] = '\0';
    errno = 0;
    v->kind = real ? API_TREE_REAL : API_TREE_INT;
    if (real)
        v->real = strtod(text, NULL);
    else
        v->whole = strtoll(text, NULL, 10);
    if (real ? !isfinite(v->real) : errno == ERANGE)
        return fail(p, "a number that is too large");
    p->at = end;
    return true;
}

/* --- values --------------------------------------------------------------------------------- */

static bool read_value(struct parser *p, struct api_json *v);

static struct api_json *value_new(struct parser *p)
{
    struct api_json *v = take(p, sizeof(*v));

    memset(v, 0, sizeof(*v));
    return v;
}

static void array_close(struct parser *p, struct api_json *v, struct api_json *first)
{
    size_t i = 0;

    v->items = take(p, v->len * sizeof(struct api_json *));
    for (; first; first = first->next)
        v->items[i++] = first;
}

static bool read_array(struct parser *p, struct api_json *v)
{
    struct api_json *first = NULL, **last = &first;

    v->kind = API_TREE_ARRAY;
    if (is_next(p, ']'))
        return true;
    do {
        *last = value_new(p);
        if (!read_value(p, *last))
            return false;
        last = &(*last)->next;
        v->len++;
    } while (is_next(p, ','));
    if (!is_next(p, ']'))
        return syntax(p);
    array_close(p, v, first);
    return true;
}

/* An object that is being read. */
struct keys {
    struct api_json *object;
    struct map *many;
};

static struct map *keys_map(const struct api_json *object)
{
    struct map *m;
    uint64_t seed = 0;

    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        abort();
    m = map_new(seed);
    for (struct api_json *e = object->first; e; e = e->next)
        (void)map_set(m, e->key, e->key_len, e);
    return m;
}

/* True when the object has a member of that name. */
static bool keys_has(struct keys *k, struct api_json *member)
{
    if (k->object->len >= TREE_KEYS_FEW) {
        if (!k->many)
            k->many = keys_map(k->object);
        return map_set(k->many, member->key, member->key_len, member) != NULL;
    }
    for (const struct api_json *e = k->object->first; e; e = e->next) {
        if (e->key_len == member->key_len && memcmp(e->key, member->key, e->key_len) == 0)
            return true;
    }
    return false;
}

static bool read_member(struct parser *p, struct keys *k, struct api_json *member)
{
    size_t len;

    if (!is_next(p, '"'))
        return syntax(p);
    if (!read_text(p, &member->key, &len, member))
        return false;
    member->key_len = (uint32_t)len;
    if (keys_has(k, member))
        return fail(p, "the same key twice in one object");
    if (!is_next(p, ':'))
        return syntax(p);
    return read_value(p, member);
}

static bool read_members(struct parser *p, struct keys *k)
{
    struct api_json **last = &k->object->first;

    do {
        struct api_json *member = value_new(p);

        if (!read_member(p, k, member))
            return false;
        *last = member;
        last = &member->next;
        k->object->len++;
    } while (is_next(p, ','));
    return is_next(p, '}') ? true : syntax(p);
}

static bool read_object(struct parser *p, struct api_json *v)
{
    struct keys k = {.object = v};
    bool good;

    v->kind = API_TREE_OBJECT;
    if (is_next(p, '}'))
        return true;
    good = read_members(p, &k);
    map_free(k.many);
    return good;
}

static bool read_word(struct parser *p, struct api_json *v)
{
    static const struct {
        const char *text;
        size_t len;
        enum api_tree_kind kind;
    } words[] = {
        {"true", 4, API_TREE_TRUE}, {"false", 5, API_TREE_FALSE}, {"null", 4, API_TREE_NULL}};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if ((size_t)(p->end - p->at) < words[i].len ||
            memcmp(p->at, words[i].text, words[i].len) != 0)
            continue;
        p->at += words[i].len;
        v->kind = words[i].kind;
        return true;
    }
    return syntax(p);
}

static bool read_nested(struct parser *p, struct api_json *v)
{
    bool array = *p->at++ == '[';
    bool good;

    if (++p->depth > API_TREE_DEPTH)
        return fail(p, "nested too deeply");
    good = array ? read_array(p, v) : read_object(p, v);
    p->depth--;
    return good;
}

static bool read_value(struct parser *p, struct api_json *v)
{
    skip_space(p);
    if (p->at == p->end)
        return syntax(p);
    switch (*p->at) {
    case '[':
    case '{':
        return read_nested(p, v);
    case '"':
        p->at++;
        v->kind = API_TREE_TEXT;
        return read_text(p, &v->text, &v->len, NULL);
    case 't':
    case 'f':
    case 'n':
        return read_word(p, v);
    default:
        return read_number(p, v);
    }
}

static bool read_root(struct parser *p, struct api_json *v)
{
    skip_space(p);
    if (p->at == p->end || (*p->at != '[' && *p->at != '{'))
        return syntax(p);
    if (!read_value(p, v))
        return false;
    skip_space(p);
    return p->at == p->end ? true : fail(p, "bytes behind the value");
}

static void trouble_set(const struct parser *p, struct api_tree_trouble *t)
{
    *t = (struct api_tree_trouble){.why = p->why, .line = 1, .column = 1};
    for (const uint8_t *c = p->begin; c < p->at; c++) {
        t->line += *c == '\n';
        t->column = *c == '\n' ? 1 : t->column + ((*c & 0xc0) != 0x80);
    }
}

struct api_json *api_tree_parse(struct span text, struct api_tree_trouble *ret_trouble)
{
    struct parser p = {.begin = text.data, .at = text.data, .end = text.data + text.len};
    struct root *root;

    if (text.len < TREE_PIECE / 4)
        p.pieces = piece_new(2 * text.len + TREE_FIRST, NULL);
    root = take(&p, sizeof(*root));
    memset(root, 0, sizeof(*root));
    if (!read_root(&p, &root->value)) {
        trouble_set(&p, ret_trouble);
        pieces_free(p.pieces);
        return NULL;
    }
    root->pieces = p.pieces;
    return &root->value;
}

void api_tree_free(struct api_json *root)
{
    if (root)
        pieces_free(((struct root *)(void *)root)->pieces);
}

const struct api_json *api_tree_member(const char *key)
{
    const struct api_json *member;

    memcpy(&member, key - sizeof(struct api_json *), sizeof(struct api_json *));
    return member;
}

/* --- writing -------------------------------------------------------------------------------- */

/* All of its digits, and never like an integer. */
static void write_real(struct api_json_writer *w, const struct api_json *v)
{
    char text[40];
    int n = snprintf(text, sizeof(text) - 2, "%.17g", v->real);

    if (!strpbrk(text, ".e"))
        memcpy(text + n, ".0", 3);
    api_json_put_raw(w, v->key, span_of(text));
}

static void write_value(struct api_json_writer *w, const struct api_json *v)
{
    switch (v->kind) {
    case API_TREE_NULL:
        api_json_put_null(w, v->key);
        break;
    case API_TREE_FALSE:
    case API_TREE_TRUE:
        api_json_put_bool(w, v->key, v->kind == API_TREE_TRUE);
        break;
    case API_TREE_INT:
        api_json_put_int(w, v->key, v->whole);
        break;
    case API_TREE_REAL:
        write_real(w, v);
        break;
    case API_TREE_TEXT:
        api_json_put_text(w, v->key, (struct span){(const uint8_t *)v->text, v->len});
        break;
    case API_TREE_ARRAY:
        api_json_open(w, v->key, '[');
        for (size_t i = 0; i < v->len; i++)
            write_value(w, v->items[i]);
        api_json_close(w, ']');
        break;
    case API_TREE_OBJECT:
        api_json_open(w, v->key, '{');
        for (const struct api_json *e = v->first; e; e = e->next)
            write_value(w, e);
        api_json_close(w, '}');
        break;
    }
}

int api_tree_write(const struct api_json *v, struct buf *out)
{
    struct api_json bare = *v;
    struct api_json_writer w;

    bare.key = NULL;
    api_json_writer_init(&w, out);
    write_value(&w, &bare);
    return out->full ? -ENOSPC : 0;
}
