/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_EFFECT_H
#define MESH_EFFECT_H
/*
 * What one step wants done, in order, with the bytes it points to. The batch of a step comes
 * first. An effect marked `hold` waits for everything stored up to the end of its step: what
 * it says about this node's disk is then true, whenever the bytes were handed over.
 */
#include "mesh/mesh.h"

enum effect_when { EFFECT_NOW, EFFECT_HOLD };

struct effect_chunk;

struct effects {
    struct mesh_effect *at; /* [0] is kept for the batch */
    uint32_t n, cap;
    struct mesh_op *ops;
    uint32_t n_ops, cap_ops;
    struct effect_chunk *chunks;
    uint64_t batch;  /* the last one issued */
    uint64_t synced; /* the last one durable */
};

void effects_init(struct effects *fx);
void effects_done(struct effects *fx);
/* Forgets the last step's effects. */
void effects_begin(struct effects *fx);
/* Closes the step: numbers the batch, resolves what is held. */
void effects_end(struct effects *fx, const struct mesh_effect **ret_effects, uint32_t *ret_n);

/* Memory that lasts as long as the effects do. */
void *effect_alloc(struct effects *fx, size_t len);
struct span effect_copy(struct effects *fx, struct span bytes);
/* The new effect, zeroed but for its type; fill it before adding another. */
struct mesh_effect *effect_add(struct effects *fx, enum mesh_effect_type type,
                               enum effect_when when);
/* Returns the room for a value of `len` bytes, which the caller fills. */
uint8_t *effect_put(struct effects *fx, struct span key, size_t len);
void effect_del(struct effects *fx, struct span key);
void effect_log(struct effects *fx, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#endif
