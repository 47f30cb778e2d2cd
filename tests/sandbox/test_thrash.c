/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/thrash.h"

#define MIB ((uint64_t)LIMIT_MIB)
#define MS 1000

/* A group of 64 MiB, full, with so much of it held. */
static struct cgroup_memory full(uint64_t held_mib, uint64_t refaulted_mib)
{
    return (struct cgroup_memory){.most = 64 * MIB,
                                  .used = 64 * MIB,
                                  .held = held_mib * MIB,
                                  .refaulted = refaulted_mib * MIB};
}

/* Looks every 100 ms of CPU time at a group that reads `mib_per_look` again meanwhile. Returns when
 * it was found to be short of memory, in looks, or 0. */
static unsigned looks_until_short(uint64_t held_mib, uint64_t mib_per_look)
{
    struct thrash t = {0};

    /* What others of the slot's runs read again is not this one's. */
    for (unsigned i = 0; i < 200; i++) {
        const struct cgroup_memory m = full(held_mib, 100000 + i * mib_per_look);

        if (thrash_look(&t, &m, i * 100 * MS))
            return i;
    }
    return 0;
}

static void who_reads_its_files_again_and_again_is_short_of_memory(void **state)
{
    (void)state;
    /* Seen of Node: 40 to 120 rooms for each second of CPU time, of 5 to 10 % of the limit. */
    assert_in_range(looks_until_short(60, 48), 1, 10);
    assert_in_range(looks_until_short(64, 10), 1, 10);
}

static void who_reads_a_lot_but_gets_on_is_not(void **state)
{
    (void)state;
    assert_int_equal(looks_until_short(60, 7), 0);
    assert_int_equal(looks_until_short(60, 0), 0);
}

static void who_holds_little_only_reads_files(void **state)
{
    (void)state;
    assert_int_equal(looks_until_short(8, 100000), 0);
    assert_int_equal(looks_until_short(47, 100000), 0);
}

static void a_machine_short_of_memory_is_not_the_runs_fault(void **state)
{
    struct thrash t = {0};
    struct cgroup_memory m = full(52, 0);

    (void)state;
    m.used = 55 * MIB;
    for (unsigned i = 0; i < 100; i++, m.refaulted += 1000 * MIB)
        assert_false(thrash_look(&t, &m, i * 100 * MS));
    assert_int_equal(t.excess, 0);
}

static void how_little_cpu_time_it_gets_does_not_matter(void **state)
{
    struct thrash t = {0};
    unsigned looks = 0;

    (void)state;
    /* A hundredth of a CPU: one room a look. */
    for (; looks < 200; looks++) {
        const struct cgroup_memory m = full(60, 4 * looks);

        if (thrash_look(&t, &m, looks * MS))
            break;
    }
    assert_in_range(looks, THRASH_ROOMS, 2 * THRASH_ROOMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_its_files_again_and_again_is_short_of_memory),
        cmocka_unit_test(who_reads_a_lot_but_gets_on_is_not),
        cmocka_unit_test(who_holds_little_only_reads_files),
        cmocka_unit_test(a_machine_short_of_memory_is_not_the_runs_fault),
        cmocka_unit_test(how_little_cpu_time_it_gets_does_not_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
