/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/relay.h"

#include "api-bridge/config.h"
#include "base/own.h"
#include "tests/api-bridge/fakewire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* --- one owner, and what it heard ------------------------------------------------------------- */

static uv_loop_t loop;
static const struct api_config config = {.n_peers = 2,
                                         .peers = {"tcp://10.0.0.1:1", "tcp://10.0.0.2:1"}};

struct owner {
    struct api_talk *talk;
    unsigned messages, failures;
    enum message_type last;
    enum api_fault_code fault;
    bool lost, frees;
};

static void on_message(void *ctx, const struct message *m)
{
    struct owner *o = ctx;

    o->messages++;
    o->last = m->type;
    if (o->frees)
        api_talk_free(STEAL(o->talk));
}

static void on_failed(void *ctx, const struct api_fault *f, bool lost)
{
    struct owner *o = ctx;

    o->failures++;
    o->fault = f->code;
    o->lost = lost;
    if (o->frees)
        api_talk_free(STEAL(o->talk));
}

static const struct api_talk_events talk_events = {on_message, on_failed};

static struct api_relay *relay_new(void)
{
    n_fakewires = 0;
    loop.time = 1000000;
    return api_relay_new(&loop, &config);
}

static void opens(struct api_relay *r, struct owner *o)
{
    struct message m = {.type = MESSAGE_SESSION_OPEN};

    m.session.spec = span_of("spec");
    m.session.window = MESSAGE_SESSION_WINDOW_MIN;
    *o = (struct owner){0};
    o->talk = api_talk_new(r, &m, &talk_events, o);
    assert_non_null(o->talk);
}

static void refuses(unsigned wire, enum message_refusal why)
{
    struct message m = {.type = MESSAGE_REFUSED, .token = fakewires[wire].sent[0].token};

    m.refused.why = why;
    fakewire_says(wire, m);
}

static void takes(unsigned wire)
{
    fakewire_says(wire, (struct message){.type = MESSAGE_SESSION_OPENED,
                                         .token = fakewires[wire].sent[0].token,
                                         .opened = {.window = MESSAGE_SESSION_WINDOW_MIN}});
}

/* A relay with both wires up, and a session that one of the two was asked for. */
static unsigned asked(struct api_relay **ret_relay, struct owner *o)
{
    struct owner first;

    *ret_relay = relay_new();
    opens(*ret_relay, &first); /* the first session opens the wires */
    api_talk_free(first.talk);
    assert_int_equal(n_fakewires, 2);
    fakewire_up(0);
    fakewire_up(1);
    opens(*ret_relay, o);
    assert_int_equal(fakewires[0].n_sent + fakewires[1].n_sent, 1);
    return fakewires[0].n_sent ? 0 : 1;
}

static void later(struct api_relay *r, uint64_t ms)
{
    for (uint64_t t = 0; t < ms; t += 250) {
        loop.time += 250;
        api_relay_tick(r);
    }
}

/* --- what it promises --------------------------------------------------------------------------
 */

static void there_are_no_wires_before_the_first_session(void **state)
{
    struct api_relay *r = relay_new();
    struct owner o;

    (void)state;
    api_relay_tick(r);
    assert_int_equal(n_fakewires, 0);
    opens(r, &o);
    assert_int_equal(n_fakewires, 2);
    assert_string_equal(fakewires[1].endpoint, "tcp://10.0.0.2:1");
    fakewire_up(1);
    api_relay_tick(r);
    assert_int_equal(fakewires[1].sent[0].type, MESSAGE_SESSION_OPEN);
    api_talk_free(o.talk);
    assert_int_equal(fakewires[1].sent[1].type, MESSAGE_SESSION_CLOSE);
    api_relay_free(r);
}

static void without_a_peer_it_fails_when_its_patience_ends(void **state)
{
    struct api_relay *r = relay_new();
    struct owner o;

    (void)state;
    opens(r, &o);
    o.frees = true;
    later(r, 3500);
    assert_int_equal(o.failures, 0);
    later(r, 1000);
    assert_int_equal(o.failures, 1);
    assert_int_equal(o.fault, API_FAULT_UNAVAILABLE);
    assert_false(o.lost);
    api_relay_free(r);
}

static void a_peer_without_a_slot_is_followed_by_the_next(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    refuses(first, MESSAGE_REFUSAL_NO_SLOT);
    assert_int_equal(fakewires[1 - first].sent[0].type, MESSAGE_SESSION_OPEN);
    assert_int_equal(o.failures, 0);
    refuses(1 - first, MESSAGE_REFUSAL_NO_SLOT);
    api_relay_tick(r);
    assert_int_equal(o.failures, 1);
    assert_int_equal(o.fault, API_FAULT_NO_CAPACITY);
    api_talk_free(o.talk);
    api_relay_free(r);
}

static void a_refusal_that_all_would_give_ends_it(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    refuses(first, MESSAGE_REFUSAL_NO_LANGUAGE);
    assert_int_equal(o.failures, 1);
    assert_int_equal(fakewires[1 - first].n_sent, 0);
    api_talk_free(o.talk);
    api_relay_free(r);
}

static void a_silent_peer_is_told_to_close_and_another_is_asked(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    later(r, 3000);
    assert_int_equal(fakewires[first].sent[1].type, MESSAGE_SESSION_CLOSE);
    assert_int_equal(fakewires[first].sent[1].token, fakewires[first].sent[0].token);
    assert_int_equal(fakewires[1 - first].sent[0].type, MESSAGE_SESSION_OPEN);
    takes(first); /* too late: it is not its session any more */
    assert_int_equal(o.messages, 0);
    takes(1 - first);
    assert_int_equal(o.last, MESSAGE_SESSION_OPENED);
    api_talk_free(o.talk);
    api_relay_free(r);
}

