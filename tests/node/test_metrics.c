/* SPDX-License-Identifier: MPL-2.0 */
#include "node/metrics.h"

#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_series_is_there_from_the_start(void **state)
{
    static const char *const languages[] = {"c", "python"};
    static const char *const want[] = {
        "mesh_jobs_total{language=\"c\",result=\"timeout\"} 0\n",
        "mesh_job_duration_seconds_bucket{language=\"python\",phase=\"run\",le=\"+Inf\"} 0\n",
        "mesh_queue_jobs{priority=\"3\"} 0\n",
        "mesh_sandbox_kills_total{reason=\"memory\"} 0\n",
        "mesh_build_info{version=",
        "process_open_fds ",
        "mesh_queue_wait_seconds_bucket{le=\"300\"} 0\n",
        "mesh_gossip_rtt_seconds_bucket{le=\"0.0005\"} 0\n",
        "mesh_gossip_rtt_seconds_bucket{le=\"1\"} 0\n",
        "mesh_steals_total{role=\"thief\",result=\"denied\"} 0\n",
        "mesh_steal_jobs_total 0\n",
    };
    struct metrics *m = metrics_new(languages, 2);
    struct metrics_now now = {.isolation = "full"};
    auto_buf struct buf out;

    (void)state;
    buf_init(&out, LIMIT_MIB);
    metrics_write(m, &now, &out);
    (void)buf_putc(&out, 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        if (!strstr((char *)out.data, want[i]))
            fail_msg("no %s", want[i]);
    }
    metrics_free(m);
}

static void what_the_mesh_measured_is_cumulated(void **state)
{
    struct metrics *m = metrics_new(NULL, 0);
    struct metrics_now now = {.isolation = "ns"};
    auto_buf struct buf out;

    (void)state;
    meter_add(&now.meters.of[METER_wait], METER_wait, 1000);
    meter_add(&now.meters.of[METER_wait], METER_wait, 1001);
    meter_add(&now.meters.of[METER_wait], METER_wait, 400000000);
    now.meters.steals[METER_STEAL_victim_granted] = 3;
    buf_init(&out, LIMIT_MIB);
    metrics_write(m, &now, &out);
    (void)buf_putc(&out, 0);
    assert_non_null(strstr((char *)out.data, "wait_seconds_bucket{le=\"0.001\"} 1\n"));
    assert_non_null(strstr((char *)out.data, "wait_seconds_bucket{le=\"0.005\"} 2\n"));
    assert_non_null(strstr((char *)out.data, "wait_seconds_bucket{le=\"300\"} 2\n"));
    assert_non_null(strstr((char *)out.data, "wait_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr((char *)out.data, "{role=\"victim\",result=\"granted\"} 3\n"));
    metrics_free(m);
}

static void a_peers_lag_is_told_under_its_name_whatever_that_is(void **state)
{
    struct metrics *m = metrics_new(NULL, 0);
    struct metrics_now now = {.isolation = "ns",
                              .lags = {2, {{"node-1", 0, 0}, {"a\"b\\c\nd", 3, 1500000}}}};
    auto_buf struct buf out;

    (void)state;
    buf_init(&out, LIMIT_MIB);
    metrics_write(m, &now, &out);
    (void)buf_putc(&out, 0);
    assert_non_null(strstr((char *)out.data, "lag_entries{peer=\"node-1\"} 0\n"));
    assert_non_null(strstr((char *)out.data, "lag_entries{peer=\"a\\\"b\\\\c\\nd\"} 3\n"));
    assert_non_null(strstr((char *)out.data, "lag_seconds{peer=\"a\\\"b\\\\c\\nd\"} 1.5\n"));
    metrics_free(m);
}

static void what_is_counted_is_written(void **state)
{
    static const char *const languages[] = {"c"};
    struct metrics *m = metrics_new(languages, 1);
    struct metrics_now now = {.isolation = "ns"};
    const struct step_outcome o = {
        .end = STEP_END_MEMORY, .cpu_us = 500000, .wall_us = 600000, .memory = 1 << 20};
    auto_buf struct buf out;

    (void)state;
    metrics_step(m, "c", "run", &o);
    metrics_step(m, "cobol", "run", &o);
    metrics_job(m, "c", "memory_limit_exceeded");
    buf_init(&out, LIMIT_MIB);
    metrics_write(m, &now, &out);
    (void)buf_putc(&out, 0);
    assert_non_null(strstr((char *)out.data, "{language=\"c\",result=\"oom\"} 1\n"));
    assert_non_null(strstr((char *)out.data, "cpu_seconds_total{language=\"c\"} 0.5\n"));
    assert_non_null(strstr((char *)out.data, "phase=\"run\",le=\"0.5\"} 0\n"));
    assert_non_null(strstr((char *)out.data, "phase=\"run\",le=\"1\"} 1\n"));
    assert_non_null(strstr((char *)out.data, "kills_total{reason=\"memory\"} 2\n"));
    assert_null(strstr((char *)out.data, "cobol"));
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_series_is_there_from_the_start),
        cmocka_unit_test(what_is_counted_is_written),
        cmocka_unit_test(what_the_mesh_measured_is_cumulated),
        cmocka_unit_test(a_peers_lag_is_told_under_its_name_whatever_that_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
