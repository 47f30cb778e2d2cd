/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/calls.h"

#include "base/own.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define ALL 0xffffffffU

enum {
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET
};

/* --- the base --- */

/* How a program comes to be, learns who it is, and ends; the first ones also carry the launcher
 * from the loading of the filter to the exec. */
static const char *const life[] = {
    "execve",     "execveat",        "exit",      "exit_group", "arch_prctl",      "getpid",
    "gettid",     "getppid",         "getuid",    "geteuid",    "getgid",          "getegid",
    "getresuid",  "getresgid",       "getgroups", "getpgrp",    "getpgid",         "getsid",
    "uname",      "sysinfo",         "getrandom", "getrlimit",  "setrlimit",       "getrusage",
    "times",      "restart_syscall", "rseq",      "capget",     "set_tid_address", "getcpu",
    "getpriority"};

static const struct call_rule life_rules[] = {
    {"prlimit64", {{0, ALL, 0} /* oneself */}}, {"personality", {{0, ALL, ALL} /* asks */}},
    {"prctl", {{0, ALL, PR_SET_NAME}}},         {"prctl", {{0, ALL, PR_GET_NAME}}},
    {"prctl", {{0, ALL, PR_SET_PDEATHSIG}}},    {"prctl", {{0, ALL, PR_GET_PDEATHSIG}}},
    {"prctl", {{0, ALL, PR_GET_DUMPABLE}}},     {"prctl", {{0, ALL, PR_CAPBSET_READ}}},
    {"prctl", {{0, ALL, PR_SET_TIMERSLACK}}},   {"prctl", {{0, ALL, PR_GET_TIMERSLACK}}},
    {"prctl", {{0, ALL, PR_GET_NO_NEW_PRIVS}}}, {"prctl", {{0, ALL, PR_SET_THP_DISABLE}}},
    {"prctl", {{0, ALL, PR_SET_NO_NEW_PRIVS}}}, {"prctl", {{0, ALL, 0x53564d41 /* PR_SET_VMA */}}},
};

static const char *const memory[] = {"brk", "munmap", "mprotect", "mremap", "madvise", "msync"};

/* Huge pages that a host has set aside are in no memory limit: for a program there are none. */
static const struct call_rule memory_rules[] = {{"mmap", {{3, MAP_HUGETLB, 0}}}};
static const struct call_rule memory_lacks[] = {{"mmap", {{3, MAP_HUGETLB, MAP_HUGETLB}}}};

static const char *const files[] = {
    "read",      "write",    "readv",       "writev",     "pread64",  "pwrite64",   "preadv",
    "pwritev",   "preadv2",  "pwritev2",    "lseek",      "open",     "openat",     "openat2",
    "creat",     "close",    "close_range", "dup",        "dup2",     "dup3",       "stat",
    "fstat",     "lstat",    "newfstatat",  "statx",      "access",   "faccessat",  "faccessat2",
    "statfs",    "fstatfs",  "readlink",    "readlinkat", "getdents", "getdents64", "getcwd",
    "chdir",     "fchdir",   "umask",       "mkdir",      "mkdirat",  "rmdir",      "unlink",
    "unlinkat",  "rename",   "renameat",    "renameat2",  "link",     "linkat",     "symlink",
    "symlinkat", "truncate", "ftruncate",   "fallocate",  "chmod",    "fchmod",     "fchmodat",
    "fchmodat2", "flock",    "poll",        "ppoll",      "select",   "pselect6",   "pipe",
    "pipe2",     "utime",    "utimes",      "utimensat",  "futimesat"};

/* Of fcntl() all but leases and dnotify, which tell a program what others do with the files they
 * share. sendmsg() is how the listener leaves the process; out-of-band data of Unix sockets is
 * nothing anybody needs, and was a way out of other sandboxes (CVE-2025-38236). */
static const struct call_rule files_rules[] = {
    {"fcntl", {{1, 0xfffffff8U, 0} /* F_DUPFD to F_SETLKW */}},
    {"fcntl", {{1, 0xfffffff8U, 8} /* F_SETOWN to F_SETOWN_EX */}},
    {"fcntl", {{1, 0xfffffffcU, 36} /* F_OFD_GETLK to F_OFD_SETLKW */}},
    {"fcntl", {{1, 0xfffffffeU, 1030} /* F_DUPFD_CLOEXEC, F_SETPIPE_SZ */}},
    {"fcntl", {{1, 0xfffffff8U, 1032} /* F_GETPIPE_SZ to F_SET_FILE_RW_HINT */}},
    {"ioctl", {{1, ALL, 0x5401} /* TCGETS */}},
    {"ioctl", {{1, ALL, 0x5402} /* TCSETS */}},
    {"ioctl", {{1, ALL, 0x5403} /* TCSETSW */}},
    {"ioctl", {{1, ALL, 0x5404} /* TCSETSF */}},
    {"ioctl", {{1, ALL, 0x540f} /* TIOCGPGRP */}},
    {"ioctl", {{1, ALL, 0x5413} /* TIOCGWINSZ */}},
    {"ioctl", {{1, ALL, 0x541b} /* FIONREAD */}},
    {"ioctl", {{1, ALL, 0x5421} /* FIONBIO */}},
    {"ioctl", {{1, ALL, 0x5450} /* FIONCLEX */}},
    {"ioctl", {{1, ALL, 0x5451} /* FIOCLEX */}},
    {"ioctl", {{1, ALL, 0x5452} /* FIOASYNC */}},
    {"ioctl", {{1, ALL, 0x802c542aU} /* TCGETS2 */}},
    {"sendmsg", {{2, MSG_OOB, 0}}},
};

