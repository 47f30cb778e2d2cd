/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_SESSION_STATE_H
#define API_SESSION_STATE_H
/* What session.c and session_order.c share of one session; nobody else includes it. */
#include "api-bridge/json.h"
#include "api-bridge/quota.h"
#include "api-bridge/relay.h"
#include "api-bridge/session.h"
#include "api-bridge/websocket.h"
#include "api-bridge/work.h"

enum {
    API_SESSION_WINDOW = 96 * LIMIT_KIB,      /* of output */
    API_SESSION_MESSAGE_MAX = 64 * LIMIT_KIB, /* of any but the first */
};

enum session_state { SESSION_WAITING, SESSION_SEEKING, SESSION_OPEN };

struct session {
    struct session *prev, *next;
    struct api_sessions *all;
    struct api_websocket *ws;
    struct api_talk *talk;               /* from SEEKING on */
    struct api_session_opening *opening; /* WAITING: the first message is read */
    struct api_quota_key key;
    char tenant[LIMIT_NAME + 1];
    enum session_state state;
    bool tty;
    bool started;           /* its program: signals have somebody to reach */
    uint64_t signals;       /* bit per number: that wait for it, each once */
    bool resized;           /* to this size, which waits for a node */
    uint32_t rows, columns; /* of the terminal */
    uint64_t due_ms;        /* WAITING: for the first message */
    struct message_flow in;
    struct message_flow out; /* the node's */
    struct buf input;
    bool input_last, input_done; /* its end is due; was sent */
    uint64_t second_ms;          /* when `orders` were counted anew */
    unsigned orders;             /* text messages: they wait for no credit */
    uint64_t beat_ms;            /* of the next ping */
    uint64_t received;           /* when the last ping was sent */
    unsigned unanswered;         /* pings */
    uint64_t stalled_ms;         /* since when it does not read; 0 = it does */
};

/* The first message while it is read: a whole job, which may be large. Frees itself. */
struct api_session_opening {
    struct session *s; /* NULL: it is no more */
    struct api_work work;
    struct buf text;
    struct buf kept; /* what came meanwhile, each with a head */
    struct api_json *tree;
    struct api_fault fault;
};

struct api_sessions {
    struct api_server *server;
    struct api_relay *relay;
    struct session *first, *last;
};

/* session.c */
extern const struct api_talk_events api_session_talk_events;
/* Sends the node what it has room for; reads from the client once nothing is left. */
void api_session_pump(struct session *s);
void api_session_close(struct session *s, unsigned code, const char *reason);
/* 0, or negative: the session is no more. */
int api_session_error(struct session *s, const struct api_fault *f);
/* Says what is wrong and ends it. */
void api_session_refuse(struct session *s, unsigned code, const struct api_fault *f);

/* A message from the client. */
void api_session_message(struct session *s, bool text, struct span bytes);

/* session_order.c: a text message from the client. The first is read in a worker when it is large;
 * reading stops until then. */
void api_session_order(struct session *s, struct span text);
/* Sends what was asked for when there was nobody to send it to, if there is now. */
void api_session_forward(struct session *s);
/* Of what was read already, while `opening`. 0 or -ENOBUFS. */
int api_session_keep(struct session *s, bool text, struct span bytes);
#endif
