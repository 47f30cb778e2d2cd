/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/job.h"
#include "tests/mesh/hamlet.h"

enum { KEYS = 48 };

static struct spec_head head_of(unsigned key)
{
    struct spec_head head = {.priority = 2, .attempts_max = 1, .keyed = true};

    head.body_hash[0] = 1;
    head.key[0] = 3;
    head.key[ID_SIZE - 2] = (uint8_t)(key >> 8);
    head.key[ID_SIZE - 1] = (uint8_t)key;
    return head;
}

struct tally {
    int made, known;
};

/* Asks `node` for every key. */
static struct tally ask_for_all(struct hamlet *h, int node)
{
    struct tally n = {0};

    for (int k = 0; k < KEYS; k++) {
        struct spec_head head = head_of((unsigned)k);
        uint64_t token = hamlet_submit(h, node, &head);

        hamlet_run(h, 300);
        const struct message *a = hamlet_answer(h, token);
        n.known += a && a->type == MESSAGE_ACCEPTED && a->accepted.duplicate;
        n.made += a && a->type == MESSAGE_ACCEPTED && !a->accepted.duplicate;
    }
    return n;
}

static void keys_are_taken_after_two_of_five_have_left(void **state)
{
    struct hamlet *h = hamlet_new(5);

    (void)state;
    hamlet_run(h, 12000);
    for (int i = 3; i < 5; i++) {
        hamlet_drain(h, i);
        hamlet_run(h, 10000);
        assert_true(hamlet_drained(h, i));
        hamlet_crash(h, i);
    }
    hamlet_run(h, 80000);
    /* Many a key has both in the first three of its order, and would wait for them for ever. */
    assert_int_equal(ask_for_all(h, 0).made, KEYS);
    hamlet_free(h);
}

static void a_node_leaves_while_keys_keep_coming(void **state)
{
    struct hamlet *h = hamlet_new(3);
    uint64_t tokens[1600];
    uint32_t accepted = 0;

    (void)state;
    hamlet_runs(h, 1, MESH_OUTCOME_RESULT);
    hamlet_run(h, 12000);
    for (unsigned k = 0; k < ARRAY_LEN(tokens); k++) {
        struct spec_head head = head_of(k);

        if (k == ARRAY_LEN(tokens) / 2)
            hamlet_drain(h, 0);
        tokens[k] = hamlet_submit(h, 1 + (int)(k % 2), &head);
        hamlet_run(h, k % 2 * 5);
    }
    /* Two seconds: to be told of, to hand over, and to linger. */
    assert_true(hamlet_drained(h, 0));
    hamlet_run(h, 2000);
    for (unsigned k = 0; k < ARRAY_LEN(tokens); k++) {
        const struct message *a = hamlet_answer(h, tokens[k]);

        accepted += a && a->type == MESSAGE_ACCEPTED ? 1 : 0;
    }
    assert_int_equal(accepted, ARRAY_LEN(tokens));
    hamlet_free(h);
}

static int owner_of(struct hamlet *h, int nodes, const struct id *jid)
{
    for (int i = 0; i < nodes; i++) {
        const struct job *j = job_find(hamlet_mesh(h, i), jid);

        if (j && j->own)
            return i;
    }
    return -1;
}

static void a_key_is_confirmed_while_its_owner_leaves_and_runs_it(void **state)
{
    struct hamlet *h = hamlet_new(5);
    struct spec_head head = head_of(1);
    uint64_t token;
    struct id jid;

    (void)state;
    hamlet_runs(h, 100000, MESH_OUTCOME_RESULT);
    hamlet_run(h, 12000);
    token = hamlet_submit(h, 0, &head);
    hamlet_run(h, 1000);
    jid = hamlet_answer(h, token)->accepted.jid;
    hamlet_drain(h, owner_of(h, 5, &jid));
    hamlet_run(h, 500);
    for (int i = 0; i < 5; i++) {
        const struct message *a;

        token = hamlet_submit(h, i, &head);
        hamlet_run(h, 100);
        a = hamlet_answer(h, token);
        assert_non_null(a);
        assert_int_equal(a->type, MESSAGE_ACCEPTED);
        assert_true(a->accepted.duplicate);
    }
    assert_int_equal(hamlet_started(h), 1);
    hamlet_free(h);
}

static void a_key_is_known_when_the_mesh_has_grown(void **state)
{
    struct hamlet *h = hamlet_new(3);

    (void)state;
    assert_int_equal(ask_for_all(h, 0).made, KEYS);
    for (int i = 3; i < 9; i++) {
        hamlet_join(h);
        hamlet_run(h, 15000);
    }
    hamlet_run(h, 15000);
    for (int i = 8; i > 0; i -= 3) {
        struct tally n = ask_for_all(h, i);

        assert_int_equal(n.made + n.known, KEYS);
        assert_int_equal(hamlet_started(h), KEYS);
        /* The last time what the jobs were is long forgotten, but not that there were some. */
        if (i == 5)
            hamlet_run(h, 700 * 1000);
    }
    hamlet_free(h);
}

/* The one who was asked first may have made it, which those who have no room cannot know. */
static void a_refusal_after_somebody_else_was_asked_is_not_definite(void **state)
{
    (void)state;
    for (int lost = 1; lost < 3; lost++) {
        struct hamlet *h = hamlet_new(3);
        uint64_t token[KEYS];
        int unknown = 0;

        hamlet_run(h, 12000);
        hamlet_crash(h, lost);
        for (unsigned k = 0; k < KEYS; k++) {
            struct spec_head head = head_of(k);

            token[k] = hamlet_submit(h, 0, &head);
        }
        for (int i = 0; i < 3; i++)
            if (i != lost)
                hamlet_disk_state(h, i, MESH_DISK_FULL);
        hamlet_run(h, 30000);
        for (unsigned k = 0; k < KEYS; k++) {
            const struct message *a = hamlet_answer(h, token[k]);

            assert_non_null(a);
            if (a->type == MESSAGE_REFUSED && a->refused.why == MESSAGE_REFUSAL_UNKNOWN_OUTCOME)
                unknown++;
            else if (a->type == MESSAGE_REFUSED)
                assert_int_equal(a->refused.why, MESSAGE_REFUSAL_DISK_FULL);
        }
        assert_true(unknown > 0);
        hamlet_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_taken_after_two_of_five_have_left),
        cmocka_unit_test(a_node_leaves_while_keys_keep_coming),
        cmocka_unit_test(a_key_is_confirmed_while_its_owner_leaves_and_runs_it),
        cmocka_unit_test(a_refusal_after_somebody_else_was_asked_is_not_definite),
        cmocka_unit_test(a_key_is_known_when_the_mesh_has_grown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