static const char *const signals[] = {"rt_sigaction",
                                      "rt_sigprocmask",
                                      "rt_sigreturn",
                                      "rt_sigpending",
                                      "rt_sigtimedwait",
                                      "rt_sigsuspend",
                                      "rt_sigqueueinfo",
                                      "rt_tgsigqueueinfo",
                                      "sigaltstack",
                                      "kill",
                                      "tkill",
                                      "tgkill",
                                      "pause"};

static const char *const threads[] = {"futex",
                                      "futex_waitv",
                                      "futex_wait",
                                      "futex_wake",
                                      "futex_requeue",
                                      "set_robust_list",
                                      "get_robust_list",
                                      "membarrier",
                                      "sched_yield",
                                      "sched_getaffinity",
                                      "sched_getparam",
                                      "sched_getscheduler",
                                      "sched_getattr",
                                      "sched_get_priority_max",
                                      "sched_get_priority_min",
                                      "sched_rr_get_interval"};

static const struct call_rule threads_rules[] = {
    {"clone", {{0, NAMESPACES | CLONE_THREAD, CLONE_THREAD}}},
};

static const char *const clocks[] = {"clock_gettime", "clock_getres",    "gettimeofday",
                                     "time",          "clock_nanosleep", "nanosleep"};

/* How a libc asks whether names of users and machines are kept by a service (nscd). */
static const struct call_rule names_rules[] = {
    {"socket", {{0, ALL, AF_UNIX}, {1, ALL, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK}}},
};

/* --- what a profile may name --- */

static const char *const processes[] = {"fork", "vfork", "wait4", "waitid", "setpgid", "setsid"};

static const struct call_rule processes_rules[] = {
    {"clone", {{0, NAMESPACES | CLONE_THREAD, 0}}},
};

static const char *const timers[] = {
    "alarm",         "setitimer",     "getitimer",        "timer_create",
    "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete"};

static const char *const events[] = {"epoll_create",    "epoll_create1",  "epoll_wait",
                                     "epoll_pwait",     "epoll_pwait2",   "eventfd",
                                     "eventfd2",        "timerfd_create", "timerfd_settime",
                                     "timerfd_gettime", "signalfd",       "signalfd4"};

static const struct call_rule events_rules[] = {
    {"epoll_ctl", {{1, ALL, EPOLL_CTL_ADD}}},
    {"epoll_ctl", {{1, ALL, EPOLL_CTL_DEL}}},
    {"epoll_ctl", {{1, ALL, EPOLL_CTL_MOD}}},
};

/* Two connected sockets of one's own, and no way to any other: no address is ever given. */
static const char *const pairs[] = {"recvfrom",    "recvmsg",    "getsockname",
                                    "getpeername", "getsockopt", "shutdown"};

static const struct call_rule pairs_rules[] = {
    {"socketpair", {{0, ALL, AF_UNIX}}},
    {"sendto", {{3, MSG_OOB, 0}, {4, ALL, 0}}},
};

/* From one descriptor to another within the kernel. Most hold the lock of a pipe while they wait
 * for a socket: who has the other end of that pipe, as the keeper and the node do, waits with them
 * and cannot be killed meanwhile. Told that they cannot do it for these two, runtimes copy by
 * themselves.
 */
static const char *const copies[] = {"sendfile", "copy_file_range", "splice", "tee"};

static const char *const owners[] = {"chown", "fchown", "lchown", "fchownat"};

static const char *const attributes[] = {"getxattr",  "lgetxattr",  "fgetxattr",
                                         "listxattr", "llistxattr", "flistxattr"};

static const char *const keys[] = {"pkey_alloc", "pkey_free", "pkey_mprotect"};

static const char *const scheduling[] = {"sched_setaffinity", "setpriority"};