static void a_session_is_closed_by_its_peer(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);
    struct message m = {.type = MESSAGE_SESSION_CLOSED, .token = fakewires[first].sent[0].token};

    (void)state;
    takes(first);
    o.frees = true;
    fakewire_says(first, m);
    assert_int_equal(o.messages, 2);
    assert_int_equal(fakewires[first].n_sent, 1); /* nobody tells it what it said */
    fakewire_says(first, m);
    later(r, 20000);
    assert_int_equal(o.messages, 2);
    assert_int_equal(o.failures, 0);
    api_relay_free(r);
}

static void signs_of_life_go_both_ways_and_silence_is_the_end(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);
    struct message alive = {.type = MESSAGE_SESSION_ALIVE, .token = fakewires[first].sent[0].token};

    (void)state;
    takes(first);
    later(r, 2500);
    assert_int_equal(fakewires[first].sent[1].type, MESSAGE_SESSION_ALIVE);
    fakewire_says(first, alive);
    assert_int_equal(o.messages, 1); /* its owner need not know */
    later(r, MESSAGE_SESSION_SILENCE_MS);
    assert_int_equal(o.failures, 0);
    later(r, 250);
    assert_int_equal(o.failures, 1);
    assert_true(o.lost);
    api_talk_free(o.talk);
    api_relay_free(r);
}

/* And not before: what ends it may come within the owner's own call. */
static void is_lost_with_the_next_tick(struct api_relay *r, const struct owner *o)
{
    assert_int_equal(o->failures, 0);
    api_relay_tick(r);
    assert_int_equal(o->failures, 1);
    assert_true(o->lost);
}

static void a_lost_wire_ends_a_session_with_the_next_tick(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    takes(first);
    fakewire_down(first);
    o.frees = true;
    is_lost_with_the_next_tick(r, &o);
    api_relay_free(r);
}

static void a_lost_wire_makes_another_peer_be_asked(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    fakewire_down(first);
    assert_int_equal(fakewires[1 - first].sent[0].type, MESSAGE_SESSION_OPEN);
    api_talk_free(o.talk);
    api_relay_free(r);
}

/* What was taken by api_peer_send() may still be dropped when the wire is full. */
static void messages_that_were_dropped_end_a_session(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);
    struct message m = {.type = MESSAGE_SESSION_CREDIT, .credit = {.upto = 1}};

    (void)state;
    takes(first);
    api_talk_send(o.talk, &m);
    fakewires[1 - first].events->dropped(fakewires[1 - first].ctx);
    api_relay_tick(r);
    assert_int_equal(o.failures, 0);
    fakewires[first].events->dropped(fakewires[first].ctx);
    is_lost_with_the_next_tick(r, &o);
    api_talk_free(o.talk);
    api_relay_free(r);
}

static void a_dropped_question_is_asked_of_another(void **state)
{
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    fakewires[first].events->dropped(fakewires[first].ctx);
    api_relay_tick(r);
    assert_int_equal(fakewires[1 - first].sent[0].type, MESSAGE_SESSION_OPEN);
    api_talk_free(o.talk);
    api_relay_free(r);
}

static void peers_that_a_peer_names_are_asked_too(void **state)
{
    char named[3][LIMIT_ENDPOINT + 1] = {"tcp://10.0.0.2:1", "tcp://10.0.0.3:1", "ipc://x"};
    struct message m = {.type = MESSAGE_WELCOME};
    struct api_relay *r;
    struct owner o;
    unsigned first = asked(&r, &o);

    (void)state;
    m.welcome.n_endpoints = ARRAY_LEN(named);
    m.welcome.endpoints = named;
    fakewire_says(0, m);
    assert_int_equal(n_fakewires, 3);
    assert_string_equal(fakewires[2].endpoint, "tcp://10.0.0.3:1");
    fakewire_up(2);
    refuses(first, MESSAGE_REFUSAL_NO_SLOT);
    refuses(fakewires[2].n_sent ? 2 : 1 - first, MESSAGE_REFUSAL_DRAINING);
    assert_int_equal(fakewires[0].n_sent + fakewires[1].n_sent + fakewires[2].n_sent, 3);
    api_talk_free(o.talk);
    api_relay_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_no_wires_before_the_first_session),
        cmocka_unit_test(without_a_peer_it_fails_when_its_patience_ends),
        cmocka_unit_test(a_peer_without_a_slot_is_followed_by_the_next),
        cmocka_unit_test(a_refusal_that_all_would_give_ends_it),
        cmocka_unit_test(a_silent_peer_is_told_to_close_and_another_is_asked),
        cmocka_unit_test(a_session_is_closed_by_its_peer),
        cmocka_unit_test(signs_of_life_go_both_ways_and_silence_is_the_end),
        cmocka_unit_test(a_lost_wire_ends_a_session_with_the_next_tick),
        cmocka_unit_test(a_lost_wire_makes_another_peer_be_asked),
        cmocka_unit_test(messages_that_were_dropped_end_a_session),
        cmocka_unit_test(a_dropped_question_is_asked_of_another),
        cmocka_unit_test(peers_that_a_peer_names_are_asked_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
