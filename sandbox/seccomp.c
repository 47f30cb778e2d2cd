/* SPDX-License-Identifier: MPL-2.0 */
#include <seccomp.h>

#include "sandbox/seccomp.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Every program: files, memory, processes, threads, signals, time. No sockets. sendmsg is how
 * the listener itself leaves the process; without sockets it has no other use. */
static const char *const allowed[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "open", "openat", "openat2", "creat", "close", "close_range", "stat", "fstat",
    "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "lseek", "getdents",
    "getdents64", "getcwd", "chdir", "fchdir", "rename", "renameat", "renameat2", "mkdir",
    "mkdirat", "rmdir", "unlink", "unlinkat", "link", "linkat", "symlink", "symlinkat", "readlink",
    "readlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "umask",
    "truncate", "ftruncate", "fallocate", "statfs", "fstatfs", "utime", "utimes", "utimensat",
    "futimesat", "flock", "dup", "dup2", "dup3", "pipe", "pipe2", "poll", "ppoll", "select",
    "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_wait",
    "epoll_wait_old", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "timerfd_create",
    "timerfd_settime", "timerfd_gettime", "signalfd", "signalfd4", "sendfile", "copy_file_range",
    "splice", "tee", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr",
    /* memory */
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "msync", "mlock", "mlock2", "munlock",
    "mlockall", "munlockall", "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect",
    /* processes and threads */
    "execve", "execveat", "fork", "vfork", "exit", "exit_group", "wait4", "waitid", "getpid",
    "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid",
    "getgroups", "setpgid", "getpgid", "getpgrp", "setsid", "getsid", "setuid", "setgid",
    "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "capget",
    "arch_prctl", "set_tid_address", "set_robust_list", "get_robust_list", "rseq", "futex",
    "futex_waitv", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
    "sched_getscheduler", "sched_getattr", "sched_get_priority_max", "sched_get_priority_min",
    "sched_rr_get_interval", "getpriority", "setpriority", "getrlimit", "setrlimit", "getrusage",
    "times", "uname", "sysinfo", "getcpu", "restart_syscall", "sendmsg",
    /* signals and time */
    "kill", "tkill", "tgkill", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending",
    "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "rt_sigsuspend", "sigaltstack",
    "pause", "alarm", "setitimer", "getitimer", "timer_create", "timer_settime", "timer_gettime",
    "timer_getoverrun", "timer_delete", "clock_gettime", "clock_getres", "clock_nanosleep",
    "nanosleep", "gettimeofday", "time", "getrandom"};

/* Done by doing nothing: on a tmpfs they mean nothing, and on the toolchain's files they would make
 * the whole machine flush its disks or read them again. */
static const char *const idle[] = {"sync",      "syncfs",   "fsync", "fdatasync", "sync_file_range",
                                   "fadvise64", "readahead"};

static const char *const refused[] = {"socket",
                                      "socketpair",
                                      "connect",
                                      "accept",
                                      "accept4",
                                      "bind",
                                      "listen",
                                      "sendto",
                                      "recvfrom",
                                      "recvmsg",
                                      "sendmmsg",
                                      "recvmmsg",
                                      "shutdown",
                                      "getsockname",
                                      "getpeername",
                                      "setsockopt",
                                      "getsockopt",
                                      "unshare",
                                      "chroot",
                                      "io_uring_setup",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "inotify_init",
                                      "inotify_init1",
                                      "inotify_add_watch",
                                      "fanotify_init",
                                      "fanotify_mark",
                                      "memfd_create",
                                      "memfd_secret",
                                      "mknod",
                                      "mknodat",
                                      "setgroups",
                                      "sethostname",
                                      "setdomainname",
                                      "settimeofday",
                                      "clock_settime",
                                      "clock_adjtime",
                                      "adjtimex",
                                      "shmget",
                                      "shmat",
                                      "shmctl",
                                      "shmdt",
                                      "semget",
                                      "semop",
                                      "semctl",
                                      "semtimedop",
                                      "msgget",
                                      "msgsnd",
                                      "msgrcv",
                                      "msgctl",
                                      "mq_open",
                                      "mq_unlink",
                                      "mq_timedsend",
                                      "mq_timedreceive",
                                      "mq_notify",
                                      "mq_getsetattr",
                                      "mbind",
                                      "set_mempolicy",
                                      "get_mempolicy",
                                      "move_pages",
                                      "migrate_pages",
                                      "set_mempolicy_home_node",
                                      "mincore",
                                      "pidfd_open",
                                      "pidfd_getfd",
                                      "pidfd_send_signal",
                                      "kcmp",
                                      "process_madvise",
                                      "process_mrelease",
                                      "capset",
                                      "sched_setscheduler",
                                      "sched_setparam",
                                      "sched_setattr",
                                      "ioprio_set",
                                      "ioprio_get",
                                      "vmsplice",
                                      "modify_ldt",
                                      "remap_file_pages",
                                      "setxattr",
                                      "lsetxattr",
                                      "fsetxattr",
                                      "removexattr",
                                      "lremovexattr",
                                      "fremovexattr",
                                      "vhangup",
                                      "name_to_handle_at",
                                      "seccomp",
                                      "landlock_create_ruleset",
                                      "landlock_add_rule",
                                      "landlock_restrict_self",
                                      "syslog",
                                      "lookup_dcookie",
                                      "ustat",
                                      "sysfs",
                                      "uselib",
                                      "io_setup",
                                      "io_submit",
                                      "io_destroy",
                                      "io_getevents",
                                      "io_pgetevents",
                                      "io_cancel"};

