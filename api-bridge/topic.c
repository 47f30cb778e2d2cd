/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a topic keeps its last events in `events`, numbered from `first`; each
 * follower has the number of the next one it needs.
 *
 *     WATCH --event--> events[] --> dirty --pump, a share per ms--> followers
 *
 * Between two shares the loop sleeps when nothing else is to be done. One that never does makes
 * the node beside it wait for the scheduler's tick, and a request waits for that several times.
 *
 * The pump goes through a topic's followers from `at`; when it came to the end and nothing new
 * has come, the topic is clean and its old events are dropped. A follower that is not ready is
 * passed over, and its events are kept for it, up to TOPIC_EVENTS_MAX and TOPIC_BYTES_MAX; then
 * the oldest go, and it is told of the gap.
 */
#include "api-bridge/topic.h"

#include "base/map.h"
#include "base/own.h"

#include <errno.h>

enum {
    TOPIC_EVENTS_KEPT = LIMIT_EVENTS_PER_JOB,
    TOPIC_EVENTS_MAX = 4096,
    TOPIC_BYTES_MAX = 2 * LIMIT_MIB,
    TOPIC_WRITES_PER_TURN = 128,
    TOPIC_PAUSE_MS = 1,
    TOPIC_KEY = ID_SIZE + LIMIT_NAME + 1,
};

struct api_topic {
    struct api_topics *all;
    struct id jid;
    uint8_t key[TOPIC_KEY];
    bool shared;     /* in the map: others may join; one of a job and tenant at most */
    bool decided;    /* the last event is in */
    bool dirty;      /* in the pump's list */
    bool more;       /* events came since the pump started its round */
    uint64_t number; /* of the WATCH; 0 = over */
    uint64_t base;   /* seq of the event before the first one kept */
    uint64_t first;
    size_t n, cap;
    size_t bytes;
    uint64_t low;              /* the least position of a follower, found in this round */
    struct api_event **events; /* owned */
    struct api_sub *subs, *last;
    struct api_sub *at;
    struct api_topic *next_dirty;
};

struct api_topics {
    struct api_link *link;
    struct map *by_key;
    api_topic_ready ready;
    api_topic_deliver deliver;
    uv_timer_t *turn; /* of the pump; freed when closed */
    struct api_topic *dirty, *dirty_last;
    struct api_topic *pumping; /* not to be freed now */
};

static void pump(uv_timer_t *h);

struct api_topics *api_topics_new(uv_loop_t *loop, struct api_link *link, api_topic_ready ready,
                                  api_topic_deliver deliver)
{
    struct api_topics *t = own_calloc(1, sizeof(*t));

    t->link = link;
    t->ready = ready;
    t->deliver = deliver;
    t->by_key = map_new(uv_hrtime());
    t->turn = own_calloc(1, sizeof(*t->turn));
    (void)uv_timer_init(loop, t->turn);
    t->turn->data = t;
    return t;
}

static void on_closed(uv_handle_t *h)
{
    free(h);
}

void api_topics_free(struct api_topics *t)
{
    if (!t)
        return;
    uv_close((uv_handle_t *)t->turn, on_closed);
    map_free(t->by_key);
    free(t);
}

static void dirty_remove(struct api_topic *p)
{
    struct api_topics *t = p->all;
    struct api_topic **slot = &t->dirty, *before = NULL;

    while (*slot && *slot != p) {
        before = *slot;
        slot = &before->next_dirty;
    }
    if (!*slot)
        return;
    *slot = p->next_dirty;
    if (t->dirty_last == p)
        t->dirty_last = before;
    p->next_dirty = NULL;
    p->dirty = false;
}

static void topic_unshare(struct api_topic *p)
{
    if (p->shared)
        (void)map_del(p->all->by_key, p->key, sizeof(p->key));
    p->shared = false;
}

/* Others join this one from now on, and not the one that was there, which began later. */
static void topic_share(struct api_topic *p)
{
    struct api_topic *old = map_get(p->all->by_key, p->key, sizeof(p->key));

    if (old)
        topic_unshare(old);
    (void)map_set(p->all->by_key, p->key, sizeof(p->key), p);
    p->shared = true;
}

static void topic_free(struct api_topic *p)
{
    struct api_topics *t = p->all;

    if (p->dirty)
        dirty_remove(p);
    topic_unshare(p);
    api_link_forget(t->link, p->number);
    for (size_t i = 0; i < p->n; i++)
        free(p->events[i]);
    free(p->events);
    free(p);
}

static void topic_mark(struct api_topic *p)
{
    struct api_topics *t = p->all;

    p->more = true;
    if (p->dirty)
        return;
    p->dirty = true;
    p->at = NULL;
    if (t->dirty_last)
        t->dirty_last->next_dirty = p;
    else
        t->dirty = p;
    t->dirty_last = p;
    if (!uv_is_active((const uv_handle_t *)t->turn))
        (void)uv_timer_start(t->turn, pump, 0, 0);
}

static void drop_oldest(struct api_topic *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p->events[i]->seq)
            p->base = p->events[i]->seq;
        p->bytes -= p->events[i]->len;
        free(p->events[i]);
    }
    memmove(p->events, p->events + n, (p->n - n) * sizeof(struct api_event *));
    p->n -= n;
    p->first += n;
}

static void topic_add(struct api_topic *p, struct api_event *e)
{
    if (p->n == TOPIC_EVENTS_MAX || p->bytes + e->len > TOPIC_BYTES_MAX)
        drop_oldest(p, (p->n + 1) / 2);
    p->bytes += e->len;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 8;
        p->events = own_realloc(p->events, p->cap * sizeof(struct api_event *));
    }
    p->events[p->n++] = e;
    topic_mark(p);
}

