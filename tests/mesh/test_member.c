/* SPDX-License-Identifier: MPL-2.0 */
#include "base/own.h"
#include "mesh/timing.h"
#include "tests/mesh/village.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Detection of a silent death over a few seeds: the mean, and the worst. */
static void measure(unsigned n, uint64_t *ret_mean, uint64_t *ret_worst)
{
    enum { SEEDS = 12 };
    uint64_t sum = 0;

    *ret_worst = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct village v;
        unsigned victim = (unsigned)seed % n;
        uint64_t took;

        village_init(&v, n, seed);
        village_settle(&v);
        village_run_ms(&v, seed * 131);
        v.who[victim].down = true;
        took = village_until(&v, victim, MEMBER_DEAD, 60000);
        assert_true(took != UINT64_MAX);
        sum += took;
        if (took > *ret_worst)
            *ret_worst = took;
        for (unsigned i = 0; i < n; i++)
            assert_true(i == victim || v.who[i].deaths == 1);
        village_done(&v);
    }
    *ret_mean = sum / SEEDS;
}

static void a_dead_one_of_five_is_found_in_time(void **state)
{
    uint64_t mean, worst;

    (void)state;
    measure(5, &mean, &worst);
    print_message("five: mean %u ms, worst %u ms\n", (unsigned)mean, (unsigned)worst);
    assert_in_range(mean, 2000, 3600); /* the least suspicion, and 1.3 to 1.6 probe periods */
    assert_in_range(worst, 2000, 5000);
}

static void a_dead_one_of_fifty_is_found_in_time(void **state)
{
    uint64_t mean, worst;

    (void)state;
    measure(50, &mean, &worst);
    print_message("fifty: mean %u ms, worst %u ms\n", (unsigned)mean, (unsigned)worst);
    assert_in_range(mean, 3300, 5200);
    assert_in_range(worst, 3300, 7000);
}

static uint64_t deaths(const struct village *v)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < v->n; i++)
        sum += v->who[i].deaths;
    return sum;
}

/* `from` sends `who` a good payload. */
static void hear(struct village *v, unsigned who, unsigned from, enum member_payload kind,
                 const struct buf *payload)
{
    struct wire_reader r;

    wire_reader_init(&r, payload->data, payload->len);
    assert_int_equal(members_recv(v->who[who].m, kind, &v->who[from].nid, &r, v->now), 0);
    village_drain(v, who);
}

/* A GOSSIP that says `nid` is in `said` at `incarnation`, by the word of `by`. */
static void gossip_of(struct buf *out, enum member_state said, const struct id *nid,
                      uint64_t incarnation, const struct id *by)
{
    buf_init(out, 4096);
    wire_put_array(out, 1);
    wire_put_array(out, 5);
    wire_put_uint(out, said);
    wire_put_id(out, nid);
    wire_put_uint(out, incarnation);
    wire_put_id(out, by);
    wire_put_nil(out);
}

static void a_false_accusation_is_denied(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct village v;
        auto_buf struct buf b;
        uint64_t before;

        village_init(&v, seed % 2 ? 5 : 50, seed);
        village_settle(&v);
        before = members_get(v.who[1].m, &v.who[3].nid)->incarnation;
        gossip_of(&b, MEMBER_SUSPECT, &v.who[3].nid, before, &v.who[2].nid);
        hear(&v, 1, 2, MEMBER_PAYLOAD_GOSSIP, &b);
        assert_int_equal(village_sees(&v, 1, 3), MEMBER_SUSPECT);
        assert_true(village_until(&v, 3, MEMBER_ALIVE, 3000) != UINT64_MAX);
        village_run_ms(&v, 20000);
        assert_int_equal(deaths(&v), 0);
        assert_true(v.who[3].refuted >= 1);
        assert_true(members_get(v.who[1].m, &v.who[3].nid)->incarnation > before);
        village_done(&v);
    }
}

