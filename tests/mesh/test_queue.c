/* SPDX-License-Identifier: MPL-2.0 */
#include "base/own.h"
#include "base/rng.h"
#include "mesh/queue.h"
#include "mesh/timing.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const uint64_t ms = 1000000;

struct job {
    struct queue_item item;
    int number;
    uint32_t language;
};

static struct job *job_of(struct queue_item *it)
{
    return (struct job *)(void *)it; /* the item is its first member */
}

static void add(struct queue *q, struct job *j, const char *tenant, uint8_t priority, uint64_t now)
{
    struct queue_wish wish = {
        .tenant = tenant, .priority = priority, .cost = 1, .kind = j->language};

    queue_add(q, &j->item, &wish, now);
    queue_check(q);
}

static struct job *take(struct queue *q)
{
    struct queue_item *it = queue_take(q, NULL, NULL);

    queue_check(q);
    return it ? job_of(it) : NULL;
}

static void urgent_classes_go_first_and_equals_in_order_of_entry(void **state)
{
    struct queue *q = queue_new(1);
    struct job jobs[6] = {0};
    static const int want[] = {2, 5, 1, 4, 0, 3};

    (void)state;
    for (int i = 0; i < 6; i++) {
        jobs[i].number = i;
        add(q, &jobs[i], "t", (uint8_t)(2 - i % 3), 1);
    }
    assert_int_equal(queue_top(q), 0);
    assert_int_equal(queue_len_of(q, 1), 2);
    for (int i = 0; i < 6; i++)
        assert_int_equal(take(q)->number, want[i]);
    assert_null(take(q));
    assert_int_equal(queue_top(q), LIMIT_PRIORITIES);
    queue_free(q);
}

static void a_waiting_job_rises_a_class_every_age(void **state)
{
    struct queue *q = queue_new(1);
    struct job old = {.number = 1};
    struct job fresh = {.number = 2};

    (void)state;
    add(q, &old, "t", 3, 0);
    for (uint8_t c = 3; c > 0; c--) {
        queue_advance(q, (uint64_t)(4 - c) * TIMING_AGE * ms - 1);
        assert_int_equal(queue_top(q), c);
        queue_advance(q, (uint64_t)(4 - c) * TIMING_AGE * ms);
        assert_int_equal(queue_top(q), c - 1);
        queue_check(q);
    }
    add(q, &fresh, "t", 0, 4 * TIMING_AGE * ms);
    assert_int_equal(take(q)->number, 1);
    queue_remove(q, &fresh.item);
    queue_free(q);
}

static void a_job_comes_in_with_the_age_it_has(void **state)
{
    struct queue *q = queue_new(1);
    struct job j = {0};
    struct queue_wish wish = {.tenant = "", .priority = 2, .cost = 1, .since_ns = 5};

    (void)state;
    queue_add(q, &j.item, &wish, 5 + TIMING_AGE * ms);
    assert_int_equal(queue_top(q), 1);
    assert_true(queue_oldest_ns(q) == 5);
    queue_remove(q, &j.item);
    assert_true(queue_oldest_ns(q) == UINT64_MAX);
    queue_free(q);
}

static void a_tenant_with_many_jobs_does_not_hold_up_the_others(void **state)
{
    struct queue *q = queue_new(1);
    struct job big[30] = {0};
    struct job small[3] = {0};

    (void)state;
    for (int i = 0; i < 30; i++)
        add(q, &big[i], "big", 1, 1);
    for (int i = 0; i < 3; i++) {
        small[i].number = 1;
        add(q, &small[i], "small", 1, 1);
    }
    int seen = 0;
    for (int i = 0; i < 7; i++)
        seen += take(q)->number;
    assert_int_equal(seen, 3);
    queue_free(q);
}

static void costs_are_shared_not_jobs(void **state)
{
    struct queue *q = queue_new(1);
    struct job jobs[2][60] = {0};
    int taken[2] = {0};

    (void)state;
    for (int i = 0; i < 60; i++) {
        for (int t = 0; t < 2; t++) {
            struct queue_wish wish = {.tenant = t ? "dear" : "cheap", .cost = t ? 10 : 1};

            jobs[t][i].number = t;
            queue_add(q, &jobs[t][i].item, &wish, 1);
        }
    }
    for (int i = 0; i < 55; i++)
        taken[take(q)->number]++;
    assert_in_range(taken[0], 48, 51);
    assert_in_range(taken[1], 4, 7);
    queue_free(q);
}

