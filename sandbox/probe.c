/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The hostile program of the self-test: static, started inside the sandbox as "probe NAME [WORD]",
 * and carried inside arena-sandbox, so that a node needs no compiler to find out whether its
 * sandbox holds. Ends with 0 when it was stopped, with 1 and a line when it was not; a probe
 * that means to be killed never ends by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MARK = 0x41524e41, FDS_MAX = 4096, MANY = 1 << 20, PROCESSES_OVER = 40, LINGER_S = 5 };

static int escaped;
static const char *word = ""; /* what the self-test knows of the machine */

static void must(int held, const char *what)
{
    if (!held) {
        printf("%s\n", what);
        escaped = 1;
    }
}

#define REFUSED(call) must((long)(call) < 0, #call)

static void *touch(size_t len)
{
    char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p != MAP_FAILED)
        memset(p, 1, len);
    return p;
}

static void identity(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];

    memset(d, 0xff, sizeof(d));
    must(getuid() != 0 && geteuid() != 0 && getgid() != 0 && getegid() != 0, "runs as root");
    if (syscall(SYS_capget, &h, d) == 0)
        must(!(d[0].permitted | d[1].permitted | d[0].effective | d[1].effective),
             "has capabilities");
    must(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "may gain privileges");
    REFUSED(setuid(0));
    REFUSED(setgid(0));
}

static void descriptors(void)
{
    for (int fd = 3; fd < FDS_MAX; fd++)
        must(fcntl(fd, F_GETFD) < 0, "inherited a descriptor");
}

static void environment(void)
{
    extern char **environ;

    for (char **e = environ; *e; e++)
        must(!strstr(*e, "ARENA_"), "sees the daemon's environment");
}

static const char *const hidden[] = {"/etc/shadow", "/etc/machine-id", "/root",  "/home",
                                     "/var/lib",    "/usr/bin/mount",  "/bin/sh"};

static void file_names(void)
{
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        must(access(hidden[i], F_OK) < 0, hidden[i]);
}

static void files(void)
{
    static const char *const fixed[] = {"/x",     "/usr/x",      "/etc/x",     "/dev/x",
                                        "/var/x", "/proc/sys/x", "/var/tmp/x", "/run/x"};
    static const char text[] = "/etc/passwd";

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        must(open(hidden[i], O_RDONLY | O_NONBLOCK) < 0, hidden[i]);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        must(open(fixed[i], O_CREAT | O_WRONLY, 0600) < 0, fixed[i]);
    REFUSED(open(text, O_WRONLY));
    REFUSED(open(text, O_RDONLY | O_TRUNC));
    REFUSED(open(text, O_ACCMODE | O_TRUNC));
    REFUSED(truncate(text, 0));
    REFUSED(chmod(text, 0666));
    REFUSED(chown(text, getuid(), getgid()));
    REFUSED(utimensat(AT_FDCWD, text, NULL, 0));
    REFUSED(unlink(text));
    REFUSED(rename(text, "/etc/x"));
}

/* The flags of every mount that a program can name, from inside. */
static void mounts(void)
{
    static const struct {
        const char *at;
        unsigned long flags;
    } want[] = {
        {"/", ST_RDONLY | ST_NOSUID | ST_NODEV},
        {"/proc", ST_RDONLY | ST_NOSUID | ST_NODEV},
        {".", ST_NOSUID | ST_NODEV},
        {"/dev/null", ST_NOSUID},
    };
    struct statvfs fs;

    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        must(statvfs(want[i].at, &fs) == 0 && (fs.f_flag & want[i].flags) == want[i].flags,
             want[i].at);
}

/* `word`: "net:[4026531840] pid:[...]": those of the machine. */
static void spaces(void)
{
    static const char *const names[] = {"pid", "mnt", "net", "ipc", "uts", "cgroup"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[32], link[64] = "";

        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        must(readlink(path, link, sizeof(link) - 1) > 0 && !strstr(word, link), names[i]);
    }
}

static void pids(void)
{
    struct utsname u;

    must(getppid() == 1, "its parent is not the first process");
    must(uname(&u) == 0 && strcmp(u.nodename, "sandbox") == 0, "sees the machine's name");
}

