/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/mesh/hamlet.h"

enum { SLOTS = 2, LONG_MS = 100000, SOON_MS = 20 };

/* Every slot of `nodes` nodes is busy for long, but `n` of the last node: for `ms`. */
static struct hamlet *busy_but(int nodes, int n, uint64_t ms)
{
    struct hamlet *h = hamlet_new(nodes);

    hamlet_run(h, 3000);
    hamlet_runs(h, LONG_MS, MESH_OUTCOME_RESULT);
    for (int i = 0; i < nodes * SLOTS - n; i++)
        hamlet_job(h, i / SLOTS);
    hamlet_runs(h, ms, MESH_OUTCOME_RESULT);
    for (int i = 0; i < n; i++)
        hamlet_job(h, nodes - 1);
    hamlet_run(h, SOON_MS);
    assert_int_equal(hamlet_started(h), (uint32_t)(nodes * SLOTS));
    return h;
}

static struct hamlet *busy_until(int nodes, uint64_t ms)
{
    return busy_but(nodes, 1, ms);
}

static uint64_t asked_by(struct hamlet *h, int node)
{
    struct message_stats s;

    mesh_stats_get(hamlet_mesh(h, node), &s);
    return s.steals_asked;
}

static void a_slot_that_becomes_free_goes_to_who_told_of_work(void **state)
{
    struct hamlet *h = busy_until(5, 1000);
    uint32_t started = hamlet_started(h);

    (void)state;
    hamlet_job(h, 0);
    hamlet_run(h, 900);
    assert_int_equal(hamlet_started(h), started);
    hamlet_run(h, 100 + SOON_MS);
    assert_int_equal(hamlet_started(h), started + 1);

    struct meters home;
    struct meters thief;
    mesh_meters_get(hamlet_mesh(h, 0), &home);
    mesh_meters_get(hamlet_mesh(h, 4), &thief);
    assert_int_equal(home.steals[METER_STEAL_victim_granted], 1);
    assert_int_equal(thief.steals[METER_STEAL_thief_granted], 1);
    assert_int_equal(thief.steal_jobs, 1);
    assert_int_equal(home.of[METER_wait].count, SLOTS + 1);
    assert_int_equal(home.of[METER_wait].counts[6], 1); /* it waited for nearly a second */
    /* There and back; the first one waits until the link is there. */
    assert_int_equal(thief.of[METER_rtt].counts[0] + thief.of[METER_rtt].counts[1], 0);
    assert_in_range(thief.of[METER_rtt].counts[2], 10, thief.of[METER_rtt].count);
    hamlet_free(h);
}

static void work_of_two_homes_follows_at_once(void **state)
{
    struct hamlet *h = busy_until(5, 1000);
    uint32_t started = hamlet_started(h);

    (void)state;
    hamlet_runs(h, 200, MESH_OUTCOME_RESULT);
    hamlet_job(h, 0);
    hamlet_job(h, 1);
    hamlet_run(h, 1000 + SOON_MS);
    assert_int_equal(hamlet_started(h), started + 1);
    hamlet_run(h, 200 + SOON_MS);
    assert_int_equal(hamlet_started(h), started + 2);
    hamlet_free(h);
}

static void all_that_can_start_is_granted_at_once(void **state)
{
    struct hamlet *h = hamlet_new(2);

    (void)state;
    hamlet_run(h, 3000);
    hamlet_runs(h, 1000, MESH_OUTCOME_RESULT);
    for (int i = 0; i < 2 * SLOTS; i++)
        hamlet_submit(h, 0, NULL);
    hamlet_run(h, SOON_MS);
    assert_int_equal(hamlet_started(h), 2 * SLOTS);
    hamlet_free(h);
}

static void nobody_asks_while_nothing_waits(void **state)
{
    struct hamlet *h = busy_until(5, 1000);
    uint64_t asked[5];

    (void)state;
    hamlet_job(h, 0);
    hamlet_run(h, 5000);
    for (int i = 0; i < 5; i++)
        asked[i] = asked_by(h, i);
    hamlet_run(h, 20000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(asked_by(h, i), asked[i]);
    hamlet_free(h);
}

static void a_hint_is_remembered_when_its_home_was_asked_in_vain(void **state)
{
    struct hamlet *h = busy_until(3, 1000);
    uint32_t started = hamlet_started(h);

    (void)state;
    /* Both are told to node 2, and node 2 takes the first; the second is told of anew. */
    hamlet_runs(h, 100, MESH_OUTCOME_RESULT);
    hamlet_job(h, 0);
    hamlet_run(h, 1200);
    assert_int_equal(hamlet_started(h), started + 1);
    for (int round = 0; round < 5; round++) {
        hamlet_job(h, round % 2);
        hamlet_run(h, SOON_MS);
        assert_int_equal(hamlet_started(h), started + 2 + (uint32_t)round);
        hamlet_run(h, 200);
    }
    hamlet_free(h);
}

static void a_peer_that_leaves_gives_away_nothing_it_has_handed_over(void **state)
{
    (void)state;
    /* Somewhere in there it is asked for the job while its heir is taking it over. */
    for (uint64_t ms = 960; ms < 1000; ms++) {
        struct hamlet *h = busy_but(3, 2, 1000);
        uint32_t started = hamlet_started(h);

        hamlet_job(h, 0);
        hamlet_run(h, ms);
        hamlet_drain(h, 0);
        hamlet_run(h, 1000);
        assert_int_equal(hamlet_started(h), started + 1);
        hamlet_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_that_becomes_free_goes_to_who_told_of_work),
        cmocka_unit_test(work_of_two_homes_follows_at_once),
        cmocka_unit_test(all_that_can_start_is_granted_at_once),
        cmocka_unit_test(nobody_asks_while_nothing_waits),
        cmocka_unit_test(a_hint_is_remembered_when_its_home_was_asked_in_vain),
        cmocka_unit_test(a_peer_that_leaves_gives_away_nothing_it_has_handed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
