/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_API_FAKEWIRE_H
#define TESTS_API_FAKEWIRE_H
/*
 * Wires that the test holds the other ends of: it stands in for api-bridge/peer.c, and keeps what
 * was sent. A wire is named by its place in the order in which they were made.
 */
#include "api-bridge/peer.h"
#include "mesh/message.h"

enum { FAKEWIRES_MAX = 4, FAKEWIRE_SENT_MAX = 16 };

struct api_peer {
    char endpoint[LIMIT_ENDPOINT + 1];
    const struct api_peer_events *events;
    void *ctx;
    bool up;
    unsigned n_sent;
    struct {
        enum message_type type;
        uint64_t token;
        uint64_t seen; /* of what is about a job */
        int number;    /* of a signal; of a resize, the rows */
    } sent[FAKEWIRE_SENT_MAX];
};
extern struct api_peer fakewires[FAKEWIRES_MAX];
extern unsigned n_fakewires; /* a test sets it to 0 to begin anew */

/* A message comes. */
void fakewire_says(unsigned wire, struct message m);
/* It is connected, says HELLO and is welcome; it is lost. */
void fakewire_up(unsigned wire);
void fakewire_down(unsigned wire);
#endif
