/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a call is a slot in a table; its token (slot and generation) travels with
 * the frame and comes back in the answer.
 *
 *   ask --> WAITING (no peer is up) --> SENT to a peer --> answered
 *              ^                          |  peer down, silent too long, or it refuses
 *              +-- all peers tried -------+  what another peer may take: the next one
 *
 * A peer that was lost or silent may have taken a SUBMIT. No refusal by the next one, for want of
 * room or of a quorum, is the asker's answer then: the outcome is not known.
 *
 * `due` is when something must be done about the call: the attempt's end, or the call's own.
 */
#include "api-bridge/link.h"

#include "api-bridge/config.h"
#include "api-bridge/metrics.h"
#include "api-bridge/peers.h"
#include "api-bridge/refusal.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/own.h"

#include <errno.h>

enum {
    LINK_CALLS_MAX = 65536,                    /* a power of two: the slot's bits in a token */
    LINK_WATCHES_MAX = LINK_CALLS_MAX / 4 * 3, /* they stay: others must find a place */
    LINK_CALLS_STEP = 256,
    LINK_TRY_MS = 2500,   /* silence after which another peer is asked */
    LINK_TOTAL_MS = 8000, /* after which the asker hears that it failed */
    LINK_HOLD_MS = 2000,  /* how long a call waits for any peer to be up */
    LINK_SHUN_MS = 5000,  /* how long a silent peer is asked last */
    LINK_TICK_MS = 50,
    LINK_HEAD = 32, /* bytes of a SUBMIT around its spec, at most */
};

/* What is known of a peer, by its number. */
struct link_peer {
    struct id nid;
    uint64_t shun_until_ms;
};

struct link_call {
    struct heap_node due; /* first: HEAP_OWNER */
    uint32_t slot;
    uint32_t generation;
    bool used;
    bool watch;
    bool sent_once;
    bool maybe_taken; /* one that had it went silent, or could not say */
    enum message_type type;
    int peer;       /* -1 = waiting for one */
    uint32_t tried; /* bit per peer */
    uint32_t wait_ms;
    uint64_t end_ms;
    struct buf frame;
    struct id jid; /* of the job it is about, or zero */
    char tenant[LIMIT_NAME + 1];
    uint64_t seq;              /* of a watch: the last event seen */
    struct api_fault *refusal; /* the last one, for when no peer takes it; owned */
    api_link_answer fn;
    void *ctx;
};

struct api_link {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct api_metrics *metrics;
    struct api_peers *peers; /* owned */
    struct link_peer about[API_PEERS_MAX];
    unsigned next; /* of the round */
    struct link_call **calls;
    uint32_t n_calls;
    uint32_t *spare; /* slots that are free */
    uint32_t n_spare;
    struct heap due;
    struct map *watched; /* job id -> how many watches of it, as a pointer */
    uint32_t n_watches;
};

static void call_place(struct api_link *l, struct link_call *c);

static uint64_t now_ms(const struct api_link *l)
{
    return uv_now(l->loop);
}

/* --- calls ---------------------------------------------------------------------------------- */

static uint64_t call_token(const struct link_call *c)
{
    return (uint64_t)c->generation * LINK_CALLS_MAX + c->slot;
}

static struct link_call *call_find(const struct api_link *l, uint64_t token)
{
    uint32_t slot = (uint32_t)(token % LINK_CALLS_MAX);
    struct link_call *c = slot < l->n_calls ? l->calls[slot] : NULL;

    return c && c->used && call_token(c) == token ? c : NULL;
}

static void calls_grow(struct api_link *l)
{
    uint32_t n = l->n_calls + LINK_CALLS_STEP;

    l->calls = own_realloc(l->calls, n * sizeof(struct link_call *));
    l->spare = own_realloc(l->spare, n * sizeof(*l->spare));
    for (uint32_t i = n; i-- > l->n_calls;) {
        l->calls[i] = own_calloc(1, sizeof(struct link_call));
        l->calls[i]->slot = i;
        l->spare[l->n_spare++] = i;
    }
    l->n_calls = n;
}

/* Counts the watches, of a job and in all. */
static void watched_add(struct api_link *l, const struct id *jid, int by)
{
    uintptr_t n = (uintptr_t)map_get(l->watched, jid, sizeof(*jid)) + (uintptr_t)by;

    l->n_watches += (uint32_t)by;
    if (n > 0)
        (void)map_set(l->watched, jid, sizeof(*jid), (void *)n);
    else
        (void)map_del(l->watched, jid, sizeof(*jid));
}

static struct link_call *call_new(struct api_link *l)
{
    struct link_call *c;

