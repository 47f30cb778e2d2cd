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

/* `weights` are those of all members, in their order. */
static bool best_of(const struct mesh *m, const struct value *v, const uint64_t *weights,
                    eligible_fn *eligible, struct id *ret_nid)
{
    struct candidate best = {0};

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        struct candidate it = {members_at(m->members, i), true, weights[i]};

        /* The dear questions are for those few who have the weight. */
        if (!candidate_better(&it, &best))
            continue;
        if (value_has(v, &it.member->nid) || !eligible(m, it.member))
            continue;
        it.zone_new = !zone_taken(m, v, it.member);
        if (candidate_better(&it, &best))
            best = it;
    }
    if (!best.member)
        return false;
    *ret_nid = best.member->nid;
    return true;
}

static void weights_fill(const struct mesh *m, const struct id *jid, uint64_t weights[LIMIT_NODES])
{
    for (uint32_t i = 0; i < members_len(m->members); i++)
        weights[i] = placement_weight(jid, &members_at(m->members, i)->nid);
}

bool placement_next(const struct mesh *m, const struct id *jid, const struct value *v,
                    struct id *ret_nid)
{
    uint64_t weights[LIMIT_NODES];

    weights_fill(m, jid, weights);
    return best_of(m, v, weights, peer_takes_copies, ret_nid);
}

static void fill(const struct mesh *m, const uint64_t *weights, eligible_fn *eligible,
                 struct value *v)
{
    struct id next;

    while (v->n_rset < m->cfg.replicas && best_of(m, v, weights, eligible, &next))
        v->rset[v->n_rset++] = next;
}

void placement_new(const struct mesh *m, const struct id *jid, struct value *ret_value)
{
    uint64_t weights[LIMIT_NODES];

    weights_fill(m, jid, weights);
    memset(ret_value, 0, sizeof(*ret_value));
    ret_value->n_rset = 1;
    ret_value->rset[0] = m->cfg.nid;
    fill(m, weights, peer_takes_copies, ret_value);
}

/* ---- keys ---- */

/* Nodes that are or may come back. */
static uint32_t known(const struct mesh *m)
{
    uint32_t n = 0;

    for (int s = MEMBER_ALIVE; s < MEMBER_REPLACED; s++)
        n += members_count(m->members, (enum member_state)s);
    return n;
}

/* All the nodes a new mesh was said to have, and not one more: every peer that gets here has
 * the same set, so the wait that keeps two sets from differing (TIMING_PLACEABLE) is not due. */
static bool is_complete(const struct mesh *m)
{
    uint32_t n = known(m);

    return n == m->cfg.nodes_expected && n <= m->cfg.replicas;
}

/* How this works: who counts for keys changes when a node comes, when one is replaced or
 * forgotten, and when one that left has been away for so long that it is not about to be back.
 * Others may hear of a change later, so for TIMING_PLACEABLE both are in force: the set without
 * it and the set with it. */

static bool passed(const struct mesh *m, uint64_t since_ns, uint64_t ms)
{
    return m->now.mono_ns - since_ns >= ms * STATE_MS;
}

static bool counts(const struct mesh *m, const struct member *c)
{
    return member_is_there(c->state) ||
           (c->state == MEMBER_LEFT && !passed(m, c->since_ns, m->cfg.repair_after_ms));
}

static bool counted(const struct mesh *m, const struct member *c)
{
    if (member_is_there(c->state))
        return !c->there_ns || is_complete(m) || passed(m, c->there_ns, TIMING_PLACEABLE);
    return !passed(m, c->since_ns,
                   TIMING_PLACEABLE + (c->state == MEMBER_LEFT ? m->cfg.repair_after_ms : 0));
}

/* Where there are too few others, its place is kept. */
static bool has_left(const struct mesh *m, const struct member *c)
{
    (void)m;
    return c->state == MEMBER_LEFT;
}

static void set_fill(const struct mesh *m, const uint64_t *weights, eligible_fn *eligible,
                     struct value *v)
{
    fill(m, weights, eligible, v);
    fill(m, weights, has_left, v);
}

static bool set_has(const struct id *set, uint32_t n, const struct id *nid)
{
    for (uint32_t i = 0; i < n; i++)
        if (id_eq(&set[i], nid))
            return true;
    return false;
}

