/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/keyed.h"

#include "mesh/client.h"
#include "mesh/forward.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/sched.h"
#include "mesh/store.h"
#include "mesh/takeover.h"
#include "mesh/watch.h"

enum { RETRY_MS = 1000, CREATE_MS = TIMING_PLACEABLE / 2 };

/* The first of the set that is up creates it, before all one that stays: who leaves would have to
 * hand it over at once, and would not come to an end while there are submits. */
static const struct id *creator(const struct mesh *m, const struct value *v)
{
    const struct id *up = NULL;

    for (uint32_t i = 0; i < v->n_rset; i++) {
        if (peer_stays(m, &v->rset[i]))
            return &v->rset[i];
        if (!up && peer_up(m, &v->rset[i]))
            up = &v->rset[i];
    }
    return up;
}

/* `sets`: the key's. */
static struct id target_of(const struct mesh *m, const struct job *j, const struct value *sets)
{
    const struct id *first;

    if (j && j->r.acc.epoch > 0)
        return j->r.decided || j->own || !peer_up(m, job_responsible(j)) ? m->cfg.nid
                                                                         : *job_responsible(j);
    first = creator(m, sets);
    return first ? *first : (struct id){{0}};
}

struct id keyed_target(const struct mesh *m, const struct id *jid)
{
    struct value v;

    placement_keyed(m, jid, &v);
    return target_of(m, job_find(m, jid), &v);
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

static bool names_have(const uint64_t *names, uint32_t n, uint64_t name)
{
    for (uint32_t i = 0; i < n; i++)
        if (names[i] == name)
            return true;
    return false;
}

/* All sets that are due now are among those that were asked. */
static bool is_placed(const struct mesh *m, const struct id *jid, const struct value *sets)
{
    uint64_t due[PLACEMENT_SETS];
    uint64_t asked[PLACEMENT_SETS];
    uint32_t n_asked = placement_names(sets, asked);
    struct value now;

    placement_keyed(m, jid, &now);
    for (uint32_t i = 0, n = placement_names(&now, due); i < n; i++)
        if (!names_have(asked, n_asked, due[i]))
            return false;
    return placement_settled(m);
}

void keyed_put_sets(struct buf *b, const struct value *sets)
{
    uint64_t names[PLACEMENT_SETS];
    uint32_t n = sets ? placement_names(sets, names) : 0;

    wire_put_array(b, n);
    for (uint32_t i = 0; i < n; i++)
        wire_put_uint(b, names[i]);
}

void keyed_get_sets(struct wire_reader *r, struct keyed_sets *ret_sets)
{
    ret_sets->n = wire_get_array(r, PLACEMENT_SETS);
    for (uint32_t i = 0; i < ret_sets->n && !r->bad; i++)
        ret_sets->names[i] = wire_get_uint(r, UINT64_MAX);
}

bool keyed_may_promise(const struct mesh *m, const struct id *jid, const struct keyed_sets *sets)
{
    uint64_t own[PLACEMENT_SETS];
    struct value now;
    bool shared = false;

    placement_keyed(m, jid, &now);
    for (uint32_t i = 0, n = placement_names(&now, own); i < n; i++)
        shared = shared || names_have(sets->names, sets->n, own[i]);
    return shared && placement_settled(m) && value_has(&now, &m->cfg.nid);
}

/* There are nodes enough for every set of the key. */
static bool has_room(const struct mesh *m, const struct value *sets)
{
    uint32_t copies = placement_copies(m);

    return sets->n_rset >= copies && (sets->n_prev == 0 || sets->n_prev >= copies) &&
           placement_settled(m);
}

void keyed_forgotten(struct mesh *m, const struct id *jid, const struct asker *who,
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
    const struct job *j = job_find(m, &jid);
    bool known = j && j->r.acc.epoch > 0;
    struct value v;

    placement_keyed(m, &jid, &v);
    struct id to = target_of(m, j, &v);
    bool here = id_eq(&to, &m->cfg.nid);

    if (purge_is(m, &jid))
        keyed_forgotten(m, &jid, who, origin);
    else if (known && here)
        keyed_begin(m, &jid, who, origin, spec);
    else if (!known && m->disk != MESH_DISK_OK)
        watch_refuse(m, who, MESSAGE_REFUSAL_DISK_FULL, RETRY_MS);
    else if (!known && (id_is_zero(&to) || !has_room(m, &v)))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_MS);
    else if (!here)
        forward_submit(m, who, frame, &jid, &to);
    else if (m->left) /* it only lingers to say so, and takes nothing over any more */
        watch_refuse(m, who, MESSAGE_REFUSAL_DRAINING, 0);
    else if (!life_confirmed(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_MS);
    else if (!j && sched_is_full(m))
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
    else if (!has_room(m, &v) || !life_confirmed(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_MS);
    else
        watch_answer(m, who, &done);
}

bool keyed_is_over(const struct mesh *m, const struct job *j)
{
    const struct take *t = j->take;

    return m->now.mono_ns - t->begun_ns > CREATE_MS * STATE_MS ||
           (t->best.acc.epoch == 0 && !is_placed(m, &j->r.jid, &t->best.v));
}

void keyed_create(struct mesh *m, struct job *j)
{
    struct span spec = {j->wish_spec, j->wish_len};

    if (!j->wish || keyed_is_over(m, j)) {
        takeover_lost(m, j);
        return;
    }
    free(j->take->best.origin);
    j->take->best.origin = STEAL(j->wish);
    if (j->take->best.origin->head.delay_ms > 0) {
        j->take->best.v.delay_ms = j->take->best.origin->head.delay_ms;
        j->take->best.v.not_before_ms = m->now.wall_ms + j->take->best.v.delay_ms;
    }
    store_spec_put(m, j, spec, &j->take->best.origin->spec_hash);
    free(STEAL(j->wish_spec));
    m->stats.submitted++;
    takeover_create(m, j);
}
