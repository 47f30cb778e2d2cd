/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_ABILITY_H
#define MESH_ABILITY_H
/*
 * Which languages this node can run, and which its peers can. Each node says in its meta (see
 * mesh/member.h) what it has, by a hash of the name; the names, versions and profiles of those
 * that are not here are fetched once from a peer that has them, for clients who ask any node.
 *
 * A node runs nothing before it has said what it can run, which takes it some seconds after its
 * start; for its peers it still has what it had before. A language that no node is known to
 * have (an alias, a mistake) is tried anywhere, and fails there with a reason.
 */
#include "mesh/state.h"

/* MESH_EV_LANGUAGES: an encoded LANGUAGES_REPLY. */
void ability_told(struct mesh *m, struct span list);
/* What this node says of itself, into `meta`. */
void ability_meta(const struct mesh *m, struct member_meta *meta);
/* It has said so: until then it runs nothing. */
static inline bool ability_is_told(const struct mesh *m)
{
    return m->ability.list != NULL;
}
struct member_language ability_language(const struct job *j);
bool ability_here(const struct mesh *m, struct member_language l);
bool ability_of(const struct mesh *m, const struct id *nid, struct member_language l);
/* Another node is known to have it, or has come lately and may yet say so. One that is down, or
 * was drained, is expected back. */
bool ability_elsewhere(struct mesh *m, struct member_language l);

/* A random peer that is up and has it; or false. */
bool ability_somebody(struct mesh *m, struct member_language l, struct id *ret_peer);

/* What some peer can run, or whether it is expected back, has changed. */
void ability_changed(struct mesh *m);
/* A peer has begun a new life: what it once said of its languages may be out of date. */
void ability_reborn(struct mesh *m, const struct id *nid);
/* Once a second: does what the changes since ask for. */
void ability_tick(struct mesh *m);

/* Answers LANGUAGES: what the mesh can run, as far as is known here. */
void ability_answer(struct mesh *m, const struct asker *who);
void ability_on_get(struct mesh *m, const struct id *from, struct wire_reader *r);
void ability_on_list(struct mesh *m, const struct id *from, struct wire_reader *r);
void ability_done(struct mesh *m);
#endif
