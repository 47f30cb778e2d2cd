/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/selftest.h"

#include "base/clock.h"
#include "base/own.h"
#include "sandbox/keeper.h"
#include "sandbox/level.h"
#include "sandbox/probe_image.h"

#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

/* The wall time of what is not about wall time is long: the machine may be busy. */
enum {
    WAIT_MS = 90000,
    PATIENT_MS = 60000,
    BRIEF_MS = 300,
    BUSY_MS = 100,
    MEMORY = 64 * LIMIT_MIB
};

extern char **environ;

#define END(e) (1U << STEP_END_##e)

#define LSM LEVEL_LSM
#define BARE LEVEL_NS_NOPROC

/* The rows run in order on one slot: what `objects` leaves, `canary` must not find. */
static const struct {
    const char *name;
    const char *protection;
    uint32_t ends;   /* that are right; EXITED means with status 0 */
    enum level from; /* the weakest level that promises it */
} table[] = {
    {"identity", "runs without privileges, as nobody", END(EXITED), LSM},
    {"descriptors", "inherits no descriptor", END(EXITED), LSM},
    {"environment", "sees nothing of the daemon's environment", END(EXITED), LSM},
    {"files", "reads and changes no file of the machine", END(EXITED), LSM},
    {"file-names", "sees no file of the machine", END(EXITED), BARE},
    {"mounts", "sees only mounts that are safe", END(EXITED), BARE},
    {"pids", "has process ids and a host name of its own", END(EXITED), BARE},
    {"spaces", "has all namespaces of its own", END(EXITED), LEVEL_NS},
    {"proc", "learns and changes nothing through /proc", END(EXITED), LSM},
    {"namespaces", "makes no namespaces", END(EXITED), LSM},
    {"network", "has no sockets", END(EXITED), LSM},
    {"doors", "reaches no rarely used part of the kernel", END(EXITED) | END(SYSCALL), LSM},
    {"keyring", "has no keyrings", END(EXITED) | END(SYSCALL), LSM},
    {"userfault", "has no userfaultfd", END(EXITED) | END(SYSCALL), LSM},
    {"kernel-programs", "loads no BPF", END(EXITED) | END(SYSCALL), LSM},
    {"tracing", "traces no process", END(EXITED) | END(SYSCALL), LSM},
    {"mounting", "mounts nothing", END(EXITED) | END(SYSCALL), LSM},
    {"modules", "loads no module", END(EXITED) | END(SYSCALL), LSM},
    {"other-numbers", "has no x32 and no 32-bit calls", END(EXITED) | END(SYSCALL) | END(SIGNALED),
     LSM},
    {"objects", "ends with what it left behind", END(EXITED), LSM},
    {"canary", "leaves nothing to the next program", END(EXITED), LSM},
    {"plants", "brings out regular files only", END(EXITED), LSM},
    {"forkers", "ends with all of its sessions", END(EXITED), LSM},
    {"output", "is held to its output", END(OUTPUT), LSM},
    {"disk", "is held to its files", END(EXITED) | END(MEMORY) | END(FILE_SIZE), LSM},
    {"processes", "is held to its processes", END(EXITED) | END(PROCESSES), LSM},
    {"fork-bomb", "ends however it forks", END(CPU_TIME) | END(WALL_TIME) | END(PROCESSES), LSM},
    {"memory", "is held to its memory", END(MEMORY), LSM},
    {"memory-over", "is held to its memory exactly", END(MEMORY), LEVEL_FULL},
    {"memory-of-many", "is held to its memory in many processes", END(MEMORY), LSM},
    {"busy", "is held to its CPU time", END(CPU_TIME), LSM},
    {"idle", "is held to its wall time", END(WALL_TIME), LSM},
    {"stopped", "is held to its wall time when it is stopped", END(WALL_TIME), LSM},
    {"killer", "cannot stop or kill its keeper", END(EXITED) | END(SIGNALED) | END(WALL_TIME), LSM},
    {"canary", "leaves nothing to the next program, after all of this", END(EXITED), LSM},
};

struct self {
    struct keeper *keeper;
    pid_t pid;
    int image;
    char spaces[256]; /* the namespaces we are in */
};

static void find_spaces(char *ret, size_t size)
{
    static const char *const names[] = {"pid", "mnt", "net", "ipc", "uts", "cgroup"};
    size_t used = 0;

    for (size_t i = 0; i < ARRAY_LEN(names) && used + 64 < size; i++) {
        char path[32], link[48] = "";

        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        if (readlink(path, link, sizeof(link) - 1) > 0)
            used += (size_t)snprintf(ret + used, size - used, "%s ", link);
    }
}

