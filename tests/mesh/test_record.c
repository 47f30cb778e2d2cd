/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "mesh/record.h"

enum { ROUNDS = 20000 };

static struct id nid_of(uint64_t n)
{
    struct id id = {{(uint8_t)n}};

    return id;
}

static const struct spec one_spec;

/* The value is a function of ballot and version, as the protocol makes it. */
static struct value value_of(const struct ballot *b, uint32_t ver)
{
    struct rng rng;
    struct value v = {.n_rset = 3};

    rng_init(&rng, b->epoch * 1000 + b->nid.b[0] * 100 + ver);
    v.rset[0] = nid_of(1);
    v.rset[1] = nid_of(2);
    v.rset[2] = nid_of(3);
    v.attempt = (uint32_t)rng_below(&rng, 4);
    v.failures = (uint32_t)rng_below(&rng, 2);
    return v;
}

/* A replica's record: some history of accepts and promises. */
static struct record record_random(struct rng *rng)
{
    struct record r;
    struct id jid = nid_of(77);

    record_init(&r, &jid);
    r.origin = origin_new(&one_spec);
    if (rng_chance(rng, 800000)) {
        r.acc = (struct ballot){1 + rng_below(rng, 3), nid_of(1 + rng_below(rng, 3))};
        r.ver = 1 + (uint32_t)rng_below(rng, 3);
        r.v = value_of(&r.acc, r.ver);
    }
    r.promised = r.acc;
    if (rng_chance(rng, 300000))
        r.promised.epoch += 1 + rng_below(rng, 2);
    r.cancel = rng_chance(rng, 200000);
    r.told = rng_chance(rng, 200000);
    r.decided = rng_chance(rng, 200000);
    if (r.decided)
        r.final.end = RECORD_CANCELLED;
    return r;
}

static void encoded(const struct record *r, struct buf *b)
{
    buf_init(b, RECORD_MAX);
    assert_int_equal(record_encode(r, b), 0);
}

static bool same(const struct record *a, const struct record *b)
{
    struct buf x, y;

    encoded(a, &x);
    encoded(b, &y);
    bool eq = span_eq(buf_span(&x), buf_span(&y));
    buf_done(&x);
    buf_done(&y);
    return eq;
}

static void a_record_is_read_as_it_was_written(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 1);
    for (int i = 0; i < ROUNDS; i++) {
        struct record r = record_random(&rng);
        struct record back;
        struct wire_reader w;
        struct buf b;

        encoded(&r, &b);
        wire_reader_init(&w, b.data, b.len);
        assert_int_equal(record_decode(&w, &back), 0);
        assert_true(same(&r, &back));
        buf_done(&b);
        record_done(&r);
        record_done(&back);
    }
}

static void a_record_from_before_callbacks_were_told_is_read(void **state)
{
    struct id jid = nid_of(77);
    struct record r, back;
    struct wire_reader w;
    struct buf b;

    (void)state;
    record_init(&r, &jid);
    r.promised = (struct ballot){3, nid_of(1)};
    r.cancel = true;
    encoded(&r, &b);
    /* It ends with: cancel, told, no decision, no origin. */
    memmove(b.data + b.len - 3, b.data + b.len - 2, 2);
    b.len--;
    b.data[0]--;
    wire_reader_init(&w, b.data, b.len);
    assert_int_equal(record_decode(&w, &back), 0);
    assert_int_equal(wire_reader_end(&w), 0);
    assert_true(same(&r, &back));
    buf_done(&b);
}

static void joining_twice_changes_nothing_more(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 2);
    for (int i = 0; i < ROUNDS; i++) {
        struct record a = record_random(&rng);
        struct record b = record_random(&rng);

        assert_true(record_join(&a, &b) >= 0);
        assert_int_equal(record_join(&a, &b) & ~RECORD_ACCEPTED, 0);
        assert_int_equal(record_join(&a, &a), 0);
        record_done(&a);
        record_done(&b);
    }
}

