/* SPDX-License-Identifier: MPL-2.0 */
/* Two nodes under one name: one of them goes, and which one does not depend on chance. */
#include "mesh/timing.h"
#include "tests/mesh/village.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    LOW = 0,
    HIGH = 60, /* below and above the nids of the others */
    LONG = 4 * TIMING_NAMESAKE,
    SHORT = TIMING_NAMESAKE / 2,
};

static unsigned newcomer(struct village *v, unsigned number, const char *name)
{
    struct id nid = village_nid(number);
    unsigned n;

    if (number == LOW)
        nid = (struct id){.b = {0, 1}};
    n = village_add(v, &nid, 1, name);
    village_join(v, n, 0);
    return n;
}

static unsigned gone(const struct village *v)
{
    unsigned n = 0;

    for (unsigned i = 0; i < v->n; i++)
        n += v->who[i].yielded;
    return n;
}

static void who_takes_a_name_that_is_in_use_goes_and_the_other_stays(void **state)
{
    static const unsigned numbers[] = {LOW, HIGH};

    (void)state;
    for (unsigned k = 0; k < ARRAY_LEN(numbers); k++) {
        struct village v;
        unsigned n;

        village_init(&v, 4, 7 + k);
        village_settle(&v);
        village_run_ms(&v, 2 * TIMING_NAMESAKE);
        n = newcomer(&v, numbers[k], "n-1");
        village_run_ms(&v, SHORT);
        assert_int_equal(gone(&v), 0);
        village_run_ms(&v, LONG);
        assert_int_equal(gone(&v), 1);
        assert_true(v.who[n].yielded);
        assert_int_equal(village_sees(&v, 0, 1), MEMBER_ALIVE);
        assert_true(village_sees(&v, 0, n) >= MEMBER_DEAD);
        village_done(&v);
    }
}

static void of_two_that_start_together_one_goes(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed < 6; seed++) {
        struct village v;

        village_init(&v, 3, seed);
        (void)newcomer(&v, seed % 2 ? LOW : HIGH, "n-1");
        village_settle(&v);
        village_run_ms(&v, LONG);
        assert_int_equal(gone(&v), 1);
        village_done(&v);
    }
}

static void of_two_old_ones_that_meet_one_goes(void **state)
{
    struct village v;
    unsigned n;

    (void)state;
    village_init(&v, 3, 5);
    n = newcomer(&v, HIGH, "n-1");
    v.who[n].side = 1;
    for (unsigned i = 1; i < 3; i++)
        village_join(&v, i, 0);
    village_run_ms(&v, LONG);
    assert_int_equal(gone(&v), 0);
    v.who[n].side = 0;
    village_join(&v, n, 0);
    village_run_ms(&v, 2 * LONG);
    assert_int_equal(gone(&v), 1);
    village_done(&v);
}

static void a_node_back_with_another_disk_is_no_namesake_of_its_dead_self(void **state)
{
    struct village v;

    (void)state;
    village_init(&v, 4, 9);
    village_settle(&v);
    v.who[1].down = true;
    (void)newcomer(&v, HIGH, "n-1");
    village_run_ms(&v, LONG);
    assert_int_equal(gone(&v), 0);
    assert_int_equal(village_sees(&v, 0, 1), MEMBER_REPLACED);
    village_done(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_takes_a_name_that_is_in_use_goes_and_the_other_stays),
        cmocka_unit_test(of_two_that_start_together_one_goes),
        cmocka_unit_test(of_two_old_ones_that_meet_one_goes),
        cmocka_unit_test(a_node_back_with_another_disk_is_no_namesake_of_its_dead_self),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
