/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_SESSION_H
#define API_SESSION_H
/*
 * WS /api/sessions: a program that is talked to while it runs. The protocol, "arena.session.v1":
 *
 *   client                                        server
 *   {"type":"open","job":{...},"tty":{...}?}  ->
 *                                             <-  {"type":"opened","node":...}
 *                                             <-  {"type":"started"}
 *   binary: 0, then bytes of stdin            ->
 *                                             <-  binary: 1 stdout, 2 stderr, 3 compiler, bytes
 *   {"type":"eof"}                            ->
 *   {"type":"signal","signal":"SIGINT"}       ->
 *   {"type":"resize","rows":50,"columns":132} ->  (with "tty" only)
 *   {"type":"close"}                          ->
 *                                             <-  {"type":"error","error":{...}}
 *                                             <-  {"type":"exit","verdict":...}, and close 1000
 *
 * What comes before the session is open is kept until it is; a signal, until the program runs. Of
 * sizes the last counts, and several of one signal are one. A close ends it at once.
 *
 * `job` is the body of POST /api/execute, without what a session has no use for. A program that
 * is never read from stands still; a client that sends faster than its program reads is not read
 * from. Close codes beyond those of RFC 6455 are in the table below. Belongs to its loop.
 */
#include "api-bridge/exchange.h"

/* X(id, code, reason) */
#define API_SESSION_CODES(X)                                                                       \
    X(REFUSED, 4000, "the job was refused")                                                        \
    X(NO_SLOT, 4001, "no node has a free slot")                                                    \
    X(LOST, 4002, "the node is lost")                                                              \
    X(IDLE, 4003, "nothing was said for too long")                                                 \
    X(DRAINING, 4004, "the node is leaving")                                                       \
    X(BROKEN, 4005, "the sandbox failed")                                                          \
    X(LATE, 4006, "the first message did not come in time")

enum api_session_code {
#define X(id, code, reason) API_SESSION_##id = (code),
    API_SESSION_CODES(X)
#undef X
};

struct api_sessions;

struct api_sessions *api_sessions_new(struct api_server *server);
/* Closes what is left. */
void api_sessions_free(struct api_sessions *all);
/* Four times a second. */
void api_sessions_tick(struct api_sessions *all);
#endif
