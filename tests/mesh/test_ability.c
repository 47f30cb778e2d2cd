/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/ability.h"
#include "mesh/peer.h"
#include "tests/mesh/hamlet.h"

enum { NODES = 3, RUBY = 1, JAVA = 2, DEAD_MS = 20000 };

/* The last node runs java, the others python. */
static struct hamlet *two_languages(void)
{
    struct hamlet *h = hamlet_new(NODES);

    hamlet_speaks(h, JAVA, "java");
    hamlet_run(h, 3000);
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    return h;
}

static struct id submit(struct hamlet *h, int node, const char *language)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1};

    (void)snprintf(head.language, sizeof(head.language), "%s", language);
    uint64_t token = hamlet_submit(h, node, &head);
    while (!hamlet_answer(h, token))
        hamlet_run(h, 1);
    return hamlet_answer(h, token)->accepted.jid;
}

static const struct message *view(struct hamlet *h, int node, const struct id *jid)
{
    uint64_t token = hamlet_query(h, node, jid, 0);

    while (!hamlet_answer(h, token))
        hamlet_run(h, 1);
    return hamlet_answer(h, token);
}

static void a_job_runs_where_its_language_is(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    for (int i = 0; i < NODES; i++) {
        struct id java = submit(h, i, "java");
        struct id python = submit(h, i, "python");

        hamlet_run(h, 2000);
        assert_int_equal(view(h, 0, &java)->view.state, MESSAGE_STATE_COMPLETED);
        assert_string_equal(view(h, 0, &java)->view.node, "n2");
        assert_int_equal(view(h, 0, &python)->view.state, MESSAGE_STATE_COMPLETED);
        assert_string_not_equal(view(h, 0, &python)->view.node, "n2");
    }
    assert_int_equal(hamlet_started(h), 2 * NODES);
    hamlet_free(h);
}

static void the_node_with_the_language_is_told_first(void **state)
{
    struct hamlet *h = hamlet_new(HAMLET_MAX);

    (void)state;
    hamlet_speaks(h, HAMLET_MAX - 1, "java");
    hamlet_run(h, 3000);
    hamlet_runs(h, 1, MESH_OUTCOME_RESULT);
    for (uint32_t i = 0; i < 50; i++) {
        submit(h, 0, "java");
        hamlet_run(h, TIMING_HINT_BURST);
        assert_int_equal(hamlet_started(h), i + 1);
        hamlet_run(h, 100);
    }
    hamlet_free(h);
}

static void jobs_wait_for_the_node_with_their_language_and_hold_up_no_others(void **state)
{
    struct hamlet *h = two_languages();
    struct id java[100];

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    for (int i = 0; i < 100; i++)
        java[i] = submit(h, 0, "java");
    struct id python = submit(h, 0, "python");
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_state(h, 0, &python), MESSAGE_STATE_COMPLETED);
    assert_int_equal(hamlet_started(h), 1);
    assert_int_equal(hamlet_state(h, 0, &java[0]), MESSAGE_STATE_QUEUED);
    hamlet_restart(h, JAVA);
    hamlet_run(h, 30000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(hamlet_state(h, 0, &java[i]), MESSAGE_STATE_COMPLETED);
    assert_int_equal(hamlet_started(h), 101);
    hamlet_free(h);
}

