/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/store.h"
#include "tests/mesh/hamlet.h"

static void note_job(void *ctx, const struct inspect_job *job)
{
    struct id *jid = ctx;

    *jid = job->jid;
}

/* The first `damaged` of three cannot read their record of the job when all are back. */
static void restart_all(struct hamlet *h, const struct id *jid, int damaged)
{
    for (int i = 0; i < 3; i++)
        hamlet_crash(h, i);
    for (int i = 0; i < damaged; i++)
        hamlet_rot(h, i, STORE_RECORD, jid);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
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
    hamlet_runs(h, 500, MESH_OUTCOME_RESULT);
    restart_all(h, &jid, 1);
    hamlet_run(h, 20000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hamlet_state(h, i, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void mended_copies_still_know_what_they_are_copies_of(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;

    (void)state;
    hamlet_runs(h, 60000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 100);
    for (int i = 1; i < 3; i++) {
        hamlet_crash(h, i);
        hamlet_rot(h, i, STORE_RECORD, &jid);
        hamlet_restart(h, i);
        hamlet_run(h, 5000);
    }
    /* With the third gone, the request is on their disks or nowhere. */
    hamlet_runs(h, 500, MESH_OUTCOME_RESULT);
    hamlet_crash(h, 0);
    hamlet_run(h, 20000);
    for (int i = 1; i < 3; i++)
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
    hamlet_rot(h, 0, STORE_RECORD, &jid);
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
    restart_all(h, &jid, 2);
    hamlet_run(h, 30000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j) && j.damaged);
    assert_true(inspect_job_get(hamlet_mesh(h, 1), &jid, &j) && j.damaged);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_lost_majority_is_kept_though_the_third_never_had_it(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;
    struct inspect_job j;

    (void)state;
    hamlet_runs(h, 600000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    hamlet_crash(h, 2);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 100);
    restart_all(h, &jid, 2);
    hamlet_run(h, 60000);
    for (int i = 0; i < 2; i++)
        assert_true(inspect_job_get(hamlet_mesh(h, i), &jid, &j) && j.damaged);
    hamlet_free(h);
}

static void an_only_copy_that_was_acknowledged_is_kept(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct hamlet *h = hamlet_new(1);
    struct inspect_job j;
    struct id jid;

    (void)state;
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    uint64_t token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 2000);
    assert_non_null(hamlet_answer(h, token));
    jid = hamlet_answer(h, token)->accepted.jid;
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_crash(h, 0);
    hamlet_rot(h, 0, STORE_RECORD, &jid);
    hamlet_restart(h, 0);
    hamlet_run(h, 15000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j) && j.damaged);
    (void)hamlet_submit(h, 0, &head);
    hamlet_run(h, 5000);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_key_whose_request_is_not_known_serves_no_other(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct hamlet *h = hamlet_new(3);
    struct id jid;

    (void)state;
    hamlet_run(h, 15000);
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    head.body_hash[0] = 1;
    uint64_t token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 2000);
    assert_non_null(hamlet_answer(h, token));
    jid = hamlet_answer(h, token)->accepted.jid;
    /* Its record rots, and the others have forgotten the job when they are asked. */
    hamlet_crash(h, 0);
    hamlet_rot(h, 0, STORE_RECORD, &jid);
    hamlet_run(h, 700 * 1000);
    assert_true(inspect_purged(hamlet_mesh(h, 1), &jid));
    hamlet_restart(h, 0);
    hamlet_run(h, 20000);
    assert_true(inspect_purged(hamlet_mesh(h, 0), &jid));
    head.body_hash[0] = 2;
    for (int i = 0; i < 2; i++) {
        token = hamlet_submit(h, i, &head);
        hamlet_run(h, 2000);
        assert_non_null(hamlet_answer(h, token));
        assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_REFUSED);
        assert_int_equal(hamlet_answer(h, token)->refused.why, MESSAGE_REFUSAL_KEY_REUSED);
    }
    hamlet_free(h);
}

/* The set of a job whose owner is node 0, and of which node 2 has lost its disk, is in change: the
 * one before it has no majority while node 1 is down. Returns whose place is being taken. */
static struct id set_in_change(struct hamlet *h, struct id *ret_jid)
{
    struct inspect_job j;
    bool found = false;

