/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/list.h"

#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/owed.h"
#include "mesh/peer.h"
#include "mesh/stats.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

enum { GATHER_MS = 500, PAGE_DEFAULT = 50 };

struct gather {
    struct gather *next;
    uint64_t number;
    struct asker who;
    enum message_type type;
    uint32_t limit;
    uint32_t due; /* answers that are still to come */
    uint32_t asked;
    bool partial;
    uint32_t n;
    struct message_job *jobs;    /* owned, when listing */
    struct message_stats *stats; /* owned, when counting */
    struct timer timer;
};

bool list_is_teller(const struct mesh *m, const struct job *j)
{
    if (j->own)
        return true;
    if (!j->r.decided)
        return false;
    /* Decided: the first of its set that is up. */
    for (uint32_t i = 0; i < j->r.v.n_rset; i++)
        if (peer_up(m, &j->r.v.rset[i]))
            return id_eq(&j->r.v.rset[i], &m->cfg.nid);
    return false;
}

/* ---- pages of jobs, newest first ---- */

static bool matches(const struct mesh *m, const struct job *j, const struct message *msg)
{
    const struct origin *o = j->r.origin;
    bool tag = msg->list.tag[0] == 0;

    if (!o || !list_is_teller(m, j))
        return false;
    if (strcmp(msg->list.tenant, "*") != 0 && strcmp(msg->list.tenant, o->head.tenant) != 0)
        return false;
    if (msg->list.states && !(msg->list.states & (1u << job_state(m, j))))
        return false;
    for (uint32_t i = 0; i < o->n_tags && !tag; i++)
        tag = strcmp(origin_tag(o, i), msg->list.tag) == 0;
    return tag;
}

static int newest_first(const struct id *a, const struct id *b)
{
    return id_cmp(b, a);
}

/* Keeps the `limit` newest of what is in and `view`. */
static uint32_t page_insert(struct message_job *page, uint32_t n, uint32_t limit,
                            const struct message_job *view)
{
    uint32_t at = n;

    while (at > 0 && newest_first(&page[at - 1].jid, &view->jid) > 0)
        at--;
    if (at > 0 && id_eq(&page[at - 1].jid, &view->jid))
        return n;
    if (at == limit)
        return n;
    if (n == limit)
        n--;
    memmove(page + at + 1, page + at, (n - at) * sizeof(*page));
    page[at] = *view;
    return n + 1;
}

static uint32_t page_limit(const struct message *msg)
{
    uint32_t limit = msg->list.limit ? msg->list.limit : PAGE_DEFAULT;

    return limit < LIMIT_PAGE ? limit : LIMIT_PAGE;
}

static struct message_job *page_own(const struct mesh *m, const struct message *msg,
                                    uint32_t *ret_n)
{
    uint32_t limit = page_limit(msg);
    struct message_job *page = own_calloc(limit, sizeof(*page));
    uint32_t n = 0;

    for (struct map_item *it = map_first(m->jobs); it; it = map_next(it)) {
        const struct job *j = map_value(it);
        struct message_job view;

        if (!id_is_zero(&msg->list.cursor) && newest_first(&msg->list.cursor, &j->r.jid) >= 0)
            continue;
        if (n == limit && newest_first(&page[n - 1].jid, &j->r.jid) <= 0)
            continue;
        if (!matches(m, j, msg))
            continue;
        job_view(m, j, &view);
        n = page_insert(page, n, limit, &view);
    }
    *ret_n = n;
    return page;
}

/* What this node has to say to a LIST. Of what is owed each node gives its share: what is more than
 * fits into the answer was handed out to nobody, and would not be offered again for a minute. */
static struct message_job *page_here(struct mesh *m, const struct message *msg, uint32_t *ret_n)
{
    uint32_t limit = page_limit(msg);
    uint32_t up = members_up(m->members);

    if (!msg->list.owed)
        return page_own(m, msg, ret_n);
    return owed_take(m, limit, up < limit ? limit / (up ? up : 1) : 1, ret_n);
}

void list_serve(struct mesh *m, const struct asker *who, const struct message *msg)
{
    struct message out = {.type = MESSAGE_JOBS};

    out.jobs.jobs = page_here(m, msg, &out.jobs.n);
    if (out.jobs.n == page_limit(msg))
        out.jobs.cursor = out.jobs.jobs[out.jobs.n - 1].jid;
    watch_answer(m, who, &out);
    free(out.jobs.jobs);
}

