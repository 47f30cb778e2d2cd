/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/effect.h"

#include "mesh/mutant.h"

#include <assert.h>
#include <stdarg.h>

enum { EFFECT_CHUNK = 64 * LIMIT_KIB, EFFECTS_FIRST = 64 };

struct effect_chunk {
    struct effect_chunk *next;
    size_t used, cap;
    uint8_t *data; /* owned */
};

/* Stands for "the last batch of this step" until the step ends. */
static const uint64_t batch_of_step = UINT64_MAX;

void effects_init(struct effects *fx)
{
    memset(fx, 0, sizeof(*fx));
    fx->n = 1;
}

static void chunks_free_until(struct effects *fx, const struct effect_chunk *last)
{
    while (fx->chunks != last) {
        struct effect_chunk *c = fx->chunks;

        fx->chunks = c->next;
        free(c->data);
        free(c);
    }
}

void effects_done(struct effects *fx)
{
    chunks_free_until(fx, NULL);
    free(fx->at);
    free(fx->ops);
    memset(fx, 0, sizeof(*fx));
}

/* The first piece is kept: every step needs one. */
void effects_begin(struct effects *fx)
{
    struct effect_chunk *kept = fx->chunks;

    while (kept && kept->next)
        kept = kept->next;
    chunks_free_until(fx, kept && kept->cap == EFFECT_CHUNK ? kept : NULL);
    if (fx->chunks)
        fx->chunks->used = 0;
    fx->n = 1;
    fx->n_ops = 0;
}

void *effect_alloc(struct effects *fx, size_t len)
{
    struct effect_chunk *c = fx->chunks;

    len = (len + 15) & ~(size_t)15;
    if (!c || c->cap - c->used < len) {
        c = own_calloc(1, sizeof(*c));
        c->cap = len > EFFECT_CHUNK ? len : EFFECT_CHUNK;
        c->data = own_realloc(NULL, c->cap);
        c->next = fx->chunks;
        fx->chunks = c;
    }
    c->used += len;
    return c->data + c->used - len;
}

struct span effect_copy(struct effects *fx, struct span bytes)
{
    if (bytes.len == 0)
        return (struct span){0};

    uint8_t *p = effect_alloc(fx, bytes.len);
    memcpy(p, bytes.data, bytes.len);
    return (struct span){p, bytes.len};
}

struct mesh_effect *effect_add(struct effects *fx, enum mesh_effect_type type,
                               enum effect_when when)
{
    if (fx->n >= fx->cap) {
        fx->cap = fx->cap ? fx->cap * 2 : EFFECTS_FIRST;
        fx->at = own_realloc(fx->at, fx->cap * sizeof(*fx->at));
    }

    struct mesh_effect *e = &fx->at[fx->n++];
    memset(e, 0, sizeof(*e));
    e->type = type;
    if (when == EFFECT_HOLD && !MUTANT_ACK_BEFORE_SYNC)
        e->after_batch = batch_of_step;
    return e;
}

static struct mesh_op *op_add(struct effects *fx, struct span key)
{
    assert(key.len <= LIMIT_KEY);
    if (fx->n_ops == fx->cap_ops) {
        fx->cap_ops = fx->cap_ops ? fx->cap_ops * 2 : EFFECTS_FIRST;
        fx->ops = own_realloc(fx->ops, fx->cap_ops * sizeof(*fx->ops));
    }

    struct mesh_op *op = &fx->ops[fx->n_ops++];
    memset(op, 0, sizeof(*op));
    op->klen = (uint8_t)key.len;
    memcpy(op->key, key.data, key.len);
    return op;
}

uint8_t *effect_put(struct effects *fx, struct span key, size_t len)
{
    uint8_t *room = effect_alloc(fx, len);

    op_add(fx, key)->value = (struct span){room, len};
    return room;
}

void effect_del(struct effects *fx, struct span key)
{
    op_add(fx, key)->del = true;
}

void effect_log(struct effects *fx, int level, const char *fmt, ...)
{
    struct mesh_effect *e = effect_add(fx, MESH_FX_LOG, EFFECT_NOW);
    va_list ap;

    e->log.level = level;
    va_start(ap, fmt);
    (void)vsnprintf(e->log.text, sizeof(e->log.text), fmt, ap);
    va_end(ap);
}

void effects_end(struct effects *fx, const struct mesh_effect **ret_effects, uint32_t *ret_n)
{
    bool stores = fx->n_ops > 0;

    if (stores || fx->cap == 0) {
        struct mesh_effect *e = effect_add(fx, MESH_FX_PERSIST, EFFECT_NOW);

        fx->n--;
        if (stores)
            e->persist.batch = ++fx->batch;
        e->persist.ops = fx->ops;
        e->persist.n = fx->n_ops;
        fx->at[0] = *e;
    }
    for (uint32_t i = 1; i < fx->n; i++)
        if (fx->at[i].after_batch == batch_of_step)
            fx->at[i].after_batch = fx->batch > fx->synced ? fx->batch : 0;
    *ret_effects = fx->at + (stores ? 0 : 1);
    *ret_n = stores ? fx->n : fx->n - 1;
}