    if (l->n_spare == 0 && l->n_calls < LINK_CALLS_MAX)
        calls_grow(l);
    if (l->n_spare == 0)
        return NULL;
    c = l->calls[l->spare[--l->n_spare]];
    *c = (struct link_call){
        .slot = c->slot, .generation = c->generation + 1, .used = true, .peer = -1};
    buf_init(&c->frame, LIMIT_FRAME_BULK);
    return c;
}

static void call_free(struct api_link *l, struct link_call *c)
{
    heap_remove(&l->due, &c->due);
    buf_done(&c->frame);
    free(STEAL(c->refusal));
    c->used = false;
    if (c->watch)
        watched_add(l, &c->jid, -1);
    l->spare[l->n_spare++] = c->slot;
}

static void call_fail(struct api_link *l, struct link_call *c, const struct api_fault *f)
{
    api_link_answer fn = c->fn;
    void *ctx = c->ctx;
    struct api_fault copy = *f;

    call_free(l, c);
    fn(ctx, NULL, &copy);
}

/* The job that a SUBMIT makes wherever it is taken. */
static struct id submit_jid(const struct link_call *c)
{
    struct id jid = {{0}};
    struct message m;
    struct spec spec;

    if (message_decode(buf_span(&c->frame), &m, NULL) < 0)
        return jid;
    if (spec_decode(m.submit.spec, &spec, NULL) == 0) {
        jid = id_job_keyed(spec.head.key);
        spec_done(&spec);
    }
    message_done(&m);
    return jid;
}

/* Nobody is left to ask. `why` is no answer to a SUBMIT that another peer may have taken. */
static void call_give_up(struct api_link *l, struct link_call *c, const struct api_fault *why)
{
    struct api_fault f = {.retry_after_s = why->retry_after_s ? why->retry_after_s : 1};

    if (c->type != MESSAGE_SUBMIT || !c->maybe_taken || why->code == API_FAULT_KEY_REUSED ||
        why->code == API_FAULT_INTERNAL) {
        call_fail(l, c, why);
        return;
    }
    api_fault_set(&f, API_FAULT_OUTCOME_UNKNOWN,
                  "not confirmed in time; repeat with the same Idempotency-Key");
    f.jid = submit_jid(c);
    call_fail(l, c, &f);
}

static void call_time_out(struct api_link *l, struct link_call *c)
{
    struct api_fault f = c->refusal ? *c->refusal : (struct api_fault){0};

    c->maybe_taken = c->maybe_taken || c->peer >= 0;
    api_fault_set(&f, API_FAULT_UNAVAILABLE, NULL);
    if (f.retry_after_s == 0)
        f.retry_after_s = 1;
    call_give_up(l, c, &f);
}

/* --- which peer ----------------------------------------------------------------------------- */

/* Lower is better; negative: cannot be asked. */
static int peer_rank(const struct api_link *l, const struct link_call *c, unsigned i)
{
    const struct link_peer *p = &l->about[i];
    int rank = 0;

    if (!api_peers_ready(l->peers, i) || c->tried & 1U << i)
        return -1;
    if (p->shun_until_ms > now_ms(l))
        rank += 2;
    if (!id_is_zero(&c->jid) && !id_job_home_is(&c->jid, &p->nid))
        rank += 1;
    return rank;
}

static int peer_choose(struct api_link *l, const struct link_call *c)
{
    const unsigned n = api_peers_len(l->peers);
    int best = -1, best_rank = 0;

    for (unsigned k = 0; k < n; k++) {
        unsigned i = (l->next + k) % n;
        int rank = peer_rank(l, c, i);

        if (rank < 0 || (best >= 0 && rank >= best_rank))
            continue;
        best = (int)i;
        best_rank = rank;
    }
    if (best >= 0)
        l->next = ((unsigned)best + 1) % n;
    return best;
}

static void call_wait(struct api_link *l, struct link_call *c)
{
    uint64_t until = now_ms(l) + LINK_HOLD_MS;

    c->peer = -1;
    c->tried = 0;
    heap_set(&l->due, &c->due, until < c->end_ms ? until : c->end_ms);
}

/* Sends it to the best peer not tried yet; without one it waits. */
static void call_place(struct api_link *l, struct link_call *c)
{
    uint64_t until = now_ms(l) + c->wait_ms + LINK_TRY_MS;
    int i;

    while ((i = peer_choose(l, c)) >= 0) {
        c->tried |= 1U << i;
        if (api_peers_send(l->peers, (unsigned)i, buf_span(&c->frame)) < 0)
            continue;
        if (c->sent_once)
            (void)atomic_fetch_add_explicit(&l->metrics->resubmits, 1, memory_order_relaxed);
        c->peer = i;
        c->sent_once = true;
        if (c->watch) /* nothing may happen for long */
            heap_remove(&l->due, &c->due);
        else
            heap_set(&l->due, &c->due, until < c->end_ms ? until : c->end_ms);
        return;
    }
    call_wait(l, c);
}

