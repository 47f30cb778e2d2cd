/* SPDX-License-Identifier: MPL-2.0 */
/*
 * slots N SANDBOX PROFILES: drives N resident keepers the way the daemon does, for the suites
 * in Python. One JSON object a line: steps on standard input, news on standard output.
 *
 * How this works: a step waits in a queue until a slot is idle. What a compile step hands back
 * is kept under its id, as descriptors, until {"drop": id}; a later step takes it by "from". A
 * keeper that is lost is said, and another is started. Ends when the input does and no step is
 * left.
 */
#include <jansson.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/own.h"
#include "sandbox/keeper.h"
#include "sandbox/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    SLOTS_MAX = 16,
    LINE_MAX_BYTES = 4 * LIMIT_MIB,
    KEPT_MAX = 512,
    FILE_SHOWN = 64 * LIMIT_KIB,
    STOP_MS = 5000
};

extern char **environ;

struct slot {
    struct keeper *keeper;
    pid_t pid;
    bool ready;
    json_t *ask; /* what runs; NULL = idle */
    uint64_t sent_ns, started_ns, kill_ns, kill_at_ns;
};

struct kept {
    char id[LIMIT_NAME];
    uint32_t n;
    struct step_file *files;
};

static struct slot slots[SLOTS_MAX];
static unsigned n_slots;
static struct kept kept[KEPT_MAX];
static struct profile_set *profiles;
static const char *sandbox;
static json_t *queue;

static void say(json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);

    printf("%s\n", text);
    fflush(stdout);
    free(text);
    json_decref(o);
}

static void die(const char *what, const struct err *err)
{
    fprintf(stderr, "slots: %s: %s\n", what, err ? err->text : strerror(errno));
    exit(2);
}

static void slot_start(struct slot *s)
{
    char *argv[] = {(char *)(uintptr_t)sandbox, (char *)(uintptr_t) "serve", NULL};
    posix_spawn_file_actions_t fa;
    struct err err = {0};
    int fds[2];

    if (keeper_pair(fds, &err) < 0)
        die("keeper_pair", &err);
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, fds[1], 3);
    if (posix_spawn(&s->pid, sandbox, &fa, NULL, argv, environ) != 0)
        die(sandbox, NULL);
    posix_spawn_file_actions_destroy(&fa);
    (void)close(fds[1]);
    s->keeper = keeper_new(&fds[0]);
    s->ready = false;
}

/* A keeper ends when its socket does, and takes what it made with it. */
static void slot_stop(struct slot *s)
{
    auto_fd int pidfd = pidfd_open(s->pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    keeper_free(s->keeper);
    s->keeper = NULL;
    if (poll(&p, 1, STOP_MS) != 1) {
        fprintf(stderr, "slots: keeper %d does not end\n", (int)s->pid);
        (void)kill(s->pid, SIGKILL);
    }
    (void)waitpid(s->pid, NULL, 0);
}

static struct kept *kept_find(const char *id)
{
    for (unsigned i = 0; i < KEPT_MAX; i++)
        if (strcmp(kept[i].id, id) == 0)
            return &kept[i];
    return NULL;
}

static void kept_drop(struct kept *k)
{
    for (uint32_t i = 0; i < k->n; i++)
        own_close(&k->files[i].fd);
    free(k->files);
    *k = (struct kept){0};
}

static int memfd_of(const char *path)
{
    auto_fd int in = open(path, O_RDONLY | O_CLOEXEC);
    int out = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char buf[65536];
    ssize_t n;

    if (in < 0 || out < 0)
        die(path, NULL);
    while ((n = read(in, buf, sizeof(buf))) > 0)
        if (write(out, buf, (size_t)n) != n)
            die(path, NULL);
    (void)fcntl(out, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return out;
}

static void add_file(struct step *step, const char *name, int fd, bool executable)
{
    struct step_file *f;

    step->files = own_realloc(step->files, (step->n_files + 1) * sizeof(*f));
    f = &step->files[step->n_files++];
    (void)snprintf(f->name, sizeof(f->name), "%s", name);
    f->fd = fd;
    f->executable = executable;
}

static uint64_t number(json_t *o, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(o, name));
}

static const char *text(json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s ? s : "";
}

static void add_files(struct step *step, json_t *ask)
{
    const struct kept *from = *text(ask, "from") ? kept_find(text(ask, "from")) : NULL;
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(ask, "files"), i, v)
        add_file(step, text(v, "name"), memfd_of(text(v, "path")), false);
    for (uint32_t k = 0; from && k < from->n; k++)
        add_file(step, from->files[k].name, fcntl(from->files[k].fd, F_DUPFD_CLOEXEC, 0),
                 from->files[k].executable);
    step->stdin_fd = *text(ask, "stdin") ? memfd_of(text(ask, "stdin")) : -1;
}

