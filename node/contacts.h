/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_CONTACTS_H
#define NODE_CONTACTS_H
/*
 * The two kinds of counterpart the actor's sockets have: peers, whom we dial (a control and a
 * bulk link each, by the mesh's number), and clients, who dial us (a ZeroMQ name each, by our
 * number). The actor's thread only.
 */
#include "mesh/mesh.h"
#include "node/link.h"

struct contacts;

struct contacts *contacts_new(const struct id *self);
void contacts_free(struct contacts *p);
/* A link that cannot be dialled is reported down, like one that breaks. */
void contacts_connect(struct contacts *p, uint64_t link, const char *endpoint);
void contacts_disconnect(struct contacts *p, uint64_t link);
/* Lost when there is no such link or no room. */
void contacts_send(struct contacts *p, uint64_t link, enum mesh_lane lane, struct span frame);
/* The things to wait for: `extra` cleared ones for the caller, then the links' own. Lent
 * until the next call. */
struct link_wait *contacts_wait(struct contacts *p, uint32_t extra, uint32_t *ret_n);
/* When a link that does not open must be given up, in mono ns; UINT64_MAX = none. */
uint64_t contacts_deadline(const struct contacts *p);
/* Finds out which links opened or broke; those that broke are closed. */
void contacts_look(struct contacts *p, uint64_t now_ns);
/* The changes found, one a call; false = no more. */
bool contacts_take_change(struct contacts *p, uint64_t *ret_link, bool *ret_up);

struct clients;

struct clients *clients_new(uint64_t seed);
void clients_free(struct clients *c);
/* The number of the one with this name, a new one for a new name. */
uint64_t clients_number(struct clients *c, struct span name);
/* Empty for a number that is gone. */
struct span clients_name(struct clients *c, uint64_t client);
void clients_gone(struct clients *c, uint64_t client);
/* Those that went, one a call; false = no more. */
bool clients_take_gone(struct clients *c, uint64_t *ret_client);
#endif
