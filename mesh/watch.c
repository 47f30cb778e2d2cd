/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/watch.h"

#include "mesh/forward.h"
#include "mesh/job.h"
#include "mesh/keyed.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/store.h"
#include "mesh/timer.h"

const uint64_t watch_seq_decided = 1ULL << 52;

enum { EVENT_BODY_MAX = 64 * LIMIT_KIB };

void watch_answer(struct mesh *m, const struct asker *who, struct message *msg)
{
    struct buf b;

    msg->token = who->token;
    buf_init(&b, LIMIT_FRAME_BULK);
    if (message_encode(msg, &b) == 0) {
        if (id_is_zero(&who->peer)) {
            struct mesh_effect *e = effect_add(&m->fx, MESH_FX_CLIENT, EFFECT_NOW);

            e->client.client = who->client;
            e->client.frame = effect_copy(&m->fx, buf_span(&b));
        } else {
            forward_reply(m, who, buf_span(&b));
        }
    }
    buf_done(&b);
}

bool watch_is_definite(const struct asker *who, enum message_refusal why)
{
    return !who->doubt || why == MESSAGE_REFUSAL_KEY_REUSED || why == MESSAGE_REFUSAL_BAD_REQUEST;
}

void watch_refuse(struct mesh *m, const struct asker *who, enum message_refusal why,
                  uint32_t retry_after_ms)
{
    struct message msg = {.type = MESSAGE_REFUSED};

    if (!watch_is_definite(who, why))
        why = MESSAGE_REFUSAL_UNKNOWN_OUTCOME;
    m->stats.refused++;
    msg.refused.why = why;
    msg.refused.retry_after_ms = retry_after_ms;
    (void)snprintf(msg.refused.text, sizeof(msg.refused.text), "%s", message_refusal_text(why));
    watch_answer(m, who, &msg);
}

/* ---- the list of waits ---- */

static void wait_end(struct mesh *m, struct wait *w)
{
    timer_stop(m, &w->timer);
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    *w->all_link = w->all_next;
    if (w->all_next)
        w->all_next->all_link = w->all_link;
    free(w);
}

static void wait_late(struct mesh *m, struct timer *t)
{
    struct wait *w = HEAP_OWNER(&t->node, struct wait, timer.node);
    struct job *j = w->job;
    struct asker who = w->who;
    enum wait_kind kind = w->kind;

    wait_end(m, w);
    if (kind == WAIT_CHANGE)
        watch_view(m, j, &who);
    else if (kind == WAIT_DURABLE || kind == WAIT_DECIDED)
        watch_refuse(m, &who, MESSAGE_REFUSAL_UNKNOWN_OUTCOME, 1000);
}

static void wait_add(struct mesh *m, struct job *j, const struct watch_wish *wish)
{
    struct wait *w = own_calloc(1, sizeof(*w));
    struct wait **tail = &j->waits;

    while (*tail)
        tail = &(*tail)->next;
    *tail = w;
    w->link = tail;
    w->all_next = m->waits;
    w->all_link = &m->waits;
    if (w->all_next)
        w->all_next->all_link = &w->all_next;
    m->waits = w;
    w->job = j;
    w->kind = wish->kind;
    w->who = wish->who;
    w->seen = wish->seen;
    w->duplicate = wish->duplicate;
    w->timer.fire = wait_late;
    timer_set(m, &w->timer, wish->due_ns);
}

static bool asker_eq(const struct asker *a, const struct asker *b)
{
    return a->client == b->client && a->token == b->token && id_eq(&a->peer, &b->peer);
}

void watch_client_gone(struct mesh *m, uint64_t client)
{
    struct wait *next;

    for (struct wait *w = m->waits; w; w = next) {
        next = w->all_next;
        if (id_is_zero(&w->who.peer) && w->who.client == client)
            wait_end(m, w);
    }
}

void watch_asker_gone(struct mesh *m, const struct asker *who)
{
    struct wait *next;

    for (struct wait *w = m->waits; w; w = next) {
        next = w->all_next;
        if (asker_eq(&w->who, who))
            wait_end(m, w);
    }
}

void watch_unwatch(struct mesh *m, const struct id *jid, uint64_t client)
{
    struct job *j = job_find(m, jid);
    struct wait *next;

    for (struct wait *w = j ? j->waits : NULL; w; w = next) {
        next = w->next;
        if (w->kind == WAIT_EVENTS && id_is_zero(&w->who.peer) && w->who.client == client)
            wait_end(m, w);
    }
}

/* ---- events ---- */

