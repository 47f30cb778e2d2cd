/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/stream.h"

#include "api-bridge/config.h"
#include "api-bridge/link.h"
#include "api-bridge/metrics.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "base/own.h"
#include "tests/api-bridge/fakeconn.h"
#include "tests/api-bridge/fakewire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { CLIENTS_MAX = 4 };

static const struct api_config config = {
    .n_peers = 2, .peers = {"tcp://10.0.0.1:1", "tcp://10.0.0.2:1"}, .streams_max = CLIENTS_MAX};

/* A loop with two wires, the first of them up, and clients that follow jobs. */
struct loop {
    struct api_server server;
    struct api_shared shared;
    struct api_metrics metrics;
    struct fakeconn clients[CLIENTS_MAX];
    unsigned n_clients;
};

static void loop_init(struct loop *l)
{
    struct api_server *s = &l->server;
    struct err err = {0};

    *l = (struct loop){0};
    n_fakewires = 0;
    assert_int_equal(uv_loop_init(&s->loop), 0);
    l->shared.streams = api_quota_new(&(struct api_quota_limits){0}, 1);
    s->config = &config;
    s->shared = &l->shared;
    s->metrics = &l->metrics;
    s->link = api_link_new(&s->loop, &config, &l->metrics, &err);
    assert_non_null(s->link);
    s->streams = api_streams_new(s);
    rng_init(&s->rng, 1);
    fakewire_up(0);
}

static void loop_done(struct loop *l)
{
    for (unsigned i = 0; i < l->n_clients; i++) {
        fakeconn_leave(&l->clients[i]);
        fakeconn_done(&l->clients[i]);
    }
    api_streams_free(l->server.streams);
    api_link_free(l->server.link);
    api_quota_free(l->shared.streams);
    assert_int_equal(uv_run(&l->server.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&l->server.loop), 0);
}

/* Follows the jobs whose first bytes are `jobs`, behind the position `last` if it is not NULL. */
static struct fakeconn *follows(struct loop *l, const char *jobs, const char *last)
{
    static char query[CLIENTS_MAX][1024];
    struct fakeconn *c = &l->clients[l->n_clients];
    char *text = query[l->n_clients++];
    int n = snprintf(text, sizeof(query[0]), "jobs=");

    for (const char *j = jobs; *j; j++) {
        struct id jid = {{(uint8_t)*j}};
        char word[ID_TEXT_SIZE];

        n += snprintf(text + n, sizeof(query[0]) - (size_t)n, "%s%s", j > jobs ? "," : "",
                      id_format(&jid, word));
    }
    fakeconn_init(c, &l->server);
    c->x->req.query = text;
    if (last)
        fakeconn_header(c, "last-event-id", last);
    api_stream_jobs(c->x);
    return c;
}

/* The WATCHes that were sent and not yet counted; the token of the last of them. */
static unsigned watches(uint64_t *ret_token)
{
    struct api_peer *p = &fakewires[0];
    unsigned n = 0;

    for (unsigned i = 0; i < p->n_sent; i++) {
        if (p->sent[i].type != MESSAGE_WATCH)
            continue;
        *ret_token = p->sent[i].token;
        n++;
    }
    p->n_sent = 0;
    return n;
}

static bool heard(struct fakeconn *c, const char *text)
{
    struct span t = span_of(text);

    return memmem(c->sent.data, c->sent.len, t.data, t.len) != NULL;
}

static void a_client_that_is_ahead_of_a_job_is_not_joined_by_others(void **state)
{
    uint64_t token;
    struct loop l;

    (void)state;
    loop_init(&l);
    (void)follows(&l, "a", "ffffffffffffffff");
    assert_int_equal(watches(&token), 1);
    (void)follows(&l, "a", NULL);
    assert_int_equal(watches(&token), 1);
    (void)follows(&l, "a", NULL);
    (void)follows(&l, "a", "7");
    assert_int_equal(watches(&token), 0); /* both join the one that begins at the start */
    loop_done(&l);
}

static void a_job_that_is_named_twice_is_refused(void **state)
{
    struct loop l;
    struct fakeconn *c;

    (void)state;
    loop_init(&l);
    c = follows(&l, "aba", NULL);
    assert_int_equal(c->status, 400);
    assert_true(heard(c, "is named twice"));
    loop_done(&l);
}

static void no_answer(void *ctx, const struct message *m, const struct api_fault *f)
{
    (void)ctx;
    (void)m;
    (void)f;
}

static void watches_leave_room_for_questions_and_who_comes_too_late_hears_it(void **state)
{
    struct api_link_topic topic = {.jid = {{1}}, .tenant = ""};
    struct message m = {.type = MESSAGE_STATS};
    struct fakeconn *c;
    struct loop l;

    (void)state;
    loop_init(&l);
    fakewire_down(0); /* nothing is sent */
    while (api_link_watch(l.server.link, &topic, no_answer, NULL) > 0)
        topic.after++;
    assert_true(api_link_ask(l.server.link, &m, 0, no_answer, NULL) > 0);
    c = follows(&l, "a", NULL);
    assert_int_equal(c->status, 200);
    assert_true(heard(c, "retry: "));
    assert_true(heard(c, "event: bye\n"));
    assert_null(c->x);
    loop_done(&l);
}

/* What the node says to the last WATCH. */
static void node_refuses(enum message_refusal why)
{
    struct message m = {.type = MESSAGE_REFUSED};

    assert_true(watches(&m.token) > 0);
    m.refused.why = why;
    fakewire_says(0, m);
}

static void a_client_comes_back_when_nobody_can_say_more_of_a_job(void **state)
{
    struct fakeconn *c;
    struct loop l;

    (void)state;
    loop_init(&l);
    c = follows(&l, "ab", NULL);
    node_refuses(MESSAGE_REFUSAL_DRAINING); /* and there is no other */
    (void)uv_run(&l.server.loop, UV_RUN_NOWAIT);
    assert_null(c->x);
    assert_true(heard(c, "event: bye\n"));
    assert_false(heard(c, "event: failure\n"));
    assert_false(heard(c, "event: done\n"));
    loop_done(&l);
}

static void a_job_that_is_not_there_is_told_for_good(void **state)
{
    struct fakeconn *c;
    struct loop l;

    (void)state;
    loop_init(&l);
    c = follows(&l, "a", NULL);
    node_refuses(MESSAGE_REFUSAL_NOT_FOUND);
    (void)uv_run(&l.server.loop, UV_RUN_NOWAIT);
    assert_null(c->x);
    assert_true(heard(c, "event: failure\n"));
    assert_true(heard(c, "event: done\n"));
    loop_done(&l);
}

static void who_comes_after_an_end_asks_anew(void **state)
{
    uint64_t token;
    struct loop l;

    (void)state;
    loop_init(&l);
    follows(&l, "a", NULL)->queued = LIMIT_MIB; /* it does not read, and has not heard */
    node_refuses(MESSAGE_REFUSAL_DRAINING);
    (void)follows(&l, "a", NULL);
    assert_int_equal(watches(&token), 1);
    loop_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_is_ahead_of_a_job_is_not_joined_by_others),
        cmocka_unit_test(a_job_that_is_named_twice_is_refused),
        cmocka_unit_test(a_client_comes_back_when_nobody_can_say_more_of_a_job),
        cmocka_unit_test(a_job_that_is_not_there_is_told_for_good),
        cmocka_unit_test(who_comes_after_an_end_asks_anew),
        cmocka_unit_test(watches_leave_room_for_questions_and_who_comes_too_late_hears_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
