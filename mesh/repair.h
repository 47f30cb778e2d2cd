/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_REPAIR_H
#define MESH_REPAIR_H
/*
 * Jobs this node does not own: watching over the owner, taking over when it is gone, asking
 * for what was missed.
 */
#include "mesh/state.h"

/* The job has no part here that drives it: sets what it watches for. */
void repair_watch(struct mesh *m, struct job *j);
void repair_due(struct mesh *m, struct job *j);
uint64_t repair_next(const struct mesh *m, const struct job *j);
/* A member's state changed. */
void repair_member_changed(struct mesh *m, const struct id *nid, enum member_state state);
/* A replica told its state: acts when this node is the one behind. */
void repair_behind(struct mesh *m, struct job *j, const struct id *from,
                   const struct record *theirs);
/* All that was loaded is: begins where the last life ended. */
void repair_start(struct mesh *m, struct job *j);

/* Tells `to` that this node has nothing of a job, or cannot read what it has. */
void repair_none(struct mesh *m, const struct id *jid, const struct id *to);

void repair_on_ask(struct mesh *m, const struct id *from, struct wire_reader *r);
void repair_on_none(struct mesh *m, const struct id *from, struct wire_reader *r);
void repair_on_handover(struct mesh *m, const struct id *from, struct wire_reader *r);
#endif