/* How a runtime asks, whatever its program does, whether there is a network. */
static const struct call_rule offline_rules[] = {
    {"socket", {{0, ALL, AF_INET}, {1, ALL, SOCK_STREAM}}},
    {"socket", {{0, ALL, AF_INET6}, {1, ALL, SOCK_STREAM}}},
};

/* Files without a name: memory of no process and no file system. */
static const struct call_rule nameless_rules[] = {{"memfd_create", {{1, MFD_HUGETLB, 0}}}};
static const struct call_rule nameless_lacks[] = {
    {"memfd_create", {{1, MFD_HUGETLB, MFD_HUGETLB}}}};

/* --- done by doing nothing --- */

/* What they ask for has no meaning on a tmpfs, and on the toolchain's files would be the whole
 * machine's work. */
static const char *const idle[] = {"sync",      "syncfs",   "fsync", "fdatasync", "sync_file_range",
                                   "fadvise64", "readahead"};

/* --- refused to all --- */

static const char *const sockets[] = {"connect", "accept",   "accept4",  "bind",
                                      "listen",  "sendmmsg", "recvmmsg", "setsockopt"};

static const struct call_rule sockets_rules[] = {{"socket", {{0, 0, 0} /* any */}}};

static const char *const namespaces[] = {"unshare", "chroot"};

/* Work handed to the kernel past this filter. */
static const char *const rings[] = {"io_uring_setup", "io_uring_enter", "io_uring_register",
                                    "io_setup",       "io_submit",      "io_destroy",
                                    "io_getevents",   "io_pgetevents",  "io_cancel"};

static const char *const watching[] = {"inotify_init",     "inotify_init1", "inotify_add_watch",
                                       "inotify_rm_watch", "fanotify_init", "fanotify_mark",
                                       "mincore",          "kcmp"};

static const char *const nodes[] = {"mknod", "mknodat", "name_to_handle_at"};

static const char *const hidden[] = {"memfd_secret", "remap_file_pages", "vmsplice"};

static const char *const sysv[] = {"shmget", "shmat",      "shmctl", "shmdt",  "semget", "semop",
                                   "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl"};

static const char *const queues[] = {"mq_open",         "mq_unlink", "mq_timedsend",
                                     "mq_timedreceive", "mq_notify", "mq_getsetattr"};

static const char *const numa[] = {"mbind",      "set_mempolicy", "get_mempolicy",
                                   "move_pages", "migrate_pages", "set_mempolicy_home_node"};

/* Processes by descriptor. */
static const char *const handles[] = {"pidfd_open", "pidfd_getfd", "pidfd_send_signal",
                                      "process_madvise", "process_mrelease"};

static const char *const locked[] = {"mlock", "mlock2", "munlock", "mlockall", "munlockall"};

static const char *const users[] = {"setuid",    "setgid",    "setreuid", "setregid",
                                    "setresuid", "setresgid", "setfsuid", "setfsgid"};

static const char *const rights[] = {"capset",
                                     "setgroups",
                                     "seccomp",
                                     "landlock_create_ruleset",
                                     "landlock_add_rule",
                                     "landlock_restrict_self",
                                     "modify_ldt"};

static const char *const priorities[] = {"sched_setscheduler", "sched_setparam", "sched_setattr",
                                         "ioprio_set", "ioprio_get"};

/* Attributes are writable notes where nobody looks. */
static const char *const marks[] = {"setxattr",    "lsetxattr",    "fsetxattr",
                                    "removexattr", "lremovexattr", "fremovexattr"};

static const char *const machine[] = {"sethostname",   "setdomainname", "settimeofday",
                                      "clock_settime", "clock_adjtime", "adjtimex",
                                      "syslog",        "vhangup"};

static const char *const old[] = {"lookup_dcookie", "ustat", "sysfs", "uselib"};

/* --- the death of who calls them --- */

static const char *const tracing[] = {
    "ptrace", "process_vm_readv", "process_vm_writev", "perf_event_open", "bpf", "userfaultfd"};

static const char *const keyring[] = {"keyctl", "add_key", "request_key"};

static const char *const modules[] = {"kexec_load",      "kexec_file_load", "init_module",
                                      "finit_module",    "delete_module",   "create_module",
                                      "get_kernel_syms", "query_module"};

static const char *const mounts[] = {
    "mount",   "umount2", "pivot_root", "setns",      "fsopen",        "fsconfig",
    "fsmount", "fspick",  "open_tree",  "move_mount", "mount_setattr", "open_by_handle_at"};

static const char *const power[] = {"reboot",      "swapon", "swapoff", "acct",       "quotactl",
                                    "quotactl_fd", "iopl",   "ioperm",  "nfsservctl", "_sysctl"};

#define GROUP(id, of)                                                                              \
    {                                                                                              \
        .name = "@" #id, .kind = of, .calls = id, .n_calls = ARRAY_LEN(id)                         \
    }
