/* SPDX-License-Identifier: MPL-2.0 */
/* Jobs in real sandboxes: needs arena-sandbox in the build directory and the toolchains. A
 * language this machine lacks is skipped by name. */
#include "tests/node/world.h"

#include "base/own.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { SLOTS = 2, PATIENCE_MS = 60000 };

/* What came of the last job. */
static struct {
    bool done;
    enum mesh_outcome outcome;
    struct buf bytes;
    struct result result;
    bool decoded;
    unsigned started, compiled, tests;
    struct buf streams[2]; /* what was told of while it ran */
    uint32_t offered_least;
} seen;

static void on_started(void *ctx, uint64_t exec)
{
    (void)ctx;
    (void)exec;
    seen.started++;
}

static void on_event(void *ctx, uint64_t exec, struct span bytes)
{
    struct result_event e;

    (void)ctx;
    (void)exec;
    assert_int_equal(result_event_decode(bytes, &e, NULL), 0);
    seen.compiled += e.kind == RESULT_EVENT_COMPILED;
    seen.tests += e.kind == RESULT_EVENT_TEST;
    if (e.kind != RESULT_EVENT_OUTPUT)
        return;
    assert_in_range(e.stream, 1, 2);
    (void)buf_put(&seen.streams[e.stream - 1], e.piece.data, e.piece.len);
}

static uint64_t order[4]; /* the runs that are done, as they were */
static unsigned n_order;

static void on_done(void *ctx, uint64_t exec, enum mesh_outcome outcome, struct span bytes)
{
    (void)ctx;
    if (n_order < ARRAY_LEN(order))
        order[n_order++] = exec;
    seen.done = true;
    seen.outcome = outcome;
    (void)buf_put(&seen.bytes, bytes.data, bytes.len);
    loop_stop(world.loop);
}

static void on_offer(void *ctx, uint32_t n)
{
    (void)ctx;
    if (n < seen.offered_least)
        seen.offered_least = n;
}

static const char *on_version(void *ctx, const char *language)
{
    (void)ctx;
    (void)language;
    return "1";
}

static void on_finished(void *ctx, const char *language, const char *verdict)
{
    (void)ctx;
    (void)language;
    (void)verdict;
}

static void add_job(const struct spec *spec, uint64_t exec)
{
    auto_buf struct buf bytes;

    buf_init(&bytes, LIMIT_SPEC);
    assert_int_equal(spec_encode(spec, &bytes), 0);
    runs_exec(world.runs, exec, buf_span(&bytes));
}

static void begin(const struct spec *spec)
{
    if (seen.decoded)
        result_done(&seen.result);
    buf_done(&seen.bytes);
    for (unsigned i = 0; i < 2; i++)
        buf_done(&seen.streams[i]);
    memset(&seen, 0, sizeof(seen));
    for (unsigned i = 0; i < 2; i++)
        buf_init(&seen.streams[i], LIMIT_RESULT);
    seen.offered_least = UINT32_MAX;
    buf_init(&seen.bytes, LIMIT_RESULT);
    n_order = 0;
    add_job(spec, 1);
}

static void run_job(const struct spec *spec)
{
    begin(spec);
    (void)world_turn(PATIENCE_MS);
    assert_true(seen.done);
    if (seen.outcome == MESH_OUTCOME_BROKEN)
        print_message("broken: %.*s\n", (int)seen.bytes.len, (const char *)seen.bytes.data);
    if (seen.outcome != MESH_OUTCOME_RESULT)
        return;
    assert_int_equal(result_decode(buf_span(&seen.bytes), &seen.result, NULL), 0);
    seen.decoded = true;
}

static void input_goes_in_and_output_comes_out(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "python", "import sys\nprint(input()[::-1], *sys.argv[1:])");
    struct span args[] = {span_of("a b"), span_of("")};

    (void)state;
    s.input = span_of("hello\n");
    s.args = args;
    s.n_args = 2;
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_RESULT);
    assert_int_equal(seen.result.verdict, RESULT_ACCEPTED);
    assert_true(span_eq(seen.result.run.out, span_of("olleh a b \n")));
    assert_int_equal(seen.started, 1);
    assert_string_equal(seen.result.node, "me");
    assert_true(seen.result.isolation[0] != 0);
}