static const char *const deadly[] = {"ptrace",       "process_vm_readv", "process_vm_writev",
                                     "bpf",          "perf_event_open",  "userfaultfd",
                                     "keyctl",       "add_key",          "request_key",
                                     "kexec_load",   "kexec_file_load",  "init_module",
                                     "finit_module", "delete_module",    "create_module",
                                     "mount",        "umount2",          "pivot_root",
                                     "setns",        "fsopen",           "fsconfig",
                                     "fsmount",      "fspick",           "open_tree",
                                     "move_mount",   "mount_setattr",    "open_by_handle_at",
                                     "reboot",       "swapon",           "swapoff",
                                     "acct",         "quotactl",         "quotactl_fd",
                                     "iopl",         "ioperm",           "nfsservctl",
                                     "_sysctl",      "get_kernel_syms",  "query_module"};

/* Refused where others' files and processes are within reach (FILTER_SHARED), and without a word:
 * honest programs do these too, linkers among them. The first two are allowed for oneself. */
static const char *const shared[] = {"setpriority", "sched_setaffinity", "chmod",   "fchmod",
                                     "fchmodat",    "fchmodat2",         "chown",   "fchown",
                                     "lchown",      "fchownat",          "utime",   "utimes",
                                     "utimensat",   "futimesat",         "truncate"};

/* Refused with FILTER_NO_SIGNALS. */
static const char *const signals[] = {"kill", "tkill", "tgkill", "rt_sigqueueinfo",
                                      "rt_tgsigqueueinfo"};

/* Allowed with some arguments; with others, refused. */
static const char *const partly[] = {"clone", "prlimit64", "personality"};

static const unsigned long ioctls[] = {
    0x5401 /* TCGETS */,   0x5413 /* TIOCGWINSZ */, 0x541b /* FIONREAD */,
    0x5421 /* FIONBIO */,  0x5451 /* FIOCLEX */,    0x5450 /* FIONCLEX */,
    0x5452 /* FIOASYNC */, 0x540f /* TIOCGPGRP */,  0x802c542aUL /* TCGETS2 */,
    0x5402 /* TCSETS */,   0x5403 /* TCSETSW */,    0x5404 /* TCSETSF */};

/* Commands of fcntl(), as masks and values: all but leases and dnotify, which tell a program what
 * others do with the files they share. */
static const uint32_t fcntls[][2] = {
    {0xfffffff0U, 0} /* F_DUPFD to F_SETOWN_EX */,
    {0xfffffffcU, 36} /* F_OFD_GETLK to F_OFD_SETLKW */,
    {0xfffffffeU, 1030} /* F_DUPFD_CLOEXEC, F_SETPIPE_SZ */,
    {0xfffffff8U, 1032} /* F_GETPIPE_SZ to F_SET_FILE_RW_HINT */,
};

