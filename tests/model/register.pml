/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The register of one job, for Spin: takeover, change of the replica set and cancellation, as
 * mesh/accept.c, mesh/takeover.c, mesh/reconfig.c and mesh/owner.c do them. Four nodes, three
 * of them replicas at a time (a set is named by the node it leaves out), the home's ballot 1
 * and the ballots 2 and 3 of two takeovers. Which node takes over does not matter.
 *
 * A replica may take what is proposed at any time or never, so what is lost or slow needs no
 * channel. An owner may stop at any point (a crash), or go on though it was deposed. What a
 * replica accepted and promised is on its disk.
 *
 * Left out, because it adds no history in which two ends differ:
 *   - answers that are late or lost: an owner may act on them late, or never;
 *   - a version accepted after its owner has said the next: what lower ballots do meanwhile
 *     needs nothing from higher ones, so it may as well all happen before that was said;
 *   - what the last ballot does once it is won: nothing can stop it from deciding what it took
 *     up, so that counts as decided at once;
 *   - which of two owners cancels and which completes: only that the ends differ counts.
 *
 * Never two different ends: the assertion in END. Rules that can be switched off, to see that
 * it would notice: -DNO_JOINT (a change of the set asks the new set only), -DNO_PROMISE (a
 * replica accepts below its promise), -DNO_ADOPT (a taker ignores what was accepted).
 * -DWITNESS=x asserts that x (below) never comes to be, to see that it does.
 */
#define NODES 4
#define NONE 4 /* no set */
#define LAST 3 /* the highest ballot */

#define PENDING 0
#define CANCELLED 1
#define COMPLETED(b) (1 + (b)) /* each owner's run gives another result */

#ifndef CHANGES
#define CHANGES 1 /* of the set, in all */
#endif

/* What a version says. */
typedef value {
    byte phase;
    byte out;  /* the node the set leaves out */
    byte prev; /* the same of the set before, while both must agree; or NONE */
}

/* What a node keeps, and what a taker has learnt to be the newest. */
typedef accepted {
    byte ballot; /* 0: nothing */
    byte ver;
    value v
}

byte promised[NODES];
accepted acc[NODES];

bool won[LAST + 1];
byte ver[LAST];      /* the newest version said; 0: none */
value now_v[LAST];   /* it */
byte yes[LAST + 1];  /* nodes that have promised; then, that accepted the newest */
byte seen[LAST + 1]; /* sets that must promise */
accepted best[LAST + 1];
byte changes;

byte ended; /* the job's end, once it has one */

#define BIT(m, i) (((m) >> (i)) & 1)
#define COUNT(m) (BIT(m, 0) + BIT(m, 1) + BIT(m, 2) + BIT(m, 3))
#define MAJORITY(m, left_out) (COUNT(m) - BIT(m, left_out) >= 2)
#ifdef NO_JOINT
#define JOINT(v) 0
#else
#define JOINT(v) (v.prev != NONE)
#endif
#define QUORUM(v, m) (MAJORITY(m, v.out) && (!JOINT(v) || MAJORITY(m, v.prev)))
#define SETTLED(b) (won[b] && QUORUM(now_v[b], yes[b]))
#define MAY_CHANGE(b) (SETTLED(b) && now_v[b].prev == NONE)
#define AGREES(b, e) (!BIT(seen[b], e) || MAJORITY(yes[b], e))
#define WON(b)                                                                                     \
    (!won[b] && seen[b] && AGREES(b, 0) && AGREES(b, 1) && AGREES(b, 2) && AGREES(b, 3))
#ifdef NO_ADOPT
#define ADOPTED(b) PENDING
#else
#define ADOPTED(b) best[b].v.phase
#endif
#ifdef NO_PROMISE
#define MAY_ACCEPT(n, b) (acc[n].ballot <= (b))
#else
#define MAY_ACCEPT(n, b) (promised[n] <= (b))
#endif

#define END(e)                                                                                     \
    assert(ended == PENDING || ended == (e));                                                      \
    ended = (e)

inline copy(to, from)
{
    to.ballot = from.ballot;
    to.ver = from.ver;
    to.v.phase = from.v.phase;
    to.v.out = from.v.out;
    to.v.prev = from.v.prev
}

inline clear(what)
{
    what.ballot = 0;
    what.ver = 0;
    what.v.phase = 0;
    what.v.out = 0;
    what.v.prev = 0
}