static void a_false_death_is_denied_too(void **state)
{
    struct village v;
    auto_buf struct buf b;

    (void)state;
    village_init(&v, 5, 7);
    village_settle(&v);
    gossip_of(&b, MEMBER_DEAD, &v.who[3].nid, members_self(v.who[3].m)->incarnation, &v.who[2].nid);
    hear(&v, 1, 2, MEMBER_PAYLOAD_GOSSIP, &b);
    assert_int_equal(village_sees(&v, 1, 3), MEMBER_DEAD);
    village_run_ms(&v, 10000);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(village_sees(&v, i, 3), MEMBER_ALIVE);
    village_done(&v);
}

static void a_second_hand_death_is_a_suspicion(void **state)
{
    struct village v;
    auto_buf struct buf rumours, b;

    (void)state;
    village_init(&v, 5, 7);
    village_settle(&v);
    gossip_of(&rumours, MEMBER_DEAD, &v.who[3].nid, members_self(v.who[3].m)->incarnation,
              &v.who[2].nid);
    buf_init(&b, 4096);
    wire_put_array(&b, 2);
    wire_put_bool(&b, true);
    buf_put(&b, rumours.data, rumours.len);
    hear(&v, 1, 2, MEMBER_PAYLOAD_PUSHPULL, &b);
    assert_int_equal(village_sees(&v, 1, 3), MEMBER_SUSPECT);
    assert_true(village_until(&v, 3, MEMBER_ALIVE, 3000) != UINT64_MAX);
    village_done(&v);
}

static void lost_messages_alone_kill_nobody(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 50, 3);
    village_settle(&v);
    v.loss = 100000;
    village_run_ms(&v, 60000);
    assert_int_equal(deaths(&v), 0);
    village_done(&v);
}

static void cut_and_heal(uint64_t cut_ms, uint64_t heal_ms, uint64_t seed)
{
    struct village v;

    village_init(&v, 5, seed);
    village_settle(&v);
    v.who[3].side = v.who[4].side = 1;
    village_run_ms(&v, cut_ms);
    assert_int_equal(village_sees(&v, 0, 3), MEMBER_DEAD);
    assert_int_equal(village_sees(&v, 4, 1), MEMBER_DEAD);
    assert_int_equal(members_up(v.who[0].m), 3);
    v.who[3].side = v.who[4].side = 0;
    village_run_ms(&v, heal_ms);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(members_up(v.who[i].m), 5);
    village_done(&v);
}

static void halves_of_a_split_find_each_other_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cut_and_heal(20000, 10000, seed);
        /* When nobody gossips to the dead any more, the exchange of lists does it. */
        cut_and_heal(150000, 45000, seed);
    }
}

static void one_that_leaves_is_not_taken_for_dead(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    members_leave(v.who[2].m, v.now);
    village_drain(&v, 2);
    assert_true(village_until(&v, 2, MEMBER_LEFT, TIMING_LINGER) != UINT64_MAX);
    v.who[2].down = true;
    village_run_ms(&v, 20000);
    assert_int_equal(deaths(&v), 0);
    assert_int_equal(village_sees(&v, 0, 2), MEMBER_LEFT);
    village_restart(&v, 2);
    village_join(&v, 2, 0);
    assert_true(village_until(&v, 2, MEMBER_ALIVE, 3000) != UINT64_MAX);
    village_done(&v);
}

static void draining_is_told_to_all(void **state)
{
    struct village v;
    struct member_meta meta;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    meta = members_self(v.who[2].m)->meta;
    meta.draining = true;
    members_set_meta(v.who[2].m, &meta, v.now);
    village_drain(&v, 2);
    village_run_ms(&v, 3000);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(member_state_name(members_get(v.who[i].m, &v.who[2].nid)), "draining");
    village_done(&v);
}

static void a_new_life_wins_over_what_was_said_of_the_last(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    v.who[4].down = true;
    assert_true(village_until(&v, 4, MEMBER_DEAD, 20000) != UINT64_MAX);
    village_restart(&v, 4);
    village_join(&v, 4, 0);
    assert_true(village_until(&v, 4, MEMBER_ALIVE, 3000) != UINT64_MAX);
    assert_int_equal(v.who[0].boots, 1);
    assert_int_equal(v.who[1].boots, 1);
    village_done(&v);
}

