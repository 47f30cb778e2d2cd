/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/job.h"
#include "tests/mesh/hamlet.h"

enum { MANY = 400 };

static void three_nodes_keep_three_copies(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid = hamlet_job(h, 0);
    struct inspect_job j;

    (void)state;
    hamlet_run(h, 3000);
    for (int i = 0; i < 3; i++) {
        assert_true(inspect_job_get(hamlet_mesh(h, i), &jid, &j));
        assert_true(j.decided);
        assert_int_equal(j.n_rset, 3);
        assert_int_equal(hamlet_state(h, i, &jid), MESSAGE_STATE_COMPLETED);
    }
    hamlet_free(h);
}

static void any_node_answers_for_any_job(void **state)
{
    struct hamlet *h = hamlet_new(5);
    struct id jid;

    (void)state;
    hamlet_runs(h, 3000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 2);
    hamlet_run(h, 100);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hamlet_state(h, i, &jid), MESSAGE_STATE_ACTIVE);
    hamlet_run(h, 4000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hamlet_state(h, i, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void idle_nodes_take_work_from_a_busy_one(void **state)
{
    struct hamlet *h = hamlet_new(3);

    (void)state;
    hamlet_runs(h, 1000, MESH_OUTCOME_RESULT);
    for (int i = 0; i < 6; i++)
        hamlet_submit(h, 0, NULL);
    hamlet_run(h, 600);
    assert_int_equal(hamlet_started(h), 6);
    hamlet_free(h);
}

static void a_dead_owner_is_replaced(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;

    (void)state;
    hamlet_runs(h, 2000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 200);
    hamlet_crash(h, 0);
    hamlet_run(h, 12000);
    assert_int_equal(hamlet_state(h, 1, &jid), MESSAGE_STATE_COMPLETED);
    assert_int_equal(hamlet_state(h, 2, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_restart(h, 0);
    hamlet_run(h, 12000);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void a_job_is_cancelled_from_anywhere(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;
    uint64_t token;

    (void)state;
    hamlet_runs(h, 60000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 200);
    token = hamlet_about(h, 2, MESSAGE_CANCEL, &jid);
    hamlet_run(h, 500);
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_DONE);
    assert_int_equal(hamlet_state(h, 1, &jid), MESSAGE_STATE_CANCELLED);
    assert_int_equal(hamlet_killed(h), 1);
    hamlet_free(h);
}

static void one_key_makes_one_job_whoever_is_asked(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9, 9}};
    uint64_t t[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        t[i] = hamlet_submit(h, i, &head);
    hamlet_run(h, 3000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hamlet_answer(h, t[i])->type, MESSAGE_ACCEPTED);
        assert_true(
            id_eq(&hamlet_answer(h, t[i])->accepted.jid, &hamlet_answer(h, t[0])->accepted.jid));
    }
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

/* Two of five could be a majority of some key's three: those on the other side may know of nodes
 * that these two do not, and give the key another three (swarm 18, 640, 709). */
static void no_key_is_given_a_set_by_less_than_half_of_all(void **state)
{
    struct hamlet *h = hamlet_new(5);
    uint64_t t[16];

    (void)state;
    hamlet_run(h, 12000);
    for (int i = 2; i < 5; i++)
        hamlet_crash(h, i);
    hamlet_run(h, 15000);
    for (uint8_t i = 0; i < ARRAY_LEN(t); i++) {
        struct spec_head head = {
            .priority = 2, .attempts_max = 1, .keyed = true, .key = {[7] = i, [9] = 5}};

        t[i] = hamlet_submit(h, i % 2, &head);
    }
    hamlet_run(h, 12000);
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        assert_int_equal(hamlet_answer(h, t[i])->type, MESSAGE_REFUSED);
        assert_int_equal(hamlet_answer(h, t[i])->refused.why, MESSAGE_REFUSAL_NO_QUORUM);
    }
    assert_int_equal(hamlet_started(h), 0);
    hamlet_free(h);
}

enum { KEYS = 16 };

/* Asks for KEYS keys, one after the other; returns how many were made anew. */
static int ask_for_keys(struct hamlet *h, int node, int *ret_known)
{
    int made = 0;

    *ret_known = 0;
    for (uint8_t k = 0; k < KEYS; k++) {
        struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true};

        head.key[ID_SIZE - 1] = k;
        uint64_t t = hamlet_submit(h, node, &head);
        hamlet_run(h, 200);
        const struct message *a = hamlet_answer(h, t);
        if (a && a->type == MESSAGE_ACCEPTED) {
            *ret_known += a->accepted.duplicate;
            made += !a->accepted.duplicate;
        }
    }
    return made;
}

static void a_node_that_started_lately_makes_no_known_key_anew(void **state)
{
    struct hamlet *h = hamlet_new_expecting(5, 1);
    int known;

    (void)state;
    hamlet_run(h, 5000);
    assert_int_equal(ask_for_keys(h, 1, &known), KEYS);
    hamlet_crash(h, 0);
    hamlet_run(h, 200);
    hamlet_restart(h, 0);
    hamlet_run(h, 3000);
    /* It knows its peers of old, and asks the same as ever. */
    assert_int_equal(ask_for_keys(h, 0, &known), 0);
    assert_int_equal(known, KEYS);
    /* With a new disk it has just met them. */
    hamlet_roll_back(h, 4);
    hamlet_restart(h, 4);
    hamlet_run(h, 3000);
    assert_int_equal(ask_for_keys(h, 4, &known), 0);
    assert_int_equal(hamlet_started(h), KEYS);
    hamlet_free(h);
}

static void a_replica_that_stays_away_is_replaced(void **state)
{
    struct hamlet *h = hamlet_new(5);
    struct inspect_job j;
    struct id jid;
    int gone = -1;

    (void)state;
    hamlet_runs(h, 200000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 500);
    for (int i = 1; i < 5; i++)
        if (inspect_job_get(hamlet_mesh(h, i), &jid, &j))
            gone = i;
    hamlet_crash(h, gone);
    hamlet_run(h, 80000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j));
    assert_int_equal(j.n_rset, 3);
    assert_int_equal(j.n_prev, 0);
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(j.rset[i].b[0], gone + 1);
    hamlet_free(h);
}

