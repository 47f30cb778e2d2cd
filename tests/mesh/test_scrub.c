/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "mesh/job.h"
#include "tests/mesh/hamlet.h"

enum { ROUND_MS = 2 * HAMLET_SCRUB_MS };

/* No node has anything of its jobs in memory but their records. */
static void restart_all(struct hamlet *h, int nodes)
{
    for (int i = 0; i < nodes; i++)
        hamlet_crash(h, i);
    for (int i = 0; i < nodes; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 3000);
}

/* Three nodes; a job that ended, of which nobody has more in memory than the record. */
static struct hamlet *after_a_job(struct id *ret_jid)
{
    struct hamlet *h = hamlet_new(3);

    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    *ret_jid = hamlet_job(h, 0);
    hamlet_run(h, 3000);
    restart_all(h, 3);
    assert_null(job_find(hamlet_mesh(h, 1), ret_jid)->result);
    return h;
}

static void a_record_that_rots_is_written_again(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct inspect_job j;

    (void)state;
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    struct id jid = hamlet_job(h, 0);
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_state(h, 1, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_rot(h, 1, STORE_RECORD, &jid);
    hamlet_run(h, ROUND_MS);
    hamlet_crash(h, 1);
    hamlet_crash(h, 0);
    hamlet_crash(h, 2);
    hamlet_restart(h, 1);
    hamlet_run(h, 100);
    assert_true(inspect_job_get(hamlet_mesh(h, 1), &jid, &j));
    assert_true(j.decided && !j.damaged);
    hamlet_free(h);
}

static void a_vow_that_rots_is_written_again(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct id jid = id_job_keyed(head.key);
    struct hamlet *h = hamlet_new(3);
    struct inspect_job j;

    (void)state;
    hamlet_run(h, 15000);
    (void)hamlet_submit(h, 0, &head);
    while (!inspect_job_get(hamlet_mesh(h, 0), &jid, &j))
        hamlet_run(h, 1);
    hamlet_crash(h, 1);
    hamlet_crash(h, 2);
    hamlet_run(h, 1000);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j) && j.acc.epoch == 0);
    hamlet_rot(h, 0, STORE_VOW, &jid);
    hamlet_run(h, ROUND_MS);
    hamlet_crash(h, 0);
    hamlet_rot(h, 0, STORE_RECORD, &jid);
    hamlet_restart(h, 0);
    hamlet_run(h, 100);
    assert_true(inspect_job_get(hamlet_mesh(h, 0), &jid, &j) && !j.damaged);
    hamlet_free(h);
}

static void a_result_that_rots_comes_back_from_another_node(void **state)
{
    struct id jid;
    struct hamlet *h = after_a_job(&jid);

    (void)state;
    hamlet_rot(h, 1, STORE_RESULT, &jid);
    hamlet_run(h, ROUND_MS);
    hamlet_crash(h, 0);
    hamlet_crash(h, 2);
    uint64_t token = hamlet_query(h, 1, &jid, 0);
    hamlet_run(h, 1000);
    const struct message *said = hamlet_answer(h, token);
    assert_non_null(said);
    assert_int_equal(said->type, MESSAGE_JOB);
    assert_true(said->view.result.len > 0);
    hamlet_free(h);
}

/* Asked in vain once, it is asked for again by the next round. */
static void what_nobody_had_is_asked_for_again(void **state)
{
    struct id jid;
    struct hamlet *h = after_a_job(&jid);

    (void)state;
    hamlet_crash(h, 0);
    hamlet_crash(h, 2);
    hamlet_rot(h, 1, STORE_RESULT, &jid);
    hamlet_run(h, ROUND_MS);
    assert_true(id_is_zero(&job_find(hamlet_mesh(h, 1), &jid)->result_hash));
    hamlet_restart(h, 2);
    hamlet_run(h, 3000 + ROUND_MS);
    assert_false(id_is_zero(&job_find(hamlet_mesh(h, 1), &jid)->result_hash));
    hamlet_free(h);
}

