/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_RUMOUR_H
#define MESH_RUMOUR_H
/*
 * What is said of a member: how it is written, what hearing it changes, and how often it is
 * passed on. Inside of member.h; the rules are those of SWIM section 4.2, with the refusal to
 * take a second-hand DEAD at its word when whole lists are exchanged.
 */
#include "base/err.h"
#include "mesh/roster.h"

struct rumour {
    enum member_state state;
    struct id nid;
    uint64_t incarnation;
    struct id by; /* whose word it is */
    bool has_meta;
    struct member_meta meta;
};

/* How it was heard. */
enum rumour_way {
    RUMOUR_GOSSIP, /* somebody saw it happen */
    RUMOUR_LIST,   /* somebody believes it: a DEAD is only a suspicion */
};

struct rumour rumour_of(const struct roster_entry *e);
void rumour_put(struct buf *out, const struct rumour *r);
void rumour_get(struct wire_reader *reader, struct rumour *ret_rumour);
void rumour_hear(struct members *m, const struct rumour *r, enum rumour_way way, uint64_t now_ns);

/* This node itself accuses `e`. */
void rumour_accuse(struct members *m, struct roster_entry *e, uint64_t now_ns);
/* The time of a suspicion is up. */
void rumour_expire(struct members *m, struct roster_entry *e, uint64_t now_ns);
/* `e` is up, or gone, since now: another of its name may be replaced by it, or it by another. */
void rumour_settle(struct members *m, struct roster_entry *e, uint64_t now_ns);
/* This node has something new to say of itself, or of `e`. */
void rumour_spread(struct members *m, struct roster_entry *e);

/* Writes an array of rumours: `first` (may be NULL), then those sent least so far. */
void rumour_put_some(struct members *m, struct buf *out, const struct roster_entry *first);
/* Everybody, as a list. */
void rumour_put_all(const struct members *m, struct buf *out);
/* Reads an array of at most `max` and hears all of it, or nothing when one is bad. */
void rumour_get_some(struct members *m, struct wire_reader *r, uint32_t max, enum rumour_way way,
                     uint64_t now_ns);
/* `e` sends us frames though it is taken for gone here: let it know, so that it can deny. */
void rumour_remind(struct members *m, struct roster_entry *e, uint64_t now_ns);
#endif
