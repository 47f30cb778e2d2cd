/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_LIVE_STATE_H
#define NODE_LIVE_STATE_H
/* What live.c and live_flow.c share of one session; nobody else includes it. */
#include "node/live.h"

enum {
    LIVE_WINDOW = 128 * LIMIT_KIB, /* of input */
};

enum live_state {
    LIVE_COMPILING,
    LIVE_STARTING,
    LIVE_RUNNING,
    LIVE_LEAVING,
    LIVE_OVER,
};

/* One end of a pipe, or of the terminal. */
struct live_port {
    struct live *live;
    enum message_stream stream;
    int fd;
    struct loop_watch *watch;
};

struct live {
    const struct live_env *env;
    uint64_t client;
    uint64_t token;
    enum live_state state;
    uint8_t *bytes; /* that `spec` points into */
    struct spec spec;
    bool has_spec;
    struct program program;
    struct slot *slot; /* NULL = not in one */
    bool tty;
    uint16_t rows, columns;
    struct live_port in, out, err;
    struct buf input;
    bool input_last;              /* no more comes behind it */
    bool mid_line;                /* of what was typed last */
    struct message_flow taken;    /* of the client's DATA */
    struct message_flow sent;     /* of ours */
    uint64_t printed, output_max; /* bytes */
    bool overflow;
    bool ending;               /* before its time */
    struct message_closed end; /* its `why` is ENDED unless it was ended before its time */
    uint64_t active_ms, heard_ms;
};

/* live_flow.c */
void live_send(struct live *s, struct message *m);
void live_say(struct live *s, enum message_type type);
/* As much as the client has room for now: for what a compiler says, which is short. */
void live_data_some(struct live *s, enum message_stream stream, struct span bytes);
/* Takes the descriptor. */
int live_port_open(struct live_port *p, int fd, bool writes);
void live_port_close(struct live_port *p);
void live_ports_close(struct live *s);
/* The client's DATA; what the program may read of it now. */
void live_input(struct live *s, const struct message *m);
void live_input_flush(struct live *s);
void live_credit(struct live *s, uint64_t upto);
/* Says SESSION_CLOSED. */
void live_finish(struct live *s);
/* Of one that is leaving: finishes it when nothing is left to be sent. */
void live_settle(struct live *s);
#endif
