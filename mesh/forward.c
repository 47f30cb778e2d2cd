/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: who should answer for a job is tried in this order: the one to act on it,
 * when there is a record here; its home, whose name is in the job's id; whoever was named by
 * one that was asked; then everybody in rendezvous order, because the copies of a job whose
 * home is gone are most likely with the first of them. A home that is up and knows nothing of
 * a job is the authority that there is none.
 *
 * What is submitted under a key is sent to the one who creates it, who may be another each time
 * it is sent again: one that left, or is about to, creates nothing.
 */
#include "mesh/forward.h"

#include "mesh/client.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/keyed.h"
#include "mesh/list.h"
#include "mesh/owed.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/purge.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

enum { RESEND_MS = 1000, RESEND_MAX_MS = 3000, SELF_MS = 50, GRACE_MS = 10000, TRIED_MAX = 64 };

/*
 * Until when an answer is hoped for, when the client's own wait ends at `wait_end_ns`. Who only
 * wants to know how a job is, is told what the copy here says when the one to ask is silent:
 * that one may be gone, and to find that out takes longer.
 */
static uint64_t end_of(const struct job *j, enum message_type type, uint64_t wait_end_ns)
{
    bool copy = j && j->r.origin;

    if (type == MESSAGE_WATCH)
        return STATE_NEVER;
    return wait_end_ns + (type == MESSAGE_QUERY && copy ? RESEND_MS : GRACE_MS) * STATE_MS;
}

struct request {
    struct request *next;
    uint64_t number;
    struct asker who;
    struct id jid;
    enum message_type type;
    char tenant[LIMIT_NAME + 1];
    uint64_t seen;
    uint8_t *submit; /* owned: a keyed submit's frame */
    size_t submit_len;
    struct id target;
    struct id asked; /* who a submit was sent to last; zero: nobody yet */
    uint32_t tries;
    uint32_t n_tried; /* who said that it does not know the job */
    struct id tried[TRIED_MAX];
    uint64_t wait_end_ns;
    uint64_t end_ns;
    struct timer timer;
};

static void request_end(struct mesh *m, struct request *q)
{
    for (struct request **at = &m->requests; *at; at = &(*at)->next)
        if (*at == q) {
            *at = q->next;
            break;
        }
    timer_stop(m, &q->timer);
    free(q->submit);
    free(q);
}

static struct request *request_find(const struct mesh *m, uint64_t number)
{
    struct request *q = m->requests;

    while (q && q->number != number)
        q = q->next;
    return q;
}

uint64_t forward_len(const struct mesh *m)
{
    uint64_t n = 0;

    for (const struct request *q = m->requests; q; q = q->next)
        n++;
    return n;
}

/* ---- whom to ask ---- */

static bool was_tried(const struct request *q, const struct id *nid)
{
    for (uint32_t i = 0; i < q->n_tried; i++)
        if (id_eq(&q->tried[i], nid))
            return true;
    return false;
}

static const struct member *home_of(const struct mesh *m, const struct id *jid)
{
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (member_is_up(c) && id_job_home_is(jid, &c->nid))
            return c;
    }
    return NULL;
}

/* The first in rendezvous order that was not tried; zero when there is none. */
static struct id next_by_weight(const struct mesh *m, const struct request *q)
{
    struct id best = {{0}};
    uint64_t weight = 0;

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        uint64_t w = placement_weight(&q->jid, &c->nid);

        if (!member_is_up(c) || id_eq(&c->nid, &m->cfg.nid) || was_tried(q, &c->nid) ||
            (w <= weight && !id_is_zero(&best)))
            continue;
        best = c->nid;
        weight = w;
    }
    return best;
}

static void target_find(struct mesh *m, struct request *q)
{
    const struct job *j = job_find(m, &q->jid);
    const struct member *home = home_of(m, &q->jid);

    if (q->type == MESSAGE_SUBMIT)
        q->target = keyed_target(m, &q->jid);
    else if (j && peer_up(m, job_responsible(j)) && !was_tried(q, job_responsible(j)))
        q->target = *job_responsible(j);
    else if (home && !id_eq(&home->nid, &m->cfg.nid) && !was_tried(q, &home->nid))
        q->target = home->nid;
    else
        q->target = next_by_weight(m, q);
}

