/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_RELAY_H
#define NODE_RELAY_H
/*
 * Two programs that talk through pipes, and somebody who writes down what is said, in the order
 * in which it was heard. A side that closes its output closes the other's input; one that does
 * not listen is waited for. Never blocks. Used by the loop's thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include "node/loop.h"

struct relay;

/* The sides; what RELAY_PROGRAM says is marked '>' in the transcript, the other's '<'. */
enum relay_side { RELAY_PROGRAM, RELAY_JUDGE, RELAY_SIDES };

/* What one side gets as its standard input and output. */
struct relay_ends {
    int in, out;
};

/* `most` bytes are written down. NULL with `err` when there are no pipes left. The ends are the
 * caller's, who closes them once they are handed to the sides. */
struct relay *relay_new(struct loop *l, size_t most, struct relay_ends ret_ends[RELAY_SIDES],
                        struct err *err);
void relay_free(struct relay *r);
/* Both sides are dead: takes what is still on its way, and hands the transcript over (to be freed):
 * every line with its side's mark and a space before it. True when there was more. */
bool relay_transcript(struct relay *r, struct span *ret_said);
#endif