static void proc(void)
{
    static const char *const closed[] = {
        "/proc/1/environ",    "/proc/1/maps", "/proc/1/mem",      "/proc/kcore",
        "/proc/keys",         "/proc/kmsg",   "/proc/timer_list", "/proc/sys/kernel/core_pattern",
        "/proc/sysrq-trigger"};
    static const char *const absent[] = {"/proc/meminfo", "/proc/kallsyms", "/proc/mounts",
                                         "/proc/sys/kernel/random/boot_id", "/proc/net/dev"};

    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        must(open(absent[i], O_RDONLY) < 0, absent[i]);

    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        char c;
        int fd = open(closed[i], strstr(closed[i], "sys") ? O_WRONLY : O_RDONLY | O_NONBLOCK);

        must(fd < 0 || (!strstr(closed[i], "sys") && read(fd, &c, 1) < 1), closed[i]);
    }
}

static void namespaces(void)
{
    struct clone_args a = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid;

    REFUSED(unshare(CLONE_NEWUSER));
    REFUSED(unshare(CLONE_NEWNS));
    REFUSED(unshare(CLONE_NEWNET));
    pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    must(pid < 0, "clone with a namespace flag");
    pid = syscall(SYS_clone3, &a, sizeof(a));
    if (pid == 0)
        _exit(0);
    must(pid < 0, "clone3 with a namespace flag");
    REFUSED(chroot("."));
}

static void network(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    REFUSED(socket(AF_INET, SOCK_STREAM, 0));
    REFUSED(socket(AF_INET6, SOCK_DGRAM, 0));
    REFUSED(socket(AF_NETLINK, SOCK_RAW, 0));
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0));
    REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0));
    REFUSED(socket(AF_ALG, SOCK_SEQPACKET, 0));
    REFUSED(socket(a.sun_family, SOCK_STREAM, 0));
}

/* Calls that are answered, and must be answered no. */
static void doors(void)
{
    char room[256] = {0};

    REFUSED(syscall(SYS_io_uring_setup, 8, room));
    REFUSED(syscall(SYS_memfd_secret, 0));
    REFUSED(syscall(SYS_fanotify_init, 0, 0));
    REFUSED(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", room, room, 0));
    REFUSED(syscall(SYS_pidfd_getfd, 0, 0, 0));
    REFUSED(mknod("device", S_IFCHR | 0666, makedev(1, 1)));
    REFUSED(sethostname("x", 1));
    REFUSED(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, room));
}

static void keyring(void)
{
    REFUSED(syscall(SYS_add_key, "user", "probe", "x", 1, -4));
}

static void userfault(void)
{
    REFUSED(syscall(SYS_userfaultfd, 1));
}

static void kernel_programs(void)
{
    char attr[128] = {0};

    REFUSED(syscall(SYS_bpf, 0, attr, sizeof(attr)));
}

static void tracing(void)
{
    REFUSED(syscall(SYS_ptrace, 16, 1, 0, 0));
}

static void mounting(void)
{
    REFUSED(mount("none", ".", "tmpfs", 0, NULL));
}

static void modules(void)
{
    REFUSED(syscall(SYS_init_module, "x", 1, ""));
}

static void other_numbers(void)
{
#ifdef __x86_64__
    long r = -1;

    REFUSED(syscall(0x40000000 | SYS_getpid));
    __asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
    must(r < 0, "32-bit system calls");
#endif
}

static void objects(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0probe"};
    int fd;

    (void)syscall(SYS_shmget, MARK, 4096, 01666);
    (void)syscall(SYS_mq_open, "probe", O_CREAT | O_RDWR, 0666, NULL);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0)
        (void)!bind(fd, (struct sockaddr *)&a, sizeof(a));
    (void)close(open("left", O_CREAT | O_WRONLY, 0600));
    (void)close(open("/tmp/left", O_CREAT | O_WRONLY, 0600));
    (void)close(open("/dev/shm/left", O_CREAT | O_WRONLY, 0600));
    if (fork() == 0) {
        (void)setsid();
        for (;;)
            pause();
    }
}

static void canary(void)
{
    REFUSED(syscall(SYS_shmget, MARK, 0, 0));
    REFUSED(syscall(SYS_mq_open, "probe", O_RDONLY, 0, NULL));
    REFUSED(access("left", F_OK));
    REFUSED(access("/tmp/left", F_OK));
    REFUSED(access("/dev/shm/left", F_OK));
    for (int pid = 3; pid < FDS_MAX; pid++)
        must(pid == getpid() || kill(pid, 0) < 0, "a process is left");
}

