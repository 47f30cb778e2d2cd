/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/load.h"
#include "mesh/timing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t ms = 1000000;

static struct id node(unsigned n)
{
    return (struct id){{(uint8_t)(n >> 8), (uint8_t)n, 7}};
}

static struct load *view_of(unsigned peers)
{
    struct id self = node(0);
    struct load *l = load_new(&self, 1, 3);

    for (unsigned i = 1; i <= peers; i++) {
        struct id nid = node(i);

        load_add(l, &nid);
    }
    return l;
}

static void say(struct load *l, unsigned n, uint32_t seq, uint8_t free_slots, uint16_t queued)
{
    struct load_entry e = {.nid = node(n), .seq = seq, .free = free_slots, .top = queued ? 1 : 4};

    e.queued[1] = queued;
    (void)load_merge(l, &e);
    load_check(l);
}

static void the_newer_word_wins(void **state)
{
    struct load *l = view_of(2);
    struct id one = node(1);
    struct id two = node(2);

    (void)state;
    assert_null(load_get(l, &one));
    say(l, 1, 5, 3, 0);
    say(l, 1, 4, 9, 0);
    assert_int_equal(load_get(l, &one)->free, 3);
    say(l, 1, 6, 2, 0);
    assert_int_equal(load_get(l, &one)->free, 2);
    say(l, 2, UINT32_MAX, 1, 0);
    say(l, 2, 0, 4, 0);
    assert_int_equal(load_get(l, &two)->free, 4);
    say(l, 3, 1, 1, 0);
    struct id stranger = node(3);
    assert_null(load_get(l, &stranger));
    load_free(l);
}

static void an_entry_is_the_same_after_the_wire(void **state)
{
    struct load *from = view_of(0);
    struct id self = node(9);
    struct load *to = load_new(&self, 1, 3);
    struct id zero = node(0);
    struct load_entry e = {.free = 5,
                           .top = 2,
                           .flags = LOAD_DRAINING | LOAD_DEGRADED,
                           .run_ms = 1234,
                           .queued = {0, 0, 65535, 1}};
    auto_buf struct buf b;
    struct wire_reader r;

    (void)state;
    buf_init(&b, 4096);
    load_add(to, &zero);
    assert_true(load_set_self(from, &e));
    assert_false(load_set_self(from, &e));
    load_put(from, &b);
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(load_get_all(to, &r), 1);
    assert_int_equal(wire_reader_end(&r), 0);
    e.nid = zero;
    e.seq = load_get(from, &zero)->seq;
    assert_memory_equal(load_get(to, &zero), &e, sizeof(e));
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(load_get_all(to, &r), 0);
    load_free(from);
    load_free(to);
}

static void a_restarted_node_is_heard_again(void **state)
{
    struct load *l = view_of(1);
    struct id zero = node(0);
    struct load_entry old = {.nid = zero, .seq = 999u << 20, .free = 9, .top = 4};
    struct load_entry now = {.free = 1, .top = 4};

    (void)state;
    (void)load_merge(l, &old); /* an old life's word comes back to its own node */
    assert_true(load_set_self(l, &now));
    assert_true(load_get(l, &zero)->seq - old.seq < 16);
    assert_int_equal(load_get(l, &zero)->free, 1);
    load_free(l);
}

static void the_freshest_ride_first(void **state)
{
    struct load *l = view_of(100);
    struct load *to = view_of(100);
    auto_buf struct buf b;
    struct wire_reader r;

    (void)state;
    buf_init(&b, 4096);
    for (unsigned i = 1; i <= 100; i++)
        say(l, i, 1, 1, 0);
    say(l, 3, 2, 1, 0);
    load_put(l, &b);
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(load_get_all(to, &r), LOAD_MAX_SENT - 1);
    struct id fresh = node(3);
    struct id stale = node(4);
    assert_non_null(load_get(to, &fresh));
    assert_null(load_get(to, &stale));
    load_check(to);
    load_free(l);
    load_free(to);
}

static void torn_entries_are_refused(void **state)
{
    struct load *l = view_of(1);
    auto_buf struct buf b;
    struct wire_reader r;
    uint8_t junk[LOAD_ENTRY_SIZE + 1] = {0};

    (void)state;
    buf_init(&b, 4096);
    wire_put_bin(&b, junk, sizeof(junk));
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(load_get_all(l, &r), 0);
    assert_true(r.bad);
    load_free(l);
}

