/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_TIMING_H
#define MESH_TIMING_H
/*
 * Every time and count the protocol runs on, in ms unless the name says otherwise. Those that
 * struct mesh_config names are its defaults. Safety rests on none of them: they decide how
 * soon, never whether.
 */
enum {
    /* Failure detection: SWIM (Das 2002) with Lifeguard (Dadgar 2017). */
    TIMING_PROBE = 500,         /* between two probes */
    TIMING_PROBE_TIMEOUT = 200, /* for a direct answer, before others are asked to try */
    TIMING_PROBE_INDIRECT = 3,  /* how many others */
    TIMING_SUSPICION_MULT = 4,  /* probe intervals before an accused peer is dead, at least */
    TIMING_SUSPICION_MAX = 6,   /* times that, when nobody confirms */
    TIMING_HEALTH_MAX = 8,      /* levels of local health; the worst probes 8 times slower */
    TIMING_GOSSIP = 250,        /* between two rounds, +- TIMING_GOSSIP_JITTER */
    TIMING_GOSSIP_JITTER = 50,
    TIMING_GOSSIP_FANOUT = 3,
    TIMING_GOSSIP_DEAD = 60000, /* a peer is still told that it is dead for this long */
    TIMING_RETRANSMIT_MULT = 4, /* a rumour is sent this * log10(N+1) times */
    TIMING_PUSHPULL = 30000,    /* between two exchanges of the whole list */
    TIMING_PUSHPULL_NODES = 32, /* above so many nodes they become rarer, by log2 */
    TIMING_SEEDS_ALONE = 5000,  /* between two tries of the seeds, while no peer is known */
    TIMING_SEEDS = 60000,       /* and for ever after: halves of a split must meet again */
    TIMING_GATHER = 60000,      /* after a start: how long expected nodes are waited for */
    TIMING_PLACEABLE = 10000,   /* a joiner gets keyed jobs after this long */
    TIMING_WITNESS = 60000,     /* a peer that is dead so long is not asked about our disk */
    TIMING_NAMESAKE = 30000,    /* the later of two nodes of one name puts up with it so long */
    TIMING_LINGER = 1000,       /* a node that has left stays to tell it */

    /* Jobs. */
    TIMING_SUBMIT = 2000,        /* for W copies, before the client is told it is unknown */
    TIMING_LEASE = 5000,         /* an executor not heard of for this long has lost the job */
    TIMING_RUNNING = 1000,       /* an executor tells each owner what it runs */
    TIMING_TAKEOVER_STEP = 1000, /* a replica waits rank * this, +- 20 % */
    TIMING_REPAIR = 60000,       /* a dead peer's copies are replaced after this long */
    TIMING_DIGEST = 60000,       /* between two comparisons with a peer */
    TIMING_SCRUB = 86400000,     /* all that is on the disk is read once in so long */
    TIMING_STALLED_MAX = 2,      /* executors a job may lose in one epoch */
    TIMING_PROGRESS = 250,       /* progress of one job is told at most this often */

    /* Who runs what. */
    TIMING_AGE = 30000,      /* a waiting job rises a class every so often */
    TIMING_HINT_BURST = 5,   /* between two rounds of hints, at first */
    TIMING_HINT_SLOW = 1000, /* and at last */
    TIMING_HINT_PEERS = 3,
    TIMING_GRANT_MAX = 8,         /* jobs in one grant */
    TIMING_STEAL_POLL = 500,      /* an idle peer asks again, +- 20 %, */
    TIMING_STEAL_POLL_MAX = 2000, /* doubling while nobody has work to give */
    TIMING_PREFETCH = 100,        /* below this mean run time a peer asks for one more */
};
#endif