static bool set_eq(const struct id *a, uint32_t n_a, const struct id *b, uint32_t n_b)
{
    for (uint32_t i = 0; i < n_a; i++)
        if (!set_has(b, n_b, &a[i]))
            return false;
    return n_a == n_b;
}

/* The last change may still be news somewhere. */
static bool is_unsettled(const struct mesh *m)
{
    uint64_t changed_ns = members_changed_ns(m->members);

    return changed_ns && !passed(m, changed_ns, TIMING_PLACEABLE + m->cfg.repair_after_ms);
}

static void keyed_sets(const struct mesh *m, const uint64_t *weights, struct value *ret_value)
{
    struct value old = {0};

    memset(ret_value, 0, sizeof(*ret_value));
    set_fill(m, weights, counts, ret_value);
    if (!is_unsettled(m))
        return;
    set_fill(m, weights, counted, &old);
    if (set_eq(old.rset, old.n_rset, ret_value->rset, ret_value->n_rset))
        return;
    ret_value->n_prev = old.n_rset;
    memcpy(ret_value->prev, old.rset, sizeof(old.rset));
}

void placement_keyed(const struct mesh *m, const struct id *jid, struct value *ret_value)
{
    uint64_t weights[LIMIT_NODES];

    weights_fill(m, jid, weights);
    keyed_sets(m, weights, ret_value);
}

/* Nobody whose weight is higher, and who came no later, but for fewer than a set has members. */
static bool had_place(const struct mesh *m, const uint64_t *weights, uint32_t at)
{
    int64_t until_ms = members_at(m->members, at)->meta.born_ms + TIMING_PLACEABLE;
    uint32_t before = 0;

    for (uint32_t i = 0; i < members_len(m->members) && before < m->cfg.replicas; i++)
        before += weights[i] > weights[at] && members_at(m->members, i)->meta.born_ms <= until_ms;
    return before < m->cfg.replicas;
}

static uint32_t elders(const struct mesh *m, const uint64_t *weights, const struct value *v,
                       struct id *ret_elders, uint32_t max)
{
    bool grown = false;
    uint32_t n = 0;

    for (uint32_t i = 0; i < members_len(m->members) && n < max; i++) {
        const struct id *nid = &members_at(m->members, i)->nid;

        if (!had_place(m, weights, i) || id_eq(nid, &m->cfg.nid))
            continue;
        grown = grown || !value_has(v, nid);
        ret_elders[n++] = *nid;
    }
    return grown ? n : 0;
}

uint32_t placement_create(const struct mesh *m, const struct id *jid, struct value *ret_value,
                          struct id *ret_elders, uint32_t max)
{
    uint64_t weights[LIMIT_NODES];

    weights_fill(m, jid, weights);
    keyed_sets(m, weights, ret_value);
    return elders(m, weights, ret_value, ret_elders, max);
}

static uint64_t set_name(const struct id *set, uint32_t n)
{
    uint64_t name = n;

    for (uint32_t i = 0; i < n; i++)
        name += hash64(set[i].b, ID_SIZE);
    return name;
}

uint32_t placement_names(const struct value *v, uint64_t ret_names[PLACEMENT_SETS])
{
    ret_names[0] = set_name(v->rset, v->n_rset);
    ret_names[1] = set_name(v->prev, v->n_prev);
    return v->n_prev > 0 ? 2 : 1;
}

bool placement_settled(const struct mesh *m)
{
    /* Who said good-bye is on neither side. */
    uint32_t there = members_up(m->members) + members_count(m->members, MEMBER_DEAD);

    return 2 * members_up(m->members) > there &&
           (known(m) >= m->cfg.nodes_expected ||
            passed(m, members_self(m->members)->known_ns, TIMING_GATHER));
}

uint32_t placement_copies(const struct mesh *m)
{
    uint32_t nodes = m->cfg.nodes_expected;

    /* Who came lately knows peers that it may not place keys at yet: with the few it may, it
     * would make anew what they have. */
    if (!passed(m, members_self(m->members)->known_ns, TIMING_PLACEABLE) && known(m) > nodes)
        nodes = known(m);
    return nodes < m->cfg.replicas ? nodes : m->cfg.replicas;
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