static void coming_back_does_not_wipe_out_what_was_used(void **state)
{
    struct queue *q = queue_new(1);
    struct job patient[10] = {0};
    struct job again = {.number = 1};
    int turns = 0;

    (void)state;
    for (int i = 0; i < 10; i++)
        add(q, &patient[i], "patient", 1, 1);
    /* One job at a time, put in again as soon as it is out. */
    add(q, &again, "again", 1, 1);
    for (int i = 0; i < 10; i++) {
        struct job *j = take(q);

        if (j == &again) {
            turns++;
            add(q, &again, "again", 1, 1);
        }
    }
    assert_in_range(turns, 4, 6);
    queue_free(q);
}

static void a_delayed_job_waits_for_its_time(void **state)
{
    struct queue *q = queue_new(1);
    struct job jobs[2] = {{.number = 0}, {.number = 1}};
    struct queue_wish wish = {.tenant = "t", .priority = 3, .not_before_ns = 100};

    (void)state;
    queue_add(q, &jobs[0].item, &wish, 10);
    wish.not_before_ns = 50;
    queue_add(q, &jobs[1].item, &wish, 10);
    assert_true(queue_is_delayed(&jobs[0].item));
    assert_int_equal(queue_delayed(q), 2);
    assert_true(queue_deadline(q) == 50);
    assert_null(take(q));
    assert_int_equal(queue_advance(q, 49), 0);
    assert_int_equal(queue_advance(q, 50), 1);
    assert_true(queue_deadline(q) == 100);
    assert_true(queue_oldest_ns(q) == 50);
    assert_int_equal(take(q)->number, 1);
    queue_remove(q, &jobs[0].item);
    assert_false(queue_has(&jobs[0].item));
    assert_true(queue_deadline(q) == UINT64_MAX);
    queue_check(q);
    queue_free(q);
}

static bool speaks(uint32_t kind, void *ctx)
{
    return kind == *(const uint32_t *)ctx;
}

static void what_does_not_fit_keeps_its_place(void **state)
{
    struct queue *q = queue_new(1);
    struct job jobs[8] = {0};
    uint32_t python = 1;
    uint32_t cobol = 9;
    static const int want[] = {0, 1, 2, 4, 5, 6, 7};

    (void)state;
    for (int i = 0; i < 8; i++) {
        jobs[i].number = i;
        jobs[i].language = i == 3;
        add(q, &jobs[i], i % 2 ? "odd" : "even", (uint8_t)(i / 4), 1);
    }
    assert_null(queue_take(q, speaks, &cobol));
    queue_check(q);
    assert_null(queue_take(q, speaks, &cobol));
    assert_int_equal(job_of(queue_take(q, speaks, &python))->number, 3);
    assert_null(queue_take(q, speaks, &python));
    assert_int_equal(queue_len(q), 7);
    for (int i = 0; i < 3; i++)
        assert_true(take(q)->number <= 2);
    for (int i = 3; i < 7; i++)
        assert_true(take(q)->number >= want[3]);
    queue_free(q);
}

static void who_was_passed_over_goes_before_who_comes_later(void **state)
{
    struct queue *q = queue_new(1);
    struct job jobs[4] = {0};
    uint32_t python = 1;

    (void)state;
    for (int i = 0; i < 4; i++)
        jobs[i].number = i;
    jobs[1].language = jobs[2].language = python;
    add(q, &jobs[0], "waits", 1, 1);
    add(q, &jobs[1], "served", 1, 1);
    add(q, &jobs[2], "served", 1, 1);
    assert_int_equal(job_of(queue_take(q, speaks, &python))->number, 1);
    queue_check(q);
    assert_int_equal(job_of(queue_take(q, speaks, &python))->number, 2);
    queue_check(q);
    add(q, &jobs[3], "new", 1, 1);
    assert_int_equal(take(q)->number, 0);
    queue_check(q);
    queue_free(q);
}

static void jobs_that_do_not_fit_hide_none_that_does(void **state)
{
    enum { JAVA = 1, PYTHON, FIRST = 1000 };
    struct queue *q = queue_new(1);
    auto_free struct job *jobs = own_calloc(FIRST + 1, sizeof(*jobs));
    uint32_t python = PYTHON;

    (void)state;
    for (int i = 0; i <= FIRST; i++) {
        char tenant[8];

        jobs[i].language = i == FIRST ? PYTHON : JAVA;
        (void)snprintf(tenant, sizeof(tenant), "%d", i / 2);
        add(q, &jobs[i], tenant, 1, 1);
    }
    assert_true(queue_any(q, speaks, &python));
    assert_ptr_equal(queue_take(q, speaks, &python), &jobs[FIRST].item);
    assert_false(queue_any(q, speaks, &python));
    assert_null(queue_take(q, speaks, &python));
    queue_check(q);
    queue_free(q);
}

