/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/crowd.h"

#include "base/clock.h"
#include "base/own.h"
#include "sandbox/kin.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#define LOOK_NS_MAX 20000000ULL

/* Looks in a row at which nobody could tell what is shared, and times that it is added up. A
 * program of little weight may hold its own lock for long on a busy machine, and mean nothing by
 * it. */
enum { BLIND_MAX = 50, TRIES_MAX = 8 };

/* Most programs have many processes, or large ones, without many mappings: these are not counted at
 * each look. */
enum { RARE = 16 };

/* Our own time: on a busy machine a look takes long without being dear, and one that were cut short
 * each time would never see all of a crowd. */
static uint64_t cpu_ns(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t bytes_of(const char *text, const char *field)
{
    long long kib = kin_number(text, field);

    return kib < 0 ? 0 : (uint64_t)kib * LIMIT_KIB;
}

/* Page tables are memory too: a page here and there of a large mapping costs as much again. With
 * `shares` each page counts by the share that the process has in it, so that the memory of children
 * that share all with their parent is not counted again. Also tells how large its address space is.
 * `folder`: of the process, where that can be read. */
static uint64_t memory(int proc, const char *folder, bool shares, uint64_t *ret_size)
{
    char status[2048], rollup[2048];
    bool told = shares && kin_read(proc, folder, "smaps_rollup", rollup, sizeof(rollup)) &&
                strstr(rollup, "Pss_Anon:");

    *ret_size = 0;
    /* Last: who dies meanwhile has nothing any more. */
    if (!kin_read(proc, folder, "status", status, sizeof(status)))
        return 0;
    *ret_size = bytes_of(status, "\nVmSize:");
    const uint64_t tables = bytes_of(status, "\nVmPTE:");
    if (told)
        return tables + bytes_of(rollup, "Pss_Anon:") + bytes_of(rollup, "Pss_Shmem:");
    /* One that made itself unreadable has all it has for itself. */
    return tables + bytes_of(status, "\nRssAnon:") + bytes_of(status, "\nRssShmem:");
}

/* The kernel's record of a mapping, at least; each may be of one page, of which nothing is
 * resident, and a process may have so many. */
enum { MAPPING_BYTES = 256, MAPPINGS_MAX = 65530 };

/* What the records of an address space may take. */
static uint64_t records_max(uint64_t size)
{
    const uint64_t n = size / (uint64_t)sysconf(_SC_PAGESIZE);

    return (n < MAPPINGS_MAX ? n : MAPPINGS_MAX) * MAPPING_BYTES;
}

/* What they take: a line each. */
static uint64_t records(int proc, const char *folder)
{
    char path[KIN_FOLDER + 8], text[8192];
    uint64_t n = 0;
    ssize_t got;

    (void)snprintf(path, sizeof(path), "%s/maps", folder);
    auto_fd int fd = openat(proc, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd >= 0 && (got = read(fd, text, sizeof(text))) > 0)
        for (const char *at = text; (at = memchr(at, '\n', (size_t)(text + got - at)));)
            n++, at++;
    return n * MAPPING_BYTES;
}

static void folder_of(int proc, const struct kin *k, char ret[KIN_FOLDER])
{
    char name[16];

    (void)snprintf(name, sizeof(name), "%d", (int)k->pid);
    if (k->threads <= 1 || !kin_living(proc, name, ret))
        (void)snprintf(ret, KIN_FOLDER, "%s", name);
}

/* Is it there, and does it still have its memory? It loses that before it is dead. */
static bool stays(int proc, const struct kin *k)
{
    struct kin now;
    uint64_t size;
    char folder[KIN_FOLDER];

    if (!kin_look(proc, k->pid, &now) || now.born != k->born)
        return false;
    folder_of(proc, &now, folder);
    return memory(proc, folder, false, &size) > 0;
}

static uint64_t memory_of(int proc, const struct kin *k)
{
    uint64_t size;
    char folder[KIN_FOLDER];

    folder_of(proc, k, folder);
    const uint64_t own = memory(proc, folder, true, &size);
    return own ? own + records(proc, folder) : 0;
}

/* A process of the run that has memory. */
struct member {
    const struct kin *kin;
    pid_t pid;   /* as we number it or a thread of its, how the kernel is asked; 0 = unknown */
    size_t like; /* the first that has the same memory, itself and not a copy; or it is the first */
};

/* Its pid namespace. */
static bool space_of(int proc, pid_t pid, char *ret, size_t size)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "%d/ns/pid", (int)pid);
    ssize_t n = readlinkat(proc, path, ret, size - 1);
    ret[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Is it the process that a /proc gives one number, and ours another? */
static bool is_it(int proc, pid_t pid, int ours, pid_t our_pid)
{
    char theirs[64], its[64];

    return space_of(proc, pid, theirs, sizeof(theirs)) &&
           space_of(ours, our_pid, its, sizeof(its)) && strcmp(theirs, its) == 0;
}

/* The last of the numbers that a process has, from the outermost namespace to its own. */
static pid_t own_number(int ours, pid_t pid)
{
    char name[16], status[2048];
    pid_t last = 0;
    int len;

    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    const char *at =
        kin_read(ours, name, "status", status, sizeof(status)) ? strstr(status, "\nNSpid:") : NULL;
    for (at = at ? at + strlen("\nNSpid:") : ""; sscanf(at, "%*[ \t]%d%n", &last, &len) == 1;)
        at += len;
    return last;
}

/* Does a /proc give the numbers that we know? */
static bool is_ours(int proc)
{
    char self[16] = "";

    return readlinkat(proc, "self", self, sizeof(self) - 1) > 0 &&
           strtol(self, NULL, 10) == getpid();
}

/* A thread of its that has its memory: of another the kernel cannot tell whose it is. */
static pid_t living_number(int proc, pid_t pid)
{
    char name[16], folder[KIN_FOLDER];
    const char *last = NULL;

    (void)snprintf(name, sizeof(name), "%d", (int)pid);
    if (kin_living(proc, name, folder))
        last = strrchr(folder, '/');
    return last ? (pid_t)strtol(last + 1, NULL, 10) : pid;
}

/* Of those below the keeper. */
static void number_others(int proc, struct member *all, size_t n)
{
    auto_fd int ours = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_free struct kin *below = own_calloc(KIN_MAX, sizeof(*below));
    const size_t n_below = kin_list(ours, getppid(), below, NULL);

    for (size_t i = 0; i < n_below; i++) {
        const pid_t own = below[i].below ? own_number(ours, below[i].pid) : 0;

        for (size_t k = 0; k < n && own; k++)
            if (all[k].kin->pid == own && is_it(proc, own, ours, below[i].pid))
                all[k].pid = living_number(ours, below[i].pid);
    }
}

static void number_all(int proc, struct member *all, size_t n)
{
    const bool ours = is_ours(proc);

    for (size_t k = 0; k < n; k++)
        all[k].pid = ours ? living_number(proc, all[k].kin->pid) : 0;
    if (!ours)
        number_others(proc, all, n);
}

static bool is_one_memory(const struct member *a, const struct member *b)
{
    return a->pid && b->pid && syscall(SYS_kcmp, a->pid, b->pid, KCMP_VM, 0, 0) == 0;
}

static void match(int proc, struct member *all, size_t n)
{
    number_all(proc, all, n);
    for (size_t i = 0; i < n; i++)
        for (all[i].like = 0; all[i].like < i; all[i].like++)
            if (all[all[i].like].like == all[i].like && is_one_memory(&all[i], &all[all[i].like]))
                break;
}

/* What a look is about. */
struct task {
    const struct crowd_at *at;
    uint64_t max;
};

/* Who was made by vfork() has its parent's memory until it executes something; by another way, for
 * good. Returns what all have if that counts once, or some if that is too much, and whether it
 * stayed so. */
static uint64_t add_once(const struct task *t, struct member *all, size_t n, bool *ret_same)
{
    const int proc = t->at->proc;
    uint64_t sum = 0;

    match(proc, all, n);
    for (size_t i = 0; i < n && sum <= t->max; i++)
        sum += all[i].like == i ? memory_of(proc, all[i].kin) : 0;
    *ret_same = true;
    for (size_t i = 0; i < n && *ret_same; i++)
        *ret_same = stays(proc, all[i].kin) &&
                    (all[i].like == i || is_one_memory(&all[i], &all[all[i].like]));
    return sum;
}

/* Returns what all have together, and whether all that were counted are still there. */
static uint64_t add_shares(const struct task *t, struct kin *all, bool *ret_same)
{
    const int proc = t->at->proc;
    size_t n = kin_list(proc, t->at->init, all, NULL), n_members = 0;
    auto_free struct member *members = own_calloc(n + 1, sizeof(*members));
    uint64_t sum = 0;

    for (size_t k = 0; k < n; k++)
        if (all[k].below && stays(proc, &all[k]))
            members[n_members++] = (struct member){.kin = &all[k]};
    for (size_t k = 0; k < n_members && sum <= t->max; k++)
        sum += memory_of(proc, members[k].kin);
    if (sum > t->max)
        return add_once(t, members, n_members, ret_same);
    *ret_same = true;
    for (size_t k = 0; k < n_members && *ret_same; k++)
        *ret_same = stays(proc, members[k].kin);
    return sum;
}

/* What one has left to the others when it died would count twice: then it is added up anew, but not
 * for ever, as there are programs where always one dies. The least of it is nearest. */
static uint64_t shared_memory(const struct task *t)
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));
    uint64_t least = UINT64_MAX;
    bool same = false;

    for (unsigned i = 0; i < TRIES_MAX && !same; i++) {
        const uint64_t sum = add_shares(t, all, &same);

        least = same || sum < least ? sum : least;
    }
    return least;
}

