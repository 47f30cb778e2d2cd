/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/link.h"

#include "api-bridge/config.h"
#include "api-bridge/metrics.h"
#include "base/own.h"
#include "tests/api-bridge/fakewire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct api_config config = {.n_peers = 2,
                                         .peers = {"tcp://10.0.0.1:1", "tcp://10.0.0.2:1"}};

/* A link with two wires, and what its asker heard. */
struct asker {
    uv_loop_t loop;
    struct api_metrics metrics;
    struct api_link *link;
    unsigned answers, faults;
    enum message_type last;
    enum api_fault_code fault;
    struct id jid; /* in the fault */
};

static void on_answer(void *ctx, const struct message *m, const struct api_fault *f)
{
    struct asker *a = ctx;

    a->answers++;
    a->faults += f != NULL;
    a->fault = f ? f->code : API_FAULT_NONE;
    a->jid = f ? f->jid : (struct id){{0}};
    a->last = m ? m->type : MESSAGE_HELLO;
}

static void asker_init(struct asker *a)
{
    struct err err = {0};

    *a = (struct asker){0};
    n_fakewires = 0;
    assert_int_equal(uv_loop_init(&a->loop), 0);
    a->link = api_link_new(&a->loop, &config, &a->metrics, &err);
    assert_non_null(a->link);
}

static void asker_done(struct asker *a)
{
    api_link_free(a->link);
    assert_int_equal(uv_run(&a->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&a->loop), 0);
}

/* The wire that was asked last; each question is taken off the wires. */
static unsigned asked(enum message_type type, uint64_t *ret_token)
{
    const unsigned wire = fakewires[0].n_sent ? 0 : 1;

    assert_int_equal(fakewires[0].n_sent + fakewires[1].n_sent, 1);
    assert_int_equal(fakewires[wire].sent[0].type, type);
    *ret_token = fakewires[wire].sent[0].token;
    fakewires[wire].n_sent = 0;
    return wire;
}

static void ask(struct asker *a, enum message_type type)
{
    struct message m = {.type = type};

    assert_true(api_link_ask(a->link, &m, 0, on_answer, a) > 0);
    assert_int_equal(a->answers, 0); /* never within the call */
}

static void a_question_waits_for_a_peer_and_is_answered_once(void **state)
{
    struct message m = {.type = MESSAGE_ACCEPTED};
    struct asker a;

    (void)state;
    asker_init(&a);
    ask(&a, MESSAGE_SUBMIT);
    assert_int_equal(api_link_peers_up(a.link), 0);
    fakewire_up(1);
    assert_int_equal(api_link_peers_up(a.link), 1);
    assert_int_equal(asked(MESSAGE_SUBMIT, &m.token), 1);
    fakewire_says(1, m);
    fakewire_says(1, m);
    assert_int_equal(a.answers, 1);
    assert_int_equal(a.last, MESSAGE_ACCEPTED);
    asker_done(&a);
}