static int watch_encode(struct link_call *c)
{
    struct message m = {.type = MESSAGE_WATCH, .token = call_token(c)};

    m.job.jid = c->jid;
    m.job.seen = c->seq;
    memcpy(m.job.tenant, c->tenant, sizeof(m.job.tenant));
    buf_reset(&c->frame);
    return message_encode(&m, &c->frame);
}

/* The peer it was sent to will not answer it. */
static void call_move(struct api_link *l, struct link_call *c)
{
    c->tried = 0; /* the one that was silent is shunned, but better than none */
    c->maybe_taken = true;
    if (c->watch)
        (void)watch_encode(c);
    call_place(l, c);
}

static void calls_of_peer_move(struct api_link *l, int peer)
{
    for (uint32_t i = 0; i < l->n_calls; i++) {
        if (l->calls[i]->used && l->calls[i]->peer == peer)
            call_move(l, l->calls[i]);
    }
}

static void calls_waiting_place(struct api_link *l)
{
    for (uint32_t i = 0; i < l->n_calls; i++) {
        if (l->calls[i]->used && l->calls[i]->peer < 0)
            call_place(l, l->calls[i]);
    }
}

/* --- answers -------------------------------------------------------------------------------- */

static void on_refused(struct api_link *l, struct link_call *c, const struct message *m)
{
    struct api_fault f;
    bool elsewhere = api_refusal_read(m, &f);

    free(c->refusal);
    c->refusal = own_memdup(&f, sizeof(f));
    c->maybe_taken = c->maybe_taken || m->refused.why == MESSAGE_REFUSAL_UNKNOWN_OUTCOME;
    if (elsewhere && peer_choose(l, c) >= 0)
        call_place(l, c);
    else
        call_give_up(l, c, &f);
}

/* The last answer: the call is free before its asker, who may ask again, has it. */
static void call_end(struct api_link *l, struct link_call *c, const struct message *m)
{
    api_link_answer fn = c->fn;
    void *ctx = c->ctx;

    call_free(l, c);
    fn(ctx, m, NULL);
}

static void on_event(struct api_link *l, struct link_call *c, const struct message *m)
{
    if (m->event.seq > c->seq)
        c->seq = m->event.seq;
    c->tried = 0;
    c->end_ms = UINT64_MAX;
    heap_remove(&l->due, &c->due);
    if (m->event.kind == MESSAGE_EVENT_DECIDED)
        call_end(l, c, m);
    else
        c->fn(c->ctx, m, NULL);
}

static void on_answer(struct api_link *l, struct link_call *c, const struct message *m)
{
    struct api_fault odd = {0};

    if (m->type == MESSAGE_REFUSED) {
        on_refused(l, c, m);
    } else if (!api_refusal_fits(c->type, m->type)) {
        api_fault_set(&odd, API_FAULT_INTERNAL, "the node's answer does not fit");
        call_fail(l, c, &odd);
    } else if (!c->watch) {
        call_end(l, c, m);
    } else if (m->type == MESSAGE_EVENT) {
        on_event(l, c, m);
    } else {
        c->end_ms = UINT64_MAX; /* taken: events follow */
        heap_remove(&l->due, &c->due);
    }
}

/* --- peers ---------------------------------------------------------------------------------- */

static void on_lost(void *ctx, unsigned peer)
{
    calls_of_peer_move(ctx, (int)peer);
}

static void on_welcome(void *ctx, unsigned peer, const struct message *m)
{
    struct api_link *l = ctx;

    l->about[peer] = (struct link_peer){.nid = m->welcome.nid};
    calls_waiting_place(l);
}

static void on_message(void *ctx, unsigned peer, const struct message *m)
{
    struct api_link *l = ctx;
    struct link_call *c = call_find(l, m->token);

    (void)peer; /* another one's answer to the same question is as good */
    if (c)
        on_answer(l, c, m);
}

/* What was dropped is asked again when its time is up. */
static const struct api_peers_events peer_events = {on_welcome, on_lost, on_message, NULL};

/* --- time ----------------------------------------------------------------------------------- */

static void call_due(struct api_link *l, struct link_call *c)
{
    uint64_t now = now_ms(l);

    if (c->peer >= 0 && now < c->end_ms) {
        l->about[c->peer].shun_until_ms = now + LINK_SHUN_MS;
        call_move(l, c);
    } else {
        call_time_out(l, c);
    }
}

static void on_timer(uv_timer_t *t)
{
    struct api_link *l = t->data;
    struct heap_node *n;

    while ((n = heap_min(&l->due)) && n->key <= now_ms(l))
        call_due(l, HEAP_OWNER(n, struct link_call, due));
    api_peers_tick(l->peers);
}

