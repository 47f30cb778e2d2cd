/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/accept.h"
#include "mesh/inspect.h"
#include "mesh/job.h"
#include "mesh/owed.h"
#include "mesh/takeover.h"
#include "tests/mesh/hamlet.h"

/* Three that know each other, where jobs go well. */
static struct hamlet *three_new(void)
{
    struct hamlet *h = hamlet_new(3);

    hamlet_run(h, 5000);
    hamlet_runs(h, 10, MESH_OUTCOME_RESULT);
    return h;
}

/* Submits a job with a callback (or none) to a node and lets it come to its end. */
static struct id job_run_at(struct hamlet *h, int node, const char *callback)
{
    struct message msg = {.type = MESSAGE_SUBMIT};
    struct spec_file file = {.name = "main.py", .content = span_of("print(1)")};
    struct spec spec = {.n_files = 1, .files = &file};
    struct buf b;

    spec.head.priority = 2;
    spec.head.attempts_max = 1;
    (void)snprintf(spec.head.tenant, sizeof(spec.head.tenant), "someone");
    (void)snprintf(spec.head.language, sizeof(spec.head.language), "python");
    (void)snprintf(spec.callback, sizeof(spec.callback), "%s", callback);
    buf_init(&b, LIMIT_SPEC);
    assert_int_equal(spec_encode(&spec, &b), 0);
    msg.submit.spec = buf_span(&b);
    uint64_t token = hamlet_ask(h, node, &msg);
    buf_done(&b);
    hamlet_run(h, 3000);

    const struct message *answer = hamlet_answer(h, token);
    assert_non_null(answer);
    assert_int_equal(answer->type, MESSAGE_ACCEPTED);
    return answer->accepted.jid;
}

static struct id job_run(struct hamlet *h, const char *callback)
{
    return job_run_at(h, 0, callback);
}

/* What a bridge at `node` is given to call, at most so many. */
static const struct message *take_some(struct hamlet *h, int node, uint32_t limit)
{
    struct message msg = {.type = MESSAGE_LIST};

    msg.list.owed = true;
    msg.list.limit = limit;
    msg.list.tenant[0] = '*';
    uint64_t token = hamlet_ask(h, node, &msg);
    hamlet_run(h, 1000);
    assert_non_null(hamlet_answer(h, token));
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_JOBS);
    return hamlet_answer(h, token);
}

static const struct message *take(struct hamlet *h, int node)
{
    return take_some(h, node, 10);
}

static void nothing_is_held_back_that_was_handed_to_nobody(void **state)
{
    struct hamlet *h = three_new();
    uint32_t taken = 0;

    (void)state;
    for (int i = 0; i < 12; i++)
        (void)job_run_at(h, i % 3, "https://example.com/done");
    hamlet_run(h, OWED_GRACE_MS);
    for (int i = 0; i < 4; i++)
        taken += take_some(h, 0, 3)->jobs.n;
    assert_int_equal(taken, 12);
    hamlet_free(h);
}

static void a_callback_is_handed_out_by_one_node_until_it_is_told(void **state)
{
    struct hamlet *h = three_new();
    const struct message *found;
    struct id jid;

    (void)state;
    (void)job_run(h, "");
    jid = job_run(h, "https://example.com/done");
    assert_int_equal(take(h, 1)->jobs.n, 0); /* the bridge that took it has its time */
    hamlet_run(h, OWED_GRACE_MS);
    found = take(h, 2);
    assert_int_equal(found->jobs.n, 1);
    assert_true(id_eq(&found->jobs.jobs[0].jid, &jid));
    assert_string_equal(found->jobs.jobs[0].callback, "https://example.com/done");
    assert_string_equal(found->jobs.jobs[0].tenant, "someone");
    assert_int_equal(take(h, 0)->jobs.n, 0); /* somebody is at it */
    hamlet_run(h, OWED_LEASE_MS);
    assert_int_equal(take(h, 0)->jobs.n, 1); /* and died of it */
    hamlet_free(h);
}