/* n promises ballot b, and what it has accepted becomes known to the taker. */
inline promise(b, n)
{
    promised[n] = b;
    yes[b] = yes[b] | (1 << n);
    if
    :: acc[n].ballot > best[b].ballot ||
            (acc[n].ballot == best[b].ballot && acc[n].ver > best[b].ver) ->
        copy(best[b], acc[n]);
        seen[b] = seen[b] | (1 << acc[n].v.out);
        if
        :: JOINT(acc[n].v) -> seen[b] = seen[b] | (1 << acc[n].v.prev)
        :: else
        fi
    :: else
    fi;
#ifndef NO_PROMISE
    /* Nobody will look at it again. */
    if
    :: b == LAST -> clear(acc[n])
    :: else
    fi
#endif
}

/* The owner of b says its next version. */
inline say(b, new_end, new_out, new_prev)
{
    now_v[b].phase = new_end;
    now_v[b].prev = new_prev;
    now_v[b].out = new_out;
    ver[b]++;
    yes[b] = 0
}

#define ACCEPT(b)                                                                                  \
    :: d_step {                                                                                    \
        won[b] && MAY_ACCEPT(n, b) && !BIT(yes[b], n) ->                                           \
        acc[n].ballot = b;                                                                         \
        acc[n].ver = ver[b];                                                                       \
        acc[n].v.phase = now_v[b].phase;                                                           \
        acc[n].v.out = now_v[b].out;                                                               \
        acc[n].v.prev = now_v[b].prev;                                                             \
        promised[n] = (promised[n] < b -> b : promised[n]);                                        \
        yes[b] = yes[b] | (1 << n)                                                                 \
    }

#define PROMISE(b)                                                                                 \
    :: d_step {                                                                                    \
        !won[b] && promised[n] < b ->                                                              \
        promise(b, n)                                                                              \
    }

proctype replica(byte n)
{
end:
    do
    ACCEPT(1)
    ACCEPT(2)
    PROMISE(2)
    PROMISE(LAST)
    od
}

/* A set without e follows. The first three are alike until one is left out: let it be 2. */
#define CHANGE(b, e)                                                                               \
    :: d_step {                                                                                    \
        MAY_CHANGE(b) && changes < CHANGES && now_v[b].out != e && (changes > 0 || e == 2) ->      \
        changes++;                                                                                 \
        say(b, now_v[b].phase, e, now_v[b].out)                                                    \
    }

proctype owner(byte b)
{
end:
    do
    /* Enough promises: the newest value accepted is this ballot's first. */
    :: d_step {
        WON(b) ->
        won[b] = true;
        say(b, ADOPTED(b), best[b].v.out, best[b].v.prev);
        seen[b] = 0;
        clear(best[b])
    }
    /* The home was told to cancel; at a taker the run is over. */
    :: d_step {
        won[b] && now_v[b].phase == PENDING ->
        say(b, (b == 1 -> CANCELLED : COMPLETED(b)), now_v[b].out, now_v[b].prev)
    }
    CHANGE(b, 0)
    CHANGE(b, 1)
    CHANGE(b, 2)
    CHANGE(b, 3)
    /* Both sets agreed: the old one is let go. */
    :: d_step {
        SETTLED(b) && now_v[b].prev != NONE ->
        say(b, now_v[b].phase, now_v[b].out, NONE)
    }
    :: d_step {
        SETTLED(b) && now_v[b].phase != PENDING && ended != now_v[b].phase ->
        END(now_v[b].phase)
    }
    od
}

/* The last ballot ends the job as it finds it, or in its own way when it finds it open. */
proctype last_owner()
{
end:
    do
    :: d_step {
        WON(LAST) ->
        won[LAST] = true;
        if
        :: ADOPTED(LAST) == PENDING -> END(COMPLETED(LAST))
        :: else -> END(ADOPTED(LAST))
        fi;
        yes[LAST] = 0;
        seen[LAST] = 0;
        clear(best[LAST])
    }
    od
}

#define BY_HOME (ended == CANCELLED)
#define BY_TAKER (ended == COMPLETED(2))
#define BY_LAST (ended == COMPLETED(3))
/* The taker took up the end of the home, which was not at a majority yet. */
#define TAKEN_UP (won[2] && now_v[2].phase == CANCELLED && ended == PENDING)
/* The taker finished a change that the home had begun. */
#define CHANGE_FINISHED (BY_TAKER && now_v[1].prev != NONE && now_v[2].out == 2)

#ifdef WITNESS
proctype witness()
{
end:
    (WITNESS) -> assert(false)
}
#endif

init
{
    d_step {
        won[1] = true;
        say(1, PENDING, 3, NONE)
    }
    atomic {
        run replica(0);
        run replica(1);
        run replica(2);
        run replica(3);
        run owner(1);
        run owner(2);
        run last_owner();
#ifdef WITNESS
        run witness()
#endif
    }
}
