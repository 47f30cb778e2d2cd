/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/command.h"

#include "base/own.h"
#include "sandbox/calls.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const kinds[] = {
    [CALLS_BASE] = "base",       [CALLS_ASKED] = "asked",   [CALLS_IDLE] = "idle",
    [CALLS_REFUSED] = "refused", [CALLS_DEADLY] = "deadly",
};

static void print_rule(const struct call_rule *rule)
{
    (void)printf("%s", rule->call);
    for (size_t i = 0; i < ARRAY_LEN(rule->tests); i++)
        if (rule->tests[i].mask)
            (void)printf("\t%u&%" PRIx32 "=%" PRIx32, rule->tests[i].arg, rule->tests[i].mask,
                         rule->tests[i].is);
    (void)putchar('\n');
}

static void print_group(const struct call_group *g)
{
    const char *kind = g->absent ? "absent" : kinds[g->kind];

    for (size_t i = 0; i < g->n_calls; i++)
        (void)printf("%s\t%s\t%s\n", kind, g->name, g->calls[i]);
    for (size_t i = 0; i < g->n_rules; i++) {
        (void)printf("%s\t%s\t", kind, g->name);
        print_rule(&g->rules[i]);
    }
}

static void print_phase(const struct profile *p, const char *phase)
{
    struct profile_list list = profile_syscalls(p, phase);

    for (size_t i = 0; i < call_groups_n; i++)
        if (call_groups[i].kind == CALLS_BASE)
            print_group(&call_groups[i]);
    for (uint32_t i = 0; i < list.n; i++) {
        const struct call_group *g = call_group_find(list.at[i]);

        if (g)
            print_group(g);
        else
            (void)printf("asked\t-\t%s\n", list.at[i]);
    }
}

int command_calls(int argc, char **argv)
{
    const struct profile *p;
    struct profile_set *set;

    if (argc > 3 || (argc == 3 && strcmp(argv[2], "compile") != 0 && strcmp(argv[2], "run") != 0))
        return command_complain("usage: arena-sandbox calls [LANGUAGE [compile|run]]");
    for (size_t i = 0; argc == 1 && i < call_groups_n; i++)
        print_group(&call_groups[i]);
    if (argc == 1)
        return 0;
    set = command_profiles();
    if (!set)
        return 2;
    p = profile_find(set, argv[1]);
    if (p)
        print_phase(p, argc == 3 ? argv[2] : "run");
    profile_set_free(set);
    return p ? 0 : command_complain("no language is named %s", argv[1]);
}