static void a_job_is_compiled_once_and_tested_in_parallel(void **state)
{
    struct spec_file file;
    struct spec_test tests[8] = {0};
    struct spec s = world_spec(&file, "c",
                               "#include <stdio.h>\nint main(){int a;scanf(\"%d\",&a);"
                               "printf(\"%d\\n\",a==5?0:a*a);return 0;}");
    static const char *const in[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    static const char *const out[] = {"0", "1", "4", "9", "16", "25", "36", "49"};

    (void)state;
    if (!world_has("c"))
        skip();
    for (int i = 0; i < 8; i++) {
        tests[i] = (struct spec_test){.input = span_of(in[i]),
                                      .has_expected = true,
                                      .expected = span_of(out[i]),
                                      .weight = 1};
    }
    s.tests = tests;
    s.n_tests = 8;
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_RESULT);
    assert_int_equal(seen.compiled, 1);
    assert_int_equal(seen.tests, 8);
    assert_int_equal(seen.result.n_tests, 8);
    assert_int_equal(seen.result.passed, 7);
    assert_int_equal(seen.result.verdict, RESULT_WRONG_ANSWER);
    assert_int_equal(seen.result.cause.line, 1);
    assert_int_equal(seen.result.tests[5].verdict, RESULT_WRONG_ANSWER);
    assert_int_equal(seen.offered_least, SLOTS - 1); /* the second slot was lent to this job */
}

static void nothing_starts_after_the_first_failure_when_asked(void **state)
{
    struct spec_file file;
    struct spec_test tests[20] = {0};
    struct spec s = world_spec(&file, "python", "print(1)");

    (void)state;
    for (int i = 0; i < 20; i++)
        tests[i] = (struct spec_test){
            .has_expected = true, .expected = span_of(i == 1 ? "2" : "1"), .weight = 1};
    s.tests = tests;
    s.n_tests = 20;
    s.stop_on_failure = true;
    run_job(&s);
    assert_int_equal(seen.result.verdict, RESULT_WRONG_ANSWER);
    assert_int_equal(seen.result.tests[0].verdict, RESULT_ACCEPTED);
    assert_int_equal(seen.result.tests[1].verdict, RESULT_WRONG_ANSWER);
    assert_int_equal(seen.result.tests[19].verdict, RESULT_SKIPPED);
}

static void what_does_not_compile_is_a_verdict(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "c", "int main() { return x; }");

    (void)state;
    if (!world_has("c"))
        skip();
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_RESULT);
    assert_int_equal(seen.result.verdict, RESULT_COMPILE_ERROR);
    assert_true(seen.result.has_compile);
    assert_true(seen.result.compile.err.len > 0);
}

static void a_checker_program_decides(void **state)
{
    struct spec_file file;
    struct spec_test tests[2] = {0};
    struct spec s = world_spec(&file, "python", "print(input().upper())");

    (void)state;
    s.checker.type = SPEC_CHECKER_PROGRAM;
    (void)snprintf(s.checker.language, sizeof(s.checker.language), "python");
    s.checker.code = span_of("import sys\ni,o,e=(open(a).read() for a in sys.argv[1:4])\n"
                             "print('no luck',file=sys.stderr)\n"
                             "sys.exit(0 if i.strip().upper()==o.strip() and e=='X' else 1)");
    tests[0] = (struct spec_test){
        .input = span_of("a\n"), .has_expected = true, .expected = span_of("X"), .weight = 1};
    tests[1] = (struct spec_test){
        .input = span_of("b\n"), .has_expected = true, .expected = span_of("Y"), .weight = 1};
    s.tests = tests;
    s.n_tests = 2;
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_RESULT);
    assert_int_equal(seen.result.tests[0].verdict, RESULT_ACCEPTED);
    assert_int_equal(seen.result.tests[1].verdict, RESULT_WRONG_ANSWER);
    assert_string_equal(seen.result.tests[1].cause.kind, "checker");
    assert_non_null(strstr(seen.result.tests[1].cause.detail, "no luck"));
}