static void event_send(struct mesh *m, const struct asker *who, const struct message_event *e)
{
    struct message msg = {.type = MESSAGE_EVENT, .event = *e};

    watch_answer(m, who, &msg);
}

static struct message_event event_of(const struct job *j, const struct job_event *e)
{
    return (struct message_event){.jid = j->r.jid,
                                  .seq = e->seq,
                                  .kind = e->kind,
                                  .at_ms = e->at_ms,
                                  .body = {e->body, e->len}};
}

static void event_keep(struct mesh *m, struct job *j, enum message_event_kind kind,
                       struct span body)
{
    struct job_event *e;

    /* Most jobs have a handful, and there may be a million of jobs: it doubles as it fills. */
    if ((j->n_events & (j->n_events - 1)) == 0 && j->n_events < LIMIT_EVENTS_PER_JOB)
        j->events = own_realloc(j->events, (j->n_events ? 2 * j->n_events : 1) * sizeof(*e));
    if (j->n_events == LIMIT_EVENTS_PER_JOB) {
        free(j->events[0].body);
        memmove(j->events, j->events + 1, (LIMIT_EVENTS_PER_JOB - 1) * sizeof(*j->events));
        j->n_events--;
    }
    e = &j->events[j->n_events++];
    e->seq = j->r.acc.epoch << 32 | ++j->next_event;
    e->kind = kind;
    e->at_ms = m->now.wall_ms;
    e->len = body.len;
    e->body = body.len ? own_memdup(body.data, body.len) : NULL;
}

void watch_event(struct mesh *m, struct job *j, enum message_event_kind kind, struct span body)
{
    if (body.len > EVENT_BODY_MAX)
        return;
    event_keep(m, j, kind, body);

    struct message_event out = event_of(j, &j->events[j->n_events - 1]);
    for (struct wait *w = j->waits; w; w = w->next)
        if (w->kind == WAIT_EVENTS && out.seq > w->seen) {
            w->seen = out.seq;
            event_send(m, &w->who, &out);
        }
}

static void events_free(struct job *j)
{
    for (uint32_t i = 0; i < j->n_events; i++)
        free(j->events[i].body);
    free(STEAL(j->events));
    j->n_events = 0;
}

static void gap_send(struct mesh *m, const struct job *j, const struct asker *who, uint64_t seq)
{
    struct message_event gap = {
        .jid = j->r.jid, .seq = seq, .kind = MESSAGE_EVENT_GAP, .at_ms = m->now.wall_ms};

    event_send(m, who, &gap);
}

/* What a watcher missed; a gap when not all of it is known any more. */
static void events_replay(struct mesh *m, struct job *j, struct wait *w)
{
    uint64_t first =
        j->n_events > 0 ? j->events[0].seq : j->r.acc.epoch << 32 | (j->next_event + 1);
    bool complete = first == (j->r.acc.epoch << 32 | 1) && j->r.acc.epoch == 1;

    if (!complete && w->seen + 1 < first) {
        w->seen = first - 1;
        gap_send(m, j, &w->who, w->seen);
    }
    for (uint32_t i = 0; i < j->n_events; i++)
        if (j->events[i].seq > w->seen) {
            struct message_event e = event_of(j, &j->events[i]);

            event_send(m, &w->who, &e);
            w->seen = e.seq;
        }
}

/* ---- answers ---- */

static void view_send(struct mesh *m, struct job *j, const struct asker *who, struct span result)
{
    struct message msg = {.type = MESSAGE_JOB};

    job_view(m, j, &msg.view);
    msg.view.result = result;
    watch_answer(m, who, &msg);
}

static void decided_send(struct mesh *m, struct job *j, const struct asker *who, struct span result)
{
    struct message_event e = {.jid = j->r.jid,
                              .seq = watch_seq_decided,
                              .kind = MESSAGE_EVENT_DECIDED,
                              .at_ms = j->r.final.finished_ms};
    struct message_job view;
    struct buf body;

    job_view(m, j, &view);
    view.result = result;
    buf_init(&body, LIMIT_FRAME_BULK);
    if (message_job_encode(&view, &body) == 0) {
        e.body = buf_span(&body);
        event_send(m, who, &e);
    }
    buf_done(&body);
}

static bool has_result(const struct job *j)
{
    return j->r.decided && j->r.final.end == RECORD_COMPLETED && j->r.final.len > 0;
}

void watch_view(struct mesh *m, struct job *j, const struct asker *who)
{
    struct read what = {.kind = READ_ANSWER, .result = true, .who = *who};

    if (has_result(j))
        store_read(m, j, &what);
    else
        view_send(m, j, who, (struct span){0});
}