/* ---- sending ---- */

static void request_write(struct mesh *m, struct request *q)
{
    struct message msg = {.type = q->type};
    struct buf frame;
    struct buf *b;

    if (q->submit) {
        q->who.doubt = q->who.doubt || (!id_is_zero(&q->asked) && !id_eq(&q->asked, &q->target));
        q->asked = q->target;
        b = peer_open(m, &q->target, FRAME_FORWARD, q->submit_len);
        wire_put_uint(b, q->number);
        wire_put_bin(b, q->submit, q->submit_len);
        return;
    }
    msg.job.jid = q->jid;
    msg.job.seen = q->seen;
    memcpy(msg.job.tenant, q->tenant, sizeof(msg.job.tenant));
    if (q->wait_end_ns > m->now.mono_ns)
        msg.job.wait_ms = (uint32_t)((q->wait_end_ns - m->now.mono_ns) / STATE_MS);
    buf_init(&frame, LIMIT_KIB * 4);
    if (message_encode(&msg, &frame) == 0) {
        b = peer_open(m, &q->target, FRAME_FORWARD, 0);
        wire_put_uint(b, q->number);
        wire_put_bin(b, frame.data, frame.len);
    }
    buf_done(&frame);
}

static void request_not_found(struct mesh *m, struct request *q)
{
    struct asker who = q->who;

    request_end(m, q);
    watch_refuse(m, &who, MESSAGE_REFUSAL_NOT_FOUND, 0);
}

/* Nobody answered in time: what is known here, or nothing. */
static void request_give_up(struct mesh *m, struct request *q)
{
    struct job *j = job_find(m, &q->jid);
    struct asker who = q->who;
    enum message_type type = q->type;

    if (j && j->r.origin && !client_sees(j, q->tenant)) {
        request_not_found(m, q);
        return;
    }
    request_end(m, q);
    if (j && j->r.origin && type == MESSAGE_QUERY)
        watch_view(m, j, &who);
    else
        watch_refuse(m, &who, MESSAGE_REFUSAL_UNKNOWN_OUTCOME, RESEND_MS);
}

/* It has become this node's to create what is submitted. */
static void request_serve(struct mesh *m, struct request *q)
{
    auto_free uint8_t *frame = STEAL(q->submit);
    struct span submit = {frame, q->submit_len};
    struct asker who = q->who;

    who.doubt = !id_is_zero(&q->asked);
    request_end(m, q);
    client_serve(m, &who, submit);
}

static void request_due(struct mesh *m, struct timer *t)
{
    struct request *q = HEAP_OWNER(&t->node, struct request, timer.node);

    if (q->end_ns <= m->now.mono_ns) {
        request_give_up(m, q);
        return;
    }
    target_find(m, q);
    if (q->submit && id_eq(&q->target, &m->cfg.nid)) {
        request_serve(m, q);
        return;
    }
    if (!id_is_zero(&q->target))
        request_write(m, q);
    timer_set(m, &q->timer,
              timer_min(q->end_ns,
                        m->now.mono_ns + timer_backoff(m, q->tries++, RESEND_MS, RESEND_MAX_MS)));
}

static struct request *request_new(struct mesh *m, const struct asker *who, enum message_type type,
                                   const struct id *jid)
{
    struct request *q = own_calloc(1, sizeof(*q));

    q->number = m->cfg.boot << 32 | ++m->next_request;
    q->who = *who;
    q->type = type;
    q->jid = *jid;
    q->end_ns = m->now.mono_ns + GRACE_MS * STATE_MS;
    q->timer.fire = request_due;
    q->next = m->requests;
    m->requests = q;
    timer_set(m, &q->timer, m->now.mono_ns);
    return q;
}

static void elsewhere(struct mesh *m, const struct asker *who, const struct job *j)
{
    struct buf *b = peer_open(m, &who->peer, FRAME_ELSEWHERE, 0);
    struct id nobody = {{0}};

    wire_put_uint(b, who->token);
    wire_put_id(b, j && j->r.acc.epoch > 0 ? job_responsible(j) : &nobody);
}

