/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A peer for the bridge's own tests: it speaks mesh/message.h on a ROUTER, keeps jobs in memory
 * and runs nothing. It prints its endpoint and serves until its standard input ends.
 *
 * What becomes of a job is written in its tags: "wait" is queued until it is cancelled, "fail"
 * fails, "refuse-full", "refuse-drain" are refused, "mute" is never answered; any other is
 * completed at once, and its output is its input. "burst" has 1,000 output events of 1 KiB, "lump"
 * one of 1 MiB. A job whose input is "wait" waits too, for those that can give it no tag; "finish"
 * completes all that wait.
 * After a job with the tag "lonely" it says that it has no quorum, until one with "together".
 */
#include <zmq.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/own.h"
#include "mesh/message.h"

#include <errno.h>
#include <poll.h>

enum { FAKE_BURST = 1000, FAKE_LANGUAGES = 2, FAKE_LATE = 20000 };

struct job {
    struct message_job view;
    struct buf result;
    struct buf spec;
    uint8_t body_hash[ID_SIZE];
    unsigned n_pieces; /* output events */
    size_t piece;
    bool told; /* its callback was delivered */
};

static void *router;
static struct map *jobs;
static struct id self = {{0xfa, 0xce, 0xfa, 0xce}};
static unsigned long submits;
static bool quorum = true;

/* The client at hand. */
static uint8_t client[256];
static size_t client_len;

