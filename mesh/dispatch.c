/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/dispatch.h"

#include "mesh/ability.h"
#include "mesh/accept.h"
#include "mesh/blob.h"
#include "mesh/digest.h"
#include "mesh/drain.h"
#include "mesh/forward.h"
#include "mesh/frame.h"
#include "mesh/hint.h"
#include "mesh/peer.h"
#include "mesh/purge.h"
#include "mesh/repair.h"
#include "mesh/session.h"
#include "mesh/steal.h"
#include "mesh/takeover.h"

typedef void handler_fn(struct mesh *m, const struct id *from, struct wire_reader *r);

static void on_drain(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint32_t deadline_ms = (uint32_t)wire_get_uint(r, UINT32_MAX);

    (void)from;
    if (!r->bad)
        drain_begin(m, deadline_ms);
}

static handler_fn *const handlers[FRAME_TYPE_N] = {
    [FRAME_HELLO] = session_on_hello,
    [FRAME_HELLO_ACK] = session_on_hello_ack,
    [FRAME_REFUSE] = session_on_refuse,
    [FRAME_SWIM] = peer_on_swim,
    [FRAME_ACCEPT] = accept_on_accept,
    [FRAME_OK] = accept_on_ok,
    [FRAME_PREPARE] = takeover_on_prepare,
    [FRAME_PROM] = takeover_on_prom,
    [FRAME_PURGE] = purge_on_purge,
    [FRAME_ASK] = repair_on_ask,
    [FRAME_NONE] = repair_on_none,
    [FRAME_BLOB_GET] = blob_on_get,
    [FRAME_BLOB] = blob_on_blob,
    [FRAME_HINT] = hint_on_hint,
    [FRAME_STEAL] = steal_on_steal,
    [FRAME_GRANT] = steal_on_grant,
    [FRAME_DENY] = steal_on_deny,
    [FRAME_RETURN] = steal_on_return,
    [FRAME_RUNNING] = steal_on_running,
    [FRAME_PROGRESS] = steal_on_progress,
    [FRAME_RESULT] = steal_on_result,
    [FRAME_RESULT_ACK] = steal_on_result_ack,
    [FRAME_KILL] = steal_on_kill,
    [FRAME_FORWARD] = forward_on_forward,
    [FRAME_REPLY] = forward_on_reply,
    [FRAME_UNFORWARD] = forward_on_unforward,
    [FRAME_ELSEWHERE] = forward_on_elsewhere,
    [FRAME_HANDOVER] = repair_on_handover,
    [FRAME_DRAIN] = on_drain,
    [FRAME_DIGEST] = digest_on_digest,
    [FRAME_KEYS] = digest_on_keys,
    [FRAME_START] = session_on_start,
    [FRAME_LANGUAGES_GET] = ability_on_get,
    [FRAME_LANGUAGES] = ability_on_list,
};

/* These make or end a session; all others need one. */
static bool opens_session(enum frame_type t)
{
    return t == FRAME_HELLO || t == FRAME_HELLO_ACK || t == FRAME_REFUSE || t == FRAME_START;
}

/* A vote, or what a vote is asked for: what it leads to rests on its sender's disk. */
static bool counts(enum frame_type t)
{
    return t == FRAME_OK || t == FRAME_PROM || t == FRAME_PREPARE || t == FRAME_ACCEPT;
}

void dispatch(struct mesh *m, const struct id *from, struct span frame)
{
    struct frame_head head;
    struct wire_reader r;
    enum frame_type t;

    if (!m->started || frame_decode(frame, &head, &r) != 0 || head.cluster != m->cluster ||
        head.version > m->version)
        return;
    m->greeting.said = false;
    if (head.version == FRAME_VERSION_HELLO && m->version >= FRAME_VERSION_START)
        life_hear(&r, &m->greeting);
    m->stats.frames_in++;
    m->stats.bytes_in += frame.len;
    while (!m->dead && frame_next(&r, &t) > 0) {
        if (t == FRAME_START && m->version < FRAME_VERSION_START)
            return;
        if (!opens_session(t) && !session_accepts(m, from, &head))
            return;
        if (counts(t))
            session_counts(m, from);
        handlers[t](m, from, &r);
    }
}