    hamlet_runs(h, 600000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    while (!found) {
        *ret_jid = hamlet_job(h, 0);
        assert_true(inspect_job_get(hamlet_mesh(h, 0), ret_jid, &j));
        found = inspect_job_get(hamlet_mesh(h, 1), ret_jid, &j) &&
                inspect_job_get(hamlet_mesh(h, 2), ret_jid, &j);
    }
    hamlet_run(h, 100);
    hamlet_crash(h, 1);
    hamlet_roll_back(h, 2);
    hamlet_restart(h, 2);
    hamlet_run(h, 10000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), ret_jid, &j));
    assert_int_equal(j.n_prev, 3);
    for (uint32_t i = 0; i < j.n_rset; i++)
        if (!id_eq(&j.rset[i], &j.prev[0]) && !id_eq(&j.rset[i], &j.prev[1]) &&
            !id_eq(&j.rset[i], &j.prev[2]))
            return j.rset[i];
    fail();
    return (struct id){0};
}

static void who_was_to_act_and_is_damaged_does_not_hold_up_the_others(void **state)
{
    struct hamlet *h = hamlet_new(4);
    struct inspect_job j;
    struct id jid, newest;

    (void)state;
    newest = set_in_change(h, &jid);
    int heir = newest.b[0] - 1;
    /* The new one prepares a ballot, is promised it by node 1, and gets no further. */
    hamlet_crash(h, 0);
    hamlet_restart(h, 1);
    hamlet_run(h, 90000);
    assert_true(inspect_job_get(hamlet_mesh(h, 1), &jid, &j));
    assert_true(id_eq(&j.promised.nid, &newest));
    hamlet_crash(h, heir);
    hamlet_rot(h, heir, STORE_RECORD, &jid);
    hamlet_restart(h, 0);
    hamlet_restart(h, heir);
    hamlet_run(h, 60000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j));
    assert_int_equal(j.n_prev, 0);
    assert_true(inspect_job_get(hamlet_mesh(h, heir), &jid, &j));
    assert_false(j.damaged);
    hamlet_free(h);
}

/* Everybody has promised a ballot for a key that is new, nobody has accepted anything, and the
 * power fails. */
static struct id key_promised(struct hamlet *h, const struct spec_head *head)
{
    struct id jid = id_job_keyed(head->key);
    struct inspect_job j;
    int promised = 0;

    hamlet_run(h, 15000);
    (void)hamlet_submit(h, 0, head);
    for (int ms = 0; promised < 3 && ms < 100; ms++) {
        hamlet_run(h, 1);
        promised = 0;
        for (int i = 0; i < 3; i++)
            promised += inspect_job_get(hamlet_mesh(h, i), &jid, &j) && j.promised.epoch > 0 &&
                        j.acc.epoch == 0;
    }
    assert_int_equal(promised, 3);
    hamlet_run(h, HAMLET_SYNC_MS);
    for (int i = 0; i < 3; i++)
        assert_true(inspect_job_get(hamlet_mesh(h, i), &jid, &j) && j.acc.epoch == 0);
    for (int i = 0; i < 3; i++)
        hamlet_crash(h, i);
    return jid;
}

static void a_key_that_was_only_promised_outlives_two_damaged_promises(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct hamlet *h = hamlet_new(3);
    struct inspect_job j;

    (void)state;
    struct id jid = key_promised(h, &head);
    hamlet_rot(h, 1, STORE_RECORD, &jid);
    hamlet_rot(h, 2, STORE_RECORD, &jid);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    hamlet_run(h, 30000);
    for (int i = 1; i < 3; i++)
        assert_true(inspect_job_get(hamlet_mesh(h, i), &jid, &j) && !j.damaged);
    uint64_t token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 5000);
    assert_non_null(hamlet_answer(h, token));
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_ACCEPTED);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

/* Node 1, alone, has a promise on its disk with these two pairs. Returns whether it knows it. */
static bool knows_its_promise(struct hamlet *h, const struct id *jid)
{
    struct inspect_job j;

    hamlet_crash(h, 1);
    hamlet_restart(h, 1);
    hamlet_run(h, 1000);
    assert_true(inspect_job_get(hamlet_mesh(h, 1), jid, &j));
    assert_true(j.damaged || j.promised.epoch == 1);
    return !j.damaged;
}

