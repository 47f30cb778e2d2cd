/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/accept.h"
#include "mesh/frame.h"
#include "mesh/job.h"
#include "mesh/takeover.h"
#include "tests/mesh/hamlet.h"

/* ---- one node ---- */

static void a_job_runs_and_its_result_is_told(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid = hamlet_job(h, 0);
    uint64_t token = hamlet_query(h, 0, &jid, 0);

    (void)state;
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_JOB);
    token = hamlet_query(h, 0, &jid, 0);
    hamlet_run(h, 10);
    assert_int_equal(hamlet_answer(h, token)->view.state, MESSAGE_STATE_COMPLETED);
    assert_true(hamlet_answer(h, token)->view.result.len > 0);
    hamlet_free(h);
}

static void nothing_is_acknowledged_before_it_is_synced(void **state)
{
    struct hamlet *h = hamlet_new(1);
    uint64_t token = hamlet_submit(h, 0, NULL);

    (void)state;
    hamlet_run(h, HAMLET_SYNC_MS - 1);
    assert_null(hamlet_answer(h, token));
    hamlet_run(h, 1);
    assert_non_null(hamlet_answer(h, token));
    hamlet_free(h);
}

static void a_lone_node_acknowledges_a_key_after_one_sync(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {7, 7, 7}};
    uint64_t token = hamlet_submit(h, 0, &head);

    (void)state;
    hamlet_run(h, HAMLET_SYNC_MS - 1);
    assert_null(hamlet_answer(h, token));
    hamlet_run(h, 1);
    assert_non_null(hamlet_answer(h, token));
    hamlet_free(h);
}

static void a_query_waits_for_a_change(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct message msg = {.type = MESSAGE_QUERY};
    uint64_t token;

    (void)state;
    hamlet_runs(h, 500, MESH_OUTCOME_RESULT);
    msg.job.jid = hamlet_job(h, 0);
    hamlet_run(h, 100);
    msg.job.tenant[0] = '*';
    msg.job.wait_ms = 5000;
    token = hamlet_query(h, 0, &msg.job.jid, 0);
    hamlet_run(h, 1);
    msg.job.seen = hamlet_answer(h, token)->view.version;
    token = hamlet_ask(h, 0, &msg);
    hamlet_run(h, 300);
    assert_null(hamlet_answer(h, token));
    hamlet_run(h, 300);
    assert_int_equal(hamlet_answer(h, token)->view.state, MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void a_query_is_answered_from_a_copy_while_the_owner_is_silent(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;
    uint64_t token;

    (void)state;
    hamlet_run(h, 3000);
    hamlet_runs(h, 100000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 100);
    hamlet_crash(h, 0);
    token = hamlet_query(h, 1, &jid, 0);
    hamlet_run(h, 1200);
    assert_non_null(hamlet_answer(h, token));
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_JOB);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void no_copy_is_shown_to_another_tenant(void **state)
{
    struct hamlet *h = hamlet_new(3);
    const struct spec_head head = {.priority = 2, .attempts_max = 1, .tenant = "ann"};
    struct message msg = {.type = MESSAGE_QUERY};
    uint64_t token, waits;

    (void)state;
    hamlet_run(h, 3000);
    hamlet_runs(h, 100000, MESH_OUTCOME_RESULT);
    token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 100);
    msg.job.jid = hamlet_answer(h, token)->accepted.jid;
    memcpy(msg.job.tenant, "bob", 4);
    hamlet_crash(h, 0);
    token = hamlet_ask(h, 1, &msg);
    msg.job.wait_ms = 60000;
    waits = hamlet_ask(h, 1, &msg);
    hamlet_run(h, 20000);
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_REFUSED);
    assert_int_equal(hamlet_answer(h, waits)->type, MESSAGE_REFUSED);
    memcpy(msg.job.tenant, "ann", 4);
    msg.job.wait_ms = 0;
    token = hamlet_ask(h, 1, &msg);
    hamlet_run(h, 20000);
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_JOB);
    hamlet_free(h);
}

