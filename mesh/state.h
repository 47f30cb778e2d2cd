/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_STATE_H
#define MESH_STATE_H
/*
 * The inside of a mesh, for the files of this folder only. Every file works on struct mesh;
 * who may write which part is said at the part. See mesh/mesh.c for how a step runs.
 *
 *     client.c  what clients ask           job.c      the table of jobs, their timers
 *     forward.c asking another peer        accept.c   one register: propose, accept, commit
 *     watch.c   those who wait for a job   takeover.c a new ballot for a job
 *     sched.c   queue and slots            reconfig.c another set of replicas
 *     exec.c    what runs here             purge.c    forgetting
 *     steal.c   moving work                peer.c     links, sessions, frames
 *     keyed.c   idempotency keys           repair.c   finding what is missing
 *     tally.c   how many are in which state  owed.c   callbacks nobody has delivered
 *     hint.c    telling others of work     damage.c   records that cannot be read
 *     scrub.c   looking for such
 */
#include "base/heap.h"
#include "base/map.h"
#include "base/rng.h"
#include "mesh/effect.h"
#include "mesh/life.h"
#include "mesh/load.h"
#include "mesh/member.h"
#include "mesh/mesh.h"
#include "mesh/queue.h"
#include "mesh/record.h"
#include "mesh/timing.h"

#define STATE_MS 1000000ULL /* ns */
#define STATE_NEVER UINT64_MAX

struct timer {
    struct heap_node node;
    void (*fire)(struct mesh *m, struct timer *t);
};

/* Who wants an answer: a client here, or a peer on behalf of one of its own. */
struct asker {
    struct id peer; /* zero: `client` is here */
    uint64_t client;
    uint64_t token;
    bool doubt; /* it was asked of somebody else before, who may have done it */
};

/* A replica of a job as the one who pushes the job to it knows it. */
struct lag;
struct replica {
    struct id nid;
    struct ballot acc;
    uint32_t ver;
    bool decided;
    bool cancel;
    bool told;
    bool has_spec;
    bool has_result;
    bool promised; /* to the ballot of the takeover under way */
    uint64_t due_ns;
    uint32_t tries;
    struct lag *lag; /* of lag.c: it has not confirmed what it is told */
};

enum { STATE_REPLICAS = 2 * LIMIT_REPLICAS, STATE_CONFIGS = 6, STATE_ELDERS = 32 };

enum own_stage {
    OWN_SETTLING, /* the first version of this ballot is not at a majority yet */
    OWN_WAITING,  /* in the queue, or delayed */
    OWN_STARTING, /* a start was announced and must be at a majority first */
    OWN_RUNNING,  /* here or at `peer` */
    OWN_FINISHING /* an end was proposed */
};

/* This node owns the ballot r.acc and may propose. */
struct own {
    struct job *job;
    bool slot; /* a slot here is kept for it: STARTING, not yet a run */
    enum own_stage stage;
    bool acked; /* r.ver has been at a majority: everything it says is settled */
    bool remote;
    struct queue_item item;
    struct id peer;        /* that runs it, when remote */
    uint64_t exec;         /* that runs it, when not */
    uint64_t run_epoch;    /* of the run */
    uint32_t serial;       /* of the STEAL it was given for */
    bool confirmed;        /* its executor has said that it runs */
    uint64_t lease_end_ns; /* of a remote run */
    uint64_t run_due_ns;   /* when to look at a remote run */
    uint64_t queued_ns;
    int64_t started_ms;
    char node[LIMIT_NAME + 1];
    uint32_t done;
};

/* This node is preparing a ballot. */
struct take {
    struct ballot ballot;
    struct record best; /* what the promises together say */
    uint32_t n_configs; /* every set of replicas seen; a majority of each is needed */
    struct value configs[STATE_CONFIGS];
    bool own_synced;
    bool clean; /* nobody failed: a handover, or a keyed creation */
    bool create;
    uint32_t n_elders; /* who may have the key already: mesh/placement.h */
    struct id elders[STATE_ELDERS];
    uint32_t elders_heard; /* bits: have said what they have */
    uint64_t begun_ns;
    uint64_t due_ns;
    uint32_t tries;
};

struct job_event {
    uint64_t seq;
    enum message_event_kind kind;
    int64_t at_ms;
    uint8_t *body; /* owned */
    size_t len;
};

/* How tally.c has counted a job. */
struct tally_set;
struct tally_mark {
    bool own, moving, thin;
    uint8_t state;         /* enum message_state */
    struct tally_set *set; /* of a decided job that nobody owns */
};

struct wait;

/* What another said of a job whose record is damaged here: its copy, or that it has none. */
struct heard {
    struct id nid;
    bool damaged; /* its record is damaged too */
};