static void hints_go_to_random_free_peers_then_to_others(void **state)
{
    struct load *l = view_of(20);
    struct rng rng;
    struct id to[3];
    unsigned hits[21] = {0};
    struct load_entry draining = {
        .nid = node(6), .seq = 1, .free = 5, .top = 4, .flags = LOAD_DRAINING};

    (void)state;
    rng_init(&rng, 1);
    for (unsigned i = 1; i <= 5; i++)
        say(l, i, 1, 1, 0);
    (void)load_merge(l, &draining);
    for (int round = 0; round < 1000; round++) {
        load_hint_anew(l);
        assert_int_equal(load_hint_peers(l, &rng, to, 3), 3);
        for (int i = 0; i < 3; i++) {
            assert_in_range(to[i].b[1], 1, 5);
            hits[to[i].b[1]]++;
        }
        assert_false(id_eq(&to[0], &to[1]) || id_eq(&to[1], &to[2]) || id_eq(&to[0], &to[2]));
    }
    for (unsigned i = 1; i <= 5; i++)
        assert_in_range(hits[i], 500, 700);
    for (unsigned i = 1; i <= 4; i++)
        load_spend(l, &(struct id){{0, (uint8_t)i, 7}}, 3);
    for (int round = 0; round < 100; round++) {
        load_hint_anew(l);
        assert_int_equal(load_hint_peers(l, &rng, to, 3), 3);
        assert_int_equal(to[0].b[1], 5);
        assert_int_not_equal(to[1].b[1], 6);
        assert_int_not_equal(to[2].b[1], 6);
    }
    load_free(l);
}

static void nobody_is_told_twice_of_the_same(void **state)
{
    struct load *l = view_of(10);
    struct rng rng;
    struct id to[3];
    unsigned hits[11] = {0};

    (void)state;
    rng_init(&rng, 1);
    say(l, 4, 1, 1, 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(load_hint_peers(l, &rng, to, 3), 3);
        assert_int_equal(to[0].b[1] == 4, round == 0);
        for (int i = 0; i < 3; i++)
            hits[to[i].b[1]]++;
    }
    assert_int_equal(load_hint_peers(l, &rng, to, 3), 1);
    hits[to[0].b[1]]++;
    for (unsigned i = 1; i <= 10; i++)
        assert_int_equal(hits[i], 1);
    assert_int_equal(load_hint_peers(l, &rng, to, 3), 0);
    load_hint_anew(l);
    assert_int_equal(load_hint_peers(l, &rng, to, 3), 3);
    load_check(l);
    load_free(l);
}

static void who_told_first_is_asked_first_until_it_has_no_more(void **state)
{
    struct load *l = view_of(5);
    struct id who;

    (void)state;
    for (unsigned i = 1; i <= 3; i++)
        say(l, i, 1, 0, 2);
    for (unsigned i = 4; i > 0; i--) {
        struct id nid = node(i);

        load_hinted(l, &nid);
        load_hinted(l, &nid);
    }
    assert_true(load_hint(l, &who));
    assert_int_equal(who.b[1], 3); /* 4 has never said that anything waits there */
    say(l, 3, 2, 0, 1);
    assert_true(load_hint(l, &who));
    assert_int_equal(who.b[1], 3);
    say(l, 3, 3, 0, 0);
    assert_true(load_hint(l, &who));
    assert_int_equal(who.b[1], 2);
    load_hint_used(l, &who);
    assert_true(load_hint(l, &who));
    assert_int_equal(who.b[1], 1);
    load_remove(l, &who);
    load_check(l);
    assert_false(load_hint(l, &who));
    load_free(l);
}

static void the_most_urgent_of_the_line_is_asked_first(void **state)
{
    struct load *l = view_of(3);
    struct load_entry urgent = {.nid = node(3), .seq = 1, .top = 0, .queued = {1}};
    struct id who;

    (void)state;
    say(l, 1, 1, 0, 1);
    say(l, 2, 1, 0, 1);
    (void)load_merge(l, &urgent);
    for (unsigned i = 1; i <= 3; i++) {
        struct id nid = node(i);

        load_hinted(l, &nid);
    }
    assert_true(load_hint(l, &who));
    assert_int_equal(who.b[1], 3);
    assert_int_equal(load_waiting(l, &who), 1);
    load_free(l);
}

