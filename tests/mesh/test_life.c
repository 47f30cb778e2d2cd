/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/frame.h"
#include "mesh/life.h"
#include "mesh/peer.h"
#include "tests/mesh/hamlet.h"

/* Boots 3, 4 and 5. */
static const struct lives three = {.n = 3, .at = {{3, 33, 10}, {4, 44, 20}, {5, 55, 30}}};

static void a_later_life_of_the_same_disk_follows(void **state)
{
    (void)state;
    assert_true(life_follows(&three, &(struct life){0}));
    assert_true(life_follows(&three, &(struct life){3, 33, 20}));
    assert_true(life_follows(&three, &(struct life){4, 44, 30}));
    assert_true(life_follows(&three, &(struct life){5, 55, 99}));
}

static void a_life_of_the_same_number_is_not_the_same_life(void **state)
{
    (void)state;
    assert_false(life_follows(&three, &(struct life){5, 56, 30}));
    assert_false(life_follows(&three, &(struct life){4, 45, 20}));
}

static void a_disk_that_held_more_in_an_earlier_life_went_back(void **state)
{
    (void)state;
    assert_false(life_follows(&three, &(struct life){3, 33, 21}));
    assert_false(life_follows(&three, &(struct life){4, 44, 31}));
    assert_false(life_follows(&three, &(struct life){6, 66, 1}));
}

static void more_starts_and_more_batches_do_not_hide_it(void **state)
{
    /* The snapshot was of boot 3; then it ran on, cut off, past what its peers knew. */
    struct lives l = {.n = 4, .at = {{3, 33, 10}, {4, 77, 15}, {5, 78, 90}, {6, 79, 95}}};

    (void)state;
    assert_false(life_follows(&l, &(struct life){5, 55, 40}));
}

static void what_version_1_told_counts_by_what_the_disk_held(void **state)
{
    (void)state;
    assert_true(life_follows(&three, &(struct life){2, 0, 10}));
    assert_false(life_follows(&three, &(struct life){2, 0, 11}));
    assert_false(life_follows(&three, &(struct life){2, 22, 5}));
}

static void a_full_list_forgets_only_its_oldest(void **state)
{
    struct lives l = {.n = LIFE_MAX};

    (void)state;
    for (uint32_t i = 0; i < LIFE_MAX; i++)
        l.at[i] = (struct life){10 + i, 100 + i, 5 + 5 * i};
    assert_true(life_follows(&l, &(struct life){9, 9, 5}));
    /* The last one holds more; but it was written after the disk had gone back. */
    assert_false(life_follows(&l, &(struct life){9, 9, 6}));
}

/* ---- in a mesh ---- */

static void a_whole_mesh_that_lost_power_comes_back(void **state)
{
    struct hamlet *h = hamlet_new(3);
    struct id jid;

    (void)state;
    hamlet_runs(h, 4000, MESH_OUTCOME_RESULT);
    jid = hamlet_job(h, 0);
    hamlet_run(h, 500);
    for (int i = 0; i < 3; i++)
        hamlet_crash(h, i);
    for (int i = 0; i < 3; i++)
        hamlet_restart(h, i);
    hamlet_run(h, 15000);
    for (int i = 0; i < 3; i++)
        assert_int_equal(hamlet_state(h, i, &jid), MESSAGE_STATE_COMPLETED);
    hamlet_free(h);
}

static void a_node_does_not_vote_before_all_have_confirmed_its_disk(void **state)
{
    struct hamlet *h = hamlet_new(3);
    uint64_t t;

    (void)state;
    hamlet_crash(h, 1);
    hamlet_crash(h, 2);
    hamlet_restart(h, 1);
    hamlet_run(h, 5000);
    t = hamlet_submit(h, 1, NULL);
    hamlet_run(h, 3000);
    assert_int_equal(hamlet_answer(h, t)->type, MESSAGE_REFUSED);
    /* The other comes back: it knows what was told to it. */
    hamlet_restart(h, 2);
    hamlet_run(h, 10000);
    (void)hamlet_job(h, 1);
    hamlet_free(h);
}

static void one_that_stays_dead_is_not_waited_for(void **state)
{
    struct hamlet *h = hamlet_new(3);

    (void)state;
    hamlet_crash(h, 1);
    hamlet_crash(h, 2);
    hamlet_restart(h, 1);
    hamlet_run(h, 90000);
    (void)hamlet_job(h, 1);
    hamlet_free(h);
}

static void a_disk_that_went_back_is_refused(void **state)
{
    struct hamlet *h = hamlet_new(3);

    (void)state;
    hamlet_crash(h, 0);
    hamlet_restart(h, 0); /* boot 2 */
    hamlet_run(h, 5000);
    hamlet_snapshot(h, 0);
    hamlet_job(h, 0);
    hamlet_run(h, 2000);
    hamlet_crash(h, 0);
    hamlet_restart(h, 0); /* boot 3 */
    hamlet_run(h, 5000);
    hamlet_job(h, 0);
    hamlet_roll_back(h, 0); /* to the end of boot 2: it will be another boot 3 */
    hamlet_restart(h, 0);
    hamlet_run(h, 10000);
    assert_true(hamlet_gave_up(h, 0));
    hamlet_free(h);
}