struct job {
    struct record r;
    struct timer timer; /* one deadline for everything it does: job_arm() */
    bool look;          /* at it at once: who counts for it has changed */
    bool dirty;
    struct job *dirty_next;
    bool gone; /* out of the table; freed when the step ends */
    bool damaged;
    bool damage_said; /* that it waits for an operator */
    bool vow;         /* there is one on the disk, */
    bool worn;        /* and it, or the record, could not be read */
    uint32_t n_heard;
    struct heard *heard; /* owned: who has answered, while it is damaged */
    bool push;           /* replicas are to be brought up to this record */
    /* what of the record is on the disk */
    struct ballot synced_acc, synced_promised;
    uint32_t synced_ver;
    bool synced_decided;
    uint32_t n_stored; /* versions of it on their way there */
    struct own *own;
    struct take *take;
    uint32_t n_replicas;
    struct replica *replicas; /* owned; of a job with one copy NULL */
    uint64_t decided_ns;      /* when this node learnt it */
    uint64_t ask_due_ns;      /* when to ask about it */
    uint64_t take_due_ns;
    uint32_t take_tries;
    struct heap_node kept; /* among the decided ones, oldest first */
    struct heap_node owed; /* its callback is, by when it may be handed out */
    struct tally_mark tally;
    uint32_t change;          /* counter of what clients can see, within the epoch */
    uint32_t next_event;      /* counter within the epoch */
    uint32_t n_events;        /* ring of the last ones */
    struct job_event *events; /* owned, LIMIT_EVENTS_PER_JOB long, or NULL */
    struct wait *waits;
    struct origin *wish; /* owned: what a keyed job is to be, while that is found out */
    uint8_t *wish_spec;
    size_t wish_len;
    struct id spec_hash;   /* of the spec on this disk; zero: none */
    struct id result_hash; /* of the result on this disk; zero: none */
    uint8_t *spec;         /* owned copy while it may be needed soon, or NULL */
    size_t spec_len;
    uint8_t *result;
    size_t result_len;
};

/* Somebody waiting for something of a job. */
enum wait_kind {
    WAIT_DURABLE, /* a submit: until the job is at a majority */
    WAIT_DECIDED, /* a cancel */
    WAIT_CHANGE,  /* a query: until the version passes `seen`, or time is up */
    WAIT_EVENTS   /* a watch */
};

struct wait {
    struct wait *next, **link; /* of the job's list */
    struct wait *all_next, **all_link;
    struct job *job;
    enum wait_kind kind;
    struct asker who;
    uint64_t seen;
    bool duplicate;
    struct timer timer;
};

/* A run in a slot of this node, for any owner; kept until the owner has its outcome. */
enum run_stage { RUN_READING, RUN_GOING, RUN_KILLING, RUN_DONE };

struct run {
    struct run *next;
    uint64_t exec;
    struct id jid;
    struct id owner; /* who is believed to own the job */
    bool named;      /* by one that was asked, and not asked yet itself */
    uint64_t epoch;
    uint32_t attempt;
    enum run_stage stage;
    bool told; /* MESH_FX_EXEC was sent */
    enum mesh_outcome outcome;
    uint8_t *bytes; /* owned: the outcome's, when DONE */
    size_t len;
    uint32_t offers;  /* of the outcome to an owner */
    uint64_t due_ns;  /* of the next offer */
    uint64_t ends_ns; /* when it is given up */
    uint8_t n_rset;
    struct id rset[LIMIT_REPLICAS]; /* where an owner may be found */
};

/* What a READ is for. */
enum read_kind {
    READ_EXEC,   /* to run it here */
    READ_GRANT,  /* to give it to `peer` */
    READ_PUSH,   /* `peer` lacks it */
    READ_SERVE,  /* `peer` asked for it */
    READ_ANSWER, /* `who` asked for the job */
    READ_EVENT,  /* `who` watches the job */
    READ_MENDED, /* to see whether it is there: the record that said so was damaged */
    READ_AGAIN,  /* to see whether it can be read after all; then `peer` gets it, if any asked */
    READ_SCRUB   /* to see that it can be read */
};

struct read {
    uint64_t number;
    enum read_kind kind;
    bool result;    /* else the spec */
    char scrubbed;  /* enum store_key, of a READ_SCRUB */
    struct id hash; /* that it was to have */
    struct id jid;
    struct id peer;
    uint64_t exec;
    struct asker who;
};

struct stored;
struct stat_ring;

/* Intervals of the jobs of one home that were purged. */
struct purged_home;

/* Some of the peers, in the order in which they were added. */
struct peer;
struct peer_set {
    struct peer **at; /* owned */
    uint32_t n, cap;
};

struct mesh {
    struct mesh_config cfg;
    uint32_t cluster; /* names the cluster in every frame */
    struct mesh_now now;
    struct rng rng;
    struct effects fx;
    struct heap timers;
    bool started;
    bool dead; /* FATAL was said: nothing more happens */

