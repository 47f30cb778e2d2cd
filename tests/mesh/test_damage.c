/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/mesh/hamlet.h"

static void note_job(void *ctx, const struct inspect_job *job)
{
    struct id *jid = ctx;

    *jid = job->jid;
}

static void a_damaged_copy_is_mended_when_the_third_never_had_one(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;

    (void)state;
    hamlet_runs(h, 60000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    hamlet_crash(h, 2);
    jid = hamlet_job(h, 0);
    hamlet_crash(h, 0);
    hamlet_crash(h, 1);
    hamlet_rot(h, 0, &jid);
    hamlet_runs(h, 500, MESH_OUTCOME_RESULT);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 20000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hamlet_state(h, i, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void a_damaged_record_that_nobody_else_has_is_given_up(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid = {0};
    struct inspect_job j;

    (void)state;
    hamlet_run(h, 2000);
    hamlet_crash(h, 1);
    hamlet_crash(h, 2);
    uint64_t token = hamlet_submit(h, 0, NULL);
    hamlet_run(h, 20);
    assert_null(hamlet_answer(h, token));
    inspect_jobs(hamlet_mesh(h, 0), note_job, &jid);
    assert_false(id_is_zero(&jid));
    hamlet_crash(h, 0);
    hamlet_rot(h, 0, &jid);
    hamlet_restart(h, 0);
    hamlet_run(h, 20000);
    /* The others might know of it: nothing is guessed. */
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j));
    assert_true(j.damaged);
    hamlet_restart(h, 1);
    hamlet_restart(h, 2);
    hamlet_run(h, 20000);
    assert_false(inspect_job_get(hamlet_mesh(h, 0), &jid, &j));
    assert_int_equal(hamlet_state(h, 1, &jid), MESSAGE_STATE_N);
    hamlet_free(h);
}

static void what_two_of_three_cannot_read_is_not_guessed(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;
    struct inspect_job j;

    (void)state;
    hamlet_runs(h, 60000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 100);
    for (int i = 0; i < 3; i++)
        hamlet_crash(h, i);
    hamlet_rot(h, 0, &jid);
    hamlet_rot(h, 1, &jid);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 30000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j) && j.damaged);
    assert_true(inspect_job_get(hamlet_mesh(h, 1), &jid, &j) && j.damaged);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_copy_is_mended_when_the_third_never_had_one),
        cmocka_unit_test(a_damaged_record_that_nobody_else_has_is_given_up),
        cmocka_unit_test(what_two_of_three_cannot_read_is_not_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
