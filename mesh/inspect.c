/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/inspect.h"

#include "base/hash.h"

#include "mesh/accept.h"
#include "mesh/forward.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/purge.h"
#include "mesh/store.h"

#include <errno.h>

static struct inspect_ballot ballot_of(const struct ballot *b)
{
    return (struct inspect_ballot){b->epoch, b->nid};
}

/* What is accepted, with what the job is: both are named by the ballot. */
static uint64_t accepted_hash(const struct record *r)
{
    uint64_t parts[2] = {value_hash(&r->v), (uint64_t)r->origin->queued_ms};

    return hash_sip(parts[0], parts[1], r->origin->spec_hash.b, ID_SIZE);
}

static void record_fill(const struct record *r, struct inspect_job *out)
{
    out->state = r->decided ? job_end_state(r) : MESSAGE_STATE_QUEUED;
    out->jid = r->jid;
    out->promised = ballot_of(&r->promised);
    out->acc = ballot_of(&r->acc);
    out->ver = r->ver;
    out->value_hash = r->acc.epoch > 0 ? accepted_hash(r) : 0;
    out->terminal = r->v.phase == RECORD_TERMINAL;
    out->cancel = r->cancel;
    out->told = r->told;
    out->decided = r->decided;
    out->decided_hash = r->decided ? term_hash(&r->final) : 0;
    out->attempt = r->v.attempt;
    out->failures = r->v.failures;
    out->broken = r->v.broken;
    out->gen = r->v.gen;
    out->end_hash = out->terminal ? term_hash(&r->v.term) : 0;
    out->n_rset = r->v.n_rset;
    out->n_prev = r->v.n_prev;
    memcpy(out->rset, r->v.rset, sizeof(out->rset));
    memcpy(out->prev, r->v.prev, sizeof(out->prev));
}

static void job_fill(const struct mesh *m, const struct job *j, struct inspect_job *out)
{
    memset(out, 0, sizeof(*out));
    record_fill(&j->r, out);
    out->owner = j->own != NULL;
    out->damaged = j->damaged;
    out->state = job_state(m, j);
}

void inspect_jobs(const struct mesh *m, inspect_job_fn *fn, void *ctx)
{
    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        struct inspect_job out;

        job_fill(m, map_value(it), &out);
        fn(ctx, &out);
    }
}

bool inspect_job_get(const struct mesh *m, const struct id *jid, struct inspect_job *ret_job)
{
    const struct job *j = job_find(m, jid);

    if (j)
        job_fill(m, j, ret_job);
    return j != NULL;
}

bool inspect_purged(const struct mesh *m, const struct id *jid)
{
    return purge_is(m, jid);
}

int inspect_stored(struct span key, struct span value, struct inspect_job *ret_job)
{
    struct wire_reader r;
    struct span bytes;
    struct record rec;

    if (key.len != 1 + ID_SIZE || key.data[0] != STORE_RECORD)
        return -ENOENT;
    if (store_unseal(value, &bytes) != 0)
        return -EBADMSG;
    wire_reader_init(&r, bytes.data, bytes.len);
    if (record_decode(&r, &rec) != 0)
        return -EBADMSG;
    memset(ret_job, 0, sizeof(*ret_job));
    record_fill(&rec, ret_job);
    record_done(&rec);
    return 0;
}

void inspect_members(const struct mesh *m, inspect_member_fn *fn, void *ctx)
{
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);
        struct inspect_member out = {.nid = c->nid, .incarnation = c->incarnation};

        (void)snprintf(out.state, sizeof(out.state), "%s", member_state_name(c));
        memcpy(out.endpoint, c->meta.endpoint, sizeof(out.endpoint));
        fn(ctx, &out);
    }
}

/* Reads the fields of a message that name a job and a ballot. */
static void message_fill(enum frame_type t, struct wire_reader *r, struct inspect_message *out)
{
    struct wire_reader w;
    struct record rec;
    struct span bytes;
    struct ballot b;

    out->vote = t == FRAME_PROM;
    if (t == FRAME_ACCEPT) {
        bytes = wire_get_bin(r, RECORD_MAX);
        wire_reader_init(&w, bytes.data, bytes.len);
        if (r->bad || record_decode(&w, &rec) != 0)
            return;
        out->jid = rec.jid;
        out->ballot = ballot_of(&rec.acc);
        out->ver = rec.ver;
        record_done(&rec);
        wire_skip(r);
        wire_skip(r);
    } else if (t == FRAME_OK) {
        out->jid = wire_get_id(r);
        (void)ballot_get(r);
        b = ballot_get(r);
        out->ballot = ballot_of(&b);
        out->ver = (uint32_t)wire_get_uint(r, UINT32_MAX);
        wire_skip(r); /* decided */
        wire_skip(r); /* cancel */
        wire_skip(r); /* told */
        /* One that still lacks the blob, or accepted nothing, only answers. */
        out->vote = wire_get_uint(r, UINT32_MAX) == 0 && out->ballot.epoch > 0;
    } else {
        out->jid = wire_get_id(r);
        b = ballot_get(r);
        out->ballot = ballot_of(&b);
        wire_skip(r);
    }
    out->about_job = true;
}

/* Its first field is a job's id; the other fields are not looked at. */
static bool begins_with_job(enum frame_type t)
{
    static const bool those[FRAME_TYPE_N] = {
        [FRAME_PURGE] = true,    [FRAME_ASK] = true,      [FRAME_NONE] = true,
        [FRAME_BLOB_GET] = true, [FRAME_BLOB] = true,     [FRAME_GRANT] = true,
        [FRAME_RETURN] = true,   [FRAME_PROGRESS] = true, [FRAME_RESULT] = true,
        [FRAME_KILL] = true,     [FRAME_HANDOVER] = true, [FRAME_RESULT_ACK] = true,
    };

    return those[t];
}

int inspect_frame(struct span frame, inspect_message_fn *fn, void *ctx)
{
    struct frame_head head;
    struct wire_reader r;
    enum frame_type t;
    int more;

    if (frame_decode(frame, &head, &r) != 0)
        return -EBADMSG;
    while ((more = frame_next(&r, &t)) > 0) {
        struct inspect_message out = {.name = frame_name(t)};

        if (t == FRAME_ACCEPT || t == FRAME_OK || t == FRAME_PREPARE || t == FRAME_PROM) {
            message_fill(t, &r, &out);
        } else {
            uint32_t read = begins_with_job(t) ? 1 : 0;

            if (read)
                out.jid = wire_get_id(&r);
            for (uint32_t i = read; i < frame_fields(t); i++)
                wire_skip(&r);
        }
        if (r.bad)
            return -EBADMSG;
        fn(ctx, &out);
    }
    return more;
}

void inspect_backlog_get(const struct mesh *m, struct inspect_backlog *ret_backlog)
{
    struct inspect_backlog b = {.requests = forward_len(m), .reads = map_len(m->reads)};

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);

        b.proposals += j->own && !j->own->acked ? 1 : 0;
        b.takeovers += j->take ? 1 : 0;
        b.behind += (j->own || j->r.decided) && !accept_everywhere(m, j) ? 1 : 0;
    }
    *ret_backlog = b;
}
