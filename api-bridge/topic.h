/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_TOPIC_H
#define API_TOPIC_H
/*
 * Jobs that are being followed: one WATCH per job, whatever the number of followers, the last
 * events for one who comes later, and the fan-out, which never writes to more than a share of
 * the followers in one turn of the loop. Belongs to its loop.
 */
#include "api-bridge/event.h"
#include "api-bridge/link.h"

struct api_topics;
struct api_topic;

/* A follower of one job; embedded in its owner. */
struct api_sub {
    struct api_topic *topic; /* NULL = follows nothing */
    struct api_sub *prev, *next;
    uint64_t pos; /* of the next event to deliver, counted within the topic */
    void *owner;
    unsigned index; /* the owner's own */
};

/* Whether a follower can take an event now; one that cannot says later that it can again. */
typedef bool (*api_topic_ready)(struct api_sub *sub);

/* Gives an event to a follower. It may leave its topics within the call, and be freed. */
typedef void (*api_topic_deliver)(struct api_sub *sub, const struct api_event *e);

struct api_topics *api_topics_new(uv_loop_t *loop, struct api_link *link, api_topic_ready ready,
                                  api_topic_deliver deliver);
/* All followers must have left. */
void api_topics_free(struct api_topics *t);

/* True when the job is followed here already and has told something: it is there, and this
 * tenant may see it. */
bool api_topic_known(const struct api_topics *t, const struct api_link_topic *what);
/* Follows a job behind the event what->after. 0, or -EBUSY when too much is under way. After a
 * final event was delivered the follower has left by itself. */
int api_topic_join(struct api_topics *t, const struct api_link_topic *what, struct api_sub *sub);
/* It can take events again. */
void api_topic_resume(struct api_sub *sub);
void api_topic_leave(struct api_sub *sub);
#endif