static void jobs_that_wait_for_a_node_hide_none_for_another(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    hamlet_speaks(h, RUBY, "ruby");
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    for (int i = 0; i < 100; i++)
        submit(h, 0, "java");
    struct id ruby = submit(h, 0, "ruby");
    hamlet_run(h, 5000);
    assert_int_equal(hamlet_state(h, 0, &ruby), MESSAGE_STATE_COMPLETED);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_job_waits_on_while_the_node_that_has_its_language_finds_that_out(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    struct id java = submit(h, 0, "java");
    hamlet_speaks(h, JAVA, NULL);
    hamlet_restart(h, JAVA);
    hamlet_run(h, DEAD_MS);
    assert_int_equal(hamlet_started(h), 0);
    hamlet_speaks(h, JAVA, "java");
    hamlet_run(h, 5000);
    assert_string_equal(view(h, 0, &java)->view.node, "n2");
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_job_waits_on_for_a_node_whose_disk_is_new(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    struct id java = submit(h, 0, "java");
    hamlet_speaks(h, JAVA, NULL);
    hamlet_roll_back(h, JAVA); /* to before it was there: another disk */
    hamlet_restart(h, JAVA);
    hamlet_run(h, DEAD_MS);
    assert_int_equal(hamlet_started(h), 0);
    hamlet_speaks(h, JAVA, "java");
    hamlet_run(h, 5000);
    assert_string_equal(view(h, 0, &java)->view.node, "n2");
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_node_that_says_nothing_is_not_waited_for_for_ever(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    hamlet_speaks(h, JAVA, NULL);
    hamlet_roll_back(h, JAVA);
    hamlet_restart(h, JAVA);
    hamlet_run(h, 5000);
    submit(h, 0, "cobol");
    hamlet_run(h, 5000);
    assert_int_equal(hamlet_started(h), 0);
    hamlet_run(h, 60000);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void who_has_a_language_is_known_after_a_restart(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    struct id java = submit(h, 0, "java");
    hamlet_run(h, 1000);
    hamlet_crash(h, 0);
    hamlet_restart(h, 0);
    hamlet_run(h, DEAD_MS);
    assert_int_equal(hamlet_started(h), 0);
    hamlet_restart(h, JAVA);
    hamlet_run(h, DEAD_MS);
    assert_int_equal(hamlet_state(h, 0, &java), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void what_nobody_has_is_tried_at_once(void **state)
{
    struct hamlet *h = two_languages();
    struct id cobol = submit(h, 0, "cobol");

    (void)state;
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_started(h), 1);
    assert_int_equal(hamlet_state(h, 0, &cobol), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void a_job_is_tried_once_the_node_it_waits_for_is_forgotten(void **state)
{
    struct hamlet *h = two_languages();
    struct message forget = {.type = MESSAGE_FORGET};

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    submit(h, 0, "java");
    hamlet_run(h, 5000);
    assert_int_equal(hamlet_started(h), 0);
    forget.node.nid.b[0] = forget.node.nid.b[15] = JAVA + 1;
    hamlet_ask(h, 0, &forget);
    hamlet_run(h, 5000);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_node_that_learns_a_language_runs_what_waits(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    struct id java = submit(h, 0, "java");
    hamlet_run(h, 5000);
    assert_int_equal(hamlet_started(h), 0);
    hamlet_speaks(h, 0, "java");
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_state(h, 0, &java), MESSAGE_STATE_COMPLETED);
    assert_string_equal(view(h, 0, &java)->view.node, "n0");
    hamlet_free(h);
}

static uint32_t languages(struct hamlet *h, int node)
{
    struct message ask = {.type = MESSAGE_LANGUAGES};
    uint64_t token = hamlet_ask(h, node, &ask);

    hamlet_run(h, 1);
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_LANGUAGES_REPLY);
    return hamlet_answer(h, token)->languages.n;
}

static void every_node_tells_what_the_mesh_can_run(void **state)
{
    struct hamlet *h = two_languages();

    (void)state;
    for (int i = 0; i < NODES; i++)
        assert_int_equal(languages(h, i), 2);
    hamlet_crash(h, JAVA);
    hamlet_run(h, DEAD_MS);
    assert_int_equal(languages(h, 0), 2);
    hamlet_restart(h, JAVA);
    hamlet_run(h, 5000);
    hamlet_speaks(h, JAVA, "python");
    hamlet_run(h, 5000);
    assert_int_equal(languages(h, 0), 1);
    hamlet_free(h);
}

static void names_that_nobody_has_any_more_give_way(void **state)
{
    struct hamlet *h = two_languages();
    char name[16];

    (void)state;
    for (int i = 0; i < LIMIT_LANGUAGES + 3; i++) {
        (void)snprintf(name, sizeof(name), "java%d", i);
        hamlet_speaks(h, JAVA, name);
        hamlet_run(h, 3000);
        assert_int_equal(languages(h, 0), 2);
    }
    hamlet_free(h);
}

static void a_peer_that_asks_again_and_again_is_answered_once(void **state)
{
    struct hamlet *h = two_languages();
    struct mesh *m = hamlet_mesh(h, 0);
    struct id nid = {{0}};
    struct wire_reader none;

    (void)state;
    nid.b[0] = nid.b[15] = JAVA + 1;
    hamlet_run(h, 3000);
    wire_reader_init(&none, (const uint8_t *)"", 0);
    ability_on_get(m, &nid, &none);
    size_t once = peer_get(m, &nid)->out[MESH_LANE_CONTROL][EFFECT_NOW].len;
    assert_true(once > 0);
    for (int i = 0; i < 1000; i++)
        ability_on_get(m, &nid, &none);
    assert_int_equal(peer_get(m, &nid)->out[MESH_LANE_CONTROL][EFFECT_NOW].len, once);
    hamlet_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_where_its_language_is),
        cmocka_unit_test(the_node_with_the_language_is_told_first),
        cmocka_unit_test(jobs_wait_for_the_node_with_their_language_and_hold_up_no_others),
        cmocka_unit_test(jobs_that_wait_for_a_node_hide_none_for_another),
        cmocka_unit_test(a_job_waits_on_while_the_node_that_has_its_language_finds_that_out),
        cmocka_unit_test(a_job_waits_on_for_a_node_whose_disk_is_new),
        cmocka_unit_test(a_node_that_says_nothing_is_not_waited_for_for_ever),
        cmocka_unit_test(who_has_a_language_is_known_after_a_restart),
        cmocka_unit_test(what_nobody_has_is_tried_at_once),
        cmocka_unit_test(a_job_is_tried_once_the_node_it_waits_for_is_forgotten),
        cmocka_unit_test(a_node_that_learns_a_language_runs_what_waits),
        cmocka_unit_test(every_node_tells_what_the_mesh_can_run),
        cmocka_unit_test(names_that_nobody_has_any_more_give_way),
        cmocka_unit_test(a_peer_that_asks_again_and_again_is_answered_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
