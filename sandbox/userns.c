/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/userns.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/syscall.h>

enum {
    IDS_FIRST = 0x20000000,  /* above what distributions and containers hand out */
    IDS_FIRST_SMALL = 20000, /* in a container that has 65536 */
    IDS_SMALL = 20000,
};

/* How many ids this process can name. */
static unsigned long ids_here(void)
{
    FILE *f = fopen("/proc/self/uid_map", "re");
    unsigned long inside, outside, len, end = 0;

    while (f && fscanf(f, "%lu %lu %lu", &inside, &outside, &len) == 3)
        if (inside + len > end)
            end = inside + len;
    if (f)
        (void)fclose(f);
    return end;
}

/* CAP_SETUID is what the maps need; it is in our effective set, or it is not. */
static bool may_set_ids(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    unsigned long long caps = 0;
    char line[256];

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "CapEff: %llx", &caps) == 1)
            break;
    if (f)
        (void)fclose(f);
    return (caps & (1ULL << 6)) && (caps & (1ULL << 7)); /* CAP_SETGID, CAP_SETUID */
}

void userns_choose(struct ids *ret, bool user_ns)
{
    uid_t pid = (uid_t)getpid();
    unsigned long here = ids_here();

    *ret = (struct ids){.user_ns = user_ns, .init = USERNS_RUN_ID, .run = USERNS_RUN_ID};
    /* A container may have root's id and no other. */
    ret->many = may_set_ids() && here > IDS_FIRST_SMALL + 2UL * IDS_SMALL;
    if (!ret->many) {
        ret->outside = geteuid();
        ret->outside_gid = getegid();
        if (!user_ns)
            ret->init = ret->run = ret->outside;
        return;
    }
    if (here > IDS_FIRST + 2UL * 4194304)
        ret->outside = IDS_FIRST + 2 * pid;
    else
        ret->outside = IDS_FIRST_SMALL + 2 * (pid % IDS_SMALL);
    ret->outside_gid = ret->outside;
    ret->init = 0;
    ret->run = user_ns ? USERNS_RUN_ID : ret->outside + 1;
}

bool userns_is_run(const struct ids *ids, uid_t uid)
{
    return ids->many ? uid > IDS_FIRST_SMALL : uid == ids->run;
}

static int put(int proc, pid_t pid, const char *file, const char *text, struct err *err)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
    auto_fd int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, "%s", file);
    if (write(fd, text, strlen(text)) < 0)
        return err_errno(err, "%s", file);
    return 0;
}

int userns_map(int proc, pid_t pid, const struct ids *ids, bool nested, struct err *err)
{
    const uid_t run = USERNS_RUN_ID;
    char uids[96], gids[96];

    if (ids->many) {
        uid_t u = nested ? 0 : ids->outside, v = nested ? run : ids->outside + 1;

        (void)snprintf(uids, sizeof(uids), "0 %u 1\n%u %u 1\n", u, run, v);
        (void)snprintf(gids, sizeof(gids), "0 %u 1\n%u %u 1\n", u, run, v);
    } else {
        (void)snprintf(uids, sizeof(uids), "%u %u 1\n", run, nested ? run : ids->outside);
        (void)snprintf(gids, sizeof(gids), "%u %u 1\n", run, nested ? run : ids->outside_gid);
    }
    int r = put(proc, pid, "uid_map", uids, err);
    /* An ordinary user may write a gid map only once setgroups is given up. */
    if (r == 0 && !ids->many)
        r = put(proc, pid, "setgroups", "deny", err);
    return r < 0 ? r : put(proc, pid, "gid_map", gids, err);
}

int userns_become_init(const struct ids *ids, struct err *err)
{
    if (!ids->many)
        return 0;
    if (setgroups(0, NULL) < 0)
        return err_errno(err, "setgroups");
    if (setresgid(ids->init, ids->init, ids->init) < 0)
        return err_errno(err, "setresgid");
    if (setresuid(ids->init, ids->init, ids->init) < 0)
        return err_errno(err, "setresuid");
    return 0;
}

int userns_become_run(const struct ids *ids)
{
    const uid_t id = ids->run;

    if (!ids->many)
        return 0;
    /* The bare calls: glibc's tell all threads, and after vfork() they are the parent's. */
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, id, id, id) < 0 ||
        syscall(SYS_setresuid, id, id, id) < 0)
        return -errno;
    return 0;
}
