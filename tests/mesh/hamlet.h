/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_MESH_HAMLET_H
#define TESTS_MESH_HAMLET_H
/*
 * A few meshes on a perfect virtual network, disk and clock, for unit tests. Frames arrive in
 * order after HAMLET_LINK_MS, batches are durable after HAMLET_SYNC_MS; runs end when the test
 * says so, or by themselves after `run_ms`. Crashes lose what was not synced. The simulator
 * (sim/) is the place for faults.
 */
#include "mesh/inspect.h"
#include "mesh/mesh.h"
#include "mesh/store.h"

enum {
    HAMLET_MAX = 9,
    HAMLET_LINK_MS = 1,
    HAMLET_SYNC_MS = 2,
    HAMLET_SCRUB_MS = 10000,
    HAMLET_ANSWERS = 4096
};

struct hamlet_answer {
    int node;
    struct message msg; /* decoded; borrows from `bytes` */
    uint8_t *bytes;
};

struct hamlet;
struct hamlet *hamlet_new(int nodes);
/* Each is told to expect so many nodes, not `nodes`. */
struct hamlet *hamlet_new_expecting(int nodes, uint32_t expected);
void hamlet_free(struct hamlet *h);
/* One more node, of HAMLET_MAX at most. */
void hamlet_join(struct hamlet *h);
/* Lets the world run for so long. */
void hamlet_run(struct hamlet *h, uint64_t ms);
void hamlet_crash(struct hamlet *h, int node);
void hamlet_restart(struct hamlet *h, int node);
/* Keeps the disk as it is, all of it being durable; puts it back, after a crash. What was
 * never kept starts with a new disk. */
void hamlet_snapshot(struct hamlet *h, int node);
void hamlet_roll_back(struct hamlet *h, int node);
bool hamlet_gave_up(const struct hamlet *h, int node);
/* A bit of what is stored of a job flips. */
void hamlet_rot(struct hamlet *h, int node, enum store_key kind, const struct id *jid);
bool hamlet_drained(const struct hamlet *h, int node);
/* How runs end from now on: after so long, with this outcome. */
void hamlet_runs(struct hamlet *h, uint64_t run_ms, enum mesh_outcome outcome);
uint32_t hamlet_started(const struct hamlet *h); /* runs begun so far, on all nodes */
uint32_t hamlet_killed(const struct hamlet *h);
struct mesh *hamlet_mesh(struct hamlet *h, int node);
/* What the node can run, from now on and after each start; "python" until said otherwise. NULL: it
 * does not say, from the next start on. */
void hamlet_speaks(struct hamlet *h, int node, const char *language);
void hamlet_event(struct hamlet *h, int node, struct mesh_event *e);
const struct hamlet_answer *hamlet_answers(const struct hamlet *h, uint32_t *ret_n);
uint64_t hamlet_token(struct hamlet *h);

/* tests/mesh/customer.c. */
void hamlet_languages(struct hamlet *h, int node, const char *language);
void hamlet_disk_state(struct hamlet *h, int node, enum mesh_disk state);
void hamlet_drain(struct hamlet *h, int node);
/* What a run that went well brings; the caller's. */
struct buf hamlet_result(void);
/* Sends a request to a node and returns its token. */
uint64_t hamlet_ask(struct hamlet *h, int node, struct message *msg);
uint64_t hamlet_submit(struct hamlet *h, int node, const struct spec_head *head);
uint64_t hamlet_about(struct hamlet *h, int node, enum message_type type, const struct id *jid);
uint64_t hamlet_query(struct hamlet *h, int node, const struct id *jid, uint32_t wait_ms);
/* The first answer to a token, or NULL; the n-th. */
const struct message *hamlet_answer(const struct hamlet *h, uint64_t token);
const struct message *hamlet_answer_at(const struct hamlet *h, uint64_t token, uint32_t n);
/* Submits and runs until it is accepted; its id. */
struct id hamlet_job(struct hamlet *h, int node);
enum message_state hamlet_state(struct hamlet *h, int node, const struct id *jid);
#endif
