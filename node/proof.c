/* SPDX-License-Identifier: MPL-2.0 */
#include "node/proof.h"

#include "base/limits.h"
#include "base/own.h"
#include "sandbox/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

enum {
    PROOF_QUICK_TRIES = 3,
    PROOF_QUICK_MS = 2000,
    PROOF_SLOW_MS = 60000,
    PROOF_MS_MAX = 120000, /* for one try */
    PROOF_OUTPUT_MAX = 65536,
};

struct proof {
    struct loop *loop;
    const char *sandbox;
    char profile_env[512];
    void (*told)(void *ctx, bool passed, const char *what);
    void *ctx;
    struct loop_child *child;
    struct loop_timer *timer; /* of the pause between tries, and of a try */
    int output;               /* a memfd that the child writes */
    unsigned tries;
    bool passed;
    char trouble[LIMIT_TEXT];
};

/* Collects the lines that do not begin with "ok" or "skip": what did not hold. */
static void proof_read(struct proof *p)
{
    auto_free char *text = own_calloc(1, PROOF_OUTPUT_MAX + 1);
    const ssize_t len = pread(p->output, text, PROOF_OUTPUT_MAX, 0);
    size_t n = 0;
    char *rest = text;
    char *line;

    p->trouble[0] = 0;
    if (len <= 0)
        return;
    while ((line = strsep(&rest, "\n"))) {
        if (!line[0] || strncmp(line, "ok", 2) == 0 || strncmp(line, "skip", 4) == 0 ||
            n + 2 >= sizeof(p->trouble))
            continue;
        n += (size_t)snprintf(p->trouble + n, sizeof(p->trouble) - n, "%s%s", n ? "; " : "", line);
        n = n < sizeof(p->trouble) ? n : sizeof(p->trouble) - 1;
    }
}

static void proof_settle(struct proof *p, bool passed, const char *why)
{
    proof_read(p);
    if (!passed && !p->trouble[0])
        (void)snprintf(p->trouble, sizeof(p->trouble), "%s", why);
    p->passed = passed;
    if (passed)
        p->trouble[0] = 0;
    own_close(&p->output);
    p->output = -1;
    if (passed)
        loop_timer_stop(p->timer);
    else
        loop_timer_set(p->timer, ++p->tries < PROOF_QUICK_TRIES ? PROOF_QUICK_MS : PROOF_SLOW_MS);
    p->told(p->ctx, passed, p->trouble);
}

static void proof_exited(void *ctx, int64_t status, int signal)
{
    struct proof *p = ctx;
    char why[64];

    loop_child_free(STEAL(p->child));
    (void)snprintf(why, sizeof(why), "the self-test ended with status %d, signal %d", (int)status,
                   signal);
    proof_settle(p, status == 0 && signal == 0, why);
}

static void proof_start(struct proof *p)
{
    const char *const argv[] = {p->sandbox, "selftest", NULL};
    const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", p->profile_env,
                               NULL};
    struct loop_command c = {
        .argv = argv, .env = env, .n_fds = 3, .exited = proof_exited, .ctx = p};
    struct err err = {0};

    p->output = memfd_create("selftest", MFD_CLOEXEC);
    c.fds[0] = -1;
    c.fds[1] = c.fds[2] = p->output;
    keeper_let_go();
    p->child = p->output < 0 ? NULL : loop_child_new(p->loop, &c, &err);
    if (!p->child) {
        proof_settle(p, false, err.text[0] ? err.text : "memfd");
        return;
    }
    loop_timer_set(p->timer, PROOF_MS_MAX);
}

/* A try that takes too long is killed; after a pause the next one starts. */
static void proof_timer(void *ctx)
{
    struct proof *p = ctx;

    if (p->child)
        (void)loop_child_kill(p->child, SIGKILL);
    else
        proof_start(p);
}

struct proof *proof_new(struct loop *loop, const char *sandbox, const char *profile_dir,
                        void (*told)(void *ctx, bool passed, const char *what), void *ctx)
{
    struct proof *p = own_calloc(1, sizeof(*p));

    p->loop = loop;
    p->sandbox = sandbox;
    p->told = told;
    p->ctx = ctx;
    p->output = -1;
    (void)snprintf(p->profile_env, sizeof(p->profile_env), "ARENA_PROFILE_DIR=%s", profile_dir);
    p->timer = loop_timer_new(loop, proof_timer, p);
    loop_timer_set(p->timer, 0);
    return p;
}

void proof_free(struct proof *p)
{
    if (!p)
        return;
    if (p->child)
        (void)loop_child_kill(p->child, SIGKILL);
    loop_child_free(p->child);
    loop_timer_free(p->timer);
    own_close(&p->output);
    free(p);
}

bool proof_passed(const struct proof *p)
{
    return p->passed;
}

const char *proof_trouble(const struct proof *p)
{
    return p->trouble;
}
