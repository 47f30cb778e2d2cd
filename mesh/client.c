/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a request that this node can answer (it owns the job, or holds its
 * decision) is answered here; any other about a job goes to forward.c, which finds the owner
 * and passes the answer back.
 */
#include "mesh/client.h"

#include "mesh/ability.h"
#include "mesh/accept.h"
#include "mesh/drain.h"
#include "mesh/forward.h"
#include "mesh/job.h"
#include "mesh/keyed.h"
#include "mesh/list.h"
#include "mesh/owed.h"
#include "mesh/owner.h"
#include "mesh/peer.h"
#include "mesh/placement.h"
#include "mesh/purge.h"
#include "mesh/sched.h"
#include "mesh/stats.h"
#include "mesh/store.h"
#include "mesh/watch.h"

#include <errno.h>

enum {
    RETRY_QUEUE_MS = 1000,
    RETRY_QUORUM_MS = 1000,
    RETRY_DISK_MS = 5000,
    SEQ_CHUNK = 65536,
    REMOTE_WATCH_MS = 10000 /* a peer repeats a watch more often than this */
};

/* ---- submit ---- */

struct origin *client_origin(const struct mesh *m, struct span bytes)
{
    struct origin *o;
    struct spec spec;
    struct err err;

    if (spec_decode(bytes, &spec, &err) != 0)
        return NULL;
    o = origin_new(&spec);
    o->home = m->cfg.nid;
    o->spec_hash = record_blob_hash(bytes);
    o->spec_len = bytes.len;
    o->queued_ms = m->now.wall_ms;
    spec_done(&spec);
    return o;
}

static void seq_reserve(struct mesh *m)
{
    struct store_name name = store_name_bytes(STORE_OWN, "seq", 3);
    struct buf b;

    m->seq_end = m->seq + SEQ_CHUNK;
    m->seq_batch = m->fx.batch + 1;
    buf_init(&b, LIMIT_KEY);
    wire_put_uint(&b, m->seq_end);
    store_put(m, &name, buf_span(&b));
    buf_done(&b);
}

static struct id job_number(struct mesh *m)
{
    if (m->seq >= m->seq_end)
        seq_reserve(m);
    return id_job_new(m->now.wall_ms, &m->cfg.nid, m->seq++);
}

void client_create_as(struct mesh *m, const struct asker *who, const struct client_wish *wanted,
                      const struct id *jid, const struct value *first)
{
    const struct origin *origin = wanted->origin;
    struct job *j = job_new(m, jid);
    struct watch_wish wish = {
        .kind = WAIT_DURABLE, .who = *who, .due_ns = m->now.mono_ns + TIMING_SUBMIT * STATE_MS};

    j->r.origin = origin_copy(origin);
    j->r.acc = (struct ballot){1, m->cfg.nid};
    j->r.promised = j->r.acc;
    j->r.v = *first;
    if (origin->head.delay_ms > 0) {
        j->r.v.delay_ms = origin->head.delay_ms;
        j->r.v.not_before_ms = m->now.wall_ms + origin->head.delay_ms;
    }
    store_spec_put(m, j, wanted->spec, &origin->spec_hash);
    m->stats.submitted++;
    watch_add(m, j, &wish);
    owner_begin(m, j);
    job_arm(m, j);
}

