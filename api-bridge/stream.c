/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a stream follows one or more topics. An event's id is the positions of all
 * its jobs (api-bridge/position.h). A stream ends when all its jobs are decided or not to be
 * found, when the server stops or no node can be asked (`bye`: the client comes back), or when
 * the client reads too slowly.
 *
 *   GET --> (one job: does it exist?) --> 200, `retry:` --> events ... --> done
 */
#include "api-bridge/stream.h"
#include "api-bridge/admission.h"
#include "api-bridge/config.h"
#include "api-bridge/metrics.h"
#include "api-bridge/position.h"
#include "api-bridge/quota.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/topic.h"
#include "api-bridge/wait.h"
#include "base/clock.h"
#include "base/own.h"

#include <errno.h>
#include <inttypes.h>

enum {
    STREAM_RETRY_MS = 2000, /* when a client should come back; up to twice that */
    STREAM_BEATS_PER_TICK = 256,
    STREAM_QUEUE_READY = 64 * LIMIT_KIB, /* with more waiting, its events wait in the topic */
};

struct stream {
    struct api_exchange *x;
    struct stream *prev, *next; /* in the order of the next sign of life */
    uint64_t beat_ms;
    uint64_t stalled_ms;   /* since when the client has not read; 0 = it reads */
    struct api_wait *wait; /* the job is being looked for */
    struct api_quota_key key;
    bool started;
    unsigned n;
    unsigned open; /* jobs that are not decided */
    struct stream_job {
        struct api_sub sub;
        struct id jid;
        uint64_t seq;
    } jobs[];
};

struct api_streams {
    struct api_server *server;
    struct api_topics *topics;
    struct stream *first, *last;
    struct buf scratch;
};

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static void list_remove(struct api_streams *all, struct stream *s)
{
    *(s->prev ? &s->prev->next : &all->first) = s->next;
    *(s->next ? &s->next->prev : &all->last) = s->prev;
    s->prev = s->next = NULL;
}

static void list_append(struct api_streams *all, struct stream *s)
{
    s->beat_ms = now_ms() + all->server->config->heartbeat_ms;
    s->prev = all->last;
    s->next = NULL;
    *(all->last ? &all->last->next : &all->first) = s;
    all->last = s;
}

static void stream_free(struct stream *s)
{
    for (unsigned i = 0; i < s->n; i++)
        api_topic_leave(&s->jobs[i].sub);
    api_wait_free(s->wait);
    api_quota_give(s->x->server->shared->streams, &s->key);
    if (s->started)
        list_remove(s->x->server->streams, s);
    free(s);
}

static void on_gone(struct api_exchange *x)
{
    stream_free(x->state);
}

static void count_drop(struct api_server *server)
{
    (void)atomic_fetch_add_explicit(&server->metrics->streams_dropped, 1, memory_order_relaxed);
}

/* The client has not read for too long. */
static void stream_drop(struct stream *s)
{
    count_drop(s->x->server);
    api_stream_drop(s->x);
}

/* 0, or negative: the stream is no more. */
static int stream_write(struct stream *s, struct span bytes)
{
    struct api_server *server = s->x->server;
    int r = api_stream_write(s->x, bytes);

    if (r == -ENOBUFS)
        count_drop(server);
    return r;
}

static void stream_end(struct stream *s, const char *farewell)
{
    struct api_exchange *x = s->x;

    if (stream_write(s, span_of(farewell)) < 0)
        return;
    stream_free(s);
    api_stream_end(x);
}

/* The clients of a bridge do not all come back at the same moment. */
static uint64_t retry_ms(const struct stream *s)
{
    return STREAM_RETRY_MS + rng_below(&s->x->server->rng, STREAM_RETRY_MS);
}

/* The client is to come back. */
static void stream_bye(struct stream *s)
{
    char text[80];

    (void)snprintf(text, sizeof(text), "retry: %" PRIu64 "\nevent: bye\ndata: {}\n\n", retry_ms(s));
    stream_end(s, text);
}

static void on_stop(struct api_exchange *x)
{
    if (((struct stream *)x->state)->started) {
        stream_bye(x->state);
        return;
    }
    stream_free(x->state);
    api_answer_code(x, API_FAULT_DRAINING);
}