static void a_spec_that_rots_while_its_job_waits_comes_back(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .delay_ms = 3600 * 1000};
    struct hamlet *h = hamlet_new(3);

    (void)state;
    hamlet_run(h, 2000);
    uint64_t token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 1000);
    assert_non_null(hamlet_answer(h, token));
    struct id jid = hamlet_answer(h, token)->accepted.jid;
    restart_all(h, 3);
    const struct job *j = job_find(hamlet_mesh(h, 1), &jid);
    assert_non_null(j);
    assert_null(j->spec);
    hamlet_rot(h, 1, STORE_SPEC, &jid);
    hamlet_run(h, ROUND_MS);
    assert_non_null(j->spec);
    assert_false(id_is_zero(&j->spec_hash));
    hamlet_free(h);
}

static void a_spec_that_no_disk_could_read_for_a_while_is_found_again(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct inspect_job j;

    (void)state;
    hamlet_runs(h, 600000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 2000);
    struct id jid = hamlet_job(h, 0);
    hamlet_run(h, 1000);
    restart_all(h, 3);
    for (int i = 0; i < 3; i++)
        hamlet_rot(h, i, STORE_SPEC, &jid);
    hamlet_run(h, ROUND_MS);
    hamlet_crash(h, 0);
    for (int i = 1; i < 3; i++)
        hamlet_rot(h, i, STORE_SPEC, &jid); /* the bit is what it was */
    hamlet_run(h, 30000);
    int owners = 0;
    for (int i = 1; i < 3; i++)
        owners += inspect_job_get(hamlet_mesh(h, i), &jid, &j) && j.owner;
    assert_int_equal(owners, 1);
    hamlet_free(h);
}

/* One step a second; the READs it asks for are answered in the next. */
static uint32_t reads_in(struct mesh *m, struct mesh_now *now, uint32_t seconds)
{
    uint32_t reads = 0;

    for (uint32_t s = 0; s < seconds; s++) {
        struct mesh_event events[16] = {{.type = MESH_EV_TIMER}};
        const struct mesh_effect *fx;
        uint32_t n_events = 1;
        uint32_t n;

        now->mono_ns += 1000 * STATE_MS;
        events[0].now = *now;
        mesh_step(m, events, n_events, &fx, &n);
        n_events = 0;
        for (uint32_t i = 0; i < n; i++)
            if (fx[i].type == MESH_FX_READ) {
                assert_true(n_events < 16);
                events[n_events++] = (struct mesh_event){
                    .type = MESH_EV_READ, .now = *now, .read = {fx[i].read.read, -EIO, {0}}};
                reads++;
            }
        mesh_step(m, events, n_events, &fx, &n);
    }
    return reads;
}

static void all_is_read_once_in_a_round_and_evenly(void **state)
{
    struct mesh_config c = {.nid = {{1}}, .boot = 2, .seed = 3, .scrub_ms = 100 * 1000};
    struct mesh_event e = {.type = MESH_EV_START};
    struct mesh *m = mesh_new(&c);
    struct mesh_now now = {0};
    const struct mesh_effect *fx;
    uint32_t n;

    (void)state;
    mesh_step(m, &e, 1, &fx, &n);
    for (uint8_t i = 0; i < 200; i++) {
        struct id jid = {{9, i}};
        struct job *j = job_new(m, &jid);

        j->r.promised = j->synced_promised = (struct ballot){1, {{7}}};
        job_arm(m, j);
    }
    assert_int_equal(reads_in(m, &now, 10), 20);
    assert_int_equal(reads_in(m, &now, 90), 180);
    /* These are promises, and what could not be read was written: each stands twice now. */
    assert_int_equal(reads_in(m, &now, 50), 200);
    mesh_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_rots_is_written_again),
        cmocka_unit_test(a_vow_that_rots_is_written_again),
        cmocka_unit_test(a_result_that_rots_comes_back_from_another_node),
        cmocka_unit_test(what_nobody_had_is_asked_for_again),
        cmocka_unit_test(a_spec_that_rots_while_its_job_waits_comes_back),
        cmocka_unit_test(a_spec_that_no_disk_could_read_for_a_while_is_found_again),
        cmocka_unit_test(all_is_read_once_in_a_round_and_evenly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