static void an_interactor_talks_with_the_program(void **state)
{
    struct spec_file file;
    struct spec_test tests[2] = {0};
    struct spec s = world_spec(&file, "python",
                               "lo,hi=0,100\nwhile True:\n m=(lo+hi)//2\n print(m,flush=True)\n"
                               " a=input()\n if a=='=': break\n"
                               " if a=='<': hi=m\n else: lo=m+1\n");

    (void)state;
    (void)snprintf(s.interactor.language, sizeof(s.interactor.language), "python");
    s.interactor.type = SPEC_CHECKER_PROGRAM;
    s.interactor.code = span_of("import sys\nn=int(open(sys.argv[1]).read())\nfor i in range(8):\n"
                                " g=int(input())\n"
                                " print('=' if g==n else '<' if n<g else '>',flush=True)\n"
                                " if g==n: sys.exit(0)\n"
                                "print('too many', file=sys.stderr)\nsys.exit(1)");
    tests[0] = (struct spec_test){.input = span_of("37"), .weight = 1};
    tests[1] = (struct spec_test){.input = span_of("777"), .weight = 1};
    s.tests = tests;
    s.n_tests = 2;
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_RESULT);
    assert_int_equal(seen.result.tests[0].verdict, RESULT_ACCEPTED);
    assert_int_equal(seen.result.tests[1].verdict, RESULT_WRONG_ANSWER);
    assert_non_null(strstr(seen.result.tests[1].cause.detail, "too many"));
    const struct result_talk *talk = &seen.result.tests[0].run.talk;
    assert_true(span_eq(talk->said, span_of("> 50\n< <\n> 25\n< >\n> 38\n< <\n> 32\n< >\n"
                                            "> 35\n< >\n> 37\n< =\n")));
    assert_false(talk->truncated);
    assert_int_equal(talk->late, RESULT_NOBODY);
    assert_int_equal(seen.result.tests[1].run.talk.first, RESULT_INTERACTOR);
}

static void a_dialogue_tells_whose_time_ran_out(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "python",
                               "for i in range(3000): print('x' * 20, flush=True)\n"
                               "while True: pass\n");

    (void)state;
    (void)snprintf(s.interactor.language, sizeof(s.interactor.language), "python");
    s.interactor.type = SPEC_CHECKER_PROGRAM;
    s.interactor.code = span_of("import sys\nfor line in sys.stdin: pass\nsys.exit(0)");
    s.limits.cpu_ms = 500;
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_RESULT);
    assert_int_equal(seen.result.verdict, RESULT_TIME_LIMIT);
    assert_int_equal(seen.result.run.talk.first, RESULT_PROGRAM);
    assert_int_equal(seen.result.run.talk.late, RESULT_PROGRAM);
    assert_true(seen.result.run.talk.truncated);
    assert_int_equal(seen.result.run.talk.said.len, RESULT_SAID_MAX);
}

static void a_job_nobody_can_read_is_broken_not_judged(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "cobol", "x");

    (void)state;
    run_job(&s);
    assert_int_equal(seen.outcome, MESH_OUTCOME_BROKEN);
    assert_non_null(memmem(seen.bytes.data, seen.bytes.len, "cobol", 5));
}

static void kill_it(void *ctx)
{
    (void)ctx;
    if (slots_busy(world.slots))
        runs_kill(world.runs, 1);
}

static void a_killed_job_leaves_nothing_running(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "python", "while True: pass");
    struct loop_timer *t = loop_timer_new(world.loop, kill_it, NULL);

    (void)state;
    loop_timer_set(t, 300);
    run_job(&s);
    loop_timer_free(t);
    assert_int_equal(seen.outcome, MESH_OUTCOME_KILLED);
    assert_int_equal(slots_busy(world.slots), 0);
    assert_int_equal(runs_len(world.runs), 0);
}

