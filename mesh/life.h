/* SPDX-License-Identifier: MPL-2.0 */
#ifndef MESH_LIFE_H
#define MESH_LIFE_H
/*
 * The lives of a disk, and how a disk that went back in time is found out. Each start of a
 * node is a life: the boot number, a number drawn at random for this start alone, and how much
 * the disk held when it began. A node keeps its last lives on its disk and tells them to every
 * peer it greets. The peer compares them with the life it met last: one that is not among them,
 * or that stored more than its successor began with, is a past this disk does not remember.
 *
 * A node that started with a disk takes part in no quorum until its peers have confirmed it,
 * see life_confirmed().
 */
#include "mesh/wire.h"

struct mesh;
struct peer;

enum { LIFE_MAX = 32 };

struct life {
    uint64_t boot;  /* 0: none */
    uint64_t start; /* 0: told in version 1, which has none */
    uint64_t generation;
};

/* Oldest first. */
struct lives {
    uint32_t n;
    struct life at[LIFE_MAX];
};

/* What a START message says: one at most in a frame, behind its HELLO. */
struct greeting {
    bool said;
    uint32_t version_min, version_max; /* of the frames its sender reads */
    uint64_t echo;                     /* the start of ours that it has confirmed; 0: none */
    struct lives lives;
};

/* True when a disk that tells these lives still has all that `known` had told of it. */
bool life_follows(const struct lives *told, const struct life *known);

/* Before the start: the lives on the disk. 0 or -EBADMSG. */
int life_load(struct mesh *m, struct span bytes);
/* Begins this one. Nobody may be greeted before it is durable: life_stored(). */
void life_begin(struct mesh *m);
bool life_stored(const struct mesh *m);
uint64_t life_start(const struct mesh *m);

/* Writes START to whoever listens, or to `p`: with its start, when it is confirmed. */
void life_say(const struct mesh *m, struct buf *b, const struct peer *p);
/* Looks for START in the rest of a frame, without moving `r`. */
void life_hear(const struct wire_reader *r, struct greeting *ret_greeting);

/* This node may vote: promise, accept, take over, own new jobs. A disk that never lived before
 * may at once. Else every peer that may have counted a vote of it must have confirmed it: a
 * forgotten vote may have been told to any single one of them. */
bool life_confirmed(const struct mesh *m);
/* A peer confirmed this life, or told whom it knows. */
void life_progress(struct mesh *m);

/* Peers' lives, on this disk: stored with whatever their votes lead to. */
void life_remember(struct mesh *m);
void life_remember_put(struct mesh *m, struct peer *p);
bool life_is_later(const struct life *a, const struct life *b);
void life_remember_load(struct mesh *m, struct span key, struct span bytes);
#endif