static void assert_spec(const struct message *said)
{
    struct spec spec;
    struct err err;

    assert_non_null(said);
    assert_int_equal(said->type, MESSAGE_SPEC_REPLY);
    assert_int_equal(spec_decode(said->submit.spec, &spec, &err), 0);
    assert_int_equal(spec.files[0].content.len, strlen("print(1)"));
    assert_memory_equal(spec.files[0].content.data, "print(1)", spec.files[0].content.len);
    spec_done(&spec);
}

static void every_node_shows_what_was_submitted_before_and_after_the_end(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;
    uint64_t tokens[3];

    (void)state;
    hamlet_run(h, 3000);
    hamlet_runs(h, 5000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            tokens[i] = hamlet_about(h, i, MESSAGE_SPEC, &jid);
        hamlet_run(h, 1000);
        for (int i = 0; i < 3; i++)
            assert_spec(hamlet_answer(h, tokens[i]));
        if (round == 0) {
            hamlet_run(h, 10000);
            assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_COMPLETED);
            continue;
        }
        for (int i = 0; i < 3; i++) /* now from the disk */
            hamlet_crash(h, i);
        for (int i = 0; i < 3; i++)
            hamlet_restart(h, i);
        hamlet_run(h, 5000);
    }
    hamlet_free(h);
}

static void what_was_submitted_is_not_shown_to_another_tenant(void **state)
{
    struct hamlet *h = hamlet_new(2);
    struct message msg = {.type = MESSAGE_SPEC, .job = {.tenant = "bob"}};
    uint64_t tokens[2];

    (void)state;
    hamlet_run(h, 3000);
    msg.job.jid = hamlet_job(h, 0);
    hamlet_run(h, 3000);
    for (int i = 0; i < 2; i++)
        tokens[i] = hamlet_ask(h, i, &msg);
    hamlet_run(h, 1000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hamlet_answer(h, tokens[i])->type, MESSAGE_REFUSED);
        assert_int_equal(hamlet_answer(h, tokens[i])->refused.why, MESSAGE_REFUSAL_NOT_FOUND);
    }
    hamlet_free(h);
}

static void a_restart_runs_unfinished_jobs_again(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid;

    (void)state;
    hamlet_runs(h, 1000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 100);
    hamlet_crash(h, 0);
    hamlet_restart(h, 0);
    hamlet_run(h, 3000);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_COMPLETED);
    assert_int_equal(hamlet_started(h), 2);
    hamlet_free(h);
}

static void a_job_that_takes_its_node_down_ends_as_failed(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid;

    (void)state;
    hamlet_runs(h, 100000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    for (int i = 0; i < 6; i++) {
        hamlet_run(h, 200);
        hamlet_crash(h, 0);
        hamlet_restart(h, 0);
    }
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_FAILED);
    assert_int_equal(hamlet_started(h), 3);
    hamlet_free(h);
}

static void a_broken_run_is_tried_again_with_growing_delays(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct spec_head head = {.priority = 2, .attempts_max = 3, .backoff_ms = 1000};
    uint64_t token = hamlet_submit(h, 0, &head);
    struct id jid;

    (void)state;
    hamlet_runs(h, 10, MESH_OUTCOME_BROKEN);
    hamlet_run(h, 100);
    jid = hamlet_answer(h, token)->accepted.jid;
    assert_int_equal(hamlet_started(h), 1);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_DELAYED);
    hamlet_run(h, 1400);
    assert_int_equal(hamlet_started(h), 2);
    hamlet_run(h, 1500);
    assert_int_equal(hamlet_started(h), 2);
    hamlet_run(h, 1500);
    assert_int_equal(hamlet_started(h), 3);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_FAILED);
    hamlet_free(h);
}

static void a_delayed_job_starts_after_its_delay(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct spec_head head = {.priority = 2, .attempts_max = 1, .delay_ms = 5000};

    (void)state;
    hamlet_submit(h, 0, &head);
    hamlet_run(h, 4500);
    assert_int_equal(hamlet_started(h), 0);
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_running_job_can_be_cancelled(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid;
    uint64_t token;

    (void)state;
    hamlet_runs(h, 100000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 50);
    token = hamlet_about(h, 0, MESSAGE_CANCEL, &jid);
    hamlet_run(h, 50);
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_DONE);
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_CANCELLED);
    assert_int_equal(hamlet_killed(h), 1);
    hamlet_free(h);
}