static void a_victim_is_the_better_of_two_and_not_always_the_best(void **state)
{
    struct load *l = view_of(10);
    struct rng rng;
    struct id who;
    unsigned hits[11] = {0};

    (void)state;
    rng_init(&rng, 1);
    assert_false(load_victim(l, &rng, NULL, &who));
    for (unsigned i = 1; i <= 10; i++)
        say(l, i, 1, 0, (uint16_t)(i < 4 ? 0 : 10 * i));
    for (int round = 0; round < 2100; round++) {
        assert_true(load_victim(l, &rng, NULL, &who));
        hits[who.b[1]]++;
    }
    assert_int_equal(hits[1] + hits[2] + hits[3], 0);
    assert_int_equal(hits[4], 0);        /* worse than any other it is drawn with */
    assert_in_range(hits[10], 500, 700); /* 2 of 7 draws */
    assert_true(hits[5] > 50);

    struct load_entry urgent = {.nid = node(2), .seq = 2, .top = 0, .queued = {1}};
    (void)load_merge(l, &urgent);
    for (unsigned i = 4; i <= 9; i++)
        say(l, i, 2, 0, 0);
    assert_true(load_victim(l, &rng, NULL, &who));
    assert_int_equal(who.b[1], 2);
    assert_true(load_victim(l, &rng, &urgent.nid, &who));
    assert_int_equal(who.b[1], 10);
    load_free(l);
}

static void a_removed_peer_is_not_chosen(void **state)
{
    struct load *l = view_of(3);
    struct rng rng;
    struct id to[3];
    struct id two = node(2);

    (void)state;
    rng_init(&rng, 1);
    say(l, 2, 1, 5, 1);
    load_remove(l, &two);
    load_remove(l, &two);
    load_check(l);
    assert_int_equal(load_hint_peers(l, &rng, to, 3), 2);
    assert_false(load_has_surplus(l));
    load_free(l);
}

static void the_backstop_doubles_while_there_is_nothing_to_get(void **state)
{
    struct load_poll p = {0};
    struct rng rng;
    static const uint32_t want[] = {500, 1000, 2000, 2000};

    (void)state;
    rng_init(&rng, 1);
    load_poll_stop(&p);
    assert_true(p.next_ns == UINT64_MAX);
    load_poll_start(&p, &rng, 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_in_range(p.next_ns, want[i] * ms * 8 / 10, want[i] * ms * 12 / 10);
        load_poll_again(&p, false, &rng, 0);
    }
    load_poll_again(&p, true, &rng, 0);
    assert_in_range(p.next_ns, 400 * ms, 600 * ms);
}

static void the_mean_follows_the_runs(void **state)
{
    uint16_t mean = load_run_ms(0, 100);

    (void)state;
    assert_int_equal(mean, 100);
    for (int i = 0; i < 60; i++)
        mean = load_run_ms(mean, 1000);
    assert_in_range(mean, 990, 1000);
    assert_int_equal(load_run_ms(UINT16_MAX, UINT64_MAX), UINT16_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_word_wins),
        cmocka_unit_test(an_entry_is_the_same_after_the_wire),
        cmocka_unit_test(a_restarted_node_is_heard_again),
        cmocka_unit_test(the_freshest_ride_first),
        cmocka_unit_test(torn_entries_are_refused),
        cmocka_unit_test(hints_go_to_random_free_peers_then_to_others),
        cmocka_unit_test(nobody_is_told_twice_of_the_same),
        cmocka_unit_test(who_told_first_is_asked_first_until_it_has_no_more),
        cmocka_unit_test(the_most_urgent_of_the_line_is_asked_first),
        cmocka_unit_test(a_victim_is_the_better_of_two_and_not_always_the_best),
        cmocka_unit_test(a_removed_peer_is_not_chosen),
        cmocka_unit_test(the_backstop_doubles_while_there_is_nothing_to_get),
        cmocka_unit_test(the_mean_follows_the_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
