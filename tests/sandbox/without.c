/* SPDX-License-Identifier: MPL-2.0 */
/*
 * without WHAT[,WHAT...] COMMAND...: runs a command that may not make some system calls, so that
 * what a container runtime's filter or an old kernel refuses can be had on any machine.
 *
 *   namespaces  as RuntimeDefault of a container: no namespaces, no mounts, no clone3
 *   pivot_root  EPERM, as RuntimeDefault also with CAP_SYS_ADMIN
 *   landlock    a kernel that has none
 *   listener    a runtime whose own filter has a listener: there can be no other
 */
#include <seccomp.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint64_t spaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                  CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET};

static const struct {
    const char *what, *call;
    int code;
} calls[] = {
    {"namespaces", "clone3", ENOSYS},
    {"namespaces", "unshare", EPERM},
    {"namespaces", "setns", EPERM},
    {"namespaces", "mount", EPERM},
    {"namespaces", "umount2", EPERM},
    {"namespaces", "pivot_root", EPERM},
    {"namespaces", "fsopen", EPERM},
    {"namespaces", "fsmount", EPERM},
    {"namespaces", "fsconfig", EPERM},
    {"namespaces", "fspick", EPERM},
    {"namespaces", "open_tree", EPERM},
    {"namespaces", "move_mount", EPERM},
    {"namespaces", "mount_setattr", EPERM},
    {"pivot_root", "pivot_root", EPERM},
    {"landlock", "landlock_create_ruleset", ENOSYS},
    {"landlock", "landlock_add_rule", ENOSYS},
    {"landlock", "landlock_restrict_self", ENOSYS},
};

static int refuse(scmp_filter_ctx ctx, const char *what)
{
    int found = 0;

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        int nr = seccomp_syscall_resolve_name(calls[i].call);

        if (strcmp(calls[i].what, what) != 0)
            continue;
        found = 1;
        if (nr >= 0 && seccomp_rule_add(ctx, SCMP_ACT_ERRNO((uint16_t)calls[i].code), nr, 0) < 0)
            return 0;
    }
    for (size_t i = 0; strcmp(what, "namespaces") == 0 && i < sizeof(spaces) / sizeof(spaces[0]);
         i++)
        if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, spaces[i], spaces[i])) < 0)
            return 0;
    if (strcmp(what, "listener") != 0)
        return found;
    return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EBUSY), SCMP_SYS(seccomp), 1,
                            SCMP_A1(SCMP_CMP_MASKED_EQ, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                                    SECCOMP_FILTER_FLAG_NEW_LISTENER)) == 0;
}

int main(int argc, char **argv)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    if (argc < 3 || !ctx) {
        (void)fprintf(stderr, "usage: without WHAT[,WHAT...] COMMAND...\n");
        return 2;
    }
    for (char *what = strtok(argv[1], ","); what; what = strtok(NULL, ","))
        if (!refuse(ctx, what)) {
            (void)fprintf(stderr, "without: %s: unknown\n", what);
            return 2;
        }
    if (seccomp_load(ctx) < 0) {
        perror("without");
        return 1;
    }
    (void)execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 1;
}
