/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_LINK_H
#define NODE_LINK_H
/*
 * ZeroMQ, as this project uses it: ROUTERs that listen, DEALERs that dial, CURVE on all of them
 * when the cluster has a key. A message has one part for each frame in it. Every frame may be
 * lost: nothing is sent again here. A link belongs to one thread; link_init() and link_done() to
 * the main one.
 *
 * The cluster has one secret key: it is the server's key of every listener and the client's
 * key of every dialler, and a ZAP handler (czmq's zauth) admits that key and no other. Without
 * a ZAP handler CURVE would admit anybody, hence link_selftest().
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

#include <stdbool.h>

enum link_kind {
    LINK_CONTROL, /* between peers */
    LINK_BULK,    /* between peers: specs and results */
    LINK_CLIENT,
    LINK_KIND_N
};

enum link_state { LINK_CONNECTING, LINK_OPEN, LINK_BROKEN };

enum { LINK_NAME_MAX = 32 };

struct link;

struct link_frame {
    uint8_t from[LINK_NAME_MAX]; /* who, as the listener names it; empty on a dialled link */
    size_t from_len;
    struct span data;
    _Alignas(16) uint8_t message[64]; /* holds `data` */
};

/* Before anything else. `key_file` NULL or "": no encryption and no authentication. */
int link_init(const char *key_file, struct err *err);
void link_done(void);
bool link_secured(void);
/* A new cluster secret into a new file, mode 0400. */
int link_keygen(const char *key_file, struct err *err);
/* Listens on loopback and proves that a stranger's key and no key at all are refused, and that
 * ours is not. 0 at once when there is no key. */
int link_selftest(struct err *err);

/* NULL on error. */
struct link *link_listen(enum link_kind kind, const char *endpoint, struct err *err);
/* `self`: the name the listener shall know us by; NULL = it chooses one. */
struct link *link_dial(enum link_kind kind, const char *endpoint, const struct id *self,
                       struct err *err);
void link_free(struct link *l);

/* 0; -EAGAIN: no room or not connected; -EHOSTUNREACH: `to` is gone. `to` is ignored by a
 * dialled link. */
int link_send(struct link *l, struct span to, struct span frame);
/* The same for frames that leave together, in one message of several parts: it costs one
 * wake-up of whoever reads them. */
int link_send_many(struct link *l, struct span to, const struct span *frames, uint32_t n);
/* 0, then link_frame_done() is due; -EAGAIN: nothing there. */
int link_recv(struct link *l, struct link_frame *ret_frame);
void link_frame_done(struct link_frame *f);
/* How a dialled link fares. BROKEN is final: free it and dial again. */
enum link_state link_state(struct link *l);
/* A name for one connection of `self`, different each time. */
size_t link_name(const struct id *self, uint8_t ret_name[LINK_NAME_MAX]);
/* 0 and whose name it is, or -EINVAL. */
int link_name_parse(const uint8_t *name, size_t len, struct id *ret_self);

/* One thing to wait for. */
struct link_wait {
    struct link *link; /* a frame can be read; of a link with `watch`: its state changed */
    bool watch;
    int fd;     /* when `link` is NULL */
    bool ready; /* out */
};
/* Returns when one is ready or after `timeout_ms`. */
void link_wait(struct link_wait *items, uint32_t n, int timeout_ms);

/* A thread of its own (czmq's zactor) that runs `main`, which must call link_actor_ready()
 * once, and return when link_actor_ended(). */
struct link_actor;
struct link_actor *link_actor_new(void (*main)(struct link_actor *self, void *ctx), void *ctx);
/* Asks it to end and waits. */
void link_actor_free(struct link_actor *a);
void link_actor_ready(struct link_actor *a);
bool link_actor_ended(struct link_actor *a);
/* What link_wait() waits for to notice the end. */
struct link *link_actor_link(struct link_actor *a);
#endif
