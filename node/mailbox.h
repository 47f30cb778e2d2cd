/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_MAILBOX_H
#define NODE_MAILBOX_H
/*
 * How the daemon's threads speak: any thread puts, one thread takes. The reader sleeps on an
 * eventfd, which is level-triggered, so a wake-up cannot be missed in libuv's loop or in
 * zmq_poll (a ZeroMQ socket's own descriptor is edge-triggered, and a full ZeroMQ pipe blocks
 * its writer: two threads that write to each other could both stop). A mailbox never blocks
 * and has no bound of its own: what is put in is bounded by who puts it.
 *
 * A letter is allocated by its writer and freed by its reader with letter_free().
 */
#include "mesh/mesh.h"

/*
 * To the actor: an event for the mesh, or, with event type MESH_EV_N, an effect to carry out. To
 * the loop: an effect to carry out there, or, with effect type MESH_FX_N, an event of a client
 * that is not the mesh's: a frame of a session, or that the client is gone.
 */
struct letter {
    struct letter *next;
    struct mesh_event event;
    struct mesh_effect effect;
    void *owned; /* what the spans above point into; freed with the letter */
};

struct letter *letter_event(enum mesh_event_type type);
/* Copies `bytes` into the letter, which it owns; *ret_span points there. */
void letter_attach(struct letter *l, struct span bytes, struct span *ret_span);
void letter_free(struct letter *l);

struct mailbox;

struct mailbox *mailbox_new(void);
/* Frees the letters left in it too. */
void mailbox_free(struct mailbox *m);
/* Readable while something is in it. */
int mailbox_fd(const struct mailbox *m);
/* Takes the letter. Any thread. */
void mailbox_put(struct mailbox *m, struct letter *l);
/* All that is in it, in the order it was put, linked by `next`; NULL = nothing. */
struct letter *mailbox_take(struct mailbox *m);
#endif
