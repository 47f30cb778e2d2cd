/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/own.h"
#include "sandbox/mitigation.h"
#include "sandbox/quality.h"

#include <errno.h>
#include <sys/wait.h>

static void a_list_names_a_set(void **state)
{
    unsigned set = 99;

    (void)state;
    assert_int_equal(mitigation_parse(MITIGATION_DEFAULT, &set), 0);
    assert_int_equal(set, 1U << MITIGATION_CORE);
    assert_int_equal(mitigation_parse("none", &set), 0);
    assert_int_equal(set, 0);
    assert_int_equal(mitigation_parse("stores,branches", &set), 0);
    assert_int_equal(set, (1U << MITIGATION_STORES) | (1U << MITIGATION_BRANCHES));
}

static void a_word_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"",        ",",     "store", "storess", "none,stores",
                                      "stores,", "STORES"};
    unsigned set = 99;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(mitigation_parse(bad[i], &set), -EINVAL);
        assert_int_equal(set, 99);
    }
}

static void what_the_machine_has_can_be_applied(void **state)
{
    const unsigned all = (1U << MITIGATION_N) - 1;
    const unsigned here = mitigation_available(all);
    int status;

    (void)state;
    assert_int_equal(mitigation_available(0), 0);
    for (unsigned i = 0; i < MITIGATION_N; i++)
        assert_int_equal(here >> i & 1, mitigation_try((enum mitigation)i) == 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(mitigation_apply(here) == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void what_was_not_looked_at_is_not_known(void **state)
{
    struct quality q;
    struct quality_figures f;

    (void)state;
    quality_init(&q);
    quality_begin(&q);
    quality_end(&q, &f);
    assert_int_equal(f.steal_us, 0);
    assert_int_equal(f.cpu_khz, 0);
    quality_look(&q);
    quality_end(&q, &f);
    /* Of a moment: no more than the CPUs of any machine could lose in ten seconds each. */
    assert_true(f.steal_us < 10000000ULL * (uint64_t)sysconf(_SC_NPROCESSORS_CONF));
    quality_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_names_a_set),
        cmocka_unit_test(a_word_that_is_none_is_refused),
        cmocka_unit_test(what_the_machine_has_can_be_applied),
        cmocka_unit_test(what_was_not_looked_at_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