static void a_watcher_sees_it_all_in_order(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid = hamlet_job(h, 0);
    uint64_t token = hamlet_about(h, 0, MESSAGE_WATCH, &jid);

    (void)state;
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_answer_at(h, token, 0)->event.kind, MESSAGE_EVENT_QUEUED);
    assert_int_equal(hamlet_answer_at(h, token, 1)->event.kind, MESSAGE_EVENT_STARTED);
    assert_int_equal(hamlet_answer_at(h, token, 2)->event.kind, MESSAGE_EVENT_DECIDED);
    assert_null(hamlet_answer_at(h, token, 3));
    hamlet_free(h);
}

static uint64_t watch_after(struct hamlet *h, const struct id *jid, uint64_t seen)
{
    struct message msg = {.type = MESSAGE_WATCH, .job = {.jid = *jid, .tenant = "*", .seen = seen}};
    uint64_t token = hamlet_ask(h, 0, &msg);

    hamlet_run(h, 1000);
    return token;
}

static void who_comes_back_after_the_end_is_told_of_a_gap(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid = hamlet_job(h, 0);
    uint64_t token = hamlet_about(h, 0, MESSAGE_WATCH, &jid);

    (void)state;
    hamlet_run(h, 1000);
    assert_int_equal(hamlet_answer_at(h, token, 2)->event.kind, MESSAGE_EVENT_DECIDED);
    uint64_t first = hamlet_answer_at(h, token, 0)->event.seq;
    uint64_t last = hamlet_answer_at(h, token, 1)->event.seq;

    token = watch_after(h, &jid, first);
    assert_int_equal(hamlet_answer_at(h, token, 0)->event.kind, MESSAGE_EVENT_GAP);
    assert_true(hamlet_answer_at(h, token, 0)->event.seq > last);
    assert_int_equal(hamlet_answer_at(h, token, 1)->event.kind, MESSAGE_EVENT_DECIDED);
    assert_true(hamlet_answer_at(h, token, 1)->event.seq >
                hamlet_answer_at(h, token, 0)->event.seq);

    token = watch_after(h, &jid, last);
    assert_int_equal(hamlet_answer_at(h, token, 0)->event.kind, MESSAGE_EVENT_DECIDED);
    token = watch_after(h, &jid, 0);
    assert_int_equal(hamlet_answer_at(h, token, 0)->event.kind, MESSAGE_EVENT_DECIDED);

    /* Another life does not know how many there were. */
    hamlet_crash(h, 0);
    hamlet_restart(h, 0);
    hamlet_run(h, 1000);
    token = watch_after(h, &jid, last);
    assert_int_equal(hamlet_answer_at(h, token, 0)->event.kind, MESSAGE_EVENT_GAP);
    hamlet_free(h);
}

static void the_same_key_gives_the_same_job(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9, 9}};
    uint64_t a = hamlet_submit(h, 0, &head);
    uint64_t b = hamlet_submit(h, 0, &head);

    (void)state;
    head.body_hash[0] = 1;
    hamlet_run(h, 500);
    uint64_t c = hamlet_submit(h, 0, &head);
    hamlet_run(h, 500);
    assert_int_equal(hamlet_answer(h, a)->type, MESSAGE_ACCEPTED);
    assert_int_equal(hamlet_answer(h, b)->type, MESSAGE_ACCEPTED);
    assert_true(id_eq(&hamlet_answer(h, a)->accepted.jid, &hamlet_answer(h, b)->accepted.jid));
    assert_int_equal(hamlet_answer(h, c)->refused.why, MESSAGE_REFUSAL_KEY_REUSED);
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_full_disk_refuses_submits(void **state)
{
    struct hamlet *h = hamlet_new(1);

    (void)state;
    hamlet_disk_state(h, 0, MESH_DISK_NEARLY_FULL);
    uint64_t token = hamlet_submit(h, 0, NULL);
    assert_int_equal(hamlet_answer(h, token)->refused.why, MESSAGE_REFUSAL_DISK_FULL);
    hamlet_free(h);
}