static void a_promise_outlives_each_of_its_pairs_and_asks_nobody(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct hamlet *h = hamlet_new(3);

    (void)state;
    struct id jid = key_promised(h, &head);
    /* What rots is written again: there are two whole ones each time. */
    for (int n = 0; n < 3; n++) {
        hamlet_rot(h, 1, n % 2 ? STORE_VOW : STORE_RECORD, &jid);
        assert_true(knows_its_promise(h, &jid));
    }
    hamlet_rot(h, 1, STORE_VOW, &jid);
    hamlet_rot(h, 1, STORE_RECORD, &jid);
    assert_false(knows_its_promise(h, &jid));
    hamlet_free(h);
}

static void a_vow_ends_with_the_first_thing_accepted(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct hamlet *h = hamlet_new(3);
    struct inspect_job j;

    (void)state;
    struct id jid = key_promised(h, &head);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_runs(h, 600000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 15000);
    uint64_t token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 5000);
    assert_non_null(hamlet_answer(h, token));
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_ACCEPTED);
    for (int i = 0; i < 3; i++)
        hamlet_crash(h, i);
    hamlet_rot(h, 0, STORE_RECORD, &jid);
    hamlet_rot(h, 1, STORE_RECORD, &jid);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 60000);
    for (int i = 0; i < 2; i++)
        assert_true(inspect_job_get(hamlet_mesh(h, i), &jid, &j) && j.damaged);
    hamlet_free(h);
}

/* A node that finds these bytes, whole, as the record of a job. */
static struct mesh *loaded(const struct id *jid, struct span bytes)
{
    struct mesh_config c = {.nid = {{1}}, .boot = 2, .seed = 3};
    struct mesh_event e = {.type = MESH_EV_LOAD};
    struct mesh *m = mesh_new(&c);
    uint8_t key[1 + ID_SIZE] = {STORE_RECORD};
    const struct mesh_effect *fx;
    struct buf sealed;
    uint32_t n;

    memcpy(key + 1, jid->b, ID_SIZE);
    buf_init(&sealed, LIMIT_MIB);
    store_seal(bytes, &sealed);
    e.load.key = (struct span){key, sizeof(key)};
    e.load.value = buf_span(&sealed);
    mesh_step(m, &e, 1, &fx, &n);
    assert_int_equal(n, m->dead);
    assert_true(n == 0 || fx[0].type == MESH_FX_FATAL);
    buf_done(&sealed);
    return m;
}

static void a_record_of_another_version_stops_the_node(void **state)
{
    struct id jid = {{7}};
    struct inspect_job j;
    struct buf b;

    (void)state;
    buf_init(&b, RECORD_MAX);
    wire_put_array(&b, 10);
    for (int i = 0; i < 10; i++)
        wire_put_nil(&b);
    struct mesh *m = loaded(&jid, buf_span(&b));
    assert_true(m->dead);
    assert_false(inspect_job_get(m, &jid, &j));
    mesh_free(m);
    buf_done(&b);
}

static void a_record_under_the_name_of_another_is_damage(void **state)
{
    struct origin origin = {.spec_len = 1};
    struct record r = {.jid = {{8}}, .promised = {1, {{1}}}, .origin = &origin};
    struct id jid = {{7}};
    struct inspect_job j;
    struct buf b;

    (void)state;
    buf_init(&b, RECORD_MAX);
    assert_int_equal(record_encode(&r, &b), 0);
    struct mesh *m = loaded(&jid, buf_span(&b));
    assert_false(m->dead);
    assert_true(inspect_job_get(m, &jid, &j) && j.damaged);
    mesh_free(m);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_copy_is_mended_when_the_third_never_had_one),
        cmocka_unit_test(mended_copies_still_know_what_they_are_copies_of),
        cmocka_unit_test(a_damaged_record_that_nobody_else_has_is_given_up),
        cmocka_unit_test(what_two_of_three_cannot_read_is_not_guessed),
        cmocka_unit_test(a_lost_majority_is_kept_though_the_third_never_had_it),
        cmocka_unit_test(an_only_copy_that_was_acknowledged_is_kept),
        cmocka_unit_test(a_key_whose_request_is_not_known_serves_no_other),
        cmocka_unit_test(who_was_to_act_and_is_damaged_does_not_hold_up_the_others),
        cmocka_unit_test(a_key_that_was_only_promised_outlives_two_damaged_promises),
        cmocka_unit_test(a_promise_outlives_each_of_its_pairs_and_asks_nobody),
        cmocka_unit_test(a_vow_ends_with_the_first_thing_accepted),
        cmocka_unit_test(a_record_of_another_version_stops_the_node),
        cmocka_unit_test(a_record_under_the_name_of_another_is_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
