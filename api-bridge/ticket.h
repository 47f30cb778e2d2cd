/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_TICKET_H
#define API_TICKET_H
/*
 * Tickets for what a browser opens without headers of its own (EventSource, WebSocket): a client
 * that has authenticated asks for one with POST /api/stream-ticket, and gives it as ?ticket= of a
 * stream. A ticket says who asked, what it may do, and until when; it is signed (HMAC-SHA256), so
 * that any bridge with the same ARENA_TICKET_SECRET takes it. It lives for API_TICKET_S, as it may
 * end up in somebody's log, and never allows to administer. Pure functions, any thread.
 */
#include "api-bridge/http.h"
#include "base/buf.h"

struct api_route;

enum { API_TICKET_S = 60, API_TICKET_KEY = 32, API_TICKET_TEXT = 512 };

/* The key of a secret; a random one when it is "". */
int api_ticket_key(const char *secret, uint8_t ret_key[API_TICKET_KEY]);
/* Writes the text of a ticket for `who`, good until `now_s` + API_TICKET_S. */
void api_ticket_make(const uint8_t key[API_TICKET_KEY], const struct api_principal *who,
                     int64_t now_s, char out[API_TICKET_TEXT]);
/* 0, or -EACCES when it is not signed with this key, too old, or no ticket at all. */
int api_ticket_read(const uint8_t key[API_TICKET_KEY], const char *text, int64_t now_s,
                    struct api_principal *ret_who);
/* Whether a route may be opened with a ticket. */
bool api_ticket_opens(const struct api_route *route);
#endif
