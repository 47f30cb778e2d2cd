/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: what the keeper found is told first; then each operation that isolation is made
 * of is tried by itself, in a child of its own, and the kernel's answer is told by its errno: who
 * runs a machine that refuses something sees which of its rules to look at.
 */
#include "sandbox/command.h"

#include "sandbox/landlock.h"
#include "sandbox/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Each returns 0 or an errno. Runs in a child that ends with it. */
static int space(int flag)
{
    return unshare(flag) < 0 ? errno : 0;
}

static int mapped_root(void)
{
    const uid_t uid = geteuid();
    char map[32];

    (void)snprintf(map, sizeof(map), "0 %u 1", uid);
    if (unshare(CLONE_NEWUSER) < 0)
        return errno;
    auto_fd int uids = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    if (uids < 0 || write(uids, map, strlen(map)) < 0)
        return errno;
    return 0;
}

static int inside(int flag)
{
    int r = mapped_root();

    return r ? r : space(flag);
}

static int try_user(void)
{
    return mapped_root();
}

static int try_mount(void)
{
    int r = inside(CLONE_NEWNS);

    if (r == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        r = errno;
    return r ? r : mount("try", "/tmp", "tmpfs", 0, "size=4k") < 0 ? errno : 0;
}

static int try_proc(void)
{
    int status, r = inside(CLONE_NEWNS | CLONE_NEWPID);

    if (r)
        return r;
    pid_t pid = fork();
    if (pid == 0)
        _exit(mount("try", "/proc", "proc", 0, NULL) < 0 ? errno : 0);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int try_net(void)
{
    return inside(CLONE_NEWNET);
}

static int try_ipc(void)
{
    return inside(CLONE_NEWIPC);
}

static int try_cgroup_space(void)
{
    return inside(CLONE_NEWCGROUP);
}

static int try_pidfd(void)
{
    return syscall(SYS_pidfd_open, getpid(), 0) < 0 ? errno : 0;
}

static int try_landlock(void)
{
    return landlock_abi() > 0 ? 0 : ENOSYS;
}

static const struct {
    const char *what;
    int (*run)(void);
} trials[] = {
    {"a user namespace, and to be its root", try_user},
    {"a mount namespace in it, and a tmpfs", try_mount},
    {"a pid namespace in it, and its /proc", try_proc},
    {"a network namespace in it", try_net},
    {"an ipc namespace in it", try_ipc},
    {"a cgroup namespace in it", try_cgroup_space},
    {"pidfd_open", try_pidfd},
    {"Landlock", try_landlock},
};

static int in_child(int (*run)(void))
{
    int status;

    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(run());
    if (pid < 0)
        return errno;
    if (waitpid(pid, &status, 0) != pid)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static void tell(const char *what, int code)
{
    if (code == 0)
        (void)printf("  %-50s ok\n", what);
    else
        (void)printf("  %-50s %s (%s)\n", what, strerrorname_np(code), strerror(code));
}

static void tell_operations(void)
{
    (void)printf("operations, each by itself:\n");
    for (size_t i = 0; i < ARRAY_LEN(trials); i++)
        tell(trials[i].what, in_child(trials[i].run));
}

static void tell_mitigations(unsigned wanted)
{
    (void)printf("mitigations of the processor (SANDBOX_CPU_MITIGATIONS):\n");
    for (unsigned i = 0; i < MITIGATION_N; i++) {
        const enum mitigation m = (enum mitigation)i;
        const int r = mitigation_try(m);

        (void)printf("  %-16s %-3s %s; %s\n", mitigation_name(m), r == 0 ? "yes" : "no",
                     r == 0 ? "this machine has it" : strerrorname_np(-r),
                     wanted & (1U << i) ? "wanted" : "not wanted");
    }
}

static void tell_parts(const struct slot *s)
{
    const struct isolation *i = &s->isolation;
    const struct {
        const char *what;
        bool has;
    } parts[] = {
#define X(id, what) {what, i->id},
        ISOLATION_PARTS(X)
#undef X
    };

    (void)printf("level: %s\n", level_name(level_of(i)));
    for (size_t k = 0; k < ARRAY_LEN(parts); k++)
        (void)printf("  %-4s %s\n", parts[k].has ? "yes" : "no", parts[k].what);
    if (s->why[0])
        (void)printf("first refusal: %s\n", s->why);
}

int command_check(int argc, char **argv)
{
    unsigned wanted = 0;
    struct slot *s;

    (void)argv;
    if (argc != 1)
        return command_complain("check takes no arguments");
    int r = command_mitigations(&wanted);
    if (r != 0)
        return r;
    struct profile_set *set = command_profiles();
    if (!set)
        return 2;
    s = own_calloc(1, sizeof(*s));
    slot_init(s, set, true);
    tell_parts(s);
    tell_operations();
    tell_mitigations(wanted);
    slot_done(s);
    free(s);
    profile_set_free(set);
    return 0;
}
