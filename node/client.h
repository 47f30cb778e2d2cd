/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_CLIENT_H
#define NODE_CLIENT_H
/*
 * A program's connection to one peer: requests out, answers in (mesh/message.h). Blocking,
 * with a timeout on everything. One thread; link_init() comes first.
 */
#include "base/err.h"
#include "mesh/message.h"

struct client;

/* Connects and says hello. NULL: nobody answered within `timeout_ms`. */
struct client *client_open(const char *endpoint, uint32_t timeout_ms, struct err *err);
void client_close(struct client *c);
/* Sends a request; its token is chosen here and given back. */
int client_send(struct client *c, struct message *m, struct err *err);
/* The same with the token of an earlier one: more about that. */
int client_tell(struct client *c, const struct message *m, struct err *err);
/* Waits until a message may be there, or `fd` (-1 = none) can be read, which is then true. */
bool client_wait(struct client *c, int fd, uint32_t timeout_ms);
/* The next message, whatever it answers; lent until the next call. -ETIMEDOUT. */
int client_receive(struct client *c, uint32_t timeout_ms, const struct message **ret_message,
                   struct err *err);
/* Sends and waits for the answer. A REFUSED is an error: -EAGAIN when it may be tried again,
 * -ENOENT, -EINVAL, ..., with the peer's words. */
int client_call(struct client *c, struct message *m, uint32_t timeout_ms,
                const struct message **ret_answer, struct err *err);
#endif