/* Each stores whom it knows. */
static void work(struct hamlet *h, int node)
{
    (void)hamlet_job(h, node);
    hamlet_run(h, 2000);
    (void)hamlet_job(h, node);
    hamlet_run(h, 2000);
}

static void leave(struct hamlet *h, int node)
{
    hamlet_drain(h, node);
    hamlet_run(h, 15000);
    assert_true(hamlet_drained(h, node));
    hamlet_crash(h, node);
}

static void those_that_left_are_not_waited_for_after_a_restart(void **state)
{
    (void)state;
    for (int n = 2; n <= 4; n++) {
        struct hamlet *h = hamlet_new_expecting(n, 1);

        for (int i = 1; i < n; i++)
            leave(h, i);
        work(h, 0);
        hamlet_crash(h, 0);
        hamlet_restart(h, 0);
        hamlet_run(h, 5000);
        (void)hamlet_job(h, 0);
        hamlet_free(h);
    }
}

static void who_was_down_when_another_left_hears_of_it(void **state)
{
    struct hamlet *h = hamlet_new_expecting(3, 1);

    (void)state;
    work(h, 0);
    hamlet_crash(h, 0);
    leave(h, 2);
    hamlet_restart(h, 0);
    hamlet_run(h, 10000);
    (void)hamlet_job(h, 0);
    hamlet_free(h);
}

static void one_that_left_and_came_back_is_waited_for_again(void **state)
{
    struct hamlet *h = hamlet_new_expecting(2, 1);
    uint64_t t;

    (void)state;
    leave(h, 1);
    hamlet_restart(h, 1);
    hamlet_run(h, 5000);
    hamlet_crash(h, 1);
    hamlet_crash(h, 0);
    hamlet_restart(h, 0);
    hamlet_run(h, 90000);
    t = hamlet_submit(h, 0, NULL);
    hamlet_run(h, 3000);
    assert_int_equal(hamlet_answer(h, t)->type, MESSAGE_REFUSED);
    hamlet_free(h);
}

/* Seven fields, the third of them whether it was forgotten. */
static void what_was_stored_of_a_peer_before_its_state_was_is_read(void **state)
{
    struct mesh_config c = {.nid.b = {1}, .boot = 2, .slots = 1, .replicas = 3, .name = "n"};
    struct mesh *m = mesh_new(&c);

    (void)state;
    for (uint8_t forgotten = 0; forgotten < 2; forgotten++) {
        uint8_t key[1 + ID_SIZE] = {'n', [1] = 2, [2] = forgotten};
        struct id nid;
        auto_buf struct buf b;

        memcpy(nid.b, key + 1, ID_SIZE);
        buf_init(&b, LIMIT_KIB);
        wire_put_array(&b, 7);
        wire_put_uint(&b, 3);
        wire_put_uint(&b, 4);
        wire_put_bool(&b, forgotten);
        for (int i = 0; i < 4; i++)
            wire_put_str(&b, "old");
        peer_load(m, (struct span){key, sizeof(key)}, buf_span(&b));
        assert_non_null(members_get(m->members, &nid));
        assert_int_equal(members_get(m->members, &nid)->state,
                         forgotten ? MEMBER_FORGOTTEN : MEMBER_DEAD);
        assert_true(peer_get(m, &nid)->known.generation == 4);
    }
    mesh_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_later_life_of_the_same_disk_follows),
        cmocka_unit_test(a_life_of_the_same_number_is_not_the_same_life),
        cmocka_unit_test(a_disk_that_held_more_in_an_earlier_life_went_back),
        cmocka_unit_test(more_starts_and_more_batches_do_not_hide_it),
        cmocka_unit_test(what_version_1_told_counts_by_what_the_disk_held),
        cmocka_unit_test(a_full_list_forgets_only_its_oldest),
        cmocka_unit_test(a_whole_mesh_that_lost_power_comes_back),
        cmocka_unit_test(a_node_does_not_vote_before_all_have_confirmed_its_disk),
        cmocka_unit_test(one_that_stays_dead_is_not_waited_for),
        cmocka_unit_test(a_disk_that_went_back_is_refused),
        cmocka_unit_test(what_was_stored_of_a_peer_before_its_state_was_is_read),
        cmocka_unit_test(those_that_left_are_not_waited_for_after_a_restart),
        cmocka_unit_test(who_was_down_when_another_left_hears_of_it),
        cmocka_unit_test(one_that_left_and_came_back_is_waited_for_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