static void another_disk_in_the_place_of_a_dead_one_replaces_it(void **state)
{
    struct village v;
    struct id fresh = village_nid(40);
    unsigned n;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    v.who[4].down = true;
    /* It comes before the death is known, and after; both must end the same. */
    n = village_add(&v, &fresh, 1, "n-4");
    village_join(&v, n, 0);
    assert_true(village_until(&v, n, MEMBER_ALIVE, 3000) != UINT64_MAX);
    assert_true(village_until(&v, 4, MEMBER_REPLACED, 20000) != UINT64_MAX);

    v.who[3].down = true;
    assert_true(village_until(&v, 3, MEMBER_DEAD, 20000) != UINT64_MAX);
    fresh = village_nid(41);
    n = village_add(&v, &fresh, 1, "n-3");
    village_join(&v, n, 0);
    assert_true(village_until(&v, 3, MEMBER_REPLACED, 20000) != UINT64_MAX);
    village_done(&v);
}

/* A node that starts again and knew `old`, once the others have said `heard` of it. */
static enum member_state state_after(enum member_state stored, const char *name,
                                     enum member_state heard)
{
    struct member old = {.nid = village_nid(40), .incarnation = 9, .state = stored};
    struct member_config c = {.nid = village_nid(41), .boot = 2, .seed = 1, .meta = {.name = "n"}};
    struct members *m = members_new(&c);
    struct id other = village_nid(42);
    auto_buf struct buf rumours, b;
    struct wire_reader r;

    (void)snprintf(old.meta.name, sizeof(old.meta.name), "%s", name);
    members_load(m, &old);
    members_start(m, 1);
    gossip_of(&rumours, heard, &old.nid, 9, heard == MEMBER_LEFT ? &old.nid : &other);
    buf_init(&b, 4096);
    wire_put_array(&b, 2);
    wire_put_bool(&b, true);
    buf_put(&b, rumours.data, rumours.len);
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(members_recv(m, MEMBER_PAYLOAD_PUSHPULL, &other, &r, 2), 0);
    enum member_state now = members_get(m, &old.nid)->state;
    assert_int_equal(members_get(m, &old.nid)->there_ns, 0);
    members_free(m);
    return now;
}

static void one_that_left_or_was_replaced_still_is_after_a_restart(void **state)
{
    (void)state;
    assert_int_equal(state_after(MEMBER_LEFT, "o", MEMBER_DEAD), MEMBER_LEFT);
    assert_int_equal(state_after(MEMBER_REPLACED, "n", MEMBER_DEAD), MEMBER_REPLACED);
    assert_int_equal(state_after(MEMBER_FORGOTTEN, "o", MEMBER_DEAD), MEMBER_FORGOTTEN);
    assert_int_equal(state_after(MEMBER_ALIVE, "o", MEMBER_DEAD), MEMBER_DEAD);
}

static void one_that_left_while_this_node_was_down_is_known_from_the_others(void **state)
{
    (void)state;
    assert_int_equal(state_after(MEMBER_ALIVE, "o", MEMBER_LEFT), MEMBER_LEFT);
    assert_int_equal(state_after(MEMBER_ALIVE, "o", MEMBER_REPLACED), MEMBER_REPLACED);
}

static void one_of_this_nodes_name_is_not_replaced_before_anything_is_heard_of_it(void **state)
{
    (void)state;
    assert_int_equal(state_after(MEMBER_ALIVE, "n", MEMBER_DEAD), MEMBER_DEAD);
}

static void two_that_are_up_under_one_name_are_reported_and_both_kept(void **state)
{
    struct village v;
    struct id twin = village_nid(40);
    unsigned n;

    (void)state;
    village_init(&v, 3, 2);
    village_settle(&v);
    n = village_add(&v, &twin, 1, "n-1");
    village_join(&v, n, 0);
    village_run_ms(&v, 20000);
    assert_true(v.who[0].conflicts >= 1);
    assert_int_equal(village_sees(&v, 0, 1), MEMBER_ALIVE);
    assert_int_equal(village_sees(&v, 0, n), MEMBER_ALIVE);
    village_done(&v);
}