/* To add up shares takes a lock of each process that its own threads can hold and fight for: we
 * would wait with them. So a child does it. When there can be none, the next look tries again. */
static void see(void *arg, void *ret_answer)
{
    const uint64_t sum = shared_memory(arg);

    memcpy(ret_answer, &sum, sizeof(sum));
}

static void raise_to(uint64_t *most, uint64_t value)
{
    if (value > *most)
        *most = value;
}

void crowd_hear(struct crowd *c)
{
    uint64_t shared;

    if (looker_hear(&c->looker, &shared, sizeof(shared)))
        raise_to(&c->memory, shared);
    if (c->looker.answer < 0)
        c->blind = 0;
}

void crowd_init(struct crowd *c)
{
    *c = (struct crowd){0};
    looker_init(&c->looker);
}

void crowd_stop(struct crowd *c)
{
    looker_stop(&c->looker);
    c->blind = 0;
}

void crowd_done(struct crowd *c)
{
    looker_done(&c->looker);
    c->blind = 0;
    free(c->seen);
    c->seen = NULL;
    c->n_seen = 0;
}

pid_t crowd_pid(int proc, int pidfd)
{
    char path[64], text[512];

    (void)snprintf(path, sizeof(path), "fdinfo/%d", pidfd);
    if (proc < 0 || pidfd < 0 || !kin_read(proc, "self", path, text, sizeof(text)))
        return -1;
    return (pid_t)kin_number(text, "\nPid:");
}

