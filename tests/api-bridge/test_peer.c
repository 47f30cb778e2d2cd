/* SPDX-License-Identifier: MPL-2.0 */
/* A wire to a ROUTER of the test's own, on a port of the kernel's choice. */
#include <uv.h>
#include <zmq.h>

#include "api-bridge/peer.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { GUARD_MS = 20000, SOME_FRAMES = 300, MANY_FRAMES = 1000000 };

struct wire {
    uv_loop_t loop;
    uv_timer_t guard;
    struct api_peer *peer;
    void *context, *router;
    unsigned ups, downs, frames, dropped;
    bool too_late;
};

/* Events may come just before the loop would block: then it is not to. */
static void count(struct wire *w, unsigned *n)
{
    (*n)++;
    uv_stop(&w->loop);
}

static void on_up(void *ctx)
{
    struct wire *w = ctx;

    count(w, &w->ups);
}

static void on_down(void *ctx)
{
    struct wire *w = ctx;

    count(w, &w->downs);
}

static void on_frame(void *ctx, struct span frame)
{
    struct wire *w = ctx;

    assert_true(span_eq(frame, span_of("echo")));
    count(w, &w->frames);
}

static void on_dropped(void *ctx)
{
    struct wire *w = ctx;

    count(w, &w->dropped);
}

static void on_guard(uv_timer_t *t)
{
    ((struct wire *)t->data)->too_late = true;
}

static const struct api_peer_events events = {on_up, on_down, on_frame, on_dropped};

static void until(struct wire *w, const unsigned *seen, unsigned n)
{
    while (*seen < n && !w->too_late)
        (void)uv_run(&w->loop, UV_RUN_ONCE);
    assert_int_equal(*seen, n);
}

static void wire_init(struct wire *w)
{
    char endpoint[128];
    size_t size = sizeof(endpoint);
    struct err err = {0};

    *w = (struct wire){0};
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_timer_init(&w->loop, &w->guard), 0);
    w->guard.data = w;
    assert_int_equal(uv_timer_start(&w->guard, on_guard, GUARD_MS, 0), 0);
    w->context = zmq_ctx_new();
    w->router = zmq_socket(w->context, ZMQ_ROUTER);
    (void)zmq_setsockopt(w->router, ZMQ_LINGER, &(int){0}, sizeof(int));
    assert_int_equal(zmq_bind(w->router, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(w->router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    assert_int_equal(api_peer_library_init("", &err), 0);
    w->peer = api_peer_new(&w->loop, endpoint, &events, w, &err);
    assert_non_null(w->peer);
}

static void wire_done(struct wire *w)
{
    api_peer_free(w->peer);
    uv_close((uv_handle_t *)&w->guard, NULL);
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    api_peer_library_done();
    if (w->router)
        (void)zmq_close(w->router);
    (void)zmq_ctx_term(w->context);
}

/* Reads whole messages until `n` parts behind the client's name have come; all are "ask". */
static void router_gets(struct wire *w, unsigned n)
{
    char name[256], part[16];
    int len = 0, more = 1;
    size_t size = sizeof(more);

    while (n > 0) {
        len = zmq_recv(w->router, name, sizeof(name), 0);
        assert_true(len > 0);
        for (more = 1; more; n--) {
            assert_int_equal(zmq_recv(w->router, part, sizeof(part), 0), 3);
            assert_memory_equal(part, "ask", 3);
            (void)zmq_getsockopt(w->router, ZMQ_RCVMORE, &more, &size);
        }
    }
    assert_int_equal(zmq_send(w->router, name, (size_t)len, ZMQ_SNDMORE), len);
    assert_int_equal(zmq_send(w->router, "echo", 4, ZMQ_SNDMORE), 4);
    assert_int_equal(zmq_send(w->router, "echo", 4, 0), 4);
}

static void frames_go_both_ways_many_in_one_message(void **state)
{
    struct wire w;

    (void)state;
    wire_init(&w);
    assert_true(api_peer_send(w.peer, span_of("ask")) < 0); /* not up yet */
    until(&w, &w.ups, 1);
    for (int i = 0; i < SOME_FRAMES; i++)
        assert_int_equal(api_peer_send(w.peer, span_of("ask")), 0);
    (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    router_gets(&w, SOME_FRAMES);
    until(&w, &w.frames, 2);
    assert_int_equal(w.dropped, 0);
    wire_done(&w);
}

/* The other end is gone, and the loop had no turn to hear of it. */
static void frames_that_find_no_room_are_told_of(void **state)
{
    struct wire w;

    (void)state;
    wire_init(&w);
    until(&w, &w.ups, 1);
    (void)zmq_close(STEAL(w.router));
    for (int i = 0; i < MANY_FRAMES && w.dropped == 0; i++)
        assert_int_equal(api_peer_send(w.peer, span_of("ask")), 0);
    assert_true(w.dropped > 0);
    until(&w, &w.downs, 1);
    assert_true(api_peer_send(w.peer, span_of("ask")) < 0);
    wire_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_both_ways_many_in_one_message),
        cmocka_unit_test(frames_that_find_no_room_are_told_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
