/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/disk.h"

#include "base/hash.h"
#include "mesh/store.h"

enum { SIM_DISK_MAP_SEED = 1 };

static void sim_disk_records_free(struct map *records)
{
    if (!records)
        return;
    for (struct map_item *it = map_first(records); it; it = map_next(it))
        sim_blob_free(map_value(it));
    map_free(records);
}

static struct sim_batch *sim_disk_batch_free(struct sim_batch *b)
{
    struct sim_batch *next = b->next;

    for (uint32_t i = 0; i < b->n; i++)
        sim_blob_free(b->writes[i].value);
    free(b);
    return next;
}

static void sim_disk_queue_clear(struct sim_disk *d)
{
    while (d->first)
        d->first = sim_disk_batch_free(d->first);
    d->last = NULL;
    d->writing = false;
}

void sim_disk_init(struct sim_disk *d)
{
    *d = (struct sim_disk){.records = map_new(SIM_DISK_MAP_SEED)};
}

void sim_disk_done(struct sim_disk *d)
{
    sim_disk_queue_clear(d);
    sim_disk_records_free(d->records);
    sim_disk_records_free(d->snapshot);
    *d = (struct sim_disk){0};
}

void sim_disk_queue(struct sim_disk *d, uint64_t now_ns, const struct mesh_effect *persist)
{
    const struct mesh_op *ops = persist->persist.ops;
    uint32_t n = persist->persist.n;
    struct sim_batch *b = own_calloc(1, sizeof(*b) + n * sizeof(b->writes[0]));

    b->number = persist->persist.batch;
    b->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct sim_write *w = &b->writes[i];

        w->queued_ns = now_ns;
        w->del = ops[i].del;
        w->klen = ops[i].klen;
        memcpy(w->key, ops[i].key, ops[i].klen);
        if (!w->del)
            w->value = sim_blob_new(ops[i].value);
    }
    if (d->last)
        d->last->next = b;
    else
        d->first = b;
    d->last = b;
}

static void sim_disk_apply(struct sim_disk *d, struct sim_write *w)
{
    struct sim_blob *old;

    if (w->del) {
        old = map_del(d->records, w->key, w->klen);
    } else {
        d->bytes += w->value->len;
        old = map_set(d->records, w->key, w->klen, STEAL(w->value));
    }
    if (old)
        d->bytes -= old->len;
    sim_blob_free(old);
}

void sim_disk_commit(struct sim_disk *d, uint64_t number, struct sim_disk_observer observer)
{
    while (d->first && d->first->number <= number) {
        for (uint32_t i = 0; i < d->first->n; i++) {
            struct sim_write *w = &d->first->writes[i];

            observer.fn(observer.ctx, w, map_get(d->records, w->key, w->klen));
            sim_disk_apply(d, w);
        }
        d->first = sim_disk_batch_free(d->first);
    }
    if (!d->first)
        d->last = NULL;
    d->synced = number;
}

void sim_disk_crash(struct sim_disk *d, struct rng *rng, struct sim_disk_observer observer)
{
    uint64_t queued = 0;

    for (struct sim_batch *b = d->first; b; b = b->next)
        queued++;
    for (uint64_t keep = rng_below(rng, queued + 1); keep > 0; keep--)
        sim_disk_commit(d, d->first->number, observer);
    sim_disk_queue_clear(d);
    d->synced = 0;
}

struct sim_blob *sim_disk_get_synced(const struct sim_disk *d, struct span key)
{
    return map_get(d->records, key.data, key.len);
}

struct sim_blob *sim_disk_get(const struct sim_disk *d, struct span key)
{
    struct sim_blob *found = sim_disk_get_synced(d, key);

    for (struct sim_batch *b = d->first; b; b = b->next) {
        for (uint32_t i = 0; i < b->n; i++) {
            struct sim_write *w = &b->writes[i];

            if (span_eq((struct span){w->key, w->klen}, key))
                found = w->value;
        }
    }
    return found;
}

void sim_disk_wipe(struct sim_disk *d)
{
    sim_disk_done(d);
    sim_disk_init(d);
}

void sim_disk_snapshot(struct sim_disk *d, uint64_t boot)
{
    sim_disk_records_free(d->snapshot);
    d->snapshot = map_new(SIM_DISK_MAP_SEED);
    d->snapshot_boot = boot;
    d->snapshot_generation = sim_disk_generation(d);
    for (struct map_item *it = map_first(d->records); it; it = map_next(it)) {
        size_t len;
        const void *key = map_key(it, &len);

        map_set(d->snapshot, key, len, sim_blob_ref(map_value(it)));
    }
}

uint64_t sim_disk_generation(const struct sim_disk *d)
{
    struct store_name name = store_name_bytes(STORE_OWN, "gen", 3);
    const struct sim_blob *stored = sim_disk_get_synced(d, store_name_span(&name));
    struct wire_reader r;
    struct span bytes;

    if (!stored || store_unseal(sim_blob_span(stored), &bytes) != 0)
        return 0;
    wire_reader_init(&r, bytes.data, bytes.len);
    return wire_get_uint(&r, UINT64_MAX);
}

uint64_t sim_disk_rollback(struct sim_disk *d)
{
    struct map *snapshot = STEAL(d->snapshot);
    uint64_t boot = d->snapshot_boot;

    if (!snapshot)
        return 0;
    sim_disk_wipe(d);
    sim_disk_records_free(d->records);
    d->records = snapshot;
    for (struct map_item *it = map_first(snapshot); it; it = map_next(it))
        d->bytes += ((const struct sim_blob *)map_value(it))->len;
    return boot;
}

uint64_t sim_disk_digest(const struct sim_disk *d)
{
    uint64_t sum = 0;

    for (struct map_item *it = map_first(d->records); it; it = map_next(it)) {
        const struct sim_blob *value = map_value(it);
        size_t len;
        const void *key = map_key(it, &len);

        sum += hash_sip(1, hash64(key, len), value->data, value->len);
    }
    return sum;
}
