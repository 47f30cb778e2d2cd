/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/blob.h"

#include "mesh/accept.h"
#include "mesh/exec.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/peer.h"
#include "mesh/steal.h"
#include "mesh/store.h"
#include "mesh/takeover.h"
#include "mesh/watch.h"

void blob_lost(struct mesh *m, struct job *j, bool result)
{
    struct id *hash = result ? &j->result_hash : &j->spec_hash;

    memset(hash, 0, sizeof(*hash));
    blob_fetch(m, j, result);
}

static void blob_send(struct mesh *m, const struct id *to, const struct read *r, struct span bytes)
{
    struct buf *b = peer_open(m, to, FRAME_BLOB, bytes.len);

    wire_put_id(b, &r->jid);
    wire_put_bool(b, r->result);
    wire_put_bin(b, bytes.data, bytes.len);
}

/* The job goes out to `peer` with a copy that lives only for this. */
static void blob_push(struct mesh *m, struct job *j, const struct read *r, struct span bytes)
{
    uint8_t **slot = r->result ? &j->result : &j->spec;
    size_t *len = r->result ? &j->result_len : &j->spec_len;

    if (*slot || r->result != (j->r.v.phase == RECORD_TERMINAL)) {
        accept_send(m, j, &r->peer, true);
        return;
    }
    *slot = own_memdup(bytes.data, bytes.len);
    *len = bytes.len;
    accept_send(m, j, &r->peer, true);
    free(STEAL(*slot));
    *len = 0;
}

/* The copy that this disk has is the right one. */
static void blob_found(struct mesh *m, struct job *j, bool result, struct span bytes)
{
    struct id *hash = result ? &j->result_hash : &j->spec_hash;

    *hash = record_blob_hash(bytes);
    job_progress(m, j);
}

void blob_use(struct mesh *m, const struct read *r, int status, struct span bytes)
{
    struct job *j = job_find(m, &r->jid);

    if (j && status != 0 && r->kind != READ_AGAIN)
        blob_lost(m, j, r->result);
    switch (r->kind) {
    case READ_EXEC:
        exec_spec(m, r->exec, status, bytes);
        break;
    case READ_GRANT:
        if (j)
            steal_spec(m, j, &r->peer, status, bytes);
        break;
    case READ_PUSH:
        if (j && status == 0)
            blob_push(m, j, r, bytes);
        break;
    case READ_SERVE:
        if (status == 0)
            blob_send(m, &r->peer, r, bytes);
        break;
    case READ_SCRUB: /* scrub_read() */
        break;
    case READ_ANSWER:
    case READ_EVENT:
        watch_read(m, r, status, bytes);
        break;
    case READ_AGAIN:
        if (status == 0 && !id_is_zero(&r->peer))
            blob_send(m, &r->peer, r, bytes);
        /* fall through */
    case READ_MENDED:
        if (j && status == 0)
            blob_found(m, j, r->result, bytes);
        break;
    }
}

static void blob_ask(struct mesh *m, const struct id *nid, const struct job *j, bool result)
{
    struct buf *b = peer_open(m, nid, FRAME_BLOB_GET, 0);

    wire_put_id(b, &j->r.jid);
    wire_put_bool(b, result);
}

static bool is_missing(const struct job *j, bool result)
{
    return id_is_zero(result ? &j->result_hash : &j->spec_hash);
}

/* A read that failed once may not fail again: what no disk could read at one moment, and nobody
 * looked for any more, would be lost although it is there. */
static void read_again(struct mesh *m, struct job *j, bool result, const struct id *peer)
{
    struct read what = {.kind = READ_AGAIN, .result = result};

    if (peer)
        what.peer = *peer;
    store_read(m, j, &what);
}

static void blob_ask_set(struct mesh *m, const struct id *set, uint32_t n, struct job *j,
                         bool result)
{
    for (uint32_t i = 0; i < n; i++)
        if (!accept_replica(j, &set[i]) && !id_eq(&set[i], &m->cfg.nid))
            blob_ask(m, &set[i], j, result);
}

/* Who owns the job, or takes it over, knows of more replicas than its record names; anybody else
 * keeps no table of them. */
void blob_fetch(struct mesh *m, struct job *j, bool result)
{
    if (is_missing(j, result))
        read_again(m, j, result, NULL);
    for (uint32_t i = 0; i < j->n_replicas; i++)
        blob_ask(m, &j->replicas[i].nid, j, result);
    blob_ask_set(m, j->r.v.rset, j->r.v.n_rset, j, result);
    blob_ask_set(m, j->r.v.prev, j->r.v.n_prev, j, result);
}

void blob_on_get(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    struct read what = {.kind = READ_SERVE, .result = wire_get_bool(r), .peer = *from};
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    if (j && is_missing(j, what.result))
        read_again(m, j, what.result, from);
    else if (j)
        store_read(m, j, &what);
}

/* The hash the job's blob must have, as this node knows it. */
static bool blob_is_it(const struct job *j, bool result, const struct id *hash)
{
    const struct record *best = j->take ? &j->take->best : &j->r;

    if (!result)
        return best->origin && id_eq(hash, &best->origin->spec_hash);
    if (best->decided)
        return id_eq(hash, &best->final.hash);
    return best->v.phase == RECORD_TERMINAL && id_eq(hash, &best->v.term.hash);
}

void blob_on_blob(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct id jid = wire_get_id(r);
    bool result = wire_get_bool(r);
    struct span bytes = wire_get_bin(r, LIMIT_FRAME_BULK);
    struct job *j = r->bad ? NULL : job_find(m, &jid);

    (void)from;
    if (!j || bytes.len == 0)
        return;

    struct id hash = record_blob_hash(bytes);
    if (!blob_is_it(j, result, &hash))
        return;
    if (result)
        store_result_put(m, j, bytes, &hash);
    else
        store_spec_put(m, j, bytes, &hash);
    if (j->take)
        takeover_progress(m, j);
    job_arm(m, j);
}