struct crowd_seen {
    pid_t pid;
    uint64_t born, us;
};

static uint64_t us_of(uint64_t ticks)
{
    return ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* Many that each used less than a tick would have used nothing. To the nanosecond is told of the
 * first thread only. */
static uint64_t own_us(int proc, const struct kin *k, bool exactly)
{
    uint64_t us = us_of(k->ticks);
    char name[16], text[128];

    (void)snprintf(name, sizeof(name), "%d", (int)k->pid);
    if (exactly && k->threads == 1 && kin_read(proc, name, "schedstat", text, sizeof(text)))
        raise_to(&us, strtoull(text, NULL, 10) / 1000);
    return us;
}

/* What those that were seen before, and those that are new, have used since. Both by pid. */
static void add_growth(struct crowd *c, struct crowd_seen *now, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        while (k < c->n_seen && c->seen[k].pid < now[i].pid)
            k++;
        const struct crowd_seen *old = k < c->n_seen ? &c->seen[k] : NULL;
        bool same = old && old->pid == now[i].pid && old->born == now[i].born;
        const uint64_t before = same ? old->us : 0;

        raise_to(&now[i].us, before);
        c->total_us += now[i].us - before;
    }
    free(c->seen);
    c->seen = now;
    c->n_seen = n;
}

/* Of the init only what it has waited for counts. What the living have waited for, and what was
 * seen of the dead, is partly the same: the larger one counts. */
