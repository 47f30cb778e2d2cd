/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   COMPILING --outcome--> STARTING --started--> RUNNING --outcome--> LEAVING --> OVER
 *       \                      \                    \                    ^
 *        +--- it does not ------+---- killed, lost --+-------------------+
 *
 * LEAVING: the program is dead and its slot is free; what is left in the pipes is still sent.
 * Ended before its time, it is not. live_flow.c moves the bytes.
 */
#include "node/live_state.h"

#include "base/own.h"
#include "node/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

static const struct slot_hooks live_hooks;

/* 0 in `a` is none. */
static uint64_t least(uint64_t a, uint64_t b)
{
    return a && a < b ? a : b;
}

/* --- steps --------------------------------------------------------------------------------- */

static int live_slot(struct live *s, const struct step *step)
{
    return slots_run(s->env->slots, step, &live_hooks, s, &s->slot);
}

static struct program_ask live_ask(const struct live *s, const char *phase)
{
    return (struct program_ask){.phase = phase,
                                .args = s->spec.args,
                                .n_args = s->spec.n_args,
                                .limits = &s->spec.limits,
                                .policy = &s->env->policy,
                                .stdin_fd = -1};
}

/* A session's own limits: the profile's are meant for jobs, which do not wait for anybody. */
static void live_limits(const struct live *s, struct step *step)
{
    const struct live_limits *l = &s->env->limits;

    step->limits.wall_ms = least(s->spec.limits.wall_ms, l->wall_ms);
    step->limits.cpu_ms = least(s->spec.limits.cpu_ms, l->cpu_ms);
}

static int live_run_tty(struct live *s, struct step *step)
{
    step->tty = true;
    step->tty_rows = s->rows;
    step->tty_columns = s->columns;
    return live_slot(s, step);
}

