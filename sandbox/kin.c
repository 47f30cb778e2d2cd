/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: whoever loses its parent becomes a child of the nearest reaper above, so no
 * descendant can get out of sight. To kill them all, each is stopped first, round after round
 * until a round finds no new one: a process with a signal pending cannot fork, and one that is
 * stopped still counts against the limit of processes, so a fork bomb cannot outrun this. Then
 * all are killed. Where the program has a user id of its own the kernel does it in one call.
 */
#include "sandbox/kin.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { KILLER_MS = 5000, LIVING_TRIES = 3 };

bool kin_read(int proc, const char *folder, const char *file, char *ret, size_t size)
{
    char path[2 * KIN_FOLDER];

    (void)snprintf(path, sizeof(path), "%.*s/%s", KIN_FOLDER, folder, file);
    auto_fd int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    if (n <= 0)
        return false;
    ret[n] = '\0';
    return true;
}

long long kin_number(const char *text, const char *title)
{
    const char *at = strstr(text, title);

    return at ? strtoll(at + strlen(title), NULL, 10) : -1;
}

/* "7 (name) S 1 ...": the name may hold anything, also ')'. Numbers from field 4 on. */
static bool parse(const char *text, struct kin *ret)
{
    enum { PPID = 4, UTIME = 14, STIME, CUTIME, CSTIME, NICE = 19, THREADS, START = 22, N };
    const char *p = strrchr(text, ')');
    uint64_t f[N] = {0};
    char *end;

    if (!p || strlen(p) < 5)
        return false;
    const char state = p[2];
    p += 3;
    for (int i = PPID; i < N; i++, p = end) {
        f[i] = strtoull(p, &end, 10);
        if (end == p)
            return false;
    }
    *ret = (struct kin){.pid = (pid_t)strtol(text, NULL, 10),
                        .parent = (pid_t)f[PPID],
                        .born = f[START],
                        .nice = (int)f[NICE],
                        .threads = (unsigned)f[THREADS],
                        .ticks = f[UTIME] + f[STIME],
                        .ticks_waited = f[CUTIME] + f[CSTIME],
                        .state = state};
    return true;
}

static bool look(int proc, const char *pid, struct kin *ret)
{
    char text[1024];

    return kin_read(proc, pid, "stat", text, sizeof(text)) && parse(text, ret);
}

bool kin_look(int proc, pid_t pid, struct kin *ret)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    return look(proc, name, ret);
}

bool kin_is_dead(const struct kin *k)
{
    return (k->state == 'Z' || k->state == 'X') && k->threads <= 1;
}

/* A thread that ends has given up its memory before it is seen to be dead. */
static bool has_memory(int proc, const char *folder)
{
    char status[2048];

    return kin_read(proc, folder, "status", status, sizeof(status)) && strstr(status, "\nVmSize:");
}

DIR *kin_open(int proc, const char *folder, const char *name)
{
    char path[2 * KIN_FOLDER];

    (void)snprintf(path, sizeof(path), "%.*s/%s", KIN_FOLDER, folder, name);
    int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !d)
        (void)close(fd);
    return d;
}

static bool find_living(int proc, const char *pid, char ret[KIN_FOLDER])
{
    DIR *d = kin_open(proc, pid, "task");
    bool lives = false;

    for (struct dirent *e; d && !lives && (e = readdir(d));) {
        (void)snprintf(ret, KIN_FOLDER, "%.16s/task/%.16s", pid, e->d_name);
        lives = e->d_name[0] != '.' && has_memory(proc, ret);
    }
    if (d)
        (void)closedir(d);
    return lives;
}

bool kin_living(int proc, const char *pid, char ret[KIN_FOLDER])
{
    /* Who is found may end before it is looked at, when another has begun already. */
    for (int i = 0; i < LIVING_TRIES; i++) {
        (void)snprintf(ret, KIN_FOLDER, "%.16s", pid);
        if (has_memory(proc, ret) || find_living(proc, pid, ret))
            return true;
    }
    return false;
}

static int by_pid(const void *a, const void *b)
{
    const struct kin *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Marks who is below `root`. A fork bomb is many: every chain of parents is walked once. */
static void mark(struct kin *all, size_t n, pid_t root)
{
    auto_free bool *known = own_calloc(n + 1, sizeof(*known));
    auto_free struct kin **chain = own_calloc(n + 1, sizeof(*chain));

    qsort(all, n, sizeof(*all), by_pid);
    for (size_t i = 0; i < n; i++) {
        struct kin *at = &all[i];
        size_t len = 0;
        bool below = false;

        /* Parents change while we read: what looks like a circle is cut. */
        while (at && !known[at - all] && len < n) {
            const struct kin parent = {.pid = at->parent};

            chain[len++] = at;
            below = at->parent == root;
            at = below ? NULL : bsearch(&parent, all, n, sizeof(*all), by_pid);
        }
        if (at && known[at - all])
            below = at->below;
        for (size_t k = 0; k < len; k++) {
            chain[k]->below = below;
            known[chain[k] - all] = true;
        }
    }
}

size_t kin_list(int proc, pid_t root, struct kin *all, bool *ret_missed)
{
    DIR *d = kin_open(proc, ".", ".");
    size_t n = 0, met = 0;

    if (!d)
        return 0;
    for (struct dirent *e; n < KIN_MAX && (e = readdir(d));) {
        if (e->d_name[0] < '0' || e->d_name[0] > '9')
            continue;
        met++;
        n += look(proc, e->d_name, &all[n]);
    }
    (void)closedir(d);
    if (ret_missed)
        *ret_missed = n < met || n == KIN_MAX;
    mark(all, n, root);
    return n;
}

/* Its files in /proc belong to root when it is not dumpable. */
static bool is_of(int proc, pid_t pid, uid_t user)
{
    struct stat st;
    char name[16];

    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    return fstatat(proc, name, &st, 0) == 0 && st.st_uid == user;
}

unsigned kin_threads(int proc, uid_t user)
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));
    size_t n = kin_list(proc, getpid(), all, NULL);
    unsigned threads = 0;

    for (size_t i = 0; i < n; i++)
        threads += is_of(proc, all[i].pid, user) ? all[i].threads : 0;
    return threads;
}