static void put_id(const struct stream *s, struct buf *out)
{
    uint64_t seqs[API_POSITIONS_MAX];

    for (unsigned i = 0; i < s->n; i++)
        seqs[i] = s->jobs[i].seq;
    (void)buf_puts(out, "id: ");
    (void)api_positions_write(seqs, s->n, out);
    (void)buf_putc(out, '\n');
}

static bool is_ready(struct api_sub *sub)
{
    struct stream *s = sub->owner;

    if (api_stream_queued(s->x) < STREAM_QUEUE_READY)
        return true;
    if (s->stalled_ms == 0)
        s->stalled_ms = now_ms();
    return false;
}

static void on_drained(struct api_exchange *x)
{
    struct stream *s = x->state;

    s->stalled_ms = 0;
    for (unsigned i = 0; i < s->n; i++)
        api_topic_resume(&s->jobs[i].sub);
}

/* An event of one of the stream's jobs. */
static void on_event(struct api_sub *sub, const struct api_event *e)
{
    struct stream *s = sub->owner;
    struct api_streams *all = s->x->server->streams;

    if (e->lost) {
        stream_bye(s);
        return;
    }
    if (e->seq)
        s->jobs[sub->index].seq = e->seq;
    buf_reset(&all->scratch);
    put_id(s, &all->scratch);
    (void)buf_put(&all->scratch, e->text, e->len);
    if (stream_write(s, buf_span(&all->scratch)) < 0)
        return;
    list_remove(all, s);
    list_append(all, s);
    if (e->final && --s->open == 0)
        stream_end(s, "event: done\ndata: {}\n\n");
}

struct api_streams *api_streams_new(struct api_server *server)
{
    struct api_streams *all = own_calloc(1, sizeof(*all));

    all->server = server;
    all->topics = api_topics_new(&server->loop, server->link, is_ready, on_event);
    buf_init(&all->scratch, API_STREAM_QUEUE_MAX * 8UL);
    return all;
}

void api_streams_free(struct api_streams *all)
{
    if (!all)
        return;
    api_topics_free(all->topics);
    buf_done(&all->scratch);
    free(all);
}

void api_streams_tick(struct api_streams *all)
{
    uint64_t now = now_ms();

    for (int i = 0; i < STREAM_BEATS_PER_TICK && all->first && all->first->beat_ms <= now; i++) {
        struct stream *s = all->first;

        list_remove(all, s);
        list_append(all, s);
        if (s->stalled_ms && now - s->stalled_ms >= all->server->config->write_ms)
            stream_drop(s);
        else if (api_stream_queued(s->x) == 0)
            (void)stream_write(s, span_of(": ping\n\n"));
    }
}

/* --- opening -------------------------------------------------------------------------------- */

static int send_head(struct stream *s)
{
    struct api_exchange *x = s->x;
    char text[48];

    api_answer_header(x, "Cache-Control", "no-cache");
    api_answer_header(x, "X-Accel-Buffering", "no");
    if (api_stream_start(x, "text/event-stream") < 0)
        return -EPIPE;
    s->started = true;
    list_append(x->server->streams, s);
    (void)snprintf(text, sizeof(text), "retry: %" PRIu64 "\n\n", retry_ms(s));
    return stream_write(s, span_of(text));
}

static void stream_start(struct stream *s)
{
    struct api_streams *all = s->x->server->streams;
    struct api_exchange *x = s->x;

    if (x->req.method == API_METHOD_HEAD) {
        stream_free(s);
        api_answer(x, 200, "text/event-stream");
        return;
    }
    if (send_head(s) < 0)
        return;
    s->open = s->n;
    for (unsigned i = 0; i < s->n; i++) {
        struct stream_job *j = &s->jobs[i];
        struct api_link_topic what = {j->jid, x->who.tenant, j->seq};

        j->sub.owner = s;
        j->sub.index = i;
        if (api_topic_join(all->topics, &what, &j->sub) == 0)
            continue;
        stream_bye(s);
        return;
    }
}

/* A Last-Event-ID that does not fit the jobs starts them all anew. */
static void read_positions(struct stream *s)
{
    struct span header = api_request_header(&s->x->req, "last-event-id");
    uint64_t seqs[API_POSITIONS_MAX] = {0};

    (void)api_positions_read(header, s->n, seqs);
    for (unsigned i = 0; i < s->n; i++)
        s->jobs[i].seq = seqs[i];
}