static void the_forgotten_stay_so_and_are_told(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    v.who[4].down = true;
    assert_true(village_until(&v, 4, MEMBER_DEAD, 20000) != UINT64_MAX);
    members_forget(v.who[1].m, &v.who[4].nid, v.now);
    village_drain(&v, 1);
    assert_true(village_until(&v, 4, MEMBER_FORGOTTEN, 5000) != UINT64_MAX);
    village_restart(&v, 4);
    village_join(&v, 4, 0);
    village_run_ms(&v, 5000);
    assert_true(v.who[4].forgotten >= 1);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(village_sees(&v, i, 4), MEMBER_FORGOTTEN);
    village_done(&v);
}

static void a_disk_that_was_rolled_back_is_told(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 3, 2);
    village_settle(&v);
    for (int i = 0; i < 3; i++)
        village_restart(&v, 2);
    village_join(&v, 2, 0);
    village_run_ms(&v, 3000);
    assert_int_equal(v.who[2].amnesia, 0);
    v.who[2].boot = 1;
    village_restart(&v, 2);
    village_join(&v, 2, 0);
    village_run_ms(&v, 3000);
    assert_true(v.who[2].amnesia >= 1);
    village_done(&v);
}

static void one_that_stood_still_does_not_blame_the_others(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    v.who[1].down = true;
    village_run_ms(&v, 30000);
    v.who[1].down = false;
    village_run_ms(&v, 15000);
    assert_int_equal(v.who[1].deaths, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(members_up(v.who[i].m), 5);
    village_done(&v);
}

static void one_that_hears_nobody_doubts_itself(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 10, 2);
    village_settle(&v);
    assert_int_equal(members_health(v.who[1].m), 0);
    v.who[1].side = 1;
    village_run_ms(&v, 4000);
    assert_in_range(members_health(v.who[1].m), 3, TIMING_HEALTH_MAX - 1);
    v.who[1].side = 0;
    village_run_ms(&v, 60000);
    assert_int_equal(members_health(v.who[1].m), 0);
    village_done(&v);
}

static void a_broken_link_is_probed_at_once_and_is_no_death(void **state)
{
    struct village v;
    uint32_t n;
    const struct member_output *o;

    (void)state;
    village_init(&v, 5, 2);
    village_settle(&v);
    members_link_down(v.who[0].m, &v.who[3].nid, v.now);
    o = members_outputs(v.who[0].m, &n);
    bool pinged = false;
    for (uint32_t i = 0; i < n; i++)
        pinged = pinged || (o[i].type == MEMBER_OUT_SEND && o[i].kind == MEMBER_PAYLOAD_PING &&
                            id_eq(&o[i].nid, &v.who[3].nid));
    assert_true(pinged);
    assert_int_equal(village_sees(&v, 0, 3), MEMBER_ALIVE);
    village_done(&v);
}

static void traffic_does_not_grow_with_the_mesh(void **state)
{
    uint64_t per_node[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct village v;
        uint64_t before = 0;
        uint64_t after = 0;

        village_init(&v, i ? 60 : 15, 2);
        village_settle(&v);
        for (unsigned k = 0; k < v.n; k++)
            before += v.who[k].sent;
        village_run_ms(&v, 30000);
        for (unsigned k = 0; k < v.n; k++)
            after += v.who[k].sent;
        per_node[i] = (after - before) / v.n / 30;
        village_done(&v);
    }
    assert_in_range(per_node[0], 10, 20);
    assert_in_range(per_node[1], 10, 20);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
    struct village v;
    auto_buf struct buf b;
    uint64_t digest;

    (void)state;
    village_init(&v, 3, 2);
    village_settle(&v);
    gossip_of(&b, MEMBER_DEAD, &v.who[2].nid, UINT64_MAX, &v.who[1].nid);
    digest = members_digest(v.who[0].m);
    for (size_t len = 0; len < b.len; len++) {
        for (int kind = 0; kind < MEMBER_PAYLOAD_N; kind++) {
            auto_free uint8_t *cut = malloc(len ? len : 1);
            struct wire_reader r;

            memcpy(cut, b.data, len);
            wire_reader_init(&r, cut, len);
            assert_int_equal(
                members_recv(v.who[0].m, (enum member_payload)kind, &v.who[1].nid, &r, v.now),
                -EBADMSG);
        }
    }
    assert_true(members_digest(v.who[0].m) == digest);
    village_done(&v);
}