static void a_tenant_has_one_share_whatever_it_speaks(void **state)
{
    enum { EACH = 30 };
    struct queue *q = queue_new(1);
    struct job jobs[3][EACH] = {{{.number = 0}}};
    int n[2] = {0};

    (void)state;
    for (int i = 0; i < 3 * EACH; i++) {
        struct job *j = &jobs[i % 3][i / 3];

        j->number = i % 3 == 2;
        j->language = (uint32_t)(i % 3);
        add(q, j, j->number ? "one" : "two", 1, 1);
    }
    for (int i = 0; i < EACH; i++)
        n[take(q)->number]++;
    assert_int_equal(n[0], EACH / 2);
    assert_int_equal(n[1], EACH / 2);
    queue_free(q);
}

static void who_could_not_be_served_has_not_saved_up_turns(void **state)
{
    enum { EACH = 30, JAVA = 0, PYTHON };
    struct queue *q = queue_new(1);
    struct job jobs[3][EACH] = {{{.number = 0}}};
    uint32_t python = PYTHON;
    int java = 0;

    (void)state;
    for (int i = 0; i < 3 * EACH; i++) {
        struct job *j = &jobs[i % 3][i / 3];

        j->language = i % 3 == 0 ? JAVA : PYTHON;
        add(q, j, i % 3 == 0 ? "waits" : "served", 1, 1);
    }
    for (int i = 0; i < EACH; i++)
        assert_non_null(queue_take(q, speaks, &python));
    for (int i = 0; i < EACH; i++)
        java += take(q)->language == JAVA;
    assert_in_range(java, 1, EACH / 2 + 1);
    queue_free(q);
}

static void any_history_keeps_the_counts_right(void **state)
{
    enum { JOBS = 300, STEPS = 20000 };
    struct queue *q = queue_new(1);
    auto_free struct job *jobs = own_calloc(JOBS, sizeof(*jobs));
    struct rng rng;
    uint64_t now = 0;
    unsigned in = 0;

    (void)state;
    rng_init(&rng, 5);
    for (int step = 0; step < STEPS; step++) {
        struct job *j = &jobs[rng_below(&rng, JOBS)];
        char tenant[8];

        now += rng_below(&rng, 200) * ms;
        queue_advance(q, now);
        (void)snprintf(tenant, sizeof(tenant), "%u", (unsigned)rng_below(&rng, 200));
        if (queue_has(&j->item)) {
            queue_remove(q, &j->item);
            in--;
        } else if (rng_chance(&rng, 600000)) {
            struct queue_wish wish = {tenant,
                                      (uint8_t)rng_below(&rng, LIMIT_PRIORITIES),
                                      (uint32_t)rng_below(&rng, 20),
                                      0,
                                      rng_chance(&rng, 300000) ? now + 1000 * ms : 0,
                                      (uint32_t)rng_below(&rng, 3)};

            queue_add(q, &j->item, &wish, now);
            in++;
        } else {
            uint32_t tongue = (uint32_t)rng_below(&rng, 3);

            in -= queue_take(q, rng_chance(&rng, 500000) ? speaks : NULL, &tongue) ? 1 : 0;
        }
        assert_int_equal(queue_len(q) + queue_delayed(q), in);
        if (step % 16 == 0)
            queue_check(q);
    }
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_classes_go_first_and_equals_in_order_of_entry),
        cmocka_unit_test(a_waiting_job_rises_a_class_every_age),
        cmocka_unit_test(a_job_comes_in_with_the_age_it_has),
        cmocka_unit_test(a_tenant_with_many_jobs_does_not_hold_up_the_others),
        cmocka_unit_test(costs_are_shared_not_jobs),
        cmocka_unit_test(coming_back_does_not_wipe_out_what_was_used),
        cmocka_unit_test(a_delayed_job_waits_for_its_time),
        cmocka_unit_test(what_does_not_fit_keeps_its_place),
        cmocka_unit_test(who_was_passed_over_goes_before_who_comes_later),
        cmocka_unit_test(jobs_that_do_not_fit_hide_none_that_does),
        cmocka_unit_test(a_tenant_has_one_share_whatever_it_speaks),
        cmocka_unit_test(who_could_not_be_served_has_not_saved_up_turns),
        cmocka_unit_test(any_history_keeps_the_counts_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