/* Pipes: our ends become ports, the others go with the step. */
static int live_run_piped(struct live *s, struct step *step, struct err *err)
{
    int fds[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int rc = 0;

    for (size_t i = 0; i < ARRAY_LEN(fds) && rc == 0; i++)
        rc = pipe2(fds[i], O_CLOEXEC) < 0 ? err_errno(err, "pipe") : 0;
    auto_fd int in = fds[0][0], out = fds[1][1], errs = fds[2][1];
    auto_fd int to = fds[0][1], from = fds[1][0], from_err = fds[2][0];
    if (rc == 0)
        rc = live_port_open(&s->in, own_fd_steal(&to), true);
    if (rc == 0)
        rc = live_port_open(&s->out, own_fd_steal(&from), false);
    if (rc == 0)
        rc = live_port_open(&s->err, own_fd_steal(&from_err), false);
    if (rc != 0)
        return rc;
    step->stdin_fd = in;
    step->stdout_fd = out;
    step->stderr_fd = errs;
    return live_slot(s, step);
}

static int live_run(struct live *s, struct err *err)
{
    const struct program_ask ask = live_ask(s, "run");
    struct step step;
    int rc = program_step(&s->program, &ask, &step, err);

    if (rc != 0)
        return -EIO;
    live_limits(s, &step);
    s->state = LIVE_STARTING;
    rc = s->tty ? live_run_tty(s, &step) : live_run_piped(s, &step, err);
    program_step_done(&step);
    if (rc != 0)
        live_ports_close(s);
    return rc;
}

static int live_compile(struct live *s, struct err *err)
{
    const struct program_ask ask = live_ask(s, "compile");
    struct step step;
    int rc = program_step(&s->program, &ask, &step, err);

    if (rc != 0)
        return -EIO;
    rc = live_slot(s, &step);
    program_step_done(&step);
    return rc;
}

static void live_break(struct live *s, const char *why)
{
    if (!s->ending) {
        s->end.why = MESSAGE_CLOSING_BROKEN;
        (void)snprintf(s->end.cause.detail, sizeof(s->end.cause.detail), "%s", why);
    }
    live_finish(s);
}

/* The slot it was compiled in is idle, and nobody else has seen that yet. */
static void live_compiled(struct live *s, struct step_outcome *o)
{
    struct err err = {0};

    live_data_some(s, MESSAGE_STREAM_COMPILER, o->out);
    live_data_some(s, MESSAGE_STREAM_COMPILER, o->err);
    s->end.verdict = verdict_of_compile(o, &s->end.cause);
    s->end.exit_code = o->exit_code;
    s->end.signal = o->signal;
    if (s->end.verdict != RESULT_ACCEPTED) {
        live_finish(s);
        return;
    }
    program_compiled(&s->program, o);
    if (live_run(s, &err) != 0)
        live_break(s, err.text[0] ? err.text : "no slot is free");
}

static void live_ran(struct live *s, const struct step_outcome *o)
{
    s->end.verdict = verdict_of_step(o, &s->end.cause);
    s->end.exit_code = o->exit_code;
    s->end.signal = o->signal;
    s->end.cpu_us = o->cpu_us;
    s->end.wall_us = o->wall_us;
    s->end.memory = o->memory;
    live_port_close(&s->in);
    live_settle(s);
}

static void live_started(void *ctx)
{
    struct live *s = ctx;

    if (s->state != LIVE_STARTING)
        return;
    s->state = LIVE_RUNNING;
    live_say(s, MESSAGE_SESSION_STARTED);
    if (!s->ending)
        live_input_flush(s);
}

static void live_size(struct live *s)
{
    const struct winsize size = {.ws_row = s->rows, .ws_col = s->columns};

    if (s->tty && s->out.fd >= 0)
        (void)ioctl(s->out.fd, TIOCSWINSZ, &size);
}

/* Before `started`, with the outer end of the program's terminal. */
static void live_terminal(void *ctx, int *fd)
{
    struct live *s = ctx;
    auto_fd int outer = own_fd_steal(fd);
    auto_fd int second = fcntl(outer, F_DUPFD_CLOEXEC, 3);

    if (s->state != LIVE_STARTING || s->ending)
        return;
    if (live_port_open(&s->out, own_fd_steal(&outer), false) != 0 ||
        live_port_open(&s->in, own_fd_steal(&second), true) != 0)
        live_end(s, MESSAGE_CLOSING_BROKEN);
    else
        live_size(s); /* that came while it was made */
}

static void live_piece(void *ctx, uint8_t stream, struct span piece)
{
    (void)ctx;
    (void)stream;
    (void)piece;
}

static void live_outcome(void *ctx, struct step_outcome *o)
{
    struct live *s = ctx;
    const bool compiled = s->state == LIVE_COMPILING;

    s->slot = NULL;
    s->env->stepped(s->env->ctx, profile_name(s->program.profile), compiled ? "compile" : "run", o);
    if (s->ending)
        live_finish(s);
    else if (o->end == STEP_END_BROKEN || (compiled && o->end == STEP_END_KILLED))
        live_break(s, o->err_text[0] ? o->err_text : "the sandbox failed");
    else if (compiled)
        live_compiled(s, o);
    else {
        s->state = LIVE_LEAVING;
        live_ran(s, o);
    }
    s->env->changed(s->env->ctx);
}

static void live_lost(void *ctx, const char *why)
{
    struct live *s = ctx;

    s->slot = NULL;
    live_break(s, why);
}

static const struct slot_hooks live_hooks = {.started = live_started,
                                             .terminal = live_terminal,
                                             .piece = live_piece,
                                             .outcome = live_outcome,
                                             .lost = live_lost};

/* --- from the client ----------------------------------------------------------------------- */

static void live_resize(struct live *s, const struct message *m)
{
    s->rows = (uint16_t)m->session.rows;
    s->columns = (uint16_t)m->session.columns;
    live_size(s);
}

void live_message(struct live *s, const struct message *m)
{
    s->heard_ms = loop_now_ms(s->env->loop);
    switch (m->type) {
    case MESSAGE_SESSION_DATA:
        live_input(s, m);
        break;
    case MESSAGE_SESSION_CREDIT:
        live_credit(s, m->credit.upto);
        break;
    case MESSAGE_SESSION_SIGNAL:
        if (s->slot && s->state == LIVE_RUNNING && message_signal(m->signal.name))
            slot_signal(s->slot, message_signal(m->signal.name));
        break;
    case MESSAGE_SESSION_RESIZE:
        live_resize(s, m);
        break;
    case MESSAGE_SESSION_ALIVE:
        live_say(s, MESSAGE_SESSION_ALIVE);
        break;
    case MESSAGE_SESSION_CLOSE:
        live_end(s, MESSAGE_CLOSING_ASKED);
        break;
    default:
        break;
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static int live_init(struct live *s, const struct message *open, struct err *err)
{
    const struct profile *profile;
    int rc;

    s->bytes = own_memdup(open->session.spec.data, open->session.spec.len);
    rc = spec_decode((struct span){s->bytes, open->session.spec.len}, &s->spec, err);
    if (rc != 0)
        return rc;
    s->has_spec = true;
    if (open->session.window < MESSAGE_SESSION_WINDOW_MIN)
        return err_set(err, EBADMSG, "the window is too small");
    profile = profile_find(s->env->profiles, s->spec.head.language);
    if (!profile)
        return err_set(err, ENOENT, "no language '%s' here", s->spec.head.language);
    s->output_max = least(s->spec.limits.output, s->env->limits.output);
    rc = program_init(&s->program, profile, s->spec.files, s->spec.n_files, err);
    return rc == 0 ? 0 : -EIO;
}

struct live *live_new(const struct live_env *env, uint64_t client, const struct message *open,
                      struct err *err)
{
    struct live *s = own_calloc(1, sizeof(*s));

    s->env = env;
    s->client = client;
    s->token = open->token;
    s->tty = open->session.tty;
    s->rows = (uint16_t)open->session.rows;
    s->columns = (uint16_t)open->session.columns;
    s->in = (struct live_port){s, MESSAGE_STREAM_STDIN, -1, NULL};
    s->out = (struct live_port){s, MESSAGE_STREAM_STDOUT, -1, NULL};
    s->err = (struct live_port){s, MESSAGE_STREAM_STDERR, -1, NULL};
    s->sent.upto = open->session.window;
    s->taken.upto = LIVE_WINDOW;
    s->end.exit_code = -1;
    s->active_ms = s->heard_ms = loop_now_ms(env->loop);
    buf_init(&s->input, LIVE_WINDOW);
    if (live_init(s, open, err) == 0)
        return s;
    live_free(s);
    return NULL;
}

void live_free(struct live *s)
{
    if (!s)
        return;
    live_ports_close(s);
    if (s->has_spec)
        spec_done(&s->spec);
    program_done(&s->program);
    buf_done(&s->input);
    free(s->bytes);
    free(s);
}

int live_start(struct live *s, struct err *err)
{
    struct message m = {.type = MESSAGE_SESSION_OPENED};
    int rc = s->program.state == PROGRAM_SOURCE ? live_compile(s, err) : live_run(s, err);

    if (rc != 0)
        return rc;
    (void)snprintf(m.opened.node, sizeof(m.opened.node), "%s", s->env->node);
    m.opened.window = LIVE_WINDOW;
    live_send(s, &m);
    return 0;
}

void live_end(struct live *s, enum message_closing why)
{
    if (s->state == LIVE_OVER || s->ending)
        return;
    s->ending = true;
    s->end.why = why;
    live_ports_close(s);
    if (s->slot)
        slot_kill(s->slot); /* its outcome finishes it */
    else
        live_finish(s);
}

void live_tick(struct live *s)
{
    const uint64_t now = loop_now_ms(s->env->loop);

    if (now - s->heard_ms > MESSAGE_SESSION_SILENCE_MS)
        live_end(s, MESSAGE_CLOSING_LOST);
    else if (s->state >= LIVE_RUNNING && now - s->active_ms > s->env->limits.idle_ms)
        live_end(s, MESSAGE_CLOSING_IDLE);
}

bool live_runs(const struct live *s)
{
    return s->state < LIVE_LEAVING;
}

bool live_over(const struct live *s)
{
    return s->state == LIVE_OVER;
}

uint64_t live_client(const struct live *s)
{
    return s->client;
}

uint64_t live_token(const struct live *s)
{
    return s->token;
}

const char *live_tenant(const struct live *s)
{
    return s->spec.head.tenant;
}