static const int prctls[] = {PR_SET_NAME,        PR_GET_NAME,         PR_SET_PDEATHSIG,
                             PR_GET_PDEATHSIG,   PR_GET_DUMPABLE,     PR_CAPBSET_READ,
                             PR_SET_TIMERSLACK,  PR_GET_TIMERSLACK,   PR_GET_NO_NEW_PRIVS,
                             PR_SET_THP_DISABLE, PR_SET_NO_NEW_PRIVS, 0x53564d41 /* PR_SET_VMA */};

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET
};

/* A name that this libseccomp does not know is a call that this build cannot be asked about. */
static int add(scmp_filter_ctx ctx, uint32_t action, const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);

    return nr < 0 ? 0 : seccomp_rule_add(ctx, action, nr, 0);
}

static int add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names, size_t n)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++)
        r = add(ctx, action, names[i]);
    return r;
}

static bool is_in(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Not a rule of all-or-nothing where others' files are within reach. */
static const char *const opens[] = {"open", "openat", "openat2"};

/* Taken back by the flags from what every program gets. */
static bool is_quiet(const char *name, unsigned flags)
{
    return ((flags & FILTER_SHARED) && is_in(name, shared, ARRAY_LEN(shared))) ||
           ((flags & FILTER_NO_SIGNALS) && is_in(name, signals, ARRAY_LEN(signals)));
}

/* A file opened with the fourth mode, for neither reading nor writing, is none that Landlock asks
 * about; and before it knew of truncation, opening for reading could empty a file. What openat2()
 * asks for is out of a filter's sight: it is absent. */
static int add_opens(scmp_filter_ctx ctx, int nr, unsigned at)
{
    static const struct {
        scmp_datum_t mask, is;
        bool allowed;
    } modes[] = {{O_ACCMODE, O_ACCMODE, false},
                 {O_ACCMODE | O_TRUNC, O_RDONLY | O_TRUNC, false},
                 {O_ACCMODE | O_TRUNC, O_RDONLY, true},
                 {O_ACCMODE, O_WRONLY, true},
                 {O_ACCMODE, O_RDWR, true}};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(modes); i++)
        r = seccomp_rule_add(ctx, modes[i].allowed ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EACCES), nr, 1,
                             SCMP_CMP(at, SCMP_CMP_MASKED_EQ, modes[i].mask, modes[i].is));
    return r;
}

static int add_allowed(scmp_filter_ctx ctx, unsigned flags)
{
    int r = 0;

    if (flags & FILTER_SHARED)
        r = add_opens(ctx, SCMP_SYS(open), 1);
    if (r == 0 && (flags & FILTER_SHARED))
        r = add_opens(ctx, SCMP_SYS(openat), 2);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(allowed); i++) {
        if ((flags & FILTER_SHARED) && is_in(allowed[i], opens, ARRAY_LEN(opens)))
            continue;
        r = add(ctx, is_quiet(allowed[i], flags) ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_ALLOW,
                allowed[i]);
    }
    return r;
}

static bool is_among(const char *name, struct profile_list list)
{
    for (uint32_t i = 0; i < list.n; i++)
        if (strcmp(name, list.at[i]) == 0)
            return true;
    return false;
}

/* Without a listener the kernel must know by itself what is refused and what is deadly. */
static int add_denied(scmp_filter_ctx ctx, struct profile_list extra)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(refused); i++)
        if (!is_among(refused[i], extra))
            r = add(ctx, SCMP_ACT_ERRNO(EPERM), refused[i]);
    return r < 0 ? r : add_all(ctx, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly));
}

/* Calls whose first arguments decide. */
static int add_conditional(scmp_filter_ctx ctx, unsigned flags)
{
    /* F_SETOWN and F_SETSIG are signals too, and come before F_OFD_GETLK. */
    const uint32_t simple = flags & FILTER_NO_SIGNALS ? 0xfffffff8U : fcntls[0][0];
    int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES, 0));

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(ioctls); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, ioctls[i]));
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(prctls); i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, (scmp_datum_t)prctls[i]));
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(fcntls); i++)
        r = seccomp_rule_add(
            ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
            SCMP_A1(SCMP_CMP_MASKED_EQ, i == 0 ? simple : fcntls[i][0], fcntls[i][1]));
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, 0));
    if (r == 0)
        r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, 0xffffffffU));
    return r;
}

