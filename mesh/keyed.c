/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/keyed.h"

#include "mesh/client.h"
#include "mesh/forward.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/purge.h"
#include "mesh/store.h"
#include "mesh/takeover.h"
#include "mesh/watch.h"

enum { RETRY_MS = 1000 };

/* The first of the set that is up creates it. */
static const struct id *creator(const struct mesh *m, const struct value *v)
{
    for (uint32_t i = 0; i < v->n_rset; i++)
        if (peer_up(m, &v->rset[i]))
            return &v->rset[i];
    return NULL;
}

static void keyed_wait(struct mesh *m, struct job *j, const struct asker *who, bool duplicate)
{
    struct watch_wish wish = {.kind = WAIT_DURABLE,
                              .who = *who,
                              .duplicate = duplicate,
                              .due_ns = m->now.mono_ns + TIMING_SUBMIT * STATE_MS};

    watch_add(m, j, &wish);
}

/* The key is known: the same request gets the same job. */
static void keyed_known(struct mesh *m, struct job *j, const struct asker *who,
                        const struct origin *origin)
{
    struct message msg = {.type = MESSAGE_ACCEPTED};

    if (memcmp(j->r.origin->head.body_hash, origin->head.body_hash, ID_SIZE) != 0) {
        watch_refuse(m, who, MESSAGE_REFUSAL_KEY_REUSED, 0);
    } else if (j->r.decided || (j->own && j->own->stage != OWN_SETTLING)) {
        msg.accepted.jid = j->r.jid;
        msg.accepted.duplicate = true;
        watch_answer(m, who, &msg);
    } else {
        keyed_wait(m, j, who, true);
    }
}

/* Of a set of one, the promise and what is accepted lie in one batch: to ask itself first would
 * cost a sync and could learn nothing. */
static bool is_alone(const struct mesh *m, const struct value *v)
{
    return v->n_rset == 1 && v->n_prev == 0 && id_eq(&v->rset[0], &m->cfg.nid);
}

static void keyed_begin(struct mesh *m, const struct id *jid, const struct asker *who,
                        const struct origin *origin, struct span spec)
{
    struct job *j = job_find(m, jid);

    if (j && j->r.origin && j->r.acc.epoch > 0) {
        keyed_known(m, j, who, origin);
        return;
    }
    if (!j)
        j = job_new(m, jid);
    keyed_wait(m, j, who, false);
    if (j->take)
        return;
    /* What it is to be, if nobody has it. */
    free(j->wish);
    free(j->wish_spec);
    j->wish = origin_copy(origin);
    j->wish_spec = own_memdup(spec.data, spec.len);
    j->wish_len = spec.len;
    takeover_begin(m, j, TAKEOVER_CREATE);
}

bool keyed_is_placed(const struct mesh *m, const struct id *jid, const struct value *set)
{
    struct value now;

    placement_keyed(m, jid, &now);
    return placement_settled(m) && now.n_rset == set->n_rset &&
           memcmp(now.rset, set->rset, sizeof(now.rset)) == 0;
}

bool keyed_may_promise(const struct mesh *m, const struct id *jid, const struct id *from)
{
    struct value now;

    placement_keyed(m, jid, &now);
    return placement_settled(m) && value_has(&now, from) && value_has(&now, &m->cfg.nid);
}

/* Copies that every key must have. */
static uint32_t copies_expected(const struct mesh *m)
{
    uint32_t nodes = m->cfg.nodes_expected;
    uint32_t known = 0;

    /* Who came lately knows peers that it may not place keys at yet: with the few it may, it
     * would make anew what they have. */
    if (m->now.mono_ns - members_self(m->members)->known_ns < TIMING_PLACEABLE * STATE_MS)
        for (uint32_t i = 0; i < members_len(m->members); i++)
            known += members_at(m->members, i)->state < MEMBER_REPLACED;
    nodes = known > nodes ? known : nodes;
    return nodes < m->cfg.replicas ? nodes : m->cfg.replicas;
}

/* Its job came to its end and was forgotten. It is not made again: the same request is told
 * that it was served, another that its key is taken. */
static void keyed_forgotten(struct mesh *m, const struct id *jid, const struct asker *who,
                            const struct origin *origin)
{
    struct message msg = {.type = MESSAGE_ACCEPTED};
    struct id body = purge_body(m, jid);

    if (id_is_zero(&body) || memcmp(body.b, origin->head.body_hash, ID_SIZE) != 0) {
        watch_refuse(m, who, MESSAGE_REFUSAL_KEY_REUSED, 0);
        return;
    }
    msg.accepted.jid = *jid;
    msg.accepted.duplicate = true;
    watch_answer(m, who, &msg);
}

void keyed_submit(struct mesh *m, const struct asker *who, const struct origin *origin,
                  struct span spec, struct span frame)
{
    struct id jid = id_job_keyed(origin->head.key);
    uint32_t expected = copies_expected(m);
    const struct job *j = job_find(m, &jid);
    struct value v;
    const struct id *first;

    placement_keyed(m, &jid, &v);
    first = creator(m, &v);
    if (purge_is(m, &jid))
        keyed_forgotten(m, &jid, who, origin);
    else if (j && j->r.acc.epoch > 0)
        keyed_begin(m, &jid, who, origin, spec);
    else if (m->left) /* it only lingers to say so, and takes nothing over any more */
        watch_refuse(m, who, MESSAGE_REFUSAL_DRAINING, 0);
    else if (m->disk != MESH_DISK_OK)
        watch_refuse(m, who, MESSAGE_REFUSAL_DISK_FULL, RETRY_MS);
    else if (v.n_rset < expected || !first || !placement_settled(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_MS);
    else if (!id_eq(first, &m->cfg.nid))
        forward_submit(m, who, frame, &jid, first);
    else if (!life_confirmed(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_MS);
    else if (!j && queue_len(m->queue) + queue_delayed(m->queue) >= m->cfg.queue_max)
        watch_refuse(m, who, MESSAGE_REFUSAL_QUEUE_FULL, RETRY_MS);
    else if (!j && is_alone(m, &v))
        client_create_as(m, who, &(struct client_wish){origin, spec}, &jid, &v);
    else
        keyed_begin(m, &jid, who, origin, spec);
}

void keyed_ready(struct mesh *m, const struct asker *who)
{
    struct message done = {.type = MESSAGE_DONE};
    struct value v;

    /* How many copies there can be is the same for every key. */
    placement_keyed(m, &m->cfg.nid, &v);
    if (m->draining)
        watch_refuse(m, who, MESSAGE_REFUSAL_DRAINING, 0);
    else if (m->disk != MESH_DISK_OK)
        watch_refuse(m, who, MESSAGE_REFUSAL_DISK_FULL, RETRY_MS);
    else if (v.n_rset < copies_expected(m) || !placement_settled(m) || !life_confirmed(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_MS);
    else
        watch_answer(m, who, &done);
}

void keyed_create(struct mesh *m, struct job *j)
{
    struct span spec = {j->wish_spec, j->wish_len};

    if (!j->wish || !keyed_is_placed(m, &j->r.jid, &j->take->best.v)) {
        takeover_lost(m, j);
        return;
    }
    free(j->take->best.origin);
    j->take->best.origin = STEAL(j->wish);
    if (j->take->best.origin->head.delay_ms > 0) {
        j->take->best.v.delay_ms = j->take->best.origin->head.delay_ms;
        j->take->best.v.not_before_ms = m->now.wall_ms + j->take->best.v.delay_ms;
    }
    store_spec_put(m, j, spec);
    free(STEAL(j->wish_spec));
    m->stats.submitted++;
    takeover_create(m, j);
}