/* Names wanted back that the profile does not know of. */
static void add_wanted(struct step *step, json_t *ask)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(ask, "out"), i, v)
    {
        step->out = own_realloc(step->out, (step->n_out + 1) * sizeof(*step->out));
        (void)snprintf(step->out[step->n_out++], sizeof(*step->out), "%s", json_string_value(v));
    }
}

static int make_step(json_t *ask, struct step *ret, struct err *err)
{
    const struct profile *p = profile_find(profiles, text(ask, "profile"));
    json_t *l = json_object_get(ask, "limits"), *v;
    struct step_limits limits = {
        number(l, "cpuMs"),    number(l, "wallMs"),    number(l, "memory"),
        number(l, "output"),   number(l, "processes"), number(l, "stack"),
        number(l, "fileSize"), number(l, "files"),     number(l, "cpuShare")};
    const char *sources[LIMIT_FILES];
    struct span args[LIMIT_ARGS];
    struct profile_ask a = {.sources = sources, .args = args, .limits = &limits};
    size_t i;
    int r;

    json_array_foreach(json_object_get(ask, "sources"), i, v) if (a.n_sources < LIMIT_FILES)
        sources[a.n_sources++] = json_string_value(v);
    json_array_foreach(json_object_get(ask, "args"), i, v) if (a.n_args < LIMIT_ARGS)
        args[a.n_args++] =
            (struct span){(const uint8_t *)json_string_value(v), json_string_length(v)};
    if (!p)
        return err_set(err, ENOENT, "no such profile");
    r = profile_step(p, text(ask, "phase"), &a, ret, err);
    if (r < 0)
        return r;
    add_files(ret, ask);
    add_wanted(ret, ask);
    ret->stream = json_is_true(json_object_get(ask, "stream"));
    return 0;
}

/* Bytes as text: a JSON string of code points 0-255, which Python reads as latin-1. */
static json_t *bytes(struct span s)
{
    struct buf b;
    json_t *v;

    buf_init(&b, s.len * 2 + 1);
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] >= 0x80)
            (void)buf_putc(&b, (uint8_t)(0xc0 | s.data[i] >> 6));
        (void)buf_putc(&b, s.data[i] >= 0x80 ? (uint8_t)(0x80 | (s.data[i] & 0x3f)) : s.data[i]);
    }
    v = json_stringn(b.data ? (char *)b.data : "", b.len);
    buf_done(&b);
    return v;
}

static json_t *shown_files(const struct step_outcome *o)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < o->n_files; i++) {
        auto_free uint8_t *data = own_calloc(1, FILE_SHOWN);
        struct stat st = {0};
        ssize_t n = pread(o->files[i].fd, data, FILE_SHOWN, 0);

        (void)fstat(o->files[i].fd, &st);
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:b, s:o}", "name", o->files[i].name, "size",
                                        (json_int_t)st.st_size, "regular", S_ISREG(st.st_mode),
                                        "data", bytes((struct span){data, n > 0 ? (size_t)n : 0})));
    }
    return list;
}

static void set(json_t *o, const char *name, uint64_t value)
{
    json_object_set_new(o, name, json_integer((json_int_t)value));
}