static int add_extra(scmp_filter_ctx ctx, struct profile_list extra, struct err *err)
{
    for (uint32_t i = 0; i < extra.n; i++) {
        const char *name = extra.at[i];
        int nr = seccomp_syscall_resolve_name(name);

        if (nr == __NR_SCMP_ERROR)
            return err_set(err, EINVAL, "no system call is named %s", name);
        for (size_t k = 0; k < ARRAY_LEN(deadly); k++)
            if (strcmp(name, deadly[k]) == 0)
                return err_set(err, EPERM, "no profile may allow %s", name);
        int r = nr < 0 ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
        if (r < 0 && r != -EEXIST)
            return err_set(err, r, "seccomp rule for %s", name);
    }
    return 0;
}

/* The compiled program, through a memfd: libseccomp writes to descriptors only. */
static int export(scmp_filter_ctx ctx, struct filter *f, struct err *err)
{
    auto_fd int fd = memfd_create("filter", MFD_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return err_errno(err, "memfd");
    int r = seccomp_export_bpf(ctx, fd);
    if (r < 0 || fstat(fd, &st) < 0)
        return err_set(err, r ? r : EIO, "seccomp filter cannot be compiled");
    size_t size = (size_t)st.st_size;
    f->code = own_calloc(1, size);
    f->len = (unsigned short)(size / sizeof(struct sock_filter));
    if (pread(fd, f->code, size, 0) != (ssize_t)size)
        return err_errno(err, "seccomp filter");
    return 0;
}

int filter_build(struct profile_list extra, unsigned flags, struct filter *ret, struct err *err)
{
    const bool listens = (flags & FILTER_LISTENS) != 0;
    struct filter f = {.listens = listens};
    /* What is in no list goes to the listener: half the rules, and half the time to load them. */
    scmp_filter_ctx ctx = seccomp_init(listens ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(ENOSYS));

    if (!ctx)
        return err_set(err, ENOMEM, "libseccomp");
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int r = add_allowed(ctx, flags);
    if (r == 0)
        r = add_all(ctx, SCMP_ACT_ERRNO(0), idle, ARRAY_LEN(idle));
    if (r == 0)
        r = add_conditional(ctx, flags);
    if (r == 0)
        r = listens ? add(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3") : add_denied(ctx, extra);
    if (r < 0)
        (void)err_set(err, r, "seccomp rules: %s", strerror(-r));
    if (r == 0)
        r = add_extra(ctx, extra, err);
    if (r == 0)
        r = export(ctx, &f, err);
    seccomp_release(ctx);
    if (r < 0) {
        filter_done(&f);
        return r;
    }
    *ret = f;
    return 0;
}

void filter_done(struct filter *f)
{
    free(f->code);
    *f = (struct filter){0};
}

int filter_load(const struct filter *f)
{
    struct sock_fprog prog = {f->len, f->code};
    unsigned flags = f->listens ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

    return r < 0 ? -errno : (int)r;
}

int filter_take(int listener, struct refusal *ret)
{
    /* The kernel's structs grow; room for more than this build knows. */
    union {
        struct seccomp_notif is;
        uint8_t room[512];
    } ask;
    union {
        struct seccomp_notif_resp is;
        uint8_t room[512];
    } answer;

    memset(&ask, 0, sizeof(ask));
    memset(&answer, 0, sizeof(answer));
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &ask) < 0)
        return errno == EINTR || errno == ENOENT || errno == EAGAIN ? 0 : -errno;
    char *name = seccomp_syscall_resolve_num_arch(ask.is.data.arch, ask.is.data.nr);
    (void)snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "unknown");
    free(name);
    ret->deadly = is_in(ret->name, deadly, ARRAY_LEN(deadly));
    if (ret->deadly)
        return 1;
    ret->named = is_in(ret->name, refused, ARRAY_LEN(refused)) ||
                 is_in(ret->name, partly, ARRAY_LEN(partly));
    answer.is.id = ask.is.id;
    answer.is.error = ret->named ? -EPERM : strcmp(ret->name, "ioctl") == 0 ? -ENOTTY : -ENOSYS;
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    return 1;
}