static void a_step_that_no_keeper_can_take_costs_none(void **state)
{
    static const struct slot_hooks none;
    struct step_file files[STEP_FILES_IN + 1] = {0};
    char *argv[] = {"/bin/true", NULL};
    struct step step = {
        .n_argv = 1, .argv = argv, .n_files = ARRAY_LEN(files), .files = files, .stdin_fd = -1};
    const uint32_t ready = slots_ready(world.slots);
    struct slot *slot = NULL;

    (void)state;
    assert_int_equal(slots_run(world.slots, &step, &none, NULL, &slot), -E2BIG);
    assert_null(slot);
    assert_int_equal(slots_lost(world.slots), 0);
    assert_int_equal(slots_ready(world.slots), ready);
}

static void a_job_of_many_tests_keeps_nobody_waiting(void **state)
{
    struct spec_file files[2];
    struct spec_test tests[30] = {0};
    struct spec many = world_spec(&files[0], "python", "print(1)");
    struct spec one = world_spec(&files[1], "python", "print(2)");

    (void)state;
    for (int i = 0; i < 30; i++)
        tests[i] = (struct spec_test){.weight = 1};
    many.tests = tests;
    many.n_tests = 30;
    begin(&many);
    add_job(&one, 2);
    while (n_order < 2)
        (void)world_turn(PATIENCE_MS);
    assert_int_equal(order[0], 2);
    assert_int_equal(order[1], 1);
    assert_int_equal(slots_busy(world.slots), 0);
}

static void output_is_streamed_when_wanted(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "python",
                               "import sys\nprint('x')\n"
                               "print('y', file=sys.stderr)");

    (void)state;
    s.stream_output = true;
    run_job(&s);
    assert_int_equal(seen.result.verdict, RESULT_ACCEPTED);
    assert_true(span_eq(buf_span(&seen.streams[0]), span_of("x\n")));
    assert_true(span_eq(buf_span(&seen.streams[1]), span_of("y\n")));
}

static void what_a_hidden_test_prints_is_not_streamed(void **state)
{
    struct spec_file file;
    struct spec s = world_spec(&file, "python", "print(input())");
    struct spec_test tests[] = {{.input = span_of("shown"), .weight = 1},
                                {.input = span_of("secret"), .weight = 1, .hidden = true}};

    (void)state;
    s.stream_output = true;
    s.tests = tests;
    s.n_tests = 2;
    run_job(&s);
    assert_int_equal(seen.result.verdict, RESULT_ACCEPTED);
    assert_true(span_eq(buf_span(&seen.streams[0]), span_of("shown\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_goes_in_and_output_comes_out),
        cmocka_unit_test(a_job_is_compiled_once_and_tested_in_parallel),
        cmocka_unit_test(nothing_starts_after_the_first_failure_when_asked),
        cmocka_unit_test(what_does_not_compile_is_a_verdict),
        cmocka_unit_test(a_checker_program_decides),
        cmocka_unit_test(an_interactor_talks_with_the_program),
        cmocka_unit_test(a_dialogue_tells_whose_time_ran_out),
        cmocka_unit_test(a_job_nobody_can_read_is_broken_not_judged),
        cmocka_unit_test(a_killed_job_leaves_nothing_running),
        cmocka_unit_test(a_step_that_no_keeper_can_take_costs_none),
        cmocka_unit_test(a_job_of_many_tests_keeps_nobody_waiting),
        cmocka_unit_test(what_a_hidden_test_prints_is_not_streamed),
        cmocka_unit_test(output_is_streamed_when_wanted),
    };
    static const struct runs_hooks hooks = {.started = on_started,
                                            .event = on_event,
                                            .done = on_done,
                                            .offer = on_offer,
                                            .version = on_version,
                                            .stepped = world_stepped,
                                            .finished = on_finished};
    int rc = world_new(SLOTS, &hooks);

    if (rc == 0)
        rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (seen.decoded)
        result_done(&seen.result);
    buf_done(&seen.bytes);
    world_free();
    return rc;
}
