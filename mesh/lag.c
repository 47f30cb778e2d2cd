/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/lag.h"

#include "mesh/accept.h"

#include <assert.h>

/* The copies of one peer that lag, the oldest first. There is none without one. */
struct lag_peer {
    struct id nid;
    struct heap open;
};

struct lag {
    struct heap_node node;
    struct lag_peer *peer;
};

void lag_init(struct mesh *m)
{
    m->lags = map_new(m->cfg.seed);
}

void lag_done(struct mesh *m)
{
    assert(map_len(m->lags) == 0);
    map_free(m->lags);
}

static struct lag_peer *peer_of(struct mesh *m, const struct id *nid)
{
    struct lag_peer *peer = map_get(m->lags, nid, sizeof(*nid));

    if (peer)
        return peer;
    peer = own_calloc(1, sizeof(*peer));
    peer->nid = *nid;
    heap_init(&peer->open);
    (void)map_set(m->lags, &peer->nid, sizeof(peer->nid), peer);
    return peer;
}

void lag_drop(struct mesh *m, struct replica *p)
{
    struct lag *lag = STEAL(p->lag);

    if (!lag)
        return;
    heap_remove(&lag->peer->open, &lag->node);
    if (lag->peer->open.len == 0) {
        (void)map_del(m->lags, &lag->peer->nid, sizeof(lag->peer->nid));
        heap_done(&lag->peer->open);
        free(lag->peer);
    }
    free(lag);
}

void lag_remove(struct mesh *m, struct job *j)
{
    for (uint32_t i = 0; i < j->n_replicas; i++)
        lag_drop(m, &j->replicas[i]);
}

void lag_set(struct mesh *m, struct job *j)
{
    for (uint32_t i = 0; i < j->n_replicas; i++) {
        struct replica *p = &j->replicas[i];
        const bool lags = j->push && accept_replica_behind(j, p);

        if (!lags) {
            lag_drop(m, p);
        } else if (!p->lag) {
            p->lag = own_calloc(1, sizeof(*p->lag));
            p->lag->peer = peer_of(m, &p->nid);
            heap_set(&p->lag->peer->open, &p->lag->node, m->now.mono_ns);
        }
    }
}

void lag_check(const struct mesh *m)
{
    uint64_t walked = 0;
    uint64_t counted = 0;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);

        for (uint32_t i = 0; i < j->n_replicas; i++) {
            const struct replica *p = &j->replicas[i];

            assert((p->lag != NULL) == (j->push && accept_replica_behind(j, p)));
            assert(!p->lag || id_eq(&p->lag->peer->nid, &p->nid));
            walked += p->lag != NULL;
        }
    }
    for (struct map_item *it = map_first(m->lags); it; it = map_next(it))
        counted += ((const struct lag_peer *)map_value(it))->open.len;
    assert(walked == counted);
}

/* The line of that name; a name has one line, whoever bears it. */
static struct lags_of *line_of(struct lags *all, const char *name)
{
    for (uint32_t i = 0; i < all->n; i++)
        if (strcmp(all->of[i].name, name) == 0)
            return &all->of[i];
    if (all->n == LAGS_MAX)
        return NULL;
    struct lags_of *line = &all->of[all->n++];
    *line = (struct lags_of){0};
    (void)snprintf(line->name, sizeof(line->name), "%s", name);
    return line;
}

void mesh_lags_get(const struct mesh *m, struct lags *ret_lags)
{
    ret_lags->n = 0;
    for (uint32_t i = 1; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        struct lags_of *line =
            c->state <= MEMBER_DEAD && c->meta.name[0] ? line_of(ret_lags, c->meta.name) : NULL;
        const struct lag_peer *peer = map_get(m->lags, &c->nid, sizeof(c->nid));

        if (!line || !peer)
            continue;
        const uint64_t us = (m->now.mono_ns - heap_min(&peer->open)->key) / 1000;
        line->copies += peer->open.len;
        line->oldest_us = us > line->oldest_us ? us : line->oldest_us;
    }
}
