/* SPDX-License-Identifier: MPL-2.0 */
#include "base/own.h"
#include "sandbox/profile_data.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define LIMITS(cpu)                                                                                \
    "{\"time\": " cpu ", \"wallTime\": 20, \"memory\": 134217728, \"output\": 65536, "             \
    "\"processes\": 64, \"stack\": 8388608, \"fileSize\": 1048576, \"files\": 100, \"cpus\": 0.5}"
#define RUN(argv, extra)                                                                           \
    "\"run\": {\"argv\": " argv ", \"environment\": {\"A\": \"b\"}, " extra                        \
    "\"memoryOverhead\": 1048576, \"limits\": " LIMITS("10") ", \"ceilings\": " LIMITS("20") "}"
#define LANG(extra, run)                                                                           \
    "{\"name\": \"x\", \"title\": \"X\", \"extensions\": [\".x\"], \"sourceName\": \"main.x\", "   \
    "\"version\": {\"phase\": \"run\", \"argv\": [\"/x\"], \"prefix\": \"x \"}, " extra run "}"

static struct profile *parse(const char *text, struct err *err)
{
    return profile_parse("x.json", text, strlen(text), err);
}

static void refuses(const char *text, const char *why)
{
    struct err err = {0};

    assert_null(parse(text, &err));
    if (!strstr(err.text, why))
        fail_msg("'%s' does not say '%s'", err.text, why);
    assert_non_null(strstr(err.text, "x.json"));
}

static void a_wrong_file_is_refused_by_file_and_field(void **state)
{
    (void)state;
    refuses("{", "x.json:1");
    refuses("[]", "must be an object");
    refuses("{\"name\": \"x\", \"name\": \"y\"}", "duplicate");
    refuses(LANG("\"colour\": 1, ", RUN("[\"/x\"]", "")), "colour is not a field");
    refuses(LANG("", RUN("[\"/x\"]", "\"bind\": [], ")), "run.bind is not a field");
    refuses(LANG("", RUN("\"/x\"", "")), "run.argv must be a list");
    refuses(LANG("", RUN("[]", "")), "run.argv is too short");
    refuses(LANG("", RUN("[7]", "")), "run.argv must be text");
    refuses(LANG("", RUN("[\"/x\"]", "\"binds\": [\"etc\"], ")), "run.binds must be absolute");
    refuses(LANG("", RUN("[\"/x\"]", "\"binds\": [\"/a/../b\"], ")), "run.binds must be absolute");
    refuses(LANG("\"aliases\": \"y\", ", RUN("[\"/x\"]", "")), "aliases must be a list");
    refuses(LANG("\"root\": \"here\", ", RUN("[\"/x\"]", "")), "root must be an absolute path");
    refuses("{\"name\": \"X Y\"}", "is missing");
}

static void a_limit_out_of_range_or_above_its_ceiling_is_refused(void **state)
{
#define PHASE(l, c)                                                                                \
    "\"run\": {\"argv\": [\"/x\"], \"environment\": {}, \"limits\": " l ", \"ceilings\": " c "}"
    (void)state;
    refuses(LANG("", PHASE(LIMITS("30"), LIMITS("20"))), "run.time is above its ceiling");
    refuses(LANG("", PHASE(LIMITS("0"), LIMITS("20"))), "run.time is out of range");
    refuses(LANG("", PHASE(LIMITS("-1"), LIMITS("20"))), "run.time is out of range");
    refuses(LANG("", PHASE(LIMITS("1e300"), LIMITS("20"))), "run.time is out of range");
    refuses(LANG("", PHASE(LIMITS("\"1\""), LIMITS("20"))), "run.time must be a number");
    refuses(LANG("", PHASE("{}", LIMITS("20"))), "run.time is missing");
    refuses(LANG("", "\"compile\": {}, " PHASE(LIMITS("1"), LIMITS("2"))),
            "compile.argv is missing");
}

static void a_toolchain_that_is_not_here_is_named(void **state)
{
    static const char text[] = LANG("\"paths\": {\"tool\": [\"/nowhere/x1\", \"/nowhere/x2\"]}, ",
                                    RUN("[\"{tool}\"]", "\"binds\": [\"?/nowhere\"], "));
    struct err err = {0};
    struct profile *p = parse(text, &err);
    struct step step;

    (void)state;
    assert_non_null(p);
    assert_non_null(strstr(profile_missing(p), "/nowhere/x1"));
    assert_int_equal(profile_step(p, "run", NULL, &step, &err), -ENOENT);
    profile_free(p);
}

static void binds_are_files_of_this_machine(void **state)
{
    static const char text[] =
        LANG("\"paths\": {\"shell\": [\"/nowhere/sh\", \"/bin/s[h]\"]}, ",
             RUN("[\"{shell}\"]", "\"binds\": [\"{shell}\", \"?/nowhere\", \"/etc/host*me\"], "));
    struct err err = {0};
    struct profile *p = parse(text, &err);
    struct profile_list binds = profile_binds(p, "run");

    (void)state;
    assert_string_equal(profile_missing(p), "");
    assert_int_equal(binds.n, 2);
    assert_string_equal(binds.at[0], "/bin/sh");
    assert_string_equal(binds.at[1], "/etc/hostname");
    assert_int_equal(profile_binds(p, "compile").n, 0);
    assert_int_equal(profile_binds(p, "dance").n, 0);
    profile_free(p);
}