void watch_spec(struct mesh *m, struct job *j, const struct asker *who)
{
    struct read what = {.kind = READ_ANSWER, .who = *who};

    store_read(m, j, &what);
}

static void spec_send(struct mesh *m, const struct asker *who, struct span spec)
{
    struct message msg = {.type = MESSAGE_SPEC_REPLY};

    msg.submit.spec = spec;
    watch_answer(m, who, &msg);
}

/* The events before the end go with it. One who has seen some and comes back for the rest is
 * told of a gap, unless this node counted them and knows that there was no more. */
static void watch_end(struct mesh *m, struct job *j, const struct asker *who, uint64_t seen)
{
    struct read what = {.kind = READ_EVENT, .result = true, .who = *who};
    bool counted = id_eq(&j->r.acc.nid, &m->cfg.nid);

    if (seen > 0 && seen < watch_seq_decided &&
        !(counted && seen == (j->r.acc.epoch << 32 | j->next_event)))
        gap_send(m, j, who, watch_seq_decided - 1);
    if (has_result(j))
        store_read(m, j, &what);
    else
        decided_send(m, j, who, (struct span){0});
}

void watch_read(struct mesh *m, const struct read *r, int status, struct span bytes)
{
    struct job *j = job_find(m, &r->jid);

    if (!j) {
        watch_refuse(m, &r->who, MESSAGE_REFUSAL_NOT_FOUND, 0);
    } else if (status != 0) {
        forward_elsewhere(m, j, &r->who);
    } else if (!r->result) {
        spec_send(m, &r->who, bytes);
    } else if (r->kind == READ_ANSWER) {
        view_send(m, j, &r->who, bytes);
    } else {
        decided_send(m, j, &r->who, bytes);
    }
}

void watch_add(struct mesh *m, struct job *j, const struct watch_wish *wish)
{
    if (wish->kind == WAIT_CHANGE && job_version(j) > wish->seen) {
        watch_view(m, j, &wish->who);
        return;
    }
    if (wish->kind == WAIT_EVENTS && j->r.decided) {
        watch_end(m, j, &wish->who, wish->seen);
        return;
    }
    wait_add(m, j, wish);
    if (wish->kind == WAIT_EVENTS)
        events_replay(m, j, m->waits);
}

static void accepted_send(struct mesh *m, struct job *j, const struct wait *w)
{
    struct message msg; /* not zeroed as a whole: one is made for each submit */

    msg.type = MESSAGE_ACCEPTED;
    msg.accepted.jid = j->r.jid;
    msg.accepted.duplicate = w->duplicate;
    watch_answer(m, &w->who, &msg);
}

void watch_durable(struct mesh *m, struct job *j)
{
    struct wait *next;

    for (struct wait *w = j->waits; w; w = next) {
        next = w->next;
        if (w->kind != WAIT_DURABLE)
            continue;
        accepted_send(m, j, w);
        wait_end(m, w);
    }
}

void watch_changed(struct mesh *m, struct job *j)
{
    struct wait *next;

    j->change++;
    for (struct wait *w = j->waits; w; w = next) {
        next = w->next;
        if (w->kind != WAIT_CHANGE || job_version(j) <= w->seen)
            continue;

        struct asker who = w->who;
        wait_end(m, w);
        watch_view(m, j, &who);
    }
}

void watch_decided(struct mesh *m, struct job *j)
{
    struct message done = {.type = MESSAGE_DONE};

    watch_durable(m, j);
    forward_decided(m, j);
    while (j->waits) {
        struct asker who = j->waits->who;
        enum wait_kind kind = j->waits->kind;
        uint64_t seen = j->waits->seen;

        wait_end(m, j->waits);
        if (kind == WAIT_DECIDED)
            watch_answer(m, &who, &done);
        else if (kind == WAIT_EVENTS)
            watch_end(m, j, &who, seen);
        else
            watch_view(m, j, &who);
    }
    events_free(j);
}

void watch_moved(struct mesh *m, struct job *j)
{
    while (j->waits) {
        struct wait w = *j->waits;

        wait_end(m, j->waits);
        forward_moved(m, j, &w);
    }
    events_free(j);
}

void watch_job_gone(struct mesh *m, struct job *j)
{
    while (j->waits) {
        struct asker who = j->waits->who;
        bool makes = j->waits->kind == WAIT_DURABLE && j->wish;

        wait_end(m, j->waits);
        if (m->started && makes && purge_is(m, &j->r.jid))
            keyed_forgotten(m, &j->r.jid, &who, j->wish);
        else if (m->started)
            watch_refuse(m, &who, MESSAGE_REFUSAL_NOT_FOUND, 0);
    }
    events_free(j);
}
