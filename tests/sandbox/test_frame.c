/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/frame.h"

#include "base/rng.h"

#include <errno.h>
#include <sys/mman.h>

static char *argv[] = {(char *)(uintptr_t)(STEP_WORK_DIR "/prog"), (char *)(uintptr_t) "one", NULL};
static char *env[] = {(char *)(uintptr_t) "A=b", NULL};
static struct step_file files[] = {{"prog", -1, true}, {"dir/data", -1, false}};
static char out[][LIMIT_FILE_NAME + 1] = {"result", "*.class"};

static struct step sample(void)
{
    struct step s = {.profile = "c",
                     .phase = "run",
                     .n_argv = 2,
                     .argv = argv,
                     .n_env = 1,
                     .env = env,
                     .n_files = 2,
                     .files = files,
                     .stdin_fd = -1,
                     .n_out = 2,
                     .out = out,
                     .stream = true,
                     .limits = {1, 2, 3, 4, 5, 6, 7, 8, 9}};

    return s;
}

/* A frame whose body is these bytes and which has n descriptors of its own. */
static struct frame with(struct span body, uint32_t n)
{
    struct frame f = {.type = FRAME_STEP, .body = body, .n_fds = n};

    for (uint32_t i = 0; i < n; i++)
        f.fds[i] = memfd_create("x", MFD_CLOEXEC);
    return f;
}

static void a_step_comes_back_as_it_was(void **state)
{
    const struct step s = sample();
    struct step got;
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, CHANNEL_BODY);
    assert_int_equal(frame_put_step(&b, &s), 0);
    struct frame f = with(buf_span(&b), 2);
    assert_int_equal(frame_get_step(&f, 0, &got), 0);
    assert_string_equal(got.profile, "c");
    assert_string_equal(got.phase, "run");
    assert_int_equal(got.n_argv, 2);
    assert_string_equal(got.argv[1], "one");
    assert_null(got.argv[2]);
    assert_string_equal(got.env[0], "A=b");
    assert_string_equal(got.files[1].name, "dir/data");
    assert_true(got.files[0].executable && !got.files[1].executable);
    assert_true(got.files[0].fd >= 0 && got.files[1].fd >= 0);
    assert_int_equal(got.stdin_fd, -1);
    assert_string_equal(got.out[1], "*.class");
    assert_memory_equal(&got.limits, &s.limits, sizeof(s.limits));
    assert_true(got.stream);
    frame_done(&f);
    frame_step_done(&got);
}

static void a_step_without_its_descriptors_is_refused(void **state)
{
    const struct step s = sample();
    struct step got;
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, CHANNEL_BODY);
    assert_int_equal(frame_put_step(&b, &s), 0);
    for (uint32_t n = 0; n < 5; n++) {
        struct frame f = with(buf_span(&b), n);

        assert_int_equal(frame_get_step(&f, 0, &got), n == 2 ? 0 : -EBADMSG);
        if (n == 2)
            frame_step_done(&got);
        frame_done(&f);
    }
}

/* Every prefix, and thousands of damaged bodies: decoded or refused, never read past the end. */
static void a_damaged_step_is_never_believed_past_its_end(void **state)
{
    const struct step s = sample();
    struct step got;
    struct rng rng;
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, CHANNEL_BODY);
    rng_init(&rng, 1);
    assert_int_equal(frame_put_step(&b, &s), 0);
    for (size_t len = 0; len < b.len; len++) {
        auto_free uint8_t *copy = own_memdup(b.data, len);
        struct frame f = with((struct span){copy, len}, 2);

        assert_int_equal(frame_get_step(&f, 0, &got), -EBADMSG);
        frame_done(&f);
    }
    for (int i = 0; i < 5000; i++) {
        auto_free uint8_t *copy = own_memdup(b.data, b.len);
        struct frame f = with((struct span){copy, b.len}, 2);

        copy[rng_below(&rng, b.len)] = (uint8_t)rng_u64(&rng);
        copy[rng_below(&rng, b.len)] ^= (uint8_t)(1U << rng_below(&rng, 8));
        if (frame_get_step(&f, 0, &got) == 0)
            frame_step_done(&got);
        frame_done(&f);
    }
}

static void an_outcome_comes_back_as_it_was(void **state)
{
    struct step_outcome o = {.end = STEP_END_MEMORY,
                             .exit_code = -1,
                             .signal = 9,
                             .cpu_us = 1,
                             .wall_us = 2,
                             .memory = 3,
                             .out = span_of("out"),
                             .err = span_of("error"),
                             .err_truncated = true,
                             .refused = "socket",
                             .detail = "why",
                             .setup_us = 4};
    struct step_outcome got = {0};
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, CHANNEL_BODY);
    assert_int_equal(frame_put_outcome(&b, &o), 0);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(frame_get_outcome((struct span){b.data, len}, &got), -EBADMSG);
    assert_int_equal(frame_get_outcome(buf_span(&b), &got), 0);
    assert_int_equal(got.end, STEP_END_MEMORY);
    assert_int_equal(got.signal, 9);
    assert_true(span_eq(got.out, o.out) && span_eq(got.err, o.err));
    assert_true(got.err_truncated && !got.out_truncated);
    assert_string_equal(got.refused, "socket");
    assert_string_equal(got.detail, "why");
    assert_int_equal(got.setup_us, 4);
    step_outcome_done(&got);
}

static void files_of_an_outcome_are_counted_against_their_descriptors(void **state)
{
    struct step_outcome o = {.n_files = 2, .files = files}, got = {0};
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, CHANNEL_BODY);
    assert_int_equal(frame_put_files(&b, &o, 0, 2), 0);
    struct frame f = with(buf_span(&b), 1);
    assert_int_equal(frame_get_files(&f, &got), -EBADMSG);
    frame_done(&f);
    f = with(buf_span(&b), 2);
    assert_int_equal(frame_get_files(&f, &got), 0);
    assert_int_equal(got.n_files, 2);
    assert_string_equal(got.files[1].name, "dir/data");
    frame_done(&f);
    step_outcome_done(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_comes_back_as_it_was),
        cmocka_unit_test(a_step_without_its_descriptors_is_refused),
        cmocka_unit_test(a_damaged_step_is_never_believed_past_its_end),
        cmocka_unit_test(an_outcome_comes_back_as_it_was),
        cmocka_unit_test(files_of_an_outcome_are_counted_against_their_descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