static void an_answer_that_does_not_fit_is_a_fault(void **state)
{
    static const struct {
        enum message_type question, answer;
    } odd[] = {
        {MESSAGE_SUBMIT, MESSAGE_DONE},           {MESSAGE_SUBMIT, MESSAGE_JOBS},
        {MESSAGE_QUERY, MESSAGE_ACCEPTED},        {MESSAGE_LIST, MESSAGE_JOB},
        {MESSAGE_STATS, MESSAGE_LANGUAGES_REPLY}, {MESSAGE_LANGUAGES, MESSAGE_STATS_REPLY},
        {MESSAGE_READY, MESSAGE_ACCEPTED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct message m = {.type = odd[i].answer};
        struct asker a;
        unsigned wire;

        asker_init(&a);
        fakewire_up(0);
        ask(&a, odd[i].question);
        wire = asked(odd[i].question, &m.token);
        fakewire_says(wire, m);
        assert_int_equal(a.faults, 1);
        assert_int_equal(a.fault, API_FAULT_INTERNAL);
        asker_done(&a);
    }
}

/* Two peers are there; the one that was asked says no. Returns which. */
static unsigned ask_and_refuse(struct asker *a, enum message_type question,
                               enum message_refusal why, struct message *ret_said)
{
    unsigned first;

    *ret_said = (struct message){.type = MESSAGE_REFUSED};
    asker_init(a);
    fakewire_up(0);
    fakewire_up(1);
    ask(a, question);
    first = asked(question, &ret_said->token);
    ret_said->refused.why = why;
    fakewire_says(first, *ret_said);
    return first;
}

static void what_one_peer_refuses_another_may_take(void **state)
{
    struct message m;
    struct asker a;
    unsigned first = ask_and_refuse(&a, MESSAGE_SUBMIT, MESSAGE_REFUSAL_DRAINING, &m);

    (void)state;
    assert_int_equal(asked(MESSAGE_SUBMIT, &m.token), 1 - first);
    assert_int_equal(a.answers, 0);
    fakewire_says(1 - first, m);
    assert_int_equal(a.fault, API_FAULT_DRAINING); /* nobody is left to ask */
    asker_done(&a);
}

static void a_refusal_that_all_would_give_is_told_at_once(void **state)
{
    struct message m;
    struct asker a;
    unsigned first = ask_and_refuse(&a, MESSAGE_QUERY, MESSAGE_REFUSAL_NOT_FOUND, &m);

    (void)state;
    assert_int_equal(a.fault, API_FAULT_JOB_NOT_FOUND);
    assert_int_equal(fakewires[1 - first].n_sent, 0);
    asker_done(&a);
}

static void what_a_lost_peer_was_asked_another_is_asked(void **state)
{
    struct message m = {.type = MESSAGE_ACCEPTED};
    struct asker a;
    unsigned first;

    (void)state;
    asker_init(&a);
    fakewire_up(0);
    fakewire_up(1);
    ask(&a, MESSAGE_SUBMIT);
    first = asked(MESSAGE_SUBMIT, &m.token);
    fakewire_down(first);
    assert_int_equal(asked(MESSAGE_SUBMIT, &m.token), 1 - first);
    assert_int_equal(atomic_load(&a.metrics.resubmits), 1);
    fakewire_says(1 - first, m);
    assert_int_equal(a.last, MESSAGE_ACCEPTED);
    asker_done(&a);
}

/* What an asker hears when the first peer it had is lost, or says that it does not know, and the
 * second refuses. */
static struct asker refused_after(bool lost, enum message_type question, enum message_refusal why)
{
    struct message m;
    struct asker a;
    unsigned first;

    if (lost) {
        m = (struct message){.type = MESSAGE_REFUSED};
        asker_init(&a);
        fakewire_up(0);
        fakewire_up(1);
        ask(&a, question);
        first = asked(question, &m.token);
        fakewire_down(first);
    } else {
        first = ask_and_refuse(&a, question, MESSAGE_REFUSAL_UNKNOWN_OUTCOME, &m);
    }
    (void)asked(question, &m.token);
    m.refused.why = why;
    fakewire_says(1 - first, m);
    assert_int_equal(a.faults, 1);
    asker_done(&a);
    return a;
}

static void what_a_peer_may_have_taken_no_other_can_refuse(void **state)
{
    static const enum message_refusal whys[] = {MESSAGE_REFUSAL_QUEUE_FULL,
                                                MESSAGE_REFUSAL_DRAINING, MESSAGE_REFUSAL_NO_QUORUM,
                                                MESSAGE_REFUSAL_NO_SLOT};

    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_LEN(whys); i++) {
        struct asker a = refused_after(i % 2, MESSAGE_SUBMIT, whys[i / 2]);

        assert_int_equal(a.fault, API_FAULT_OUTCOME_UNKNOWN);
    }
    assert_int_equal(refused_after(true, MESSAGE_QUERY, MESSAGE_REFUSAL_QUEUE_FULL).fault,
                     API_FAULT_QUEUE_FULL);
}