static void any_flipped_bit_leaves_a_sound_table(void **state)
{
    struct village v;
    auto_buf struct buf b;

    (void)state;
    village_init(&v, 4, 2);
    village_settle(&v);
    buf_init(&b, 4096);
    members_introduce(v.who[1].m, &b);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        auto_free uint8_t *copy = own_memdup(b.data, b.len);
        struct wire_reader r;

        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        wire_reader_init(&r, copy, b.len);
        (void)members_meet(v.who[0].m, &v.who[1].nid, &r, v.now);
        village_drain(&v, 0);
    }
    village_done(&v);
}

static void nobody_can_be_introduced_by_another(void **state)
{
    struct village v;
    auto_buf struct buf b;
    struct wire_reader r;

    (void)state;
    village_init(&v, 3, 2);
    buf_init(&b, 4096);
    members_introduce(v.who[1].m, &b);
    wire_reader_init(&r, b.data, b.len);
    assert_int_equal(members_meet(v.who[0].m, &v.who[2].nid, &r, v.now), -EBADMSG);
    assert_null(members_get(v.who[0].m, &v.who[1].nid));
    village_done(&v);
}

static void the_table_never_outgrows_its_limit(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 2, 2);
    village_settle(&v);
    for (unsigned i = 0; i < LIMIT_NODES + 100; i++) {
        struct id nid = {{0xbb, (uint8_t)(i >> 8), (uint8_t)i}};

        members_forget(v.who[0].m, &nid, v.now);
        village_drain(&v, 0);
    }
    assert_int_equal(members_len(v.who[0].m), LIMIT_NODES);
    village_done(&v);
}

static uint64_t digest_of_a_run(uint64_t seed)
{
    struct village v;
    uint64_t sum = 0;

    village_init(&v, 8, seed);
    village_settle(&v);
    v.loss = 50000;
    v.who[3].down = true;
    village_run_ms(&v, 10000);
    for (unsigned i = 0; i < v.n; i++)
        sum = sum * 31 + members_digest(v.who[i].m);
    village_done(&v);
    return sum;
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    assert_true(digest_of_a_run(5) == digest_of_a_run(5));
    assert_true(digest_of_a_run(5) != digest_of_a_run(6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_one_of_five_is_found_in_time),
        cmocka_unit_test(a_dead_one_of_fifty_is_found_in_time),
        cmocka_unit_test(a_false_accusation_is_denied),
        cmocka_unit_test(a_false_death_is_denied_too),
        cmocka_unit_test(a_second_hand_death_is_a_suspicion),
        cmocka_unit_test(lost_messages_alone_kill_nobody),
        cmocka_unit_test(halves_of_a_split_find_each_other_again),
        cmocka_unit_test(one_that_leaves_is_not_taken_for_dead),
        cmocka_unit_test(draining_is_told_to_all),
        cmocka_unit_test(a_new_life_wins_over_what_was_said_of_the_last),
        cmocka_unit_test(another_disk_in_the_place_of_a_dead_one_replaces_it),
        cmocka_unit_test(one_that_left_or_was_replaced_still_is_after_a_restart),
        cmocka_unit_test(one_that_left_while_this_node_was_down_is_known_from_the_others),
        cmocka_unit_test(one_of_this_nodes_name_is_not_replaced_before_anything_is_heard_of_it),
        cmocka_unit_test(two_that_are_up_under_one_name_are_reported_and_both_kept),
        cmocka_unit_test(the_forgotten_stay_so_and_are_told),
        cmocka_unit_test(a_disk_that_was_rolled_back_is_told),
        cmocka_unit_test(one_that_stood_still_does_not_blame_the_others),
        cmocka_unit_test(one_that_hears_nobody_doubts_itself),
        cmocka_unit_test(a_broken_link_is_probed_at_once_and_is_no_death),
        cmocka_unit_test(traffic_does_not_grow_with_the_mesh),
        cmocka_unit_test(what_cannot_be_read_changes_nothing),
        cmocka_unit_test(any_flipped_bit_leaves_a_sound_table),
        cmocka_unit_test(nobody_can_be_introduced_by_another),
        cmocka_unit_test(the_table_never_outgrows_its_limit),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