static void say_outcome(const struct slot *s, const struct step_outcome *o)
{
    uint64_t now = clock_mono_ns();
    json_t *v = json_pack(
        "{s:s, s:i, s:s, s:i, s:i, s:b, s:b, s:s, s:o, s:o}", "id", text(s->ask, "id"), "slot",
        (int)(s - slots), "end", step_end_name(o->end), "exitCode", o->exit_code, "signal",
        o->signal, "outTruncated", o->out_truncated, "errTruncated", o->err_truncated, "refused",
        o->refused, "detail", bytes(span_of(o->detail)), "errText", bytes(span_of(o->err_text)));

    json_object_set_new(v, "out", bytes(o->out));
    json_object_set_new(v, "err", bytes(o->err));
    json_object_set_new(v, "files", shown_files(o));
    set(v, "cpuUs", o->cpu_us);
    set(v, "wallUs", o->wall_us);
    set(v, "memory", o->memory);
    set(v, "switchesVoluntary", o->switches_voluntary);
    set(v, "switchesForced", o->switches_forced);
    set(v, "pressureUs", o->pressure_us);
    set(v, "stealUs", o->steal_us);
    set(v, "overshootUs", o->overshoot_us);
    set(v, "setupUs", o->setup_us);
    set(v, "totalUs", (now - s->sent_ns) / 1000);
    set(v, "killUs", s->kill_ns ? (now - s->kill_ns) / 1000 : 0);
    say(v);
}

static void keep(const char *id, struct step_outcome *o)
{
    struct kept *k = kept_find(id);

    if (!o->n_files)
        return;
    if (k)
        kept_drop(k);
    k = kept_find("");
    if (!k)
        die("too many results kept", NULL);
    (void)snprintf(k->id, sizeof(k->id), "%s", id);
    k->n = o->n_files;
    k->files = STEAL(o->files);
    o->n_files = 0;
}

static void slot_lost(struct slot *s, const char *why)
{
    say(json_pack("{s:i, s:s, s:s}", "lost", (int)(s - slots), "id", text(s->ask, "id"), "why",
                  why));
    json_decref(s->ask);
    s->ask = NULL;
    slot_stop(s);
    slot_start(s);
}

static void slot_read(struct slot *s)
{
    struct keeper_news news = {0};
    struct err err = {0};

    do {
        if (keeper_read(s->keeper, &news, &err) < 0) {
            slot_lost(s, err.text);
            return;
        }
        if (news.what == KEEPER_READY) {
            s->ready = true;
            say(json_pack("{s:i, s:i, s:s, s:s}", "ready", (int)(s - slots), "pid", (int)s->pid,
                          "level", news.info.level, "lacks", news.info.lacks));
        } else if (news.what == KEEPER_STARTED) {
            uint64_t after = number(s->ask, "killAfterMs");

            s->started_ns = clock_mono_ns();
            s->kill_at_ns = after ? s->started_ns + after * 1000000 : 0;
        } else if (news.what == KEEPER_PIECE) {
            say(json_pack("{s:s, s:i, s:o}", "piece", text(s->ask, "id"), "stream",
                          (int)news.stream, "data", bytes(news.piece)));
        } else if (news.what == KEEPER_OUTCOME) {
            say_outcome(s, &news.outcome);
            keep(text(s->ask, "id"), &news.outcome);
            step_outcome_done(&news.outcome);
            json_decref(s->ask);
            s->ask = NULL;
        }
    } while (news.what != KEEPER_NOTHING);
}

static void slot_give(struct slot *s, json_t *ask)
{
    struct step step = {.stdin_fd = -1};
    struct err err = {0};

    s->ask = ask;
    s->kill_ns = s->kill_at_ns = 0;
    if (make_step(ask, &step, &err) < 0) {
        say(json_pack("{s:s, s:s, s:s}", "id", text(ask, "id"), "end", "refused", "errText",
                      err.text));
        json_decref(ask);
        s->ask = NULL;
        return;
    }
    s->sent_ns = clock_mono_ns();
    if (keeper_send(s->keeper, &step, &err) < 0)
        slot_lost(s, err.text);
    if (step.stdin_fd >= 0)
        (void)close(step.stdin_fd);
    profile_step_done(&step);
}