void forward_request(struct mesh *m, const struct asker *who, struct span frame,
                     const struct message *msg)
{
    struct job *j = job_find(m, &msg->job.jid);

    (void)frame;
    if (!id_is_zero(&who->peer)) {
        elsewhere(m, who, j);
        return;
    }
    if (!j && (id_job_home_is(&msg->job.jid, &m->cfg.nid) || members_up(m->members) < 2)) {
        watch_refuse(m, who, MESSAGE_REFUSAL_NOT_FOUND, 0);
        return;
    }
    if (j && j->r.origin && msg->type == MESSAGE_QUERY && msg->job.wait_ms == 0 &&
        !peer_up(m, job_responsible(j))) {
        watch_view(m, j, who);
        return;
    }

    struct request *q = request_new(m, who, msg->type, &msg->job.jid);
    memcpy(q->tenant, msg->job.tenant, sizeof(q->tenant));
    q->seen = msg->job.seen;
    q->wait_end_ns = m->now.mono_ns + (uint64_t)msg->job.wait_ms * STATE_MS;
    q->end_ns = end_of(j, msg->type, q->wait_end_ns);
}

void forward_submit(struct mesh *m, const struct asker *who, struct span frame,
                    const struct id *jid, const struct id *nid)
{
    if (!id_is_zero(&who->peer)) {
        struct buf *b = peer_open(m, &who->peer, FRAME_ELSEWHERE, 0);

        wire_put_uint(b, who->token);
        wire_put_id(b, nid);
        return;
    }

    struct request *q = request_new(m, who, MESSAGE_SUBMIT, jid);
    q->submit = own_memdup(frame.data, frame.len);
    q->submit_len = frame.len;
    q->end_ns = m->now.mono_ns + 2 * TIMING_SUBMIT * STATE_MS;
}

/* ---- answers ---- */

void forward_reply(struct mesh *m, const struct asker *who, struct span frame)
{
    struct buf *b = peer_open(m, &who->peer, FRAME_REPLY, frame.len);

    wire_put_uint(b, who->token);
    wire_put_bin(b, frame.data, frame.len);
}

static void reply_use(struct mesh *m, struct request *q, struct message *msg)
{
    struct asker who = q->who;

    if (msg->type != MESSAGE_EVENT) {
        request_end(m, q);
        if (msg->type == MESSAGE_REFUSED && !watch_is_definite(&who, msg->refused.why))
            watch_refuse(m, &who, msg->refused.why, msg->refused.retry_after_ms);
        else
            watch_answer(m, &who, msg);
        return;
    }
    if (msg->event.seq <= q->seen)
        return;
    q->seen = msg->event.seq;
    if (msg->event.kind == MESSAGE_EVENT_DECIDED)
        request_end(m, q);
    watch_answer(m, &who, msg);
}

void forward_on_reply(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint64_t number = wire_get_uint(r, UINT64_MAX);
    struct span frame = wire_get_bin(r, LIMIT_FRAME_BULK);
    struct request *q = r->bad ? NULL : request_find(m, number);
    struct message msg;
    struct err err;

    (void)from;
    if (r->bad || message_decode(frame, &msg, &err) != 0)
        return;
    if (q)
        reply_use(m, q, &msg);
    else
        gather_reply(m, number, &msg);
    message_done(&msg);
}

/* The one asked does not know the job: on to the next, until nobody is left. */
static void request_unknown(struct mesh *m, struct request *q)
{
    struct id next = next_by_weight(m, q);

    if (!id_is_zero(&next))
        timer_set(m, &q->timer, m->now.mono_ns);
    else if (!job_find(m, &q->jid))
        request_not_found(m, q);
    else
        q->n_tried = 0;
}

void forward_on_elsewhere(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint64_t number = wire_get_uint(r, UINT64_MAX);
    struct id nid = wire_get_id(r);
    struct request *q = r->bad ? NULL : request_find(m, number);

    if (!q)
        return;
    if (q->n_tried < TRIED_MAX && !was_tried(q, from))
        q->tried[q->n_tried++] = *from;
    if (id_is_zero(&nid) && id_job_home_is(&q->jid, from) && !job_find(m, &q->jid)) {
        request_not_found(m, q);
        return;
    }
    if (!id_is_zero(&nid)) {
        /* It knows the job: whoever is to act will be known there. */
        q->n_tried = 0;
        q->target = nid;
        if (q->submit && id_eq(&nid, &m->cfg.nid)) /* or one has not heard that the other leaves */
            timer_set(m, &q->timer,
                      m->now.mono_ns + timer_backoff(m, q->tries, SELF_MS, RESEND_MS));
        else if (peer_up(m, &nid) && q->tries < 8)
            request_write(m, q);
        q->tries++;
        return;
    }
    if (q->type != MESSAGE_SUBMIT)
        request_unknown(m, q);
}