static void answer(const struct message *m)
{
    auto_buf struct buf frame = {.max = LIMIT_FRAME_BULK};

    if (message_encode(m, &frame) < 0)
        abort();
    (void)zmq_send(router, client, client_len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    (void)zmq_send(router, frame.data, frame.len, ZMQ_DONTWAIT);
}

static void refuse(uint64_t token, enum message_refusal why)
{
    struct message m = {.type = MESSAGE_REFUSED, .token = token};

    m.refused.why = why;
    m.refused.retry_after_ms = 2000;
    answer(&m);
}

static bool tagged(const struct job *j, const char *tag)
{
    for (uint8_t i = 0; i < j->view.n_tags; i++) {
        if (strcmp(j->view.tags[i], tag) == 0)
            return true;
    }
    return false;
}

static void make_result(struct job *j, const struct spec *spec)
{
    struct result r = {.verdict = RESULT_ACCEPTED, .total = spec->n_tests, .passed = spec->n_tests};
    struct result_test *tests = own_calloc(spec->n_tests + 1, sizeof(*tests));

    r.run.out = spec->input;
    r.run.cpu_us = 12345;
    r.run.wall_us = 23456;
    r.run.memory = 1 << 20;
    (void)snprintf(r.node, sizeof(r.node), "fake");
    for (uint32_t i = 0; i < spec->n_tests; i++) {
        tests[i].index = i;
        memcpy(tests[i].name, spec->tests[i].name, sizeof(tests[i].name));
        tests[i].hidden = spec->tests[i].hidden;
        tests[i].weight = spec->tests[i].weight;
        tests[i].run.out = spec->tests[i].input;
    }
    r.tests = tests;
    r.n_tests = spec->n_tests;
    buf_init(&j->result, LIMIT_RESULT);
    if (result_encode(&r, &j->result) < 0)
        abort();
    free(tests);
}

static void finish(struct job *j)
{
    j->view.state = tagged(j, "fail") ? MESSAGE_STATE_FAILED : MESSAGE_STATE_COMPLETED;
    (void)snprintf(j->view.reason, sizeof(j->view.reason), "%s", tagged(j, "fail") ? "broken" : "");
    j->view.started_ms = j->view.finished_ms = j->view.queued_ms;
    j->view.result =
        j->view.state == MESSAGE_STATE_COMPLETED ? buf_span(&j->result) : (struct span){0};
}

static void finish_all(void)
{
    for (struct map_item *it = map_first(jobs); it; it = map_next(it)) {
        struct job *j = map_value(it);

        if (!message_state_final(j->view.state))
            finish(j);
    }
}

static struct job *job_new(const struct id *jid, const struct spec *spec)
{
    struct job *j = own_calloc(1, sizeof(*j));

    j->view.jid = *jid;
    j->view.version = 1;
    j->view.queued_ms = clock_wall_ms();
    memcpy(j->view.tenant, spec->head.tenant, sizeof(j->view.tenant));
    memcpy(j->view.language, spec->head.language, sizeof(j->view.language));
    memcpy(j->view.tags, spec->tags, sizeof(j->view.tags));
    memcpy(j->body_hash, spec->head.body_hash, sizeof(j->body_hash));
    memcpy(j->view.callback, spec->callback, sizeof(j->view.callback));
    j->view.n_tags = spec->n_tags;
    j->view.priority = spec->head.priority;
    j->n_pieces = tagged(j, "burst") ? FAKE_BURST : tagged(j, "lump");
    j->piece = tagged(j, "burst") ? LIMIT_KIB : LIMIT_MIB;
    quorum = tagged(j, "together") || (quorum && !tagged(j, "lonely"));
    make_result(j, spec);
    if (tagged(j, "finish"))
        finish_all();
    if (!tagged(j, "wait") && !span_eq(spec->input, span_of("wait")))
        finish(j);
    return j;
}

static void on_submit(const struct message *m)
{
    struct message a = {.type = MESSAGE_ACCEPTED, .token = m->token};
    struct spec spec;
    struct job *j, *known;

    submits++;
    if (spec_decode(m->submit.spec, &spec, NULL) < 0 || !spec.head.keyed) {
        refuse(m->token, MESSAGE_REFUSAL_BAD_REQUEST);
        return;
    }
    a.accepted.jid = id_job_keyed(spec.head.key);
    j = job_new(&a.accepted.jid, &spec);
    buf_init(&j->spec, LIMIT_SPEC);
    (void)buf_put(&j->spec, m->submit.spec.data, m->submit.spec.len);
    known = map_get(jobs, &a.accepted.jid, sizeof(a.accepted.jid));
    a.accepted.duplicate = known != NULL;
    if (tagged(j, "mute")) {
        /* the client must find another way */
    } else if (known && memcmp(known->body_hash, j->body_hash, ID_SIZE) != 0) {
        refuse(m->token, MESSAGE_REFUSAL_KEY_REUSED);
    } else if (tagged(j, "refuse-full")) {
        refuse(m->token, MESSAGE_REFUSAL_QUEUE_FULL);
    } else if (tagged(j, "refuse-drain")) {
        refuse(m->token, MESSAGE_REFUSAL_DRAINING);
    } else {
        answer(&a);
    }
    if (!known)
        (void)map_set(jobs, &a.accepted.jid, sizeof(a.accepted.jid), j);
    spec_done(&spec);
}

static void send_event(uint64_t token, const struct job *j, uint64_t seq,
                       enum message_event_kind kind, struct span body)
{
    struct message m = {.type = MESSAGE_EVENT, .token = token};

    m.event.jid = j->view.jid;
    m.event.seq = seq;
    m.event.kind = kind;
    m.event.at_ms = j->view.queued_ms;
    m.event.body = body;
    answer(&m);
}

static void send_pieces(uint64_t token, const struct job *j)
{
    static uint8_t piece[LIMIT_MIB];
    struct result_event e = {.kind = RESULT_EVENT_OUTPUT, .stream = 1};
    auto_buf struct buf body = {.max = 2 * LIMIT_MIB};

    memset(piece, 'x', sizeof(piece));
    e.piece = (struct span){piece, j->piece};
    if (result_event_encode(&e, &body) < 0)
        abort();
    for (uint64_t i = 0; i < j->n_pieces; i++)
        send_event(token, j, 3 + i, MESSAGE_EVENT_RUN, buf_span(&body));
}

static void on_watch(const struct message *m, const struct job *j)
{
    struct message decided = {.type = MESSAGE_JOB};
    auto_buf struct buf body = {.max = LIMIT_RESULT};
    uint64_t last = j->n_pieces + 3;

    if (m->job.seen < 1)
        send_event(m->token, j, 1, MESSAGE_EVENT_QUEUED, (struct span){0});
    if (!message_state_final(j->view.state))
        return;
    if (m->job.seen < 2)
        send_event(m->token, j, 2, MESSAGE_EVENT_STARTED, (struct span){0});
    if (m->job.seen < 3)
        send_pieces(m->token, j);
    decided.view = j->view;
    if (message_job_encode(&decided.view, &body) == 0)
        send_event(m->token, j, last, MESSAGE_EVENT_DECIDED, buf_span(&body));
}

/* Questions that wait for a change. */
static struct late {
    uint64_t token, due_ns;
    struct id jid;
    uint8_t client[sizeof(client)];
    size_t client_len;
} late[FAKE_LATE];
static size_t n_late;

static void late_add(const struct message *m)
{
    struct late *l = &late[n_late];

    if (n_late == FAKE_LATE)
        return;
    *l = (struct late){.token = m->token, .jid = m->job.jid, .client_len = client_len};
    l->due_ns = clock_mono_ns() + m->job.wait_ms * 1000000ULL;
    memcpy(l->client, client, client_len);
    n_late++;
}

/* Answers those whose time is up or whose job is final; returns ms until the next, -1 = none. */
static int late_answer(void)
{
    uint64_t now = clock_mono_ns(), next = UINT64_MAX;

    for (size_t i = 0; i < n_late;) {
        struct job *j = map_get(jobs, &late[i].jid, sizeof(late[i].jid));
        struct message a = {.type = MESSAGE_JOB, .token = late[i].token, .view = j->view};

        if (now < late[i].due_ns && !message_state_final(j->view.state)) {
            next = late[i].due_ns < next ? late[i].due_ns : next;
            i++;
            continue;
        }
        memcpy(client, late[i].client, late[i].client_len);
        client_len = late[i].client_len;
        answer(&a);
        late[i] = late[--n_late];
    }
    return next == UINT64_MAX ? -1 : (int)((next - now) / 1000000) + 1;
}

static void on_job(const struct message *m)
{
    struct job *j = map_get(jobs, &m->job.jid, sizeof(m->job.jid));
    struct message a = {.type = MESSAGE_JOB, .token = m->token};

    if (!j || (strcmp(m->job.tenant, j->view.tenant) != 0 && strcmp(m->job.tenant, "*") != 0)) {
        refuse(m->token, MESSAGE_REFUSAL_NOT_FOUND);
        return;
    }
    if (m->type == MESSAGE_WATCH) {
        on_watch(m, j);
        return;
    }
    if (m->type == MESSAGE_SPEC) {
        a.type = MESSAGE_SPEC_REPLY;
        a.submit.spec = buf_span(&j->spec);
        answer(&a);
        return;
    }
    if (m->type == MESSAGE_TOLD) {
        j->told = true;
        a.type = MESSAGE_DONE;
        answer(&a);
        return;
    }
    if (m->type == MESSAGE_CANCEL) {
        if (!message_state_final(j->view.state))
            j->view.state = MESSAGE_STATE_CANCELLED;
        a.type = MESSAGE_DONE;
        answer(&a);
        return;
    }
    if (!message_state_final(j->view.state) && m->job.wait_ms > 0) {
        late_add(m);
        return;
    }
    a.view = j->view;
    answer(&a);
}

static void on_languages(uint64_t token)
{
    static struct message_language all[FAKE_LANGUAGES] = {{.name = "python", .version = "3.11"},
                                                          {.name = "cpp", .version = "12"}};
    struct message a = {.type = MESSAGE_LANGUAGES_REPLY, .token = token};

    all[0].profile = span_of("{\"aliases\":[\"py\"],\"title\":\"Python\"}");
    all[1].profile = span_of("{\"aliases\":[\"c++\",\"g++\"],\"title\":\"C++\",\"run\":"
                             "{\"ceilings\":{\"time\":20,\"memory\":536870912}}}");
    a.languages.n = FAKE_LANGUAGES;
    a.languages.all = all;
    answer(&a);
}

static void on_stats(uint64_t token)
{
    static struct message_stats all[2] = {{.slots = 5}, {.name = "fake", .slots = 5}};
    struct message a = {.type = MESSAGE_STATS_REPLY, .token = token};

    all[0].submitted = submits;
    a.stats.n = 2;
    a.stats.nodes = all;
    answer(&a);
}

static void on_list(const struct message *m)
{
    struct message a = {.type = MESSAGE_JOBS, .token = m->token};

    a.jobs.jobs = own_calloc(m->list.limit + 1, sizeof(*a.jobs.jobs));
    for (struct map_item *it = map_first(jobs); it && a.jobs.n < m->list.limit; it = map_next(it)) {
        const struct job *j = map_value(it);

        if (m->list.owed &&
            (j->told || !j->view.callback[0] || !message_state_final(j->view.state)))
            continue;
        if ((m->list.tag[0] && !tagged(j, m->list.tag)) ||
            (m->list.states && !(m->list.states & 1U << j->view.state)))
            continue;
        a.jobs.jobs[a.jobs.n] = j->view;
        a.jobs.jobs[a.jobs.n++].result = (struct span){0};
    }
    answer(&a);
    free(a.jobs.jobs);
}

static void serve(const struct message *m)
{
    struct message welcome = {.type = MESSAGE_WELCOME, .token = m->token};

    switch (m->type) {
    case MESSAGE_HELLO:
        welcome.welcome.nid = self;
        answer(&welcome);
        break;
    case MESSAGE_SUBMIT:
        on_submit(m);
        break;
    case MESSAGE_QUERY:
    case MESSAGE_CANCEL:
    case MESSAGE_TOLD:
    case MESSAGE_WATCH:
    case MESSAGE_SPEC:
        on_job(m);
        break;
    case MESSAGE_READY:
        if (quorum)
            answer(&(struct message){.type = MESSAGE_DONE, .token = m->token});
        else
            refuse(m->token, MESSAGE_REFUSAL_NO_QUORUM);
        break;
    case MESSAGE_LANGUAGES:
        on_languages(m->token);
        break;
    case MESSAGE_STATS:
        on_stats(m->token);
        break;
    case MESSAGE_LIST:
        on_list(m);
        break;
    default:
        break;
    }
}

/* Parts of this message are left. */
static bool more(void)
{
    int yes = 0;
    size_t size = sizeof(yes);

    return zmq_getsockopt(router, ZMQ_RCVMORE, &yes, &size) == 0 && yes;
}

static void receive(void)
{
    static uint8_t frame[LIMIT_FRAME_BULK];
    struct message m;
    int n;

    for (;;) {
        n = zmq_recv(router, client, sizeof(client), ZMQ_DONTWAIT);
        if (n < 0)
            return;
        client_len = (size_t)n;
        while (n >= 0 && more()) {
            n = zmq_recv(router, frame, sizeof(frame), 0);
            if (n < 0 || message_decode((struct span){frame, (size_t)n}, &m, NULL) < 0)
                continue;
            serve(&m);
            message_done(&m);
        }
    }
}

int main(int argc, char **argv)
{
    void *ctx = zmq_ctx_new();
    char endpoint[LIMIT_ENDPOINT];
    size_t size = sizeof(endpoint);
    int none = 0;

    router = zmq_socket(ctx, ZMQ_ROUTER);
    jobs = map_new(1);
    (void)zmq_setsockopt(router, ZMQ_SNDHWM, &none, sizeof(none));
    (void)zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof(none));
    if (zmq_bind(router, argc > 1 ? argv[1] : "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0)
        return EXIT_FAILURE;
    (void)puts(endpoint);
    (void)fflush(stdout);
    for (;;) {
        zmq_pollitem_t items[2] = {{.socket = router, .events = ZMQ_POLLIN},
                                   {.fd = STDIN_FILENO, .events = ZMQ_POLLIN}};

        if (zmq_poll(items, 2, late_answer()) < 0 && errno != EINTR)
            return EXIT_FAILURE;
        if (items[1].revents)
            return EXIT_SUCCESS;
        receive();
    }
}
