/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/command.h"

#include "sandbox/slot.h"

#include <stdio.h>

int command_check(int argc, char **argv)
{
    struct slot *s;

    (void)argv;
    if (argc != 1)
        return command_complain("check takes no arguments");
    struct profile_set *set = command_profiles();
    if (!set)
        return 2;
    s = own_calloc(1, sizeof(*s));
    slot_init(s, set, true);
    const struct isolation i = s->isolation;
    const struct {
        const char *what;
        bool has;
    } parts[] = {
#define X(id, what) {what, i.id},
        ISOLATION_PARTS(X)
#undef X
    };
    (void)printf("level: %s\n", level_name(level_of(&i)));
    for (size_t k = 0; k < ARRAY_LEN(parts); k++)
        (void)printf("  %-4s %s\n", parts[k].has ? "yes" : "no", parts[k].what);
    if (s->why[0])
        (void)printf("first refusal: %s\n", s->why);
    slot_done(s);
    free(s);
    profile_set_free(set);
    return 0;
}