static void plants(void)
{
    (void)!symlink("/etc/passwd", "a.out");
    (void)!mkfifo("b.out", 0666);
    (void)!mkdir("c.out", 0777);
    (void)!link("/etc/passwd", "d.out");
}

static void fork_bomb(void)
{
    for (;;)
        (void)!fork();
}

/* Where no kernel limit is exact the keeper looks now and then, and ends who is over it: time
 * enough for that, however busy the machine is. */
static void linger(void)
{
    for (int i = 0; i < LINGER_S; i++)
        (void)sleep(1);
}

/* More than are allowed: not made, or not for long. */
static void processes(void)
{
    int n = 0;

    while (n < PROCESSES_OVER) {
        pid_t pid = fork();

        if (pid == 0)
            for (;;)
                pause();
        if (pid < 0)
            break;
        n++;
    }
    if (n < PROCESSES_OVER)
        return;
    linger();
    must(0, "made 40 processes");
}

static void forkers(void)
{
    for (int i = 0; i < 8; i++)
        if (fork() == 0) {
            (void)setsid();
            if (fork() == 0)
                (void)setpgid(0, 0);
            for (;;)
                pause();
        }
}

static void memory(void)
{
    for (;;)
        if (touch(MANY) == MAP_FAILED)
            pause();
}

static void memory_of_many(void)
{
    for (int i = 0; i < 16; i++)
        if (fork() == 0) {
            (void)touch((size_t)8 * MANY);
            for (;;)
                pause();
        }
    for (;;)
        pause();
}

static void memory_over(void)
{
    must(touch((size_t)96 * MANY) == MAP_FAILED, "used half as much memory again");
}

static void output(void)
{
    static char chunk[32768];

    for (int i = 0; i < 8; i++)
        (void)!write(1, chunk, sizeof(chunk));
    must(0, "wrote 256 KiB");
}

static void disk(void)
{
    static char chunk[65536];

    (void)signal(SIGXFSZ, SIG_IGN);
    for (int f = 0; f < 64; f++) {
        char name[16];
        int fd;

        (void)snprintf(name, sizeof(name), "f%d", f);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        for (int i = 0; i < 64; i++)
            if (fd < 0 || write(fd, chunk, sizeof(chunk)) < 0)
                return;
    }
    linger();
    must(0, "wrote 256 MiB");
}

static void busy(void)
{
    const clock_t end = clock() + 2 * CLOCKS_PER_SEC;

    while (clock() < end)
        ;
    must(0, "used two seconds of CPU time");
}

static void idle(void)
{
    for (int i = 0; i < 3; i++)
        (void)sleep(1);
    must(0, "slept for three seconds");
}

static void stopped(void)
{
    (void)raise(SIGSTOP);
    for (;;)
        pause();
}

static void killer(void)
{
    for (int i = 0; i < 64; i++)
        for (int s = 1; s < 65; s++) {
            (void)kill(1, s);
            if (getppid() > 1)
                (void)kill(getppid(), s);
        }
    (void)kill(-1, SIGSTOP);
    (void)kill(-1, SIGKILL);
}

static const struct {
    const char *name;
    void (*run)(void);
} probes[] = {
    {"identity", identity},
    {"descriptors", descriptors},
    {"environment", environment},
    {"file-names", file_names},
    {"files", files},
    {"mounts", mounts},
    {"spaces", spaces},
    {"pids", pids},
    {"proc", proc},
    {"namespaces", namespaces},
    {"network", network},
    {"doors", doors},
    {"keyring", keyring},
    {"userfault", userfault},
    {"kernel-programs", kernel_programs},
    {"tracing", tracing},
    {"mounting", mounting},
    {"modules", modules},
    {"other-numbers", other_numbers},
    {"objects", objects},
    {"canary", canary},
    {"plants", plants},
    {"fork-bomb", fork_bomb},
    {"forkers", forkers},
    {"processes", processes},
    {"memory", memory},
    {"memory-over", memory_over},
    {"memory-of-many", memory_of_many},
    {"output", output},
    {"disk", disk},
    {"busy", busy},
    {"idle", idle},
    {"stopped", stopped},
    {"killer", killer},
};

int main(int argc, char **argv)
{
    word = argc == 3 ? argv[2] : "";
    for (size_t i = 0; argc >= 2 && i < sizeof(probes) / sizeof(probes[0]); i++)
        if (strcmp(argv[1], probes[i].name) == 0) {
            probes[i].run();
            return escaped;
        }
    return 2;
}