static void an_old_job_is_forgotten_for_good(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid = hamlet_job(h, 0);

    (void)state;
    hamlet_run(h, 601 * 1000);
    assert_true(inspect_purged(hamlet_mesh(h, 0), &jid));
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_N);
    hamlet_crash(h, 0);
    hamlet_restart(h, 0);
    assert_true(inspect_purged(hamlet_mesh(h, 0), &jid));
    hamlet_free(h);
}

static void a_draining_node_ends_what_runs_and_then_itself(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct id jid;

    (void)state;
    hamlet_runs(h, 1000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 10);
    hamlet_drain(h, 0);
    uint64_t token = hamlet_submit(h, 0, NULL);
    assert_int_equal(hamlet_answer(h, token)->refused.why, MESSAGE_REFUSAL_DRAINING);
    hamlet_run(h, 900);
    assert_false(hamlet_drained(h, 0));
    hamlet_run(h, 3000);
    assert_true(hamlet_drained(h, 0));
    assert_int_equal(hamlet_state(h, 0, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

/* ---- two things in one step ---- */

static void stats_in_the_step_of_a_failed_run_count_it_as_delayed(void **state)
{
    struct hamlet *h = hamlet_new(1);
    struct spec_head head = {.priority = 2, .attempts_max = 3, .backoff_ms = 5000};
    struct message msg = {.type = MESSAGE_STATS, .token = 77};
    struct mesh_event e[2] = {{.type = MESH_EV_EXEC_DONE}, {.type = MESH_EV_CLIENT}};
    const struct mesh_effect *fx;
    struct message answer = {0};
    struct err err;
    struct buf b;
    uint32_t n;

    (void)state;
    hamlet_runs(h, 600000, MESH_OUTCOME_RESULT);
    (void)hamlet_submit(h, 0, &head);
    hamlet_run(h, 500);
    assert_int_equal(hamlet_started(h), 1);
    struct mesh *m = hamlet_mesh(h, 0);
    buf_init(&b, LIMIT_KIB);
    assert_int_equal(message_encode(&msg, &b), 0);
    e[0].now = e[1].now = m->now;
    e[0].exec.exec = m->runs->exec;
    e[0].exec.outcome = MESH_OUTCOME_BROKEN;
    e[0].exec.bytes = span_of("x");
    e[1].client.client = 5;
    e[1].client.frame = buf_span(&b);
    mesh_step(m, e, 2, &fx, &n);
    for (uint32_t i = 0; i < n; i++)
        if (fx[i].type == MESH_FX_CLIENT && answer.type != MESSAGE_STATS_REPLY)
            assert_int_equal(message_decode(fx[i].client.frame, &answer, &err), 0);
    assert_int_equal(answer.type, MESSAGE_STATS_REPLY);
    assert_int_equal(answer.stats.nodes[0].jobs[MESSAGE_STATE_QUEUED], 0);
    assert_int_equal(answer.stats.nodes[0].jobs[MESSAGE_STATE_ACTIVE], 0);
    assert_int_equal(answer.stats.nodes[0].jobs[MESSAGE_STATE_DELAYED], 1);
    mesh_check(m);
    message_done(&answer);
    buf_done(&b);
    hamlet_free(h);
}

/* ---- what comes too late ---- */

/* ACCEPT of `src` with `spec`, as it comes from its owner. */
static void accept_comes(struct mesh *m, const struct record *src, struct span spec)
{
    struct wire_reader r;
    struct buf record, b;

    buf_init(&record, RECORD_MAX);
    buf_init(&b, LIMIT_MIB);
    assert_int_equal(record_encode(src, &record), 0);
    wire_put_bin(&b, record.data, record.len);
    wire_put_bin(&b, spec.data, spec.len);
    wire_put_bool(&b, false);
    wire_reader_init(&r, b.data, b.len);
    accept_on_accept(m, &src->acc.nid, &r);
    buf_done(&record);
    buf_done(&b);
}

static void an_accept_that_comes_too_late_replaces_no_spec(void **state)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true, .key = {9, 9}};
    struct hamlet *h = hamlet_new(3);
    struct span other = span_of("another request for the same key");
    struct record src;

    (void)state;
    hamlet_run(h, 15000);
    hamlet_runs(h, 600000, MESH_OUTCOME_RESULT);
    uint64_t token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 2000);
    struct id jid = hamlet_answer(h, token)->accepted.jid;
    for (int i = 0; i < 3; i++) {
        struct job *j = job_find(hamlet_mesh(h, i), &jid);
        struct id before = j->spec_hash;

        if (j->own)
            continue;
        record_copy(&j->r, &src);
        src.acc.epoch += 1;
        src.promised = src.acc;
        src.origin->spec_hash = record_blob_hash(other);
        src.origin->spec_len = other.len;
        j->r.promised.epoch = src.acc.epoch + 1;
        accept_comes(hamlet_mesh(h, i), &src, other);
        assert_true(id_eq(&before, &j->r.origin->spec_hash));
        assert_true(id_eq(&before, &j->spec_hash));
        record_done(&src);
    }
    hamlet_free(h);
}