static void give_all(void)
{
    for (unsigned i = 0; i < n_slots && json_array_size(queue); i++) {
        json_t *ask = json_array_get(queue, 0);
        json_t *want = json_object_get(ask, "slot");

        if (want && (unsigned)json_integer_value(want) != i)
            continue;
        if (!slots[i].ready || slots[i].ask)
            continue;
        json_incref(ask);
        (void)json_array_remove(queue, 0);
        slot_give(&slots[i], ask);
    }
}

static void take_line(const char *line, size_t len)
{
    json_error_t je;
    json_t *o = json_loadb(line, len, 0, &je);
    struct kept *k;

    if (!o) {
        fprintf(stderr, "slots: %s\n", je.text);
        exit(2);
    }
    k = *text(o, "drop") ? kept_find(text(o, "drop")) : NULL;
    if (k)
        kept_drop(k);
    if (json_object_get(o, "id"))
        json_array_append(queue, o);
    json_decref(o);
}

/* False at the end of the input. */
static bool read_input(struct buf *in)
{
    uint8_t *to = buf_reserve(in, 65536), *nl;
    ssize_t n = to ? read(0, to, 65536) : -1;

    if (n <= 0)
        return false;
    in->len += (size_t)n;
    while (in->len && (nl = memchr(in->data, '\n', in->len))) {
        size_t len = (size_t)(nl - in->data);

        take_line((char *)in->data, len);
        buf_consume(in, len + 1);
    }
    return true;
}

static bool busy(void)
{
    for (unsigned i = 0; i < n_slots; i++)
        if (slots[i].ask)
            return true;
    return json_array_size(queue) > 0;
}

/* Kills what is due; how long until the next is, in ms, or -1. */
static int kill_due(void)
{
    uint64_t now = clock_mono_ns();
    int wait = -1;

    for (unsigned i = 0; i < n_slots; i++) {
        struct slot *s = &slots[i];
        int left;

        if (!s->ask || !s->kill_at_ns || s->kill_ns)
            continue;
        if (now >= s->kill_at_ns) {
            s->kill_ns = now;
            (void)keeper_kill(s->keeper);
            continue;
        }
        left = (int)((s->kill_at_ns - now) / 1000000) + 1;
        wait = wait < 0 || left < wait ? left : wait;
    }
    return wait;
}

static void turn(struct buf *in, bool *open)
{
    struct pollfd p[SLOTS_MAX + 1] = {{.fd = *open ? 0 : -1, .events = POLLIN}};
    int wait = kill_due();

    for (unsigned i = 0; i < n_slots; i++)
        p[i + 1] = (struct pollfd){.fd = keeper_fd(slots[i].keeper), .events = POLLIN};
    if (poll(p, n_slots + 1, wait) < 0 && errno != EINTR)
        die("poll", NULL);
    for (unsigned i = 0; i < n_slots; i++)
        if (p[i + 1].revents)
            slot_read(&slots[i]);
    if (p[0].revents)
        *open = read_input(in);
    give_all();
}

int main(int argc, char **argv)
{
    auto_buf struct buf in;
    struct err err = {0};
    bool open = true;

    if (argc != 4) {
        fprintf(stderr, "usage: slots N SANDBOX PROFILES\n");
        return 2;
    }
    buf_init(&in, LINE_MAX_BYTES);
    n_slots = (unsigned)strtoul(argv[1], NULL, 10);
    sandbox = argv[2];
    profiles = profile_set_load(argv[3], &err);
    queue = json_array();
    if (!profiles || n_slots < 1 || n_slots > SLOTS_MAX)
        die("start", &err);
    (void)signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < n_slots; i++)
        slot_start(&slots[i]);
    while (open || busy())
        turn(&in, &open);
    for (unsigned i = 0; i < n_slots; i++)
        slot_stop(&slots[i]);
    for (unsigned i = 0; i < KEPT_MAX; i++)
        kept_drop(&kept[i]);
    profile_set_free(profiles);
    json_decref(queue);
    return 0;
}