static void what_was_told_stays_told(void **state)
{
    struct hamlet *h = three_new();
    struct id jid;

    (void)state;
    jid = job_run(h, "https://example.com/done");
    uint64_t token = hamlet_about(h, 2, MESSAGE_TOLD, &jid);
    hamlet_run(h, 2000);
    assert_non_null(hamlet_answer(h, token));
    assert_int_equal(hamlet_answer(h, token)->type, MESSAGE_DONE);
    for (int i = 0; i < 3; i++)
        hamlet_crash(h, i);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 30000);
    assert_int_equal(hamlet_state(h, 1, &jid), MESSAGE_STATE_COMPLETED);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(h, i)->jobs.n, 0);
    hamlet_free(h);
}

static void what_was_not_told_is_owed_after_a_crash_of_any_node(void **state)
{
    (void)state;
    for (int lost = 0; lost < 3; lost++) {
        struct hamlet *h = three_new();
        struct id jid;

        jid = job_run(h, "https://example.com/done");
        hamlet_crash(h, lost);
        hamlet_run(h, 2 * OWED_GRACE_MS + 5000);
        const struct message *found = take(h, (lost + 1) % 3);
        assert_int_equal(found->jobs.n, 1);
        assert_true(id_eq(&found->jobs.jobs[0].jid, &jid));
        hamlet_free(h);
    }
}

static void told_during_a_takeover_leaves_its_promises_alone(void **state)
{
    struct hamlet *h = three_new();
    struct value wider = {.n_rset = 1, .rset = {{{99}}}};
    struct id jid;

    (void)state;
    jid = job_run(h, "https://example.com/done");
    struct mesh *m = hamlet_mesh(h, 0);
    struct job *j = job_find(m, &jid);
    assert_non_null(j);
    takeover_begin(m, j, TAKEOVER_CLEAN);
    assert_non_null(j->take);
    /* A set that is asked though it is not the record's. */
    accept_replicas_of(m, j, &wider);
    assert_non_null(accept_replica(j, &wider.rset[0]));
    owed_told(m, j);
    assert_true(j->r.told && j->dirty);
    assert_non_null(accept_replica(j, &wider.rset[0]));
    hamlet_free(h);
}

static void what_is_owed_is_not_forgotten_before_it_is_told(void **state)
{
    struct hamlet *h = three_new();
    struct id told, owed;

    (void)state;
    told = job_run(h, "https://example.com/done");
    owed = job_run(h, "https://example.com/done");
    (void)hamlet_about(h, 2, MESSAGE_TOLD, &told);
    hamlet_run(h, 620 * 1000); /* over the 600 s that a job is kept */
    assert_true(inspect_purged(hamlet_mesh(h, 0), &told));
    assert_int_equal(hamlet_state(h, 1, &owed), MESSAGE_STATE_COMPLETED);
    (void)hamlet_about(h, 1, MESSAGE_TOLD, &owed);
    hamlet_run(h, 30 * 1000);
    for (int i = 0; i < 3; i++)
        assert_true(inspect_purged(hamlet_mesh(h, i), &owed));
    hamlet_free(h);
}

static void what_is_owed_is_forgotten_in_the_end(void **state)
{
    struct hamlet *h = three_new();
    struct id jid;

    (void)state;
    jid = job_run(h, "https://example.com/done");
    hamlet_run(h, (OWED_KEEP_S + 30) * 1000);
    for (int i = 0; i < 3; i++)
        assert_true(inspect_purged(hamlet_mesh(h, i), &jid));
    hamlet_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_callback_is_handed_out_by_one_node_until_it_is_told),
        cmocka_unit_test(nothing_is_held_back_that_was_handed_to_nobody),
        cmocka_unit_test(what_was_told_stays_told),
        cmocka_unit_test(what_was_not_told_is_owed_after_a_crash_of_any_node),
        cmocka_unit_test(what_is_owed_is_not_forgotten_before_it_is_told),
        cmocka_unit_test(what_is_owed_is_forgotten_in_the_end),
        cmocka_unit_test(told_during_a_takeover_leaves_its_promises_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