static void a_promise_with_the_record_of_another_job_does_not_count(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct wire_reader r;
    struct buf record, b;

    (void)state;
    hamlet_run(h, 15000);
    hamlet_runs(h, 10, MESH_OUTCOME_RESULT);
    struct id jid = hamlet_job(h, 0);
    struct id other = hamlet_job(h, 0);
    hamlet_run(h, 2000);
    struct mesh *m = hamlet_mesh(h, 0);
    struct job *j = job_find(m, &jid);
    takeover_begin(m, j, TAKEOVER_CLEAN);
    assert_non_null(j->take);
    assert_true(j->n_replicas > 0);
    buf_init(&record, RECORD_MAX);
    buf_init(&b, LIMIT_MIB);
    assert_int_equal(record_encode(&job_find(m, &other)->r, &record), 0);
    wire_put_id(&b, &jid);
    ballot_put(&b, &j->take->ballot);
    wire_put_bin(&b, record.data, record.len);
    wire_reader_init(&r, b.data, b.len);
    takeover_on_prom(m, &j->replicas[0].nid, &r);
    assert_false(j->replicas[0].promised);
    buf_done(&record);
    buf_done(&b);
    hamlet_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_and_its_result_is_told),
        cmocka_unit_test(nothing_is_acknowledged_before_it_is_synced),
        cmocka_unit_test(a_lone_node_acknowledges_a_key_after_one_sync),
        cmocka_unit_test(a_query_waits_for_a_change),
        cmocka_unit_test(a_query_is_answered_from_a_copy_while_the_owner_is_silent),
        cmocka_unit_test(no_copy_is_shown_to_another_tenant),
        cmocka_unit_test(every_node_shows_what_was_submitted_before_and_after_the_end),
        cmocka_unit_test(what_was_submitted_is_not_shown_to_another_tenant),
        cmocka_unit_test(a_restart_runs_unfinished_jobs_again),
        cmocka_unit_test(a_job_that_takes_its_node_down_ends_as_failed),
        cmocka_unit_test(a_broken_run_is_tried_again_with_growing_delays),
        cmocka_unit_test(a_delayed_job_starts_after_its_delay),
        cmocka_unit_test(a_running_job_can_be_cancelled),
        cmocka_unit_test(a_watcher_sees_it_all_in_order),
        cmocka_unit_test(who_comes_back_after_the_end_is_told_of_a_gap),
        cmocka_unit_test(the_same_key_gives_the_same_job),
        cmocka_unit_test(a_full_disk_refuses_submits),
        cmocka_unit_test(an_old_job_is_forgotten_for_good),
        cmocka_unit_test(a_draining_node_ends_what_runs_and_then_itself),
        cmocka_unit_test(stats_in_the_step_of_a_failed_run_count_it_as_delayed),
        cmocka_unit_test(an_accept_that_comes_too_late_replaces_no_spec),
        cmocka_unit_test(a_promise_with_the_record_of_another_job_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
