/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/session.h"

#include "api-bridge/config.h"
#include "api-bridge/languages.h"
#include "api-bridge/link.h"
#include "api-bridge/metrics.h"
#include "api-bridge/quota.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "base/own.h"
#include "tests/api-bridge/fakeconn.h"
#include "tests/api-bridge/fakewire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

/* The wires: that of requests, and that of sessions, which the first of them opens. */
enum { LINK, RELAY };

static const struct api_config config = {.n_peers = 1,
                                         .peers = {"tcp://10.0.0.1:1"},
                                         .streams_max = 1,
                                         .header_ms = 10000,
                                         .write_ms = 30000,
                                         .heartbeat_ms = 15000,
                                         .code_max = LIMIT_MIB,
                                         .body_max = {[API_BODY_SUBMIT] = LIMIT_MIB}};

static const char open_text[] = "{\"type\":\"open\",\"tty\":true,"
                                "\"job\":{\"language\":\"c\",\"code\":\"x\"}}";

/* One client of a bridge that knows one language. */
struct fixture {
    struct api_server server;
    struct api_shared shared;
    struct api_metrics metrics;
    struct fakeconn c;
};

static void learn_languages(struct api_server *s)
{
    static const char profile[] = "{\"name\":\"c\",\"sourceName\":\"main.c\"}";
    struct message_language c = {.name = "c", .version = "12", .profile = span_of(profile)};
    struct message m = {.type = MESSAGE_LANGUAGES_REPLY};

    fakewire_up(LINK);
    api_languages_tick(s->languages);
    assert_int_equal(fakewires[LINK].sent[0].type, MESSAGE_LANGUAGES);
    m.token = fakewires[LINK].sent[0].token;
    m.languages.n = 1;
    m.languages.all = &c;
    fakewire_says(LINK, m);
    assert_int_equal(api_languages_len(s->languages), 1);
}

static void fixture_init(struct fixture *t)
{
    struct api_server *s = &t->server;
    struct err err = {0};

    *t = (struct fixture){0};
    n_fakewires = 0;
    assert_int_equal(uv_loop_init(&s->loop), 0);
    t->shared.sessions = api_quota_new(&(struct api_quota_limits){0}, 1);
    s->config = &config;
    s->shared = &t->shared;
    s->metrics = &t->metrics;
    s->link = api_link_new(&s->loop, &config, &t->metrics, &err);
    assert_non_null(s->link);
    s->languages = api_languages_new(s->link);
    learn_languages(s);
    s->sessions = api_sessions_new(s);
    fakeconn_init(&t->c, s);
    fakeconn_upgrade(&t->c);
    api_session_handle(t->c.x);
    assert_int_equal(t->c.status, 101);
}

static void fixture_done(struct fixture *t)
{
    fakeconn_leave(&t->c);
    fakeconn_done(&t->c);
    api_sessions_free(t->server.sessions);
    api_languages_free(t->server.languages);
    api_link_free(t->server.link);
    api_quota_free(t->shared.sessions);
    assert_int_equal(uv_run(&t->server.loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&t->server.loop), 0);
}

/* Several texts of a client that come in one piece. */
static void says(struct fixture *t, const char *const *texts, size_t n)
{
    auto_buf struct buf frames = {.max = LIMIT_MIB};

    for (size_t i = 0; i < n; i++)
        fakeconn_frame(&frames, 1, span_of(texts[i]));
    fakeconn_bytes(&t->c, buf_span(&frames));
}

/* The session's node is asked, and says this of it. */
static void node_says(struct fixture *t, enum message_type type)
{
    struct message m = {.type = type};

    if (!fakewires[RELAY].up)
        fakewire_up(RELAY);
    api_sessions_tick(t->server.sessions);
    assert_int_equal(fakewires[RELAY].sent[0].type, MESSAGE_SESSION_OPEN);
    m.token = fakewires[RELAY].sent[0].token;
    if (type == MESSAGE_SESSION_OPENED)
        m.opened.window = MESSAGE_SESSION_WINDOW_MIN;
    fakewire_says(RELAY, m);
}