static void a_key_that_was_used_is_told_whoever_was_asked_before(void **state)
{
    (void)state;
    assert_int_equal(refused_after(true, MESSAGE_SUBMIT, MESSAGE_REFUSAL_KEY_REUSED).fault,
                     API_FAULT_KEY_REUSED);
    assert_int_equal(refused_after(true, MESSAGE_SUBMIT, MESSAGE_REFUSAL_BAD_REQUEST).fault,
                     API_FAULT_INTERNAL);
}

static void a_submit_whose_outcome_is_not_known_has_the_name_of_its_job(void **state)
{
    struct spec_file file = {.name = "main.c"};
    struct spec spec = {.head = {.language = "c", .attempts_max = 1, .keyed = true, .key = {1}},
                        .n_files = 1,
                        .files = &file};
    auto_buf struct buf encoded = {.max = LIMIT_SPEC};
    struct message m = {.type = MESSAGE_SUBMIT};
    struct id jid = id_job_keyed(spec.head.key);
    uint64_t token;
    struct asker a;
    unsigned first;

    (void)state;
    assert_int_equal(spec_encode(&spec, &encoded), 0);
    m.submit.spec = buf_span(&encoded);
    asker_init(&a);
    fakewire_up(0);
    fakewire_up(1);
    assert_true(api_link_ask(a.link, &m, 0, on_answer, &a) > 0);
    first = asked(MESSAGE_SUBMIT, &token);
    m = (struct message){.type = MESSAGE_REFUSED, .token = token};
    m.refused.why = MESSAGE_REFUSAL_DRAINING;
    fakewire_says(first, m);
    (void)asked(MESSAGE_SUBMIT, &token);
    fakewire_down(first);
    fakewire_down(1 - first); /* the one that has it: nobody is left to ask */
    while (a.answers == 0)
        (void)uv_run(&a.loop, UV_RUN_ONCE);
    assert_int_equal(a.fault, API_FAULT_OUTCOME_UNKNOWN);
    assert_memory_equal(&a.jid, &jid, sizeof(jid));
    asker_done(&a);
}

static void a_watch_goes_on_behind_the_last_event_with_another_peer(void **state)
{
    struct api_link_topic topic = {.jid = {{1}}, .tenant = "", .after = 3};
    struct message m = {.type = MESSAGE_EVENT, .event = {.seq = 4}};
    struct asker a;
    uint64_t number;
    unsigned first;

    (void)state;
    asker_init(&a);
    fakewire_up(0);
    fakewire_up(1);
    number = api_link_watch(a.link, &topic, on_answer, &a);
    assert_true(number > 0);
    first = fakewires[0].n_sent ? 0 : 1;
    assert_int_equal(fakewires[first].sent[0].seen, 3);
    (void)asked(MESSAGE_WATCH, &m.token);
    fakewire_says(first, m);
    assert_int_equal(a.answers, 1);
    fakewire_down(first);
    assert_int_equal(fakewires[1 - first].sent[0].seen, 4);
    (void)asked(MESSAGE_WATCH, &m.token);
    api_link_forget(a.link, number);
    assert_int_equal(asked(MESSAGE_UNWATCH, &m.token), 1 - first);
    asker_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_waits_for_a_peer_and_is_answered_once),
        cmocka_unit_test(an_answer_that_does_not_fit_is_a_fault),
        cmocka_unit_test(what_one_peer_refuses_another_may_take),
        cmocka_unit_test(a_refusal_that_all_would_give_is_told_at_once),
        cmocka_unit_test(what_a_lost_peer_was_asked_another_is_asked),
        cmocka_unit_test(what_a_peer_may_have_taken_no_other_can_refuse),
        cmocka_unit_test(a_key_that_was_used_is_told_whoever_was_asked_before),
        cmocka_unit_test(a_submit_whose_outcome_is_not_known_has_the_name_of_its_job),
        cmocka_unit_test(a_watch_goes_on_behind_the_last_event_with_another_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
