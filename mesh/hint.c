/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: while anything waits, rounds of TIMING_HINT_PEERS follow each other, to peers
 * that were not told since the queue was last empty:
 *
 *     queue grows          nobody came           nobody came            all were told
 *     -----------> round ----- 5 ms ----> round ----- 5, 5, 10, 20 ... ----> anew, slowly
 *
 * The first few rounds find a free slot when there is one: a view that is a little old names
 * peers whose slots are taken by now. When there is none, they leave word with so many peers
 * that the next slot to become free anywhere is likely to be one of theirs. More waiting jobs
 * are a reason for a round of their own, a peer that was told is not told of them again.
 *
 * Few peers may have the language of a job, of many: each round tells one of these besides.
 */
#include "mesh/hint.h"

#include "mesh/frame.h"
#include "mesh/peer.h"
#include "mesh/sched.h"
#include "mesh/timer.h"

enum { HINT_ROUNDS_FAST = 4, HINT_ROUNDS_MAX = 32 };

static uint64_t gap_ns(uint32_t rounds)
{
    uint64_t ms = TIMING_HINT_BURST;

    for (uint32_t i = HINT_ROUNDS_FAST; i < rounds && ms < TIMING_HINT_SLOW; i++)
        ms *= 2;
    return (ms < TIMING_HINT_SLOW ? ms : TIMING_HINT_SLOW) * STATE_MS;
}

uint64_t hint_next(const struct mesh *m)
{
    const struct hint *h = &m->hint;
    uint32_t waiting = queue_len(m->queue);

    /* Alone there is nobody to tell, and the time of the next round would always be past. */
    if (waiting == 0 || members_up(m->members) < 2)
        return STATE_NEVER;
    return h->last_ns + (waiting > h->told_of ? TIMING_HINT_BURST * STATE_MS : gap_ns(h->rounds));
}

static void hint_put(struct mesh *m, const struct id *peer)
{
    struct buf *b = peer_open(m, peer, FRAME_HINT, 0);

    wire_put_uint(b, queue_len(m->queue));
    wire_put_uint(b, queue_top(m->queue));
    load_put_self(m->load, b);
}

static void hint_send(struct mesh *m)
{
    struct id peers[TIMING_HINT_PEERS + 1];
    uint32_t n = load_hint_peers(m->load, &m->rng, peers, TIMING_HINT_PEERS);
    uint32_t able = sched_able(m, &peers[n]) ? 1 : 0;

    for (uint32_t i = 0; i < n + able; i++)
        hint_put(m, &peers[i]);
    m->hint.rounds++;
    if (n == TIMING_HINT_PEERS)
        return;
    /* All were told. A hint may have been lost: tell them again, but in no hurry. */
    load_hint_anew(m->load);
    m->hint.rounds = HINT_ROUNDS_MAX;
}

void hint_kick(struct mesh *m)
{
    struct hint *h = &m->hint;
    uint32_t waiting = queue_len(m->queue);

    if (waiting == 0 && h->rounds > 0) {
        load_hint_anew(m->load);
        h->rounds = 0;
    }
    if (waiting < h->told_of)
        h->told_of = waiting;
    if (hint_next(m) > m->now.mono_ns)
        return;
    hint_send(m);
    h->told_of = waiting;
    h->last_ns = m->now.mono_ns;
}

void hint_on_hint(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    uint32_t surplus = (uint32_t)wire_get_uint(r, UINT32_MAX);

    wire_get_uint(r, LIMIT_PRIORITIES);
    load_get_all(m->load, r);
    if (!r->bad && surplus > 0)
        load_hinted(m->load, from);
}