#define RULED(id, of)                                                                              \
    {                                                                                              \
        .name = "@" #id, .kind = of, .calls = id, .n_calls = ARRAY_LEN(id), .rules = id##_rules,   \
        .n_rules = ARRAY_LEN(id##_rules)                                                           \
    }
#define COUNTED(id)                                                                                \
    {                                                                                              \
        .name = "@" #id, .kind = CALLS_ASKED, .rules = id##_rules,                                 \
        .n_rules = ARRAY_LEN(id##_rules), .lacks = id##_lacks, .n_lacks = ARRAY_LEN(id##_lacks),   \
        .counted = true                                                                            \
    }

#define ABSENT(id, of)                                                                             \
    {                                                                                              \
        .name = "@" #id, .kind = of, .rules = id##_rules, .n_rules = ARRAY_LEN(id##_rules),        \
        .absent = EAFNOSUPPORT                                                                     \
    }

const struct call_group call_groups[] = {
    RULED(life, CALLS_BASE),
    {.name = "@memory",
     .kind = CALLS_BASE,
     .calls = memory,
     .n_calls = ARRAY_LEN(memory),
     .rules = memory_rules,
     .n_rules = ARRAY_LEN(memory_rules),
     .lacks = memory_lacks,
     .n_lacks = ARRAY_LEN(memory_lacks)},
    RULED(files, CALLS_BASE),
    GROUP(signals, CALLS_BASE),
    RULED(threads, CALLS_BASE),
    GROUP(clocks, CALLS_BASE),
    RULED(processes, CALLS_ASKED),
    GROUP(timers, CALLS_ASKED),
    RULED(events, CALLS_ASKED),
    RULED(pairs, CALLS_ASKED),
    GROUP(owners, CALLS_ASKED),
    GROUP(attributes, CALLS_ASKED),
    GROUP(keys, CALLS_ASKED),
    GROUP(scheduling, CALLS_ASKED),
    COUNTED(nameless),
    GROUP(idle, CALLS_IDLE),
    RULED(sockets, CALLS_REFUSED),
    GROUP(namespaces, CALLS_REFUSED),
    GROUP(rings, CALLS_REFUSED),
    GROUP(watching, CALLS_REFUSED),
    GROUP(nodes, CALLS_REFUSED),
    GROUP(hidden, CALLS_REFUSED),
    GROUP(sysv, CALLS_REFUSED),
    GROUP(queues, CALLS_REFUSED),
    GROUP(numa, CALLS_REFUSED),
    GROUP(handles, CALLS_REFUSED),
    GROUP(locked, CALLS_REFUSED),
    GROUP(users, CALLS_REFUSED),
    GROUP(rights, CALLS_REFUSED),
    GROUP(priorities, CALLS_REFUSED),
    GROUP(marks, CALLS_REFUSED),
    GROUP(machine, CALLS_REFUSED),
    GROUP(old, CALLS_REFUSED),
    GROUP(tracing, CALLS_DEADLY),
    GROUP(keyring, CALLS_DEADLY),
    GROUP(modules, CALLS_DEADLY),
    GROUP(mounts, CALLS_DEADLY),
    GROUP(power, CALLS_DEADLY),
    ABSENT(names, CALLS_BASE),
    ABSENT(offline, CALLS_ASKED),
    {.name = "@copies",
     .kind = CALLS_BASE,
     .calls = copies,
     .n_calls = ARRAY_LEN(copies),
     .absent = EINVAL},
};
const size_t call_groups_n = ARRAY_LEN(call_groups);

const struct call_group *call_group_find(const char *name)
{
    for (size_t i = 0; i < call_groups_n; i++)
        if (strcmp(name, call_groups[i].name) == 0)
            return &call_groups[i];
    return NULL;
}

bool call_group_has(const struct call_group *g, const char *call)
{
    for (size_t i = 0; i < g->n_calls; i++)
        if (strcmp(call, g->calls[i]) == 0)
            return true;
    for (size_t i = 0; i < g->n_rules; i++)
        if (strcmp(call, g->rules[i].call) == 0)
            return true;
    return false;
}

const struct call_group *call_group_of(const char *call)
{
    for (size_t i = 0; i < call_groups_n; i++)
        if (call_group_has(&call_groups[i], call))
            return &call_groups[i];
    return NULL;
}

bool call_is_deadly(const char *call)
{
    const struct call_group *g = call_group_of(call);

    return g && g->kind == CALLS_DEADLY;
}

/* By these a program asks what a kernel, a descriptor or a process can do: an unknown command is
 * no refusal. */
static const char *const questions[] = {"ioctl", "prctl", "fcntl"};

bool call_is_refused(const char *call)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++)
        if (strcmp(call, questions[i]) == 0)
            return false;
    return call_group_of(call) != NULL;
}
