/* SPDX-License-Identifier: MPL-2.0 */
#include <seccomp.h>

#include "sandbox/seccomp.h"

#include "base/own.h"
#include "sandbox/calls.h"
#include "sandbox/mutant.h"
#include "sandbox/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Refused where others' files and processes are within reach (FILTER_SHARED), and without a word:
 * honest programs do these too, linkers among them. The first two are allowed for oneself. */
static const char *const shared[] = {"setpriority", "sched_setaffinity", "chmod",   "fchmod",
                                     "fchmodat",    "fchmodat2",         "chown",   "fchown",
                                     "lchown",      "fchownat",          "utime",   "utimes",
                                     "utimensat",   "futimesat",         "truncate"};

/* Refused with FILTER_NO_SIGNALS. */
static const char *const signals[] = {"kill", "tkill", "tgkill", "rt_sigqueueinfo",
                                      "rt_tgsigqueueinfo"};

/* A name that this libseccomp does not know is a call that this build cannot be asked about. */
static int add(scmp_filter_ctx ctx, uint32_t action, const char *name)
{
    int nr = seccomp_syscall_resolve_name(name);

    return nr < 0 ? 0 : seccomp_rule_add(ctx, action, nr, 0);
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
static int add_modes(scmp_filter_ctx ctx, int nr, unsigned at)
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

static int add_opens(scmp_filter_ctx ctx)
{
    int r = add_modes(ctx, SCMP_SYS(open), 1);

    return r < 0 ? r : add_modes(ctx, SCMP_SYS(openat), 2);
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, const struct call_rule *rule)
{
    struct scmp_arg_cmp tests[ARRAY_LEN(rule->tests)];
    unsigned n = 0;
    int nr = seccomp_syscall_resolve_name(rule->call);

    for (size_t i = 0; i < ARRAY_LEN(rule->tests); i++)
        if (rule->tests[i].mask)
            tests[n++] = SCMP_CMP(rule->tests[i].arg, SCMP_CMP_MASKED_EQ, rule->tests[i].mask,
                                  rule->tests[i].is);
    return nr < 0 ? 0 : seccomp_rule_add_array(ctx, action, nr, n, tests);
}

/* Where files of others are: a socket that takes datagrams from nobody in particular sends them to
 * anybody, by the name of a file, which Landlock does not ask about. */
static bool is_safe_pair(int domain, int type, unsigned flags)
{
    const int kind = type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK);

    return domain == AF_UNIX && (!(flags & FILTER_SHARED) || kind != SOCK_DGRAM) &&
           (kind == SOCK_STREAM || kind == SOCK_SEQPACKET || kind == SOCK_DGRAM);
}

static int add_pairs(scmp_filter_ctx ctx, const struct call_rule *rule, unsigned flags)
{
    static const int kinds[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    const uint32_t kind = ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);
    int r = 0;

    if (flags & FILTER_UNCOUNTED)
        return flags & FILTER_LISTENS ? 0 : add(ctx, SCMP_ACT_ERRNO(EPERM), rule->call);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(kinds); i++) {
        struct call_rule one = *rule;

        one.tests[1] = (struct call_test){1, kind, (uint32_t)kinds[i]};
        if (is_safe_pair(AF_UNIX, kinds[i], flags))
            r = add_rule(ctx, SCMP_ACT_ALLOW, &one);
    }
    return r;
}

/* F_SETOWN and its kin are signals too. */
static bool is_owner_rule(const struct call_rule *rule)
{
    return strcmp(rule->call, "fcntl") == 0 && rule->tests[0].is == F_SETOWN;
}

static bool is_watch_rule(const struct call_rule *rule)
{
    return strcmp(rule->call, "epoll_ctl") == 0 && rule->tests[0].is == EPOLL_CTL_ADD;
}

/* What comes to the listener, to be counted. Without one nobody would count. */
static bool is_handed_out(const struct call_rule *rule, unsigned flags)
{
    return (flags & FILTER_UNCOUNTED) && (flags & FILTER_LISTENS) && is_watch_rule(rule);
}