/* What may_open() let in. */
static struct stream *stream_new(struct api_exchange *x, const struct api_quota_key *key,
                                 const struct id *jids, unsigned n)
{
    struct stream *s = own_calloc(1, sizeof(*s) + n * sizeof(s->jobs[0]));

    s->x = x;
    s->key = *key;
    s->n = n;
    for (unsigned i = 0; i < n; i++)
        s->jobs[i].jid = jids[i];
    x->state = s;
    x->on_gone = on_gone;
    x->on_stop = on_stop;
    x->on_drained = on_drained;
    x->patient = true;
    read_positions(s);
    return s;
}

/* Takes a place for a stream, or answers. */
static bool may_open(struct api_exchange *x, struct api_quota_key *key)
{
    *key = api_quota_key(&(struct api_address){{0}}, x->who.token_hash);
    return api_admits(x, x->server->shared->streams, key, "streams");
}

static void on_found(void *ctx, const struct message_job *job, const struct api_fault *f)
{
    struct stream *s = ctx;
    struct api_exchange *x = s->x;

    (void)job;
    s->wait = NULL;
    if (!f) {
        stream_start(s);
        return;
    }
    stream_free(s);
    api_answer_fault(x, f);
}

void api_stream_job(struct api_exchange *x)
{
    struct span text = x->req.params[0];
    char word[ID_TEXT_SIZE] = "";
    struct api_quota_key key;
    struct stream *s;
    struct id jid;

    if (text.len == ID_TEXT_LEN)
        memcpy(word, text.data, text.len);
    if (id_parse(word, &jid) < 0) {
        api_answer_code(x, API_FAULT_JOB_NOT_FOUND);
        return;
    }
    if (!may_open(x, &key))
        return;
    s = stream_new(x, &key, &jid, 1);
    if (api_topic_known(x->server->streams->topics,
                        &(struct api_link_topic){jid, x->who.tenant, 0})) {
        stream_start(s); /* ten thousand who come at once do not all wait with their requests */
        return;
    }
    s->wait = api_wait_new(api_exchange_link(x), &(struct api_wait_for){jid, x->who.tenant, 0},
                           on_found, s);
    if (s->wait)
        return;
    stream_free(s);
    api_answer_code(x, API_FAULT_BUSY);
}

static bool has_job(const struct id *jids, unsigned n, const struct id *jid)
{
    for (unsigned i = 0; i < n; i++) {
        if (id_eq(&jids[i], jid))
            return true;
    }
    return false;
}

static unsigned read_jobs(const struct api_request *r, struct id jids[API_POSITIONS_MAX],
                          struct api_fault *f)
{
    char text[API_POSITIONS_MAX * (ID_TEXT_LEN + 1) + 1];
    unsigned n = 0;

    if (api_request_query(r, "jobs", text, sizeof(text)) != 1 || !text[0]) {
        api_fault_field(f, API_FAULT_MISSING_FIELD, "jobs",
                        "jobs must be 1 to %d job ids with commas between", API_POSITIONS_MAX);
        return 0;
    }
    for (const char *at = text; *at && !f->code; at += *at == ',') {
        char word[ID_TEXT_SIZE] = "";
        size_t len = strcspn(at, ",");

        if (len == ID_TEXT_LEN)
            memcpy(word, at, len);
        if (n == API_POSITIONS_MAX || id_parse(word, &jids[n]) < 0)
            api_fault_field(f, API_FAULT_BAD_VALUE, "jobs", "\"%.*s\" is not a job id",
                            len < 64 ? (int)len : 64, at);
        else if (has_job(jids, n, &jids[n]))
            api_fault_field(f, API_FAULT_BAD_VALUE, "jobs", "\"%s\" is named twice", word);
        n++;
        at += len;
    }
    return n;
}

void api_stream_jobs(struct api_exchange *x)
{
    static const char *const known[] = {"jobs", "ticket"};
    struct id jids[API_POSITIONS_MAX];
    struct api_quota_key key;
    struct api_fault f = {0};
    unsigned n;

    api_request_query_known(&x->req, known, ARRAY_LEN(known), &f);
    n = read_jobs(&x->req, jids, &f);
    if (f.code)
        api_answer_fault(x, &f);
    else if (may_open(x, &key))
        stream_start(stream_new(x, &key, jids, n));
}