static void a_step_is_the_command_line_with_its_places_filled(void **state)
{
    static const char text[] =
        LANG("", RUN("[\"{work}/x\", \"-m{memoryMiB}\", \"{stem}\", \"{sources}\", \"{unknown}z\"]",
                     ""));
    static const char *const sources[] = {"-a.x", "b.h", "c.x"};
    const struct span args[] = {span_of("one"), {NULL, 0}, span_of("{source}")};
    const struct profile_ask ask = {sources, 3, args, 3, NULL};
    static const char *const want[] = {
        STEP_WORK_DIR "/x", "-m128", "-a", "./-a.x", "c.x", "z", "one", "", "{source}"};
    struct err err = {0};
    struct profile *p = parse(text, &err);
    struct step step;

    (void)state;
    assert_int_equal(profile_step(p, "run", &ask, &step, &err), 0);
    assert_int_equal(step.n_argv, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(step.argv[i], want[i]);
    assert_null(step.argv[step.n_argv]);
    assert_string_equal(step.env[0], "A=b");
    assert_int_equal(step.limits.memory, 129 * LIMIT_MIB);
    assert_int_equal(step.limits.cpu_share, 500);
    assert_int_equal(step.stdin_fd, -1);
    profile_step_done(&step);
    profile_free(p);
}

static void a_limit_asked_for_is_kept_up_to_its_ceiling(void **state)
{
    struct step_limits want = {.cpu_ms = 2000, .memory = 64 * LIMIT_MIB};
    const struct profile_ask ask = {.limits = &want};
    struct err err = {0};
    struct profile *p = parse(LANG("", RUN("[\"/x\"]", "")), &err);
    struct step step;

    (void)state;
    assert_int_equal(profile_step(p, "run", &ask, &step, &err), 0);
    assert_int_equal(step.limits.cpu_ms, 2000);
    assert_int_equal(step.limits.wall_ms, 5000);
    assert_int_equal(step.limits.memory, 65 * LIMIT_MIB);
    profile_step_done(&step);
    want.cpu_ms = 20001;
    assert_int_equal(profile_step(p, "run", &ask, &step, &err), -ERANGE);
    assert_non_null(strstr(err.text, "time"));
    want.cpu_ms = 15000;
    assert_int_equal(profile_step(p, "run", &ask, &step, &err), 0);
    assert_int_equal(step.limits.wall_ms, 20000);
    profile_step_done(&step);
    profile_free(p);
}

static void arguments_from_outside_are_bounded(void **state)
{
    static struct span args[LIMIT_ARGS + 1];
    const struct span nul = {(const uint8_t *)"a\0b", 3};
    const struct profile_ask many = {.args = args, .n_args = LIMIT_ARGS + 1};
    const struct profile_ask bad = {.args = &nul, .n_args = 1};
    struct err err = {0};
    struct profile *p = parse(LANG("", RUN("[\"/x\"]", "")), &err);
    struct step step;

    (void)state;
    assert_int_equal(profile_step(p, "run", &many, &step, &err), -E2BIG);
    assert_int_equal(profile_step(p, "run", &bad, &step, &err), -EINVAL);
    assert_int_equal(profile_step(p, "compile", NULL, &step, &err), -ENOENT);
    profile_free(p);
}

static void a_version_is_what_follows_the_prefix(void **state)
{
    struct err err = {0};
    struct profile *p = parse(LANG("", RUN("[\"/x\"]", "")), &err);
    char version[16];

    (void)state;
    assert_int_equal(profile_version(p, span_of("say: x 12.2.0 (z)\n"), version, 16), 0);
    assert_string_equal(version, "12.2.0");
    assert_int_equal(profile_version(p, span_of("x \n"), version, 16), -EINVAL);
    assert_int_equal(profile_version(p, span_of(""), version, 16), -EINVAL);
    profile_free(p);
}

static void the_five_languages_are_found_by_all_their_names(void **state)
{
    static const char *const names[][2] = {{"py", "python"},       {"Python3", "python"},
                                           {"node", "javascript"}, {"C++", "cpp"},
                                           {"gcc", "c"},           {"JAVA", "java"}};
    const char *dir = getenv("ARENA_PROFILE_DIR");
    struct err err = {0};
    struct profile_set *set = profile_set_load(dir ? dir : "images/profiles", &err);

    (void)state;
    if (!set)
        fail_msg("%s", err.text);
    assert_int_equal(profile_set_len(set), 5);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(profile_name(profile_find(set, names[i][0])), names[i][1]);
    assert_null(profile_find(set, "cobol"));
    assert_string_equal(profile_name(profile_find_file(set, "a.cc")), "cpp");
    assert_null(profile_find_file(set, ".py"));
    assert_false(profile_compiles(profile_find(set, "python")));
    assert_int_equal(profile_binds(profile_find(set, "c"), "run").n, 0);
    profile_set_free(set);
    assert_null(profile_set_load("/nowhere", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_file_is_refused_by_file_and_field),
        cmocka_unit_test(a_limit_out_of_range_or_above_its_ceiling_is_refused),
        cmocka_unit_test(a_toolchain_that_is_not_here_is_named),
        cmocka_unit_test(binds_are_files_of_this_machine),
        cmocka_unit_test(a_step_is_the_command_line_with_its_places_filled),
        cmocka_unit_test(a_limit_asked_for_is_kept_up_to_its_ceiling),
        cmocka_unit_test(arguments_from_outside_are_bounded),
        cmocka_unit_test(a_version_is_what_follows_the_prefix),
        cmocka_unit_test(the_five_languages_are_found_by_all_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