static uint32_t group_action(const struct call_group *g)
{
    return g->absent ? SCMP_ACT_ERRNO((uint32_t)g->absent) : SCMP_ACT_ALLOW;
}

static int add_rules(scmp_filter_ctx ctx, const struct call_group *g, unsigned flags)
{
    const uint32_t action = group_action(g);
    int r = 0;

    for (size_t i = 0; r == 0 && i < g->n_lacks; i++)
        r = add_rule(ctx, SCMP_ACT_ERRNO(EINVAL), &g->lacks[i]);
    for (size_t i = 0; r == 0 && i < g->n_rules; i++) {
        const struct call_rule *rule = &g->rules[i];

        if (strcmp(rule->call, "socketpair") == 0)
            r = add_pairs(ctx, rule, flags);
        else if (!is_handed_out(rule, flags) &&
                 (!(flags & FILTER_NO_SIGNALS) || !is_owner_rule(rule)))
            r = add_rule(ctx, action, rule);
    }
    return r;
}

static int add_group(scmp_filter_ctx ctx, const struct call_group *g, unsigned flags)
{
    const uint32_t action = group_action(g);
    int r = add_rules(ctx, g, flags);

    for (size_t i = 0; r == 0 && i < g->n_calls; i++) {
        const char *call = g->calls[i];

        if ((flags & FILTER_SHARED) && is_in(call, opens, ARRAY_LEN(opens)))
            continue;
        r = add(ctx, is_quiet(call, flags) ? SCMP_ACT_ERRNO(EPERM) : action, call);
    }
    return r;
}

static bool is_named(const char *name, struct profile_list list)
{
    for (uint32_t i = 0; i < list.n; i++)
        if (strcmp(name, list.at[i]) == 0)
            return true;
    return false;
}

/* Without a listener nobody hears of what is refused anyway, as any socket is. */
static bool is_granted(const struct call_group *g, struct profile_list extra, unsigned flags)
{
    if ((g->counted && (flags & FILTER_UNCOUNTED)) ||
        (g->absent && g->n_rules && !(flags & FILTER_LISTENS)))
        return false;
    return g->kind == CALLS_BASE || (g->kind == CALLS_ASKED && is_named(g->name, extra));
}

static int add_allowed(scmp_filter_ctx ctx, struct profile_list extra, unsigned flags)
{
    int r = flags & FILTER_SHARED ? add_opens(ctx) : 0;

    for (size_t i = 0; r == 0 && i < call_groups_n; i++)
        if (is_granted(&call_groups[i], extra, flags))
            r = add_group(ctx, &call_groups[i], flags);
    return r;
}

/* Every call of a group that is not also named by itself or in part in a group that is granted. */
static int add_all(scmp_filter_ctx ctx, uint32_t action, const struct call_group *g,
                   struct profile_list extra)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < g->n_calls; i++)
        if (!is_named(g->calls[i], extra))
            r = add(ctx, action, g->calls[i]);
    for (size_t i = 0; r == 0 && i < g->n_rules; i++)
        if (strcmp(g->rules[i].call, "clone") != 0 && !is_named(g->rules[i].call, extra))
            r = add(ctx, action, g->rules[i].call);
    return r;
}

/* What is not done. A listener is told of all that is in no list: half the rules, and half the time
 * to load them. Without one the kernel must know by itself what is refused and what is deadly. */
