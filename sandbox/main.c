/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/command.h"

#include "base/own.h"
#include "sandbox/mitigation.h"
#include "sandbox/serve.h"

#include <stdarg.h>
#include <stdio.h>

enum { SERVE_FD = 3 };

int command_complain(const char *fmt, ...)
{
    va_list ap;

    (void)fputs("arena-sandbox: ", stderr);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    return 2;
}

const char *command_self(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (n <= 0)
        return "arena-sandbox";
    path[n] = '\0';
    return path;
}

struct profile_set *command_profiles(void)
{
    const char *dir = getenv("ARENA_PROFILE_DIR");
    struct err err = {0};
    struct profile_set *set = profile_set_load(dir && *dir ? dir : PROFILE_DIR, &err);

    if (!set)
        (void)command_complain("%s", err.text);
    return set;
}

int command_mitigations(unsigned *ret_set)
{
    const char *list = getenv("SANDBOX_CPU_MITIGATIONS");

    if (!list || !*list)
        list = MITIGATION_DEFAULT;
    if (mitigation_parse(list, ret_set) < 0)
        return command_complain("SANDBOX_CPU_MITIGATIONS: \"%s\" is not a list of them", list);
    return 0;
}

int command_serve(int argc, char **argv)
{
    const char *min = getenv("ARENA_ISOLATION_MIN");
    const char *fresh = getenv("SANDBOX_FRESH");
    struct serve_options o = {.min = LEVEL_LSM, .fresh = !fresh || strcmp(fresh, "0") != 0};
    struct err err = {0};
    int fd = SERVE_FD;

    (void)argv;
    if (argc != 1)
        return command_complain("serve takes no arguments; its socket is descriptor 3");
    if (min && *min && level_parse(min, &o.min) < 0)
        return command_complain("ARENA_ISOLATION_MIN: no level is named %s", min);
    int r = command_mitigations(&o.mitigations);
    if (r != 0)
        return r;
    struct profile_set *set = command_profiles();
    if (!set)
        return 2;
    o.profiles = set;
    r = serve(&o, &fd, &err);
    profile_set_free(set);
    return r < 0 ? command_complain("%s", err.text) : 0;
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", command_run, "compile and run one program: run --profile NAME FILE [ARG...] < input"},
    {"check", command_check, "what isolation this machine allows"},
    {"calls", command_calls, "system calls and their groups; calls [LANGUAGE [PHASE]]: its own"},
    {"selftest", command_selftest, "does it hold? Runs hostile programs and says what is missing"},
    {"serve", command_serve, "the keeper of one slot, for arenad"},
};

static int usage(FILE *to, int status)
{
    (void)fputs("usage: arena-sandbox COMMAND ...\n", to);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
        return usage(stdout, 0);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return usage(stderr, 2);
}