    struct map *jobs; /* jid -> struct job, owned */
    struct map *lags; /* of lag.c */
    struct job *dirty;
    struct job *removed;                        /* in this step */
    uint64_t seq;                               /* the next job number of this node */
    uint64_t seq_end;                           /* reserved on disk up to here */
    uint64_t seq_batch;                         /* the batch that reserved it */
    struct stored *stored_first, **stored_last; /* record versions on their way to the disk */
    uint64_t gen;      /* batches ever stored by this disk, before this boot */
    int64_t born_ms;   /* when it was new */
    struct map *reads; /* number -> struct read */
    uint64_t next_read;
    uint32_t pushes; /* READ_PUSH among them */
    size_t cached;   /* bytes of specs and results in memory */

    struct heap kept; /* decided jobs */
    struct heap owed; /* of them, those whose callback is owed */
    struct queue *queue;
    uint32_t slots;
    struct run *runs;
    uint32_t busy;
    uint32_t slots_kept; /* for starts that are not settled yet */
    uint64_t next_exec;

    struct steal {
        struct timer timer;
        struct load_poll poll;
        uint32_t wanted;   /* slots that were free when asking */
        uint32_t reserved; /* of them, those still kept for the answer */
        uint32_t serial;
        struct id asked;
        uint64_t asked_due_ns; /* 0: nobody is asked */
        bool answered;         /* all that is still to come are grants */
        uint32_t busy;         /* slots, when last looked at */
        uint32_t tries;        /* peers still to be asked unbidden since a slot became free */
        uint64_t running_due_ns;
        uint16_t run_ms; /* mean time of a run */
    } steal;

    struct hint {
        uint32_t told_of; /* jobs waiting when others were last told */
        uint32_t rounds;  /* since the queue was last empty */
        uint64_t last_ns;
    } hint;

    struct members *members;
    struct load *load;
    struct map *peers;       /* nid -> struct peer, owned */
    struct peer_set unsent;  /* those that messages wait for */
    struct peer_set untold;  /* those of whom the disk does not know the latest */
    struct peer_set counted; /* whose votes count, and whose life is not stored since */
    struct link *links;
    uint64_t next_link;
    struct buf sink;     /* what is written for nobody */
    uint32_t version;    /* of the frames this node writes at most */
    struct lives lives;  /* of this disk, this one last */
    uint64_t life_batch; /* stored it */
    struct timer life_timer;
    uint32_t life_looks;
    bool life_warned;
    uint32_t joins;           /* peers whose list was asked for as they came */
    bool may_vote;            /* see life_confirmed() */
    bool listed;              /* a peer has told whom it knows */
    struct greeting greeting; /* of the frame that is being read */
    uint32_t n_seeds;
    char seeds[LIMIT_SEEDS][LIMIT_ENDPOINT + 1];
    struct timer seeds_timer;
    struct timer reconfig_timer;
    struct id reconfig_at; /* where its walk goes on; zero: at the first job */
    struct {
        uint64_t own[MESSAGE_STATE_N]; /* owned here, by state; the delayed ones as queued */
        uint64_t moving;               /* of them, on the way from one set to another */
        uint64_t thin;                 /* of them, with fewer copies than they should have */
        struct map *sets;              /* replicas -> struct tally_set, owned */
    } tally;
    uint32_t repair_tokens; /* decided jobs that may be taken over this second */
    struct timer digest_timer;
    struct timer scrub_timer;
    struct id scrub_at;  /* where its walk goes on; zero: at the first job */
    uint64_t scrub_owed; /* jobs to be looked at, times `scrub_ms` */
    struct request *requests;
    uint64_t next_request;
    struct gather *gathers;

    struct wait *waits;
    struct purged_home *purged;
    struct map *purged_keys;

    bool draining;
    bool drained;
    bool drain_killed;
    uint32_t drain_heirless; /* waiting jobs that no other replica can take over */
    bool left;
    struct timer drain_timer;
    uint64_t drain_end_ns;
    uint64_t store_used, store_max;
    enum mesh_disk disk;
    struct ability {
        uint8_t *list; /* owned: the encoded list of this node's languages; NULL: not told yet */
        size_t len;
        uint8_t n_own;
        bool stale;           /* what peers have has changed: some of it may not be known by name */
        bool dirty;           /* and is not what stands in `elsewhere` */
        uint64_t mute_end_ns; /* until then some peer may yet say that it has it */
        uint8_t n_others;
        struct member_language own[LIMIT_LANGUAGES];
        struct map *elsewhere; /* owned: what others have; NULL: was not asked for yet */
        struct ability_other {
            struct message_language language; /* its profile is owned */
            struct member_language key;
            struct id from; /* who described it */
            bool old;       /* and may by now have another */
        } others[LIMIT_LANGUAGES];
    } ability;
    struct message_stats stats; /* the counters; gauges are made on demand */
    struct stat_ring *ring;
    struct meters meters;
};
#endif