/* The signal goes to the process that was seen, not to one that got its number since. */
static bool signal_one(int proc, const struct kin *k, int sig)
{
    struct kin now;
    auto_fd int fd = (int)syscall(SYS_pidfd_open, k->pid, 0);

    if (fd < 0 || !kin_look(proc, k->pid, &now) || now.born != k->born)
        return false;
    return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) == 0;
}

static bool same(const struct kin *a, const struct kin *b)
{
    return a->pid == b->pid && a->born == b->born;
}

struct hunt {
    int proc;
    pid_t root;
    kin_choose *choose;
    void *arg;
    struct kin held[KIN_MAX];
    size_t n;
};

static bool is_held(const struct hunt *h, const struct kin *k)
{
    for (size_t i = 0; i < h->n; i++)
        if (same(&h->held[i], k))
            return true;
    return false;
}

/* Stops all that are chosen and not yet held. Returns how many were new. */
static size_t hold(struct hunt *h)
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));
    size_t n = kin_list(h->proc, h->root, all, NULL), fresh = 0;

    for (size_t i = 0; i < n && h->n < KIN_MAX; i++) {
        if (kin_is_dead(&all[i]) || is_held(h, &all[i]) || !h->choose(h->arg, h->proc, &all[i]) ||
            !signal_one(h->proc, &all[i], SIGSTOP))
            continue;
        h->held[h->n++] = all[i];
        fresh++;
    }
    return fresh;
}

size_t kin_hunt(int proc, pid_t root, kin_choose *choose, void *arg)
{
    auto_free struct hunt *h = own_calloc(1, sizeof(*h));

    h->proc = proc;
    h->root = root;
    h->choose = choose;
    h->arg = arg;
    while (hold(h) > 0)
        continue;
    for (size_t i = 0; i < h->n; i++)
        (void)signal_one(proc, &h->held[i], SIGKILL);
    return h->n;
}

static bool is_below(void *arg, int proc, const struct kin *k)
{
    (void)arg;
    (void)proc;
    return k->below;
}

/* Reaps what is dead. False = nobody is left. */
static bool reap_ready(void)
{
    pid_t pid;

    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0);
    return pid == 0;
}

/* In a child. It has the user's right to signal, but is nobody whom the user may signal: else it
 * could be stopped before it gets there. Never as root: -1 is everyone that one may signal. */
static void become_killer(const struct kin_user *u) __attribute__((noreturn));
static void become_killer(const struct kin_user *u)
{
    uid_t real, effective, saved;

    /* The keeper is to see its sockets close even if we should stay. */
    (void)syscall(SYS_close_range, 3, ~0U, 0);
    if (u->id == 0 || u->nobody == 0 || u->id == u->nobody ||
        syscall(SYS_setresuid, u->nobody, u->id, u->nobody) < 0 ||
        getresuid(&real, &effective, &saved) < 0 || real != u->nobody || effective != u->id ||
        saved != u->nobody)
        _exit(1);
    (void)kill(-1, SIGKILL);
    _exit(0);
}

/* All of a user at once. The kernel holds the lock that a fork needs meanwhile. False = this
 * process may not become that user, there is no room for one more, or it does not get on. */
static bool kill_user(const struct kin_user *u)
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        become_killer(u);
    if (pid < 0)
        return false;
    auto_fd int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ended;
    do
        ended = fd < 0 ? 0 : poll(&p, 1, KILLER_MS);
    while (ended < 0 && errno == EINTR);
    if (ended <= 0)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void kin_kill(int proc, struct kin_user user)
{
    const struct timespec moment = {.tv_nsec = 50000};
    int status;

    if (user.id && kill_user(&user)) {
        while (waitpid(-1, &status, 0) > 0 || errno == EINTR)
            continue;
        return;
    }
    /* Who forks and exits all the time may not be in any snapshot: only the kernel knows that
     * there is nobody left. */
    while (reap_ready()) {
        (void)kin_hunt(proc, getpid(), is_below, NULL);
        (void)nanosleep(&moment, NULL);
    }
}