void client_create(struct mesh *m, const struct asker *who, const struct client_wish *wanted)
{
    struct id jid = job_number(m);
    struct value first;

    placement_new(m, &jid, &first);
    if (first.n_rset < placement_least(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_QUORUM_MS);
    else
        client_create_as(m, who, wanted, &jid, &first);
}

/* True, and answered, when this node takes no submit now. */
static bool submit_refused(struct mesh *m, const struct asker *who)
{
    if (m->draining)
        watch_refuse(m, who, MESSAGE_REFUSAL_DRAINING, 0);
    else if (m->disk != MESH_DISK_OK)
        watch_refuse(m, who, MESSAGE_REFUSAL_DISK_FULL, RETRY_DISK_MS);
    else if (sched_is_full(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_QUEUE_FULL, RETRY_QUEUE_MS);
    else if (!placement_quorum(m) || !life_confirmed(m))
        watch_refuse(m, who, MESSAGE_REFUSAL_NO_QUORUM, RETRY_QUORUM_MS);
    else
        return false;
    return true;
}

static void client_submit(struct mesh *m, const struct asker *who, struct span frame,
                          const struct message *msg)
{
    auto_free struct origin *origin = client_origin(m, msg->submit.spec);

    if (!origin)
        watch_refuse(m, who, MESSAGE_REFUSAL_BAD_REQUEST, 0);
    else if (origin->head.keyed)
        keyed_submit(m, who, origin, msg->submit.spec, frame);
    else if (!submit_refused(m, who))
        client_create(m, who, &(struct client_wish){origin, msg->submit.spec});
}

/* ---- one job ---- */

bool client_sees(const struct job *j, const char *tenant)
{
    return strcmp(tenant, "*") == 0 ||
           (j->r.origin && strcmp(j->r.origin->head.tenant, tenant) == 0);
}

static void job_answer(struct mesh *m, struct job *j, const struct asker *who,
                       const struct message *msg)
{
    struct watch_wish wish = {.who = *who, .seen = msg->job.seen, .due_ns = STATE_NEVER};
    struct message done = {.type = MESSAGE_DONE};

    if (msg->type == MESSAGE_QUERY) {
        wish.kind = WAIT_CHANGE;
        wish.due_ns = m->now.mono_ns + (uint64_t)msg->job.wait_ms * STATE_MS;
        if (msg->job.wait_ms == 0)
            watch_view(m, j, who);
        else
            watch_add(m, j, &wish);
    } else if (msg->type == MESSAGE_WATCH) {
        wish.kind = WAIT_EVENTS;
        if (!id_is_zero(&who->peer))
            wish.due_ns = m->now.mono_ns + REMOTE_WATCH_MS * STATE_MS;
        watch_add(m, j, &wish);
    } else if (msg->type == MESSAGE_SPEC) {
        watch_spec(m, j, who);
    } else if (msg->type == MESSAGE_TOLD || j->r.decided) {
        if (msg->type == MESSAGE_TOLD)
            owed_told(m, j);
        watch_answer(m, who, &done);
    } else {
        wish.kind = WAIT_DECIDED;
        watch_add(m, j, &wish);
        j->r.cancel = true;
        accept_spread(m, j);
        owner_cancel(m, j);
        job_arm(m, j);
    }
}

static void client_job(struct mesh *m, const struct asker *who, struct span frame,
                       const struct message *msg)
{
    struct job *j = job_find(m, &msg->job.jid);

    if (purge_is(m, &msg->job.jid))
        watch_refuse(m, who, MESSAGE_REFUSAL_NOT_FOUND, 0);
    else if (j && (j->own || j->r.decided || j->r.origin) && !client_sees(j, msg->job.tenant))
        watch_refuse(m, who, MESSAGE_REFUSAL_NOT_FOUND, 0);
    else if (j && (j->own || j->r.decided))
        job_answer(m, j, who, msg);
    else
        forward_request(m, who, frame, msg);
}

void client_serve(struct mesh *m, const struct asker *who, struct span frame)
{
    struct message msg;
    struct asker asker = *who;
    struct err err;

    if (message_decode(frame, &msg, &err) != 0)
        return;
    if (msg.type == MESSAGE_SUBMIT)
        client_submit(m, &asker, frame, &msg);
    else if (msg.type == MESSAGE_QUERY || msg.type == MESSAGE_CANCEL || msg.type == MESSAGE_WATCH ||
             msg.type == MESSAGE_TOLD || msg.type == MESSAGE_SPEC)
        client_job(m, &asker, frame, &msg);
    else if (msg.type == MESSAGE_LIST)
        list_serve(m, &asker, &msg);
    else if (msg.type == MESSAGE_STATS)
        stats_serve(m, &asker);
    message_done(&msg);
}

/* ---- the node ---- */

static void client_hello(struct mesh *m, const struct asker *who)
{
    struct message msg = {.type = MESSAGE_WELCOME};

    msg.welcome.nid = m->cfg.nid;
    memcpy(msg.welcome.name, m->cfg.name, sizeof(msg.welcome.name));
    msg.welcome.endpoints = peer_client_endpoints(m, &msg.welcome.n_endpoints);
    watch_answer(m, who, &msg);
    free(msg.welcome.endpoints);
}

static void client_nodes(struct mesh *m, const struct asker *who)
{
    struct message msg = {.type = MESSAGE_NODES_REPLY};

    msg.nodes.nodes = peer_nodes(m, &msg.nodes.n);
    watch_answer(m, who, &msg);
    free(msg.nodes.nodes);
}

static void client_dispatch(struct mesh *m, const struct asker *who, struct span frame,
                            const struct message *msg)
{
    switch (msg->type) {
    case MESSAGE_HELLO:
        client_hello(m, who);
        break;
    case MESSAGE_SUBMIT:
        client_submit(m, who, frame, msg);
        break;
    case MESSAGE_QUERY:
    case MESSAGE_CANCEL:
    case MESSAGE_WATCH:
    case MESSAGE_TOLD:
    case MESSAGE_SPEC:
        client_job(m, who, frame, msg);
        break;
    case MESSAGE_UNWATCH:
        watch_unwatch(m, &msg->job.jid, who->client);
        forward_unwatch(m, &msg->job.jid, who->client);
        break;
    case MESSAGE_LIST:
        list_request(m, who, frame, msg);
        break;
    case MESSAGE_STATS:
        stats_request(m, who, frame);
        break;
    case MESSAGE_NODES:
        client_nodes(m, who);
        break;
    case MESSAGE_LANGUAGES:
        ability_answer(m, who);
        break;
    case MESSAGE_READY:
        keyed_ready(m, who);
        break;
    case MESSAGE_DRAIN:
        drain_request(m, who, &msg->node.nid);
        break;
    case MESSAGE_FORGET:
        peer_forget_request(m, who, &msg->node.nid);
        break;
    default:
        watch_refuse(m, who, MESSAGE_REFUSAL_BAD_REQUEST, 0);
    }
}

void client_on_frame(struct mesh *m, uint64_t client, struct span frame)
{
    struct message msg;
    struct asker who = {.client = client};
    struct err err;

    if (message_decode(frame, &msg, &err) != 0) {
        watch_refuse(m, &who, MESSAGE_REFUSAL_BAD_REQUEST, 0);
        return;
    }
    who.token = msg.token;
    client_dispatch(m, &who, frame, &msg);
    message_done(&msg);
}

void client_gone(struct mesh *m, uint64_t client)
{
    watch_client_gone(m, client);
    forward_client_gone(m, client);
}