/* --- the interface -------------------------------------------------------------------------- */

struct api_link *api_link_new(uv_loop_t *loop, const struct api_config *config,
                              struct api_metrics *metrics, struct err *err)
{
    struct api_link *l = own_calloc(1, sizeof(*l));

    l->loop = loop;
    l->metrics = metrics;
    heap_init(&l->due);
    l->watched = map_new(uv_hrtime());
    (void)uv_timer_init(loop, &l->timer);
    l->timer.data = l;
    (void)uv_timer_start(&l->timer, on_timer, LINK_TICK_MS, LINK_TICK_MS);
    l->peers = api_peers_new(loop, &peer_events, l);
    for (unsigned i = 0; i < config->n_peers; i++) {
        if (api_peers_add(l->peers, config->peers[i], err) == 0)
            continue;
        api_link_free(l);
        return NULL;
    }
    return l;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

void api_link_free(struct api_link *l)
{
    if (!l)
        return;
    api_peers_free(l->peers);
    for (uint32_t i = 0; i < l->n_calls; i++) {
        if (l->calls[i]->used)
            buf_done(&l->calls[i]->frame);
        free(l->calls[i]->refusal);
        free(l->calls[i]);
    }
    free(l->calls);
    free(l->spare);
    heap_done(&l->due);
    map_free(l->watched);
    uv_close((uv_handle_t *)&l->timer, on_closed);
}

unsigned api_link_peers_up(const struct api_link *l)
{
    return l ? api_peers_up(l->peers) : 0;
}

unsigned api_link_peers(const struct api_link *l)
{
    return api_peers_len(l->peers);
}

/* A call that cannot even be made fails from the timer, as others do. */
static uint64_t call_start(struct api_link *l, struct link_call *c, bool encoded)
{
    if (encoded) {
        call_place(l, c);
    } else {
        c->refusal = own_calloc(1, sizeof(*c->refusal));
        api_fault_set(c->refusal, API_FAULT_TOO_LARGE, "the job is too large");
        c->end_ms = 0;
        heap_set(&l->due, &c->due, 0);
    }
    return call_token(c);
}

uint64_t api_link_ask(struct api_link *l, struct message *m, uint32_t wait_ms, api_link_answer fn,
                      void *ctx)
{
    struct link_call *c = call_new(l);

    if (!c)
        return 0;
    c->type = m->type;
    c->wait_ms = wait_ms;
    c->end_ms = now_ms(l) + wait_ms + LINK_TOTAL_MS;
    c->fn = fn;
    c->ctx = ctx;
    if (m->type == MESSAGE_QUERY || m->type == MESSAGE_CANCEL || m->type == MESSAGE_TOLD ||
        m->type == MESSAGE_SPEC)
        c->jid = m->job.jid;
    m->token = call_token(c);
    if (m->type == MESSAGE_SUBMIT)
        (void)buf_reserve(&c->frame, m->submit.spec.len + LINK_HEAD);
    return call_start(l, c, message_encode(m, &c->frame) == 0);
}

uint64_t api_link_watch(struct api_link *l, const struct api_link_topic *topic, api_link_answer fn,
                        void *ctx)
{
    struct link_call *c = l->n_watches < LINK_WATCHES_MAX ? call_new(l) : NULL;

    if (!c)
        return 0;
    c->type = MESSAGE_WATCH;
    c->watch = true;
    c->end_ms = now_ms(l) + LINK_TOTAL_MS;
    c->jid = topic->jid;
    watched_add(l, &c->jid, 1);
    c->seq = topic->after;
    c->fn = fn;
    c->ctx = ctx;
    (void)snprintf(c->tenant, sizeof(c->tenant), "%s", topic->tenant);
    return call_start(l, c, watch_encode(c) == 0);
}

void api_link_forget(struct api_link *l, uint64_t number)
{
    struct link_call *c = call_find(l, number);
    struct message m = {.type = MESSAGE_UNWATCH, .token = number};
    auto_buf struct buf frame = {.max = LIMIT_FRAME_CONTROL};

    if (!c)
        return;
    /* UNWATCH ends all watches of the job by this client, so only the last one says it. */
    if (c->watch && c->peer >= 0 && (uintptr_t)map_get(l->watched, &c->jid, sizeof(c->jid)) == 1) {
        m.job.jid = c->jid;
        memcpy(m.job.tenant, c->tenant, sizeof(m.job.tenant));
        if (message_encode(&m, &frame) == 0)
            (void)api_peers_send(l->peers, (unsigned)c->peer, buf_span(&frame));
    }
    call_free(l, c);
}