void stats_serve(struct mesh *m, const struct asker *who)
{
    struct message out = {.type = MESSAGE_STATS_REPLY};
    struct message_stats own;

    mesh_stats_get(m, &own);
    out.stats.n = 1;
    out.stats.nodes = &own;
    watch_answer(m, who, &out);
}

/* ---- gathering ---- */

static void gather_end(struct mesh *m, struct gather *g)
{
    for (struct gather **at = &m->gathers; *at; at = &(*at)->next)
        if (*at == g) {
            *at = g->next;
            break;
        }
    timer_stop(m, &g->timer);
    free(g->jobs);
    free(g->stats);
    free(g);
}

void gather_done(struct mesh *m)
{
    while (m->gathers)
        gather_end(m, m->gathers);
}

static void gather_answer(struct mesh *m, struct gather *g)
{
    struct message out = {.type = MESSAGE_JOBS};

    if (g->type == MESSAGE_LIST) {
        out.jobs.n = g->n;
        out.jobs.jobs = g->jobs;
        out.jobs.partial = g->partial || g->due > 0;
        if (g->n == g->limit)
            out.jobs.cursor = g->jobs[g->n - 1].jid;
    } else {
        out.type = MESSAGE_STATS_REPLY;
        stats_sum(g->stats, g->n, g->asked + 1);
        out.stats.n = g->n;
        out.stats.nodes = g->stats;
    }
    watch_answer(m, &g->who, &out);
    gather_end(m, g);
}

static void gather_late(struct mesh *m, struct timer *t)
{
    gather_answer(m, HEAP_OWNER(&t->node, struct gather, timer.node));
}

static void gather_start(struct mesh *m, struct gather *g, struct span frame)
{
    g->number = m->cfg.boot << 32 | ++m->next_request;
    g->timer.fire = gather_late;
    g->next = m->gathers;
    m->gathers = g;
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (id_eq(&c->nid, &m->cfg.nid) || c->state >= MEMBER_LEFT)
            continue;
        g->asked++;
        g->due++;
        if (!member_is_up(c))
            continue;

        struct buf *b = peer_open(m, &c->nid, FRAME_FORWARD, 0);
        wire_put_uint(b, g->number);
        wire_put_bin(b, frame.data, frame.len);
    }
    if (g->due == 0)
        gather_answer(m, g);
    else
        timer_set(m, &g->timer, m->now.mono_ns + GATHER_MS * STATE_MS);
}

void list_request(struct mesh *m, const struct asker *who, struct span frame,
                  const struct message *msg)
{
    struct gather *g = own_calloc(1, sizeof(*g));

    g->who = *who;
    g->type = MESSAGE_LIST;
    g->limit = page_limit(msg);
    g->jobs = page_here(m, msg, &g->n);
    gather_start(m, g, frame);
}

void stats_request(struct mesh *m, const struct asker *who, struct span frame)
{
    struct gather *g = own_calloc(1, sizeof(*g));

    g->who = *who;
    g->type = MESSAGE_STATS;
    g->stats = own_calloc(members_len(m->members) + 2, sizeof(*g->stats));
    g->limit = members_len(m->members) + 2;
    mesh_stats_get(m, &g->stats[1]);
    g->n = 2;
    gather_start(m, g, frame);
}

static void gather_take(struct gather *g, const struct message *msg)
{
    if (msg->type == MESSAGE_JOBS && g->type == MESSAGE_LIST) {
        for (uint32_t i = 0; i < msg->jobs.n; i++)
            g->n = page_insert(g->jobs, g->n, g->limit, &msg->jobs.jobs[i]);
        g->partial = g->partial || msg->jobs.partial;
    } else if (msg->type == MESSAGE_STATS_REPLY && g->type == MESSAGE_STATS && msg->stats.n == 1 &&
               g->n < g->limit) {
        g->stats[g->n++] = msg->stats.nodes[0];
    } else {
        return;
    }
    if (g->due > 0)
        g->due--;
}

bool gather_reply(struct mesh *m, uint64_t number, const struct message *msg)
{
    for (struct gather *g = m->gathers; g; g = g->next) {
        if (g->number != number)
            continue;
        gather_take(g, msg);
        if (g->due == 0)
            gather_answer(m, g);
        return true;
    }
    return false;
}
