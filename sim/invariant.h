/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SIM_INVARIANT_H
#define SIM_INVARIANT_H
/*
 * What must always be true, by name. Each is checked where it can first be seen to break: as a
 * record becomes durable, as a frame leaves, as a client is answered, at rest. The first
 * violation ends the run and is reported with everything needed to see it again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_world;
struct sim_host;

/* X(id, name, sentence) */
#define SIM_INVARIANTS(X)                                                                          \
    X(I1, "AckedDurable",                                                                          \
      "when a client is told that its job is kept, a majority of the job's replica set has it on " \
      "synced storage")                                                                            \
    X(I2, "NoAckedLoss", "an acknowledged job is never lost while losses stay within budget")      \
    X(I3, "OneTerminal", "a job has at most one decided end, over all nodes and all time")         \
    X(I4, "TerminalSticky",                                                                        \
      "a decision never changes or vanishes before its purge, and no client sees an end before "   \
      "it "                                                                                        \
      "is decided")                                                                                \
    X(I5, "BallotUnique",                                                                          \
      "a ballot and version stand for one value, and no node uses a ballot again after a restart") \
    X(I6, "PromiseMonotone",                                                                       \
      "a durable promise never goes back, and nothing is accepted below it")                       \
    X(I7, "QuorumIntersect",                                                                       \
      "once a majority of every set in force holds an end, no later ballot accepts anything else") \
    X(I8, "JoinLaws",                                                                              \
      "joining records is idempotent, commutative and associative, and encoding loses nothing")    \
    X(I9, "NoResurrect",                                                                           \
      "a record is removed only when its whole replica set holds the decision, and never returns") \
    X(I10, "CancelEffective",                                                                      \
      "a job whose cancel was confirmed ends cancelled, unless its end was on its way before")     \
    X(I11, "BoundedExec",                                                                          \
      "a job starts no more often than its attempts, takeovers and stalls allow, and never on a "  \
      "node that knows its end")                                                                   \
    X(I12, "DurableBeforeSend", "a vote leaves a node only when what it says is on its disk")      \
    X(I13, "NoAmnesia", "a node whose disk went back in time does not vote under its old name")    \
    X(I14, "Convergence",                                                                          \
      "at rest all replicas of a job are equal, no set is in change, nothing is under-replicated") \
    X(I15, "Liveness", "without faults every acknowledged job ends, and no work is left behind")   \
    X(I16, "MembershipSane",                                                                       \
      "after the faults all views agree that everyone is alive, and clusters never merge")         \
    X(I17, "DedupeStrict", "one idempotency key makes one job")                                    \
    X(I18, "Bounded", "frames, effects of a step, timers, runs and links stay within limits")      \
    X(I19, "StatsConserve", "gauges add up to the live jobs at rest, and counters never go back")  \
    X(I20, "HandoverClean", "a peer that says it is drained owns no live job")                     \
    X(I21, "LanguageFits", "a job starts only on a peer that has its language")                    \
    X(CRASH, "NoCrash", "no assertion fails and nothing is read that must not be")                 \
    X(TWICE, "Deterministic", "the same seed gives the same history")

enum sim_invariant {
#define X(id, name, text) SIM_##id,
    SIM_INVARIANTS(X)
#undef X
        SIM_INVARIANT_N
};

struct sim_violation {
    bool found;
    enum sim_invariant which;
    uint64_t step;
    uint64_t at_ns;
    char text[400];
};

const char *sim_invariant_id(enum sim_invariant i);
const char *sim_invariant_name(enum sim_invariant i);
const char *sim_invariant_text(enum sim_invariant i);
/* Notes a violation; only the first counts. */
void sim_violate(struct sim_world *w, enum sim_invariant which, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* After each step of a host, before its effects are carried out. */
void sim_invariant_step(struct sim_world *w, struct sim_host *h, uint32_t n_effects);

/* --- at rest (sim/rest.c) -------------------------------------------------------------------- */
/* True when everything has come to rest: worth asking sim_rest_check(). Else says what has not. */
bool sim_rest_reached(struct sim_world *w, char *why, size_t size);
/* The operator forgets disks that are gone, where a job cannot go on without that. */
void sim_rest_forget(struct sim_world *w);
/* Writes to the trace what the disks say of every job; for when rest does not come. */
void sim_rest_tell(struct sim_world *w);
/* Judges what only holds at rest. */
void sim_rest_check(struct sim_world *w);
/* `h` says that nothing on it is needed any more. */
void sim_rest_drained(struct sim_world *w, struct sim_host *h);
/* Join laws over records that stand on the disks. */
void sim_laws_check(struct sim_world *w);
#endif