static void a_draining_node_hands_its_jobs_over(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jids[10];

    (void)state;
    hamlet_runs(h, 1500, MESH_OUTCOME_RESULT);
    for (int i = 0; i < 10; i++)
        jids[i] = hamlet_job(h, 0);
    hamlet_drain(h, 0);
    hamlet_run(h, 15000);
    assert_true(hamlet_drained(h, 0));
    for (int i = 0; i < 10; i++)
        assert_int_equal(hamlet_state(h, 1, &jids[i]), MESSAGE_STATE_COMPLETED);
    assert_int_equal(hamlet_started(h), 10);
    hamlet_free(h);
}

static void a_watch_follows_the_job_to_its_new_owner(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;
    uint64_t token;
    bool decided = false;

    (void)state;
    hamlet_runs(h, 3000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    token = hamlet_about(h, 1, MESSAGE_WATCH, &jid);
    hamlet_run(h, 500);
    hamlet_crash(h, 0);
    hamlet_run(h, 15000);
    for (uint32_t i = 0; hamlet_answer_at(h, token, i); i++)
        decided = decided || hamlet_answer_at(h, token, i)->event.kind == MESSAGE_EVENT_DECIDED;
    assert_true(decided);
    hamlet_free(h);
}

static void a_decided_job_is_forgotten_by_all(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid = hamlet_job(h, 0);

    (void)state;
    hamlet_run(h, 700 * 1000);
    for (int i = 0; i < 3; i++)
        assert_true(inspect_purged(hamlet_mesh(h, i), &jid));
    hamlet_free(h);
}

static void a_key_stays_used_after_its_job_was_forgotten(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct spec_head head = {
        .priority = 2, .attempts_max = 1, .keyed = true, .key = {8}, .body_hash = {1}};
    struct spec_head other = head;
    uint64_t first = hamlet_submit(h, 0, &head);
    uint64_t same, reused;
    struct id jid;

    (void)state;
    hamlet_run(h, 700 * 1000);
    jid = hamlet_answer(h, first)->accepted.jid;
    for (int i = 0; i < 3; i++) {
        assert_true(inspect_purged(hamlet_mesh(h, i), &jid));
        hamlet_crash(h, i);
        hamlet_restart(h, i);
    }
    hamlet_run(h, 15000);
    other.body_hash[0] = 2;
    same = hamlet_submit(h, 1, &head);
    reused = hamlet_submit(h, 2, &other);
    hamlet_run(h, 3000);
    assert_int_equal(hamlet_answer(h, same)->type, MESSAGE_ACCEPTED);
    assert_true(hamlet_answer(h, same)->accepted.duplicate);
    assert_true(id_eq(&hamlet_answer(h, same)->accepted.jid, &jid));
    assert_int_equal(hamlet_answer(h, reused)->type, MESSAGE_REFUSED);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void the_figures_of_all_nodes_add_up(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct message msg = {.type = MESSAGE_STATS};
    uint64_t token;

    (void)state;
    for (int i = 0; i < 3; i++)
        hamlet_job(h, i);
    hamlet_run(h, 2000);
    token = hamlet_ask(h, 1, &msg);
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_answer(h, token)->stats.n, 4);
    assert_int_equal(hamlet_answer(h, token)->stats.nodes[0].jobs[MESSAGE_STATE_COMPLETED], 3);
    assert_int_equal(hamlet_answer(h, token)->stats.nodes[0].completed, 3);
    hamlet_free(h);
}

/* Node 2 is down, so that node 0 cannot know of all copies and asks the others. What node 1 knows
 * more it tells nobody of its own accord. */
static void one_who_is_down_is_not_asked_about_a_job(void **state)
{
    enum { JOBS = 20, ASKED_MS = 24000 };
    struct hamlet *h = hamlet_new(3);
    struct id jids[JOBS];

    (void)state;
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    for (int i = 0; i < JOBS; i++)
        jids[i] = hamlet_job(h, 0);
    hamlet_run(h, 5000);
    hamlet_crash(h, 0);
    hamlet_crash(h, 2);
    hamlet_restart(h, 0);
    hamlet_run(h, 10000);
    for (int i = 0; i < JOBS; i++) {
        struct job *j = job_find(hamlet_mesh(h, 1), &jids[i]);

        j->push = false;
        j->r.told = true;
    }
    hamlet_run(h, ASKED_MS);
    for (int i = 0; i < JOBS; i++)
        assert_true(job_find(hamlet_mesh(h, 0), &jids[i])->r.told);
    hamlet_free(h);
}

/* The most results that a node was reading for others in so many milliseconds. */
static uint32_t most_pushes(struct hamlet *h, int node, int ms)
{
    uint32_t most = 0;

    for (; ms > 0; ms--) {
        hamlet_run(h, 1);
        if (hamlet_mesh(h, node)->pushes > most)
            most = hamlet_mesh(h, node)->pushes;
    }
    return most;
}

static struct hamlet *after_many_jobs(void)
{
    struct hamlet *h = hamlet_new(3);

    hamlet_runs(h, 1, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    for (int i = 0; i < MANY; i++)
        (void)hamlet_job(h, i % 2);
    hamlet_run(h, 2000);
    return h;
}

static void who_comes_back_reads_no_result_that_all_have(void **state)
{
    struct hamlet *h = after_many_jobs();
    struct inspect_backlog b;

    (void)state;
    hamlet_crash(h, 0);
    hamlet_restart(h, 0);
    assert_int_equal(most_pushes(h, 0, 3000), 0);
    inspect_backlog_get(hamlet_mesh(h, 0), &b);
    assert_int_equal(b.behind, 0);
    hamlet_free(h);
}

static void results_that_another_lacks_are_read_some_at_a_time(void **state)
{
    struct hamlet *h = after_many_jobs();
    struct inspect_backlog b;

    (void)state;
    hamlet_crash(h, 2);
    for (int i = 0; i < MANY; i++)
        (void)hamlet_job(h, i % 2);
    hamlet_run(h, 2000);
    for (int i = 0; i < 2; i++)
        hamlet_crash(h, i);
    for (int i = 0; i < 2; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 5000);
    hamlet_restart(h, 2);
    assert_in_range(most_pushes(h, 0, 30000), 1, MANY / 4);
    inspect_backlog_get(hamlet_mesh(h, 0), &b);
    assert_int_equal(b.behind, 0);
    hamlet_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_nodes_keep_three_copies),
        cmocka_unit_test(any_node_answers_for_any_job),
        cmocka_unit_test(idle_nodes_take_work_from_a_busy_one),
        cmocka_unit_test(a_dead_owner_is_replaced),
        cmocka_unit_test(a_job_is_cancelled_from_anywhere),
        cmocka_unit_test(one_key_makes_one_job_whoever_is_asked),
        cmocka_unit_test(no_key_is_given_a_set_by_less_than_half_of_all),
        cmocka_unit_test(a_node_that_started_lately_makes_no_known_key_anew),
        cmocka_unit_test(a_replica_that_stays_away_is_replaced),
        cmocka_unit_test(a_draining_node_hands_its_jobs_over),
        cmocka_unit_test(a_watch_follows_the_job_to_its_new_owner),
        cmocka_unit_test(a_decided_job_is_forgotten_by_all),
        cmocka_unit_test(a_key_stays_used_after_its_job_was_forgotten),
        cmocka_unit_test(the_figures_of_all_nodes_add_up),
        cmocka_unit_test(one_who_is_down_is_not_asked_about_a_job),
        cmocka_unit_test(who_comes_back_reads_no_result_that_all_have),
        cmocka_unit_test(results_that_another_lacks_are_read_some_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
