/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_EVENT_H
#define API_EVENT_H
/*
 * A job's event as a browser's EventSource reads it (HTML standard, section 9.2), all but its
 * `id:` line, which differs from stream to stream: "event: NAME\ndata: {...}\n\n".
 */
#include "api-bridge/http.h"
#include "base/buf.h"
#include "mesh/message.h"

struct api_event {
    uint64_t seq; /* 0: it moves no position (an error) */
    bool final;   /* nothing comes after it */
    bool lost;    /* final for now: nobody can say more, and nothing is written of it */
    size_t len;
    char text[];
};

/* On the heap. */
struct api_event *api_event_new(const struct message_event *e);
/* The job cannot be followed any more, or not now. */
struct api_event *api_event_new_fault(const struct id *jid, const struct api_fault *f);
/* Events up to the one numbered `seq` are lost. */
struct api_event *api_event_new_gap(const struct id *jid, uint64_t seq);
#endif