/* The node was sent this in the place `i`. */
static void node_heard(unsigned i, enum message_type type, int number)
{
    assert_true(fakewires[RELAY].n_sent > i);
    assert_int_equal(fakewires[RELAY].sent[i].type, type);
    assert_int_equal(fakewires[RELAY].sent[i].number, number);
}

/* The last frame that the client got closes with this code; how many there were. */
static unsigned closed_with(struct fixture *t, unsigned code)
{
    struct span at = buf_span(&t->c.sent), payload = {0};
    unsigned opcode = 0, n = 0;

    while (fakeconn_next(&at, &opcode, &payload))
        n++;
    assert_int_equal(opcode, 8);
    assert_true(payload.len >= 2);
    assert_int_equal(payload.data[0] << 8 | payload.data[1], code);
    return n;
}

/* --- what it promises ---------------------------------------------------------------------- */

static void a_close_before_any_node_has_it_ends_it_at_once(void **state)
{
    static const char *const both[] = {open_text, "{\"type\":\"close\"}",
                                       "{\"type\":\"signal\",\"signal\":\"SIGINT\"}"};
    struct fixture t;

    (void)state;
    fixture_init(&t);
    says(&t, both, ARRAY_LEN(both));
    assert_int_equal(closed_with(&t, 1000), 1);
    fakewire_up(RELAY);
    api_sessions_tick(t.server.sessions);
    assert_int_equal(fakewires[RELAY].n_sent, 0); /* nobody is asked to take it */
    fixture_done(&t);
}

static void a_close_while_a_node_is_asked_is_told_to_it(void **state)
{
    static const char *const first[] = {open_text};
    static const char *const then[] = {"{\"type\":\"close\"}"};
    struct fixture t;

    (void)state;
    fixture_init(&t);
    says(&t, first, 1);
    fakewire_up(RELAY);
    api_sessions_tick(t.server.sessions);
    node_heard(0, MESSAGE_SESSION_OPEN, 0);
    says(&t, then, 1);
    assert_int_equal(closed_with(&t, 1000), 1);
    node_heard(1, MESSAGE_SESSION_CLOSE, 0);
    fixture_done(&t);
}

static void what_comes_before_the_program_runs_is_kept_for_it(void **state)
{
    static const char *const texts[] = {open_text,
                                        "{\"type\":\"resize\",\"rows\":30,\"columns\":90}",
                                        "{\"type\":\"signal\",\"signal\":\"SIGTERM\"}",
                                        "{\"type\":\"signal\",\"signal\":\"SIGINT\"}",
                                        "{\"type\":\"resize\",\"rows\":50,\"columns\":132}",
                                        "{\"type\":\"signal\",\"signal\":\"SIGINT\"}"};
    struct fixture t;

    (void)state;
    fixture_init(&t);
    says(&t, texts, ARRAY_LEN(texts));
    node_says(&t, MESSAGE_SESSION_OPENED);
    node_heard(1, MESSAGE_SESSION_RESIZE, 50);
    assert_int_equal(fakewires[RELAY].n_sent, 2);
    node_says(&t, MESSAGE_SESSION_STARTED);
    node_heard(2, MESSAGE_SESSION_SIGNAL, SIGINT);
    node_heard(3, MESSAGE_SESSION_SIGNAL, SIGTERM);
    assert_int_equal(fakewires[RELAY].n_sent, 4);
    says(&t, &texts[1], 2);
    node_heard(4, MESSAGE_SESSION_RESIZE, 30);
    node_heard(5, MESSAGE_SESSION_SIGNAL, SIGTERM);
    fixture_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_close_before_any_node_has_it_ends_it_at_once),
        cmocka_unit_test(a_close_while_a_node_is_asked_is_told_to_it),
        cmocka_unit_test(what_comes_before_the_program_runs_is_kept_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