void forward_on_forward(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct asker who = {.peer = *from, .token = wire_get_uint(r, UINT64_MAX)};
    struct span frame = wire_get_bin(r, LIMIT_FRAME_BULK);

    if (r->bad)
        return;
    watch_asker_gone(m, &who);
    client_serve(m, &who, frame);
}

void forward_on_unforward(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct asker who = {.peer = *from, .token = wire_get_uint(r, UINT64_MAX)};

    if (!r->bad)
        watch_asker_gone(m, &who);
}

/* ---- changes here ---- */

void forward_moved(struct mesh *m, struct job *j, const struct wait *w)
{
    static const enum message_type types[] = {
        [WAIT_DURABLE] = MESSAGE_QUERY,
        [WAIT_DECIDED] = MESSAGE_CANCEL,
        [WAIT_CHANGE] = MESSAGE_QUERY,
        [WAIT_EVENTS] = MESSAGE_WATCH,
    };

    if (!id_is_zero(&w->who.peer)) {
        elsewhere(m, &w->who, j);
    } else if (w->kind == WAIT_DURABLE) {
        watch_refuse(m, &w->who, MESSAGE_REFUSAL_UNKNOWN_OUTCOME, RESEND_MS);
    } else {
        struct request *q = request_new(m, &w->who, types[w->kind], &j->r.jid);

        q->tenant[0] = '*';
        q->seen = w->seen;
        q->end_ns = end_of(j, q->type, m->now.mono_ns);
    }
}

void forward_elsewhere(struct mesh *m, struct job *j, const struct asker *who)
{
    (void)j;
    watch_refuse(m, who, MESSAGE_REFUSAL_UNKNOWN_OUTCOME, RESEND_MS);
}

static void unforward(struct mesh *m, struct request *q)
{
    if (!id_is_zero(&q->target))
        wire_put_uint(peer_open(m, &q->target, FRAME_UNFORWARD, 0), q->number);
    request_end(m, q);
}

void forward_unwatch(struct mesh *m, const struct id *jid, uint64_t client)
{
    struct request *next;

    for (struct request *q = m->requests; q; q = next) {
        next = q->next;
        if (q->who.client == client && q->type == MESSAGE_WATCH && id_eq(&q->jid, jid))
            unforward(m, q);
    }
}

void forward_client_gone(struct mesh *m, uint64_t client)
{
    struct request *next;

    for (struct request *q = m->requests; q; q = next) {
        next = q->next;
        if (q->who.client == client)
            unforward(m, q);
    }
}

void forward_decided(struct mesh *m, struct job *j)
{
    struct request *next;

    for (struct request *q = m->requests; q; q = next) {
        struct watch_wish wish = {.who = q->who, .seen = q->seen, .due_ns = STATE_NEVER};
        enum message_type type = q->type;
        struct message done = {.type = MESSAGE_DONE};

        next = q->next;
        if (!id_eq(&q->jid, &j->r.jid) || type == MESSAGE_SUBMIT)
            continue;
        if (!client_sees(j, q->tenant)) {
            request_not_found(m, q);
            continue;
        }
        request_end(m, q);
        wish.kind = type == MESSAGE_WATCH ? WAIT_EVENTS : WAIT_CHANGE;
        wish.seen = type == MESSAGE_WATCH ? wish.seen : 0;
        if (type == MESSAGE_TOLD)
            owed_told(m, j);
        if (type == MESSAGE_SPEC)
            watch_spec(m, j, &wish.who);
        else if (type == MESSAGE_CANCEL || type == MESSAGE_TOLD)
            watch_answer(m, &wish.who, &done);
        else
            watch_add(m, j, &wish);
    }
}

void forward_done(struct mesh *m)
{
    while (m->requests) {
        struct request *q = m->requests;

        m->requests = q->next;
        free(q->submit);
        free(q);
    }
}