static void count(struct crowd *c, const struct crowd_at *at, const struct kin *all, size_t n,
                  uint64_t max)
{
    struct crowd_seen *now = own_calloc(n + 1, sizeof(*now));
    size_t n_now = 0;
    uint64_t us = 0, waited = 0;

    c->threads = 0;
    for (size_t i = 0; i < n; i++)
        c->threads += all[i].below ? all[i].threads : 0;
    for (size_t i = 0; i < n; i++) {
        const struct kin *k = &all[i];

        if (k->below || k->pid == at->init)
            waited += k->ticks_waited;
        if (!k->below)
            continue;
        now[n_now] = (struct crowd_seen){k->pid, k->born, own_us(at->proc, k, c->threads <= max)};
        us += now[n_now++].us;
    }
    raise_to(&c->cpu_us, us + us_of(waited));
    add_growth(c, now, n_now);
    raise_to(&c->cpu_us, c->total_us);
}

/* What all have, of one the most, and with all that their mappings may take. */
struct sums {
    uint64_t all, most, with_records;
};

/* A fork bomb's memory is slow to read. What is seen in time is what counts, and each look begins
 * somewhere else. */
static struct sums add_up(int proc, const struct kin *all, size_t n)
{
    const uint64_t begin = cpu_ns(), first = clock_mono_ns() / 1000;
    struct sums s = {0};
    char folder[KIN_FOLDER];
    uint64_t size;

    for (size_t k = 0; k < n && cpu_ns() - begin < LOOK_NS_MAX; k++) {
        const struct kin *at = &all[(first + k) % n];

        if (!at->below)
            continue;
        folder_of(proc, at, folder);
        const uint64_t one = memory(proc, folder, false, &size);
        s.all += one;
        s.with_records += one + records_max(size);
        raise_to(&s.most, one);
    }
    return s;
}

bool crowd_look(struct crowd *c, const struct crowd_at *at, const struct step_limits *max)
{
    struct task what = {at, max->memory};
    const struct looker_task task = {at->proc, see, &what, sizeof(c->memory)};
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));

    if (at->init <= 0 || at->proc < 0)
        return false;
    size_t n = kin_list(at->proc, at->init, all, NULL);
    count(c, at, all, n, max->processes);
    crowd_hear(c);
    if (c->threads > max->processes)
        return n > 0;
    const struct sums sums = add_up(at->proc, all, n);
    /* Nothing is counted twice that one process alone has, and less than allowed is less however
     * it is shared. */
    const bool clear = sums.all <= max->memory || sums.most > max->memory;
    const bool many = sums.all <= max->memory && sums.with_records > max->memory;
    c->blind =
        (many || !clear) && c->looker.pid && looker_waits(&c->looker, at->ours) ? c->blind + 1 : 0;
    if (clear)
        raise_to(&c->memory, sums.all);
    if (c->blind >= BLIND_MAX)
        raise_to(&c->memory, sums.with_records);
    else if (!c->looker.pid && (!clear || (many && c->looks++ % RARE == 0)))
        looker_send(&c->looker, &task);
    return n > 0;
}
