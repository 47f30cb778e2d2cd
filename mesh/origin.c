/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/origin.h"

#include "mesh/field.h"

#include <assert.h>

enum { ORIGIN_MORE = 2, HEAD_MORE = 1 };

_Static_assert(LIMIT_URL + 1 + LIMIT_TAGS * (LIMIT_TAG + 1) <= UINT16_MAX, "n_text");

static char *text_put(char *at, const char *s)
{
    size_t size = strlen(s) + 1;

    memcpy(at, s, size);
    return at + size;
}

struct origin *origin_new(const struct spec *spec)
{
    size_t n_text = strlen(spec->callback) + 1;
    struct origin *o;
    char *at;

    for (uint32_t i = 0; i < spec->n_tags; i++)
        n_text += strlen(spec->tags[i]) + 1;
    o = own_calloc(1, sizeof(*o) + n_text);
    o->tests = spec->n_tests;
    o->head = spec->head;
    o->n_tags = spec->n_tags;
    o->n_text = (uint16_t)n_text;
    at = text_put(o->text, spec->callback);
    for (uint32_t i = 0; i < spec->n_tags; i++)
        at = text_put(at, spec->tags[i]);
    return o;
}

struct origin *origin_copy(const struct origin *o)
{
    return own_memdup(o, sizeof(*o) + o->n_text);
}

const char *origin_callback(const struct origin *o)
{
    return o->n_text > 0 ? o->text : "";
}

const char *origin_tag(const struct origin *o, uint32_t i)
{
    const char *at = o->text + strlen(o->text) + 1;

    assert(i < o->n_tags);
    while (i-- > 0)
        at += strlen(at) + 1;
    return at;
}

/* ---- encoding ---- */

/* Its head and the callback follow. */
static const struct field origin_fields[] = {
    FIELD(struct origin, home),
    FIELD(struct origin, spec_hash),
    FIELD_MAX(struct origin, spec_len, LIMIT_SPEC),
    FIELD(struct origin, queued_ms),
    FIELD_MAX(struct origin, tests, LIMIT_TESTS),
};
static const struct field_table origin_table = FIELD_TABLE(struct origin, origin_fields);

void origin_put(struct buf *b, const struct origin *o)
{
    field_put_more(b, &origin_table, ORIGIN_MORE, o);
    field_put_more(b, &spec_head_plain, HEAD_MORE, &o->head);
    wire_put_array(b, o->n_tags);
    for (uint32_t i = 0; i < o->n_tags; i++)
        wire_put_str(b, origin_tag(o, i));
    wire_put_str(b, origin_callback(o));
}

struct origin *origin_get(struct wire_reader *w)
{
    struct origin fixed = {0};
    struct spec spec = {0};
    struct origin *o;

    field_get_more(w, &origin_table, ORIGIN_MORE, &fixed);
    field_get_more(w, &spec_head_plain, HEAD_MORE, &spec.head);
    spec.n_tags = (uint8_t)wire_get_array(w, LIMIT_TAGS);
    for (uint32_t i = 0; i < spec.n_tags && !w->bad; i++)
        wire_get_str(w, spec.tags[i], sizeof(spec.tags[i]));
    wire_get_str(w, spec.callback, sizeof(spec.callback));
    if (w->bad)
        return NULL;
    spec.n_tests = fixed.tests;
    o = origin_new(&spec);
    o->home = fixed.home;
    o->spec_hash = fixed.spec_hash;
    o->spec_len = fixed.spec_len;
    o->queued_ms = fixed.queued_ms;
    return o;
}