static void on_watch(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct api_topic *p = ctx;
    struct api_event *e = f ? api_event_new_fault(&p->jid, f) : api_event_new(&m->event);

    if (f)
        topic_unshare(p); /* who comes now asks anew */
    if (f || m->event.kind == MESSAGE_EVENT_DECIDED) {
        p->number = 0;
        p->decided = true;
    }
    if (e)
        topic_add(p, e);
}

/* --- the pump ------------------------------------------------------------------------------- */

/* Gives one event to one follower; the follower may be gone after. */
static void deliver_next(struct api_topic *p, struct api_sub *s)
{
    struct api_topics *t = p->all;
    const struct api_event *e;

    if (s->pos < p->first) {
        auto_free struct api_event *gap = api_event_new_gap(&p->jid, p->base);

        s->pos = p->first;
        t->deliver(s, gap);
        return;
    }
    e = p->events[s->pos++ - p->first];
    if (e->final)
        api_topic_leave(s);
    t->deliver(s, e);
}

/* One round through the followers of a topic, as far as the budget goes. True at its end. */
static bool topic_pump(struct api_topic *p, int *budget)
{
    if (!p->at) {
        p->more = false;
        p->at = p->subs;
        p->low = UINT64_MAX;
    }
    while (p->at && *budget > 0) {
        struct api_sub *s = p->at;

        if (s->pos >= p->first + p->n || !p->all->ready(s)) {
            p->low = s->pos < p->low ? s->pos : p->low;
            p->at = s->next;
            continue;
        }
        (*budget)--;
        deliver_next(p, s);
    }
    return !p->at;
}

static void topic_clean(struct api_topic *p)
{
    uint64_t needed = p->low > p->first ? p->low - p->first : 0;
    size_t old = p->n > TOPIC_EVENTS_KEPT ? p->n - TOPIC_EVENTS_KEPT : 0;

    dirty_remove(p);
    if (!p->subs)
        topic_free(p);
    else if (old > 0)
        drop_oldest(p, needed < old ? (size_t)needed : old);
}

static void pump(uv_timer_t *h)
{
    struct api_topics *t = h->data;
    int budget = TOPIC_WRITES_PER_TURN;

    while (t->dirty && budget > 0) {
        struct api_topic *p = t->dirty;

        t->pumping = p;
        if (topic_pump(p, &budget) && !p->more)
            topic_clean(p);
        t->pumping = NULL;
    }
    if (t->dirty)
        (void)uv_timer_start(t->turn, pump, TOPIC_PAUSE_MS, 0);
}

/* --- followers ------------------------------------------------------------------------------ */

static void sub_link(struct api_topic *p, struct api_sub *s)
{
    s->topic = p;
    s->next = NULL;
    s->prev = p->last;
    *(p->last ? &p->last->next : &p->subs) = s;
    p->last = s;
}

void api_topic_resume(struct api_sub *s)
{
    if (s->topic && s->pos < s->topic->first + s->topic->n)
        topic_mark(s->topic);
}

void api_topic_leave(struct api_sub *s)
{
    struct api_topic *p = s->topic;

    if (!p)
        return;
    if (p->at == s)
        p->at = s->next;
    *(s->prev ? &s->prev->next : &p->subs) = s->next;
    *(s->next ? &s->next->prev : &p->last) = s->prev;
    s->topic = NULL;
    s->prev = s->next = NULL;
    if (!p->subs && p->all->pumping != p)
        topic_free(p);
}

static struct api_topic *topic_new(struct api_topics *t, const struct api_link_topic *what,
                                   const uint8_t key[TOPIC_KEY])
{
    struct api_topic *p = own_calloc(1, sizeof(*p));

    p->all = t;
    p->jid = what->jid;
    p->base = what->after;
    memcpy(p->key, key, sizeof(p->key));
    p->number = api_link_watch(t->link, what, on_watch, p);
    if (p->number == 0) {
        free(p);
        return NULL;
    }
    topic_share(p);
    return p;
}

static void topic_key(const struct api_link_topic *what, uint8_t ret_key[TOPIC_KEY])
{
    memset(ret_key, 0, TOPIC_KEY);
    memcpy(ret_key, what->jid.b, ID_SIZE);
    (void)snprintf((char *)ret_key + ID_SIZE, TOPIC_KEY - ID_SIZE, "%s", what->tenant);
}

bool api_topic_known(const struct api_topics *t, const struct api_link_topic *what)
{
    uint8_t key[TOPIC_KEY];
    const struct api_topic *p;

    topic_key(what, key);
    p = map_get(t->by_key, key, sizeof(key));
    return p && p->n > 0 && p->events[0]->seq > 0;
}

int api_topic_join(struct api_topics *t, const struct api_link_topic *what, struct api_sub *sub)
{
    uint8_t key[TOPIC_KEY];
    struct api_topic *p;
    size_t i = 0;

    topic_key(what, key);
    p = map_get(t->by_key, key, sizeof(key));
    if (!p || p->base > what->after)
        p = topic_new(t, what, key); /* it wants more than the one that is there has kept */
    if (!p)
        return -EBUSY;
    while (i < p->n && p->events[i]->seq <= what->after && !p->events[i]->final)
        i++;
    sub->pos = p->first + i;
    sub_link(p, sub);
    if (i < p->n)
        topic_mark(p);
    return 0;
}