static int add_denied(scmp_filter_ctx ctx, struct profile_list extra, unsigned flags)
{
    const bool listens = (flags & FILTER_LISTENS) != 0;
    static const struct profile_list none = {NULL, 0};
    int r = listens ? add(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3") : 0;

    for (size_t i = 0; r == 0 && i < call_groups_n; i++) {
        const struct call_group *g = &call_groups[i];

        if (g->kind == CALLS_IDLE)
            r = add_all(ctx, SCMP_ACT_ERRNO(0), g, none);
        else if (g->kind == CALLS_DEADLY && !listens)
            r = add_all(ctx, SCMP_ACT_KILL_PROCESS, g, none);
        else if (!listens && !is_granted(g, extra, flags))
            r = add_all(ctx, SCMP_ACT_ERRNO(EPERM), g, extra);
        else if ((flags & FILTER_UNCOUNTED) && call_group_has(g, "socketpair") &&
                 !is_granted(g, extra, flags))
            r = add(ctx, SCMP_ACT_ERRNO(EPERM), "socketpair");
    }
    return r;
}

/* Single calls that the profile names. */
static int add_extra(scmp_filter_ctx ctx, struct profile_list extra, struct err *err)
{
    for (uint32_t i = 0; i < extra.n; i++) {
        const char *name = extra.at[i];
        const struct call_group *g = call_group_find(name);
        int nr = g ? 0 : seccomp_syscall_resolve_name(name);

        if (g && g->kind != CALLS_BASE && g->kind != CALLS_ASKED)
            return err_set(err, EPERM, "no profile may allow all of %s", name);
        if (nr == __NR_SCMP_ERROR)
            return err_set(err, EINVAL, "no system call is named %s", name);
        const struct call_group *of = call_group_of(name);
        if (call_is_deadly(name) || (of && of->absent && of->n_calls))
            return err_set(err, EPERM, "no profile may allow %s", name);
        int r = g || nr < 0 ? 0 : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, nr, 0);
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

/* All calls come to the listener, which writes them down; but these, before it listens. */
static int add_traced(scmp_filter_ctx ctx)
{
    static const char *const unseen[] = {TRACE_UNSEEN};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(unseen); i++)
        r = add(ctx, SCMP_ACT_ALLOW, unseen[i]);
    return r;
}

int filter_build(struct profile_list extra, unsigned flags, struct filter *ret, struct err *err)
{
    const bool listens = (flags & FILTER_LISTENS) != 0;
    struct filter f = {.flags = flags};
    scmp_filter_ctx ctx = seccomp_init(listens ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(ENOSYS));

    if (!ctx)
        return err_set(err, ENOMEM, "libseccomp");
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int r = MUTANT(traced_calls) ? add_traced(ctx) : add_allowed(ctx, extra, flags);
    if (r == 0 && !MUTANT(traced_calls))
        r = add_denied(ctx, extra, flags);
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
    unsigned flags = f->flags & FILTER_LISTENS ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

    return r < 0 ? -errno : (int)r;
}

/* A pair of sockets that may be made, if there are few of them. Its arguments are no pointers that
 * another thread could change what is behind. */
static bool is_pair(const struct seccomp_data *call, const char *name, unsigned flags)
{
    return (flags & FILTER_UNCOUNTED) && strcmp(name, "socketpair") == 0 &&
           is_safe_pair((int)call->args[0], (int)call->args[1], flags);
}

static bool is_watch(const struct seccomp_data *call, const char *name, unsigned flags)
{
    return (flags & FILTER_UNCOUNTED) && strcmp(name, "epoll_ctl") == 0 &&
           (int)call->args[1] == EPOLL_CTL_ADD;
}

int filter_take(int listener, unsigned flags, struct refusal *ret)
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
    if (MUTANT(traced_calls)) {
        trace_call(listener, &ask.is, ret->name);
        return 0;
    }
    ret->cost = FILTER_COST;
    ret->deadly = call_is_deadly(ret->name);
    if (ret->deadly)
        return 1;
    answer.is.id = ask.is.id;
    const bool watch = is_watch(&ask.is.data, ret->name, flags);
    const bool given = watch || is_pair(&ask.is.data, ret->name, flags);
    if (watch)
        ret->cost = FILTER_COST_WATCH;
    ret->named = !given && call_is_refused(ret->name);
    if (given)
        answer.is.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        answer.is.error = ret->named ? -EPERM : strcmp(ret->name, "ioctl") == 0 ? -ENOTTY : -ENOSYS;
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    return 1;
}