static int self_start(struct self *s, const char *program, struct err *err)
{
    char *argv[] = {(char *)(uintptr_t)program, (char *)(uintptr_t) "serve", NULL};
    posix_spawn_file_actions_t fa;
    struct span image = probe_image();
    int fds[2];
    int r;

    find_spaces(s->spaces, sizeof(s->spaces));
    s->image = memfd_create("probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->image < 0 || write(s->image, image.data, image.len) != (ssize_t)image.len)
        return err_errno(err, "the probe");
    r = keeper_pair(fds, err);
    if (r < 0)
        return r;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, fds[1], 3);
    r = posix_spawn(&s->pid, program, &fa, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    (void)close(fds[1]);
    s->keeper = keeper_new(&fds[0]);
    return r ? err_set(err, r, "%s", program) : 0;
}

static void self_stop(struct self *s)
{
    keeper_free(s->keeper);
    own_close(&s->image);
    if (s->pid > 0)
        (void)waitpid(s->pid, NULL, 0);
}

/* Reads until news of a kind. */
static int await(struct self *s, enum keeper_what what, struct keeper_news *ret, struct err *err)
{
    for (;;) {
        struct pollfd p = {.fd = keeper_fd(s->keeper), .events = POLLIN};
        int r = keeper_read(s->keeper, ret, err);

        if (r < 0 || ret->what == what)
            return r;
        if (ret->what == KEEPER_NOTHING && poll(&p, 1, WAIT_MS) == 0)
            return err_set(err, ETIMEDOUT, "the keeper says nothing");
    }
}

static int probe_run(struct self *s, const char *name, struct step_outcome *ret, struct err *err)
{
    const bool busy = strcmp(name, "busy") == 0 || strcmp(name, "fork-bomb") == 0;
    const bool brief = strcmp(name, "idle") == 0 || strcmp(name, "stopped") == 0;
    static char program[] = STEP_WORK_DIR "/probe";
    char *argv[] = {program, (char *)(uintptr_t)name, s->spaces, NULL}, *env[] = {NULL};
    char out[][LIMIT_FILE_NAME + 1] = {"*.out", "a.out", "b.out", "c.out", "d.out"};
    struct step_file file = {.name = "probe", .fd = s->image, .executable = true};
    struct step step = {.profile = "c", .phase = "run", .n_argv = 3, .argv = argv, .env = env};
    struct keeper_news news = {0};
    int r;

    step.n_files = 1;
    step.files = &file;
    step.stdin_fd = -1;
    step.n_out = ARRAY_LEN(out);
    step.out = out;
    step.limits = (struct step_limits){.cpu_ms = busy ? BUSY_MS : PATIENT_MS,
                                       .wall_ms = brief ? BRIEF_MS : PATIENT_MS,
                                       .memory = MEMORY,
                                       .output = LIMIT_KIB,
                                       .processes = 32,
                                       .stack = LIMIT_MIB,
                                       .file_size = 4 * LIMIT_MIB,
                                       .files = 64};
    r = keeper_send(s->keeper, &step, err);
    if (r == 0)
        r = await(s, KEEPER_OUTCOME, &news, err);
    if (r == 0)
        *ret = news.outcome;
    return r;
}

static void judge(const struct step_outcome *o, uint32_t ends, char *why)
{
    const int shown = LIMIT_TEXT / 2;

    if (!(ends & 1U << o->end))
        (void)snprintf(why, LIMIT_TEXT, "it ended as %s: %.*s", step_end_name(o->end), shown,
                       o->end == STEP_END_BROKEN ? o->err_text : o->detail);
    else if (o->end == STEP_END_EXITED && o->exit_code != 0)
        (void)snprintf(why, LIMIT_TEXT, "it says: %.*s", o->out.len ? (int)o->out.len - 1 : 0,
                       o->out.len ? (const char *)o->out.data : "");
    else if (o->n_files)
        (void)snprintf(why, LIMIT_TEXT, "%.*s came out", shown, o->files[0].name);
}

static int try_row(struct self *s, size_t i, struct selftest_row *row, struct err *err)
{
    struct step_outcome o = {0};
    uint64_t begin = clock_mono_ns();
    int r = probe_run(s, table[i].name, &o, err);

    if (r < 0)
        (void)snprintf(row->why, sizeof(row->why), "%s", err ? err->text : "keeper lost");
    else
        judge(&o, table[i].ends, row->why);
    row->us = (clock_mono_ns() - begin) / 1000;
    row->held = !*row->why;
    step_outcome_done(&o);
    return r;
}

int selftest_run(const char *program, selftest_say *say, void *arg, struct err *err)
{
    struct self s = {.image = -1};
    struct keeper_news news = {0};
    enum level level = LEVEL_NONE;
    int failed = 0;
    int r = self_start(&s, program, err);

    if (r == 0)
        r = await(&s, KEEPER_READY, &news, err);
    if (r == 0 && level_parse(news.info.level, &level) < 0)
        r = err_set(err, EBADMSG, "level %s", news.info.level);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(table); i++) {
        struct selftest_row row = {.name = table[i].name,
                                   .protection = table[i].protection,
                                   .level = news.info.level,
                                   .promised = level >= table[i].from};

        if (row.promised) {
            r = try_row(&s, i, &row, err);
            failed += !row.held;
        }
        say(arg, &row);
    }
    if (s.keeper)
        self_stop(&s);
    return r < 0 ? r : failed;
}
