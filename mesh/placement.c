/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/placement.h"

#include "base/hash.h"
#include "mesh/peer.h"

uint64_t placement_weight(const struct id *jid, const struct id *nid)
{
    uint8_t both[2 * ID_SIZE];

    memcpy(both, jid->b, ID_SIZE);
    memcpy(both + ID_SIZE, nid->b, ID_SIZE);
    return hash64(both, sizeof(both));
}

static bool zone_taken(const struct mesh *m, const struct value *v, const struct member *c)
{
    for (uint32_t i = 0; i < v->n_rset; i++) {
        const struct member *r = members_get(m->members, &v->rset[i]);

        if (r && r->meta.zone[0] && strcmp(r->meta.zone, c->meta.zone) == 0)
            return true;
    }
    return false;
}

struct candidate {
    const struct member *member;
    bool zone_new;
    uint64_t weight;
};

static bool candidate_better(const struct candidate *a, const struct candidate *b)
{
    if (!b->member)
        return true;
    if (a->zone_new != b->zone_new)
        return a->zone_new;
    if (a->weight != b->weight)
        return a->weight > b->weight;
    return id_cmp(&a->member->nid, &b->member->nid) < 0;
}

typedef bool eligible_fn(const struct mesh *m, const struct member *c);

static bool best_of(const struct mesh *m, const struct id *jid, const struct value *v,
                    eligible_fn *eligible, struct id *ret_nid)
{
    struct candidate best = {0};

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        struct candidate it = {c, !zone_taken(m, v, c), placement_weight(jid, &c->nid)};

        if (!value_has(v, &c->nid) && eligible(m, c) && candidate_better(&it, &best))
            best = it;
    }
    if (!best.member)
        return false;
    *ret_nid = best.member->nid;
    return true;
}

bool placement_next(const struct mesh *m, const struct id *jid, const struct value *v,
                    struct id *ret_nid)
{
    return best_of(m, jid, v, peer_takes_copies, ret_nid);
}

/* Nodes that are or may come back. */
static uint32_t known(const struct mesh *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < members_len(m->members); i++)
        n += members_at(m->members, i)->state < MEMBER_REPLACED;
    return n;
}

/* All the nodes a new mesh was said to have, and not one more: every peer that gets here has
 * the same set, so the wait that keeps two sets from differing (TIMING_PLACEABLE) is not due. */
static bool is_complete(const struct mesh *m)
{
    uint32_t n = known(m);

    return n == m->cfg.nodes_expected && n <= m->cfg.replicas;
}

static bool is_known(const struct mesh *m, const struct member *c)
{
    return c->state < MEMBER_REPLACED &&
           (id_eq(&c->nid, &m->cfg.nid) || c->known_of_old || is_complete(m) ||
            m->now.mono_ns - c->known_ns >= TIMING_PLACEABLE * STATE_MS);
}

static void fill(const struct mesh *m, const struct id *jid, struct value *v, eligible_fn *eligible)
{
    struct id next;

    while (v->n_rset < m->cfg.replicas && best_of(m, jid, v, eligible, &next))
        v->rset[v->n_rset++] = next;
}

void placement_new(const struct mesh *m, const struct id *jid, struct value *ret_value)
{
    memset(ret_value, 0, sizeof(*ret_value));
    ret_value->n_rset = 1;
    ret_value->rset[0] = m->cfg.nid;
    fill(m, jid, ret_value, peer_takes_copies);
}

void placement_keyed(const struct mesh *m, const struct id *jid, struct value *ret_value)
{
    memset(ret_value, 0, sizeof(*ret_value));
    fill(m, jid, ret_value, is_known);
}

bool placement_settled(const struct mesh *m)
{
    uint64_t age_ns = m->now.mono_ns - members_self(m->members)->known_ns;
    uint32_t up = 0, n = 0;

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        up += member_is_up(c);
        n += c->state < MEMBER_LEFT; /* who said good-bye is on neither side */
    }
    return 2 * up > n && (known(m) >= m->cfg.nodes_expected || age_ns >= TIMING_GATHER * STATE_MS);
}

uint32_t placement_least(const struct mesh *m)
{
    uint32_t expected = m->cfg.nodes_expected;
    uint32_t copies = expected < m->cfg.replicas ? expected : m->cfg.replicas;

    return copies / 2 + 1;
}

bool placement_quorum(const struct mesh *m)
{
    return members_up(m->members) >= placement_least(m);
}
