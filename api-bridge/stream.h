/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_STREAM_H
#define API_STREAM_H
/*
 * Event streams (text/event-stream): GET /api/jobs/:id/events and GET /api/events?jobs=. An
 * event's id is the position in every job of the stream, so a client that comes back with
 * Last-Event-ID, to this bridge or another, goes on where it was; what was lost in between is
 * told by a `gap`. Belongs to its loop.
 */
#include "api-bridge/exchange.h"

struct api_streams;

struct api_streams *api_streams_new(struct api_server *s);
void api_streams_free(struct api_streams *all);
/* Sends signs of life to streams that were silent. */
void api_streams_tick(struct api_streams *all);
#endif
