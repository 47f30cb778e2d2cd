/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Two nodes create one key while others come, for Spin: mesh/keyed.c, mesh/placement.c, and what
 * they need of mesh/takeover.c and mesh/accept.c. The key's set is three nodes of OLD before the
 * change and of NEW after it; what a node has heard of it moves on by itself:
 *
 *     BEFORE  knows nothing of the change: OLD alone
 *     DURING  heard of it lately: both sets
 *     AFTER   heard of it TIMING_PLACEABLE ago: NEW alone, but asks those of OLD what they have
 *
 * That time is there so that what was begun BEFORE is over when somebody is AFTER: settled, or
 * never to be. All else comes in any order. A replica may take what is asked at any time or
 * never, so what is lost or slow needs no channel; a creator may stop at any point; everybody is
 * up.
 *
 * Never two requests settled under one key: the assertion below. Rules that can be switched off,
 * to see that it would notice: -DNO_BOTH (DURING asks for NEW alone), -DNO_ELDERS (AFTER asks NEW
 * only), -DNO_LIMIT (what was begun BEFORE may come at any time). -DWITNESS=x asserts that x
 * (below) never comes to be, to see that it does.
 */
#define NODES 4
#define OLD 7  /* nodes 0, 1, 2 */
#define NEW 14 /* nodes 1, 2, 3: the last one came */

#define BEFORE 0
#define DURING 1
#define AFTER 2

byte heard[NODES];
byte promised[NODES]; /* the highest ballot: a creator's number + 1 */
byte took[NODES];     /* the ballot that was accepted */

bool begun[2], won[2];
bool by_old[2], by_new[2]; /* sets that must promise */
bool in_old[2], in_new[2]; /* sets that must accept */
byte yes[2];               /* nodes that have promised; then, that have accepted */
byte asked[2];             /* nodes that have said what they have */
byte best[2];              /* the highest ballot of what they have */
byte request[2];           /* whose it is */
byte settled;              /* the request that was, + 1 */

#define BIT(m, i) (((m) >> (i)) & 1)
#define COUNT(m) (BIT(m, 0) + BIT(m, 1) + BIT(m, 2) + BIT(m, 3))
#define MAJORITY(m, set) (COUNT((m) & (set)) >= 2)
#define AGREED(c, old, new) ((!(old) || MAJORITY(yes[c], OLD)) && (!(new) || MAJORITY(yes[c], NEW)))
#define OF(n, old, new) (((old) && BIT(OLD, n)) || ((new) && BIT(NEW, n)))
#ifdef NO_BOTH
#define WANTS_OLD(n) (heard[n] == BEFORE)
#else
#define WANTS_OLD(n) (heard[n] <= DURING)
#endif
#define WANTS_NEW(n) (heard[n] >= DURING)
#define SHARES(c, n) ((by_old[c] && WANTS_OLD(n)) || (by_new[c] && WANTS_NEW(n)))
#define LACKS_NONE(c, n) ((by_old[c] || !WANTS_OLD(n)) && (by_new[c] || !WANTS_NEW(n)))
#ifdef NO_ELDERS
#define ELDERS_ASKED(c) true
#else
#define ELDERS_ASKED(c) (by_old[c] || (asked[c] & OLD) == OLD)
#endif
#define SOMEBODY_AFTER                                                                             \
    (heard[0] == AFTER || heard[1] == AFTER || heard[2] == AFTER || heard[3] == AFTER)
#ifdef NO_LIMIT
#define IN_TIME(c) true
#else
#define IN_TIME(c) (in_new[c] || settled == request[c] + 1 || !SOMEBODY_AFTER)
#endif

/* Whoever asks for a majority of OLD anyway asks nobody else what there is. */
inline hear_of(c, n)
{
    asked[c] = (by_old[c] -> 0 : asked[c] | (1 << n));
    if
    :: took[n] > best[c] ->
        best[c] = took[n];
        request[c] = request[took[n] - 1];
        in_old[c] = in_old[took[n] - 1];
        in_new[c] = in_new[took[n] - 1];
        by_old[c] = by_old[c] || in_old[c];
        by_new[c] = by_new[c] || in_new[c]
    :: else
    fi
}

#define FOR(n, c)                                                                                  \
    :: d_step {                                                                                    \
        begun[c] && !won[c] && OF(n, by_old[c], by_new[c]) && promised[n] < (c) + 1 &&             \
                (took[n] || best[c] || SHARES(c, n)) ->                                            \
        promised[n] = (c) + 1;                                                                     \
        yes[c] = yes[c] | (1 << (n));                                                              \
        hear_of(c, n)                                                                              \
    }                                                                                              \
    :: d_step {                                                                                    \
        begun[c] && !won[c] && !by_old[c] && !BIT(asked[c], n) && BIT(OLD, n) ->                   \
        hear_of(c, n)                                                                              \
    }                                                                                              \
    :: d_step {                                                                                    \
        won[c] && OF(n, in_old[c], in_new[c]) && !BIT(yes[c], n) && promised[n] <= (c) + 1 &&      \
                IN_TIME(c) ->                                                                      \
        promised[n] = (c) + 1;                                                                     \
        took[n] = (c) + 1;                                                                         \
        yes[c] = yes[c] | (1 << (n))                                                               \
    }

proctype node(byte n)
{
end:
    do
    :: d_step { heard[n] == BEFORE -> heard[n] = DURING }
    :: d_step { heard[n] == DURING -> heard[n] = AFTER }
    FOR(n, 0)
    FOR(n, 1)
    od
}

/* Creator c is node `at`. */
proctype creator(byte c; byte at)
{
end:
    do
    :: d_step {
        !begun[c] ->
        begun[c] = true;
        by_old[c] = WANTS_OLD(at);
        by_new[c] = WANTS_NEW(at);
        in_old[c] = by_old[c];
        in_new[c] = by_new[c]
    }
    :: d_step {
        begun[c] && !won[c] && AGREED(c, by_old[c], by_new[c]) &&
                (best[c] || (LACKS_NONE(c, at) && ELDERS_ASKED(c) && IN_TIME(c))) ->
        won[c] = true;
        yes[c] = 0
    }
    :: d_step {
        won[c] && AGREED(c, in_old[c], in_new[c]) && settled != request[c] + 1 ->
        assert(settled == 0);
        settled = request[c] + 1
    }
    od
}

#define BY_FIRST (settled == 1 && in_old[0] && !in_new[0])
#define BY_SECOND (settled == 2 && in_new[1] && !in_old[1])
#define IN_BOTH (settled && in_old[settled - 1] && in_new[settled - 1])
/* The second found the first's request, and went on with it. */
#define TAKEN_UP (won[1] && request[1] == 0)
/* It was made before the change and found long after. */
#define FOUND (TAKEN_UP && heard[3] == AFTER && !by_new[0])

#ifdef WITNESS
proctype witness()
{
end:
    (WITNESS) -> assert(false)
}
#endif

init
{
    atomic {
        request[1] = 1;
        run node(0);
        run node(1);
        run node(2);
        run node(3);
        run creator(0, 0);
        run creator(1, 3);
#ifdef WITNESS
        run witness()
#endif
    }
}