static void a_join_never_goes_back(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 3);
    for (int i = 0; i < ROUNDS; i++) {
        struct record a = record_random(&rng);
        struct record b = record_random(&rng);
        struct record before;

        record_copy(&a, &before);
        record_join(&a, &b);
        record_check(&a);
        assert_true(ballot_cmp(&a.promised, &before.promised) >= 0);
        assert_true(ballot_cmp(&a.promised, &b.promised) >= 0);
        assert_true(record_acc_cmp(&a, &before) >= 0);
        /* Nothing below what had been promised is accepted. */
        assert_true(record_acc_cmp(&a, &before) == 0 || b.decided ||
                    ballot_cmp(&a.acc, &before.promised) >= 0);
        assert_true(a.cancel == (before.cancel || b.cancel));
        assert_true(a.decided == (before.decided || b.decided));
        record_done(&a);
        record_done(&b);
        record_done(&before);
    }
}

static void without_promises_the_order_of_joins_does_not_matter(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 4);
    for (int i = 0; i < ROUNDS; i++) {
        struct record r[3], x, y;

        for (int k = 0; k < 3; k++) {
            r[k] = record_random(&rng);
            r[k].promised = r[k].acc;
        }
        record_copy(&r[0], &x);
        record_join(&x, &r[1]);
        record_join(&x, &r[2]);
        record_copy(&r[2], &y);
        record_join(&y, &r[0]);
        record_join(&y, &r[1]);
        assert_true(same(&x, &y));
        for (int k = 0; k < 3; k++)
            record_done(&r[k]);
        record_done(&x);
        record_done(&y);
    }
}

static void two_different_decisions_are_told(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 5);
    struct record a = record_random(&rng);
    struct record b = record_random(&rng);

    a.decided = b.decided = true;
    a.final.end = RECORD_FAILED;
    b.final.end = RECORD_CANCELLED;
    assert_true(record_join(&a, &b) < 0);
    record_done(&a);
    record_done(&b);
}

static void a_damaged_record_is_refused(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 6);
    for (int i = 0; i < ROUNDS; i++) {
        struct record r = record_random(&rng);
        struct record back;
        struct wire_reader w;
        struct buf b;

        encoded(&r, &b);
        b.data[rng_below(&rng, b.len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        wire_reader_init(&w, b.data, rng_chance(&rng, 500000) ? b.len : b.len / 2);
        if (record_decode(&w, &back) == 0) {
            record_check(&back);
            record_done(&back);
        }
        buf_done(&b);
        record_done(&r);
    }
}

static bool has_first_two(const void *ctx, const struct id *nid)
{
    (void)ctx;
    return nid->b[0] <= 2;
}

static void a_joint_set_needs_a_majority_of_both(void **state)
{
    struct value v = {.n_rset = 3, .n_prev = 3};

    (void)state;
    for (uint8_t i = 0; i < 3; i++) {
        v.rset[i] = nid_of(i + 1);
        v.prev[i] = nid_of(i + 1);
    }
    assert_true(value_quorum(&v, has_first_two, NULL));
    v.prev[0] = nid_of(8);
    v.prev[1] = nid_of(9);
    assert_false(value_quorum(&v, has_first_two, NULL));
}

/* Two nodes create a keyed job at once, each with the request it was sent. */
static void what_a_job_is_goes_with_the_ballot_that_won(void **state)
{
    struct id jid = nid_of(77);
    struct record lost, won;

    (void)state;
    record_init(&lost, &jid);
    record_init(&won, &jid);
    lost.acc = lost.promised = (struct ballot){1, nid_of(1)};
    won.acc = won.promised = (struct ballot){1, nid_of(2)};
    lost.ver = won.ver = 1;
    lost.v = value_of(&lost.acc, 1);
    won.v = value_of(&won.acc, 1);
    lost.origin = origin_new(&one_spec);
    won.origin = origin_new(&one_spec);
    won.origin->spec_hash = nid_of(9);
    assert_int_equal(record_join(&lost, &won), RECORD_ACCEPTED);
    assert_true(id_eq(&lost.origin->spec_hash, &won.origin->spec_hash));
    assert_true(same(&lost, &won));
    record_done(&lost);
    record_done(&won);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read_as_it_was_written),
        cmocka_unit_test(a_record_from_before_callbacks_were_told_is_read),
        cmocka_unit_test(joining_twice_changes_nothing_more),
        cmocka_unit_test(a_join_never_goes_back),
        cmocka_unit_test(without_promises_the_order_of_joins_does_not_matter),
        cmocka_unit_test(two_different_decisions_are_told),
        cmocka_unit_test(a_damaged_record_is_refused),
        cmocka_unit_test(a_joint_set_needs_a_majority_of_both),
        cmocka_unit_test(what_a_job_is_goes_with_the_ballot_that_won),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
