/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/frame.h"

#include <errno.h>

/* A cursor over a body; after any short read `bad` stays set and all values are zero. */
struct cursor {
    const uint8_t *at;
    size_t left;
    bool bad;
};

static void get(struct cursor *c, void *ret, size_t len)
{
    if (c->bad || c->left < len) {
        c->bad = true;
        memset(ret, 0, len);
        return;
    }
    memcpy(ret, c->at, len);
    c->at += len;
    c->left -= len;
}

static uint32_t get_u32(struct cursor *c)
{
    uint32_t v;

    get(c, &v, sizeof(v));
    return v;
}

/* A count that must not be over `max`. */
static uint32_t get_count(struct cursor *c, uint32_t max)
{
    uint32_t n = get_u32(c);

    if (n > max) {
        c->bad = true;
        return 0;
    }
    return n;
}

static struct span get_span(struct cursor *c, size_t max)
{
    uint32_t len = get_u32(c);

    if (c->bad || len > max || len > c->left) {
        c->bad = true;
        return (struct span){NULL, 0};
    }
    struct span s = {c->at, len};
    c->at += len;
    c->left -= len;
    return s;
}

/* A text into a field of fixed size. */
static void get_text(struct cursor *c, char *ret, size_t size)
{
    struct span s = get_span(c, size - 1);

    if (s.len && memchr(s.data, '\0', s.len))
        c->bad = true;
    if (s.len)
        memcpy(ret, s.data, s.len);
    ret[s.len] = '\0';
}

static char *get_string(struct cursor *c, size_t max)
{
    struct span s = get_span(c, max);

    if (s.len && memchr(s.data, '\0', s.len)) {
        c->bad = true;
        s.len = 0;
    }
    return s.len ? own_memdup(s.data, s.len) : own_strdup("");
}

static void put_u32(struct buf *b, uint32_t v)
{
    (void)buf_put(b, &v, sizeof(v));
}

static void put_span(struct buf *b, struct span s)
{
    put_u32(b, (uint32_t)s.len);
    (void)buf_put(b, s.data, s.len);
}

static void put_text(struct buf *b, const char *s)
{
    put_span(b, span_of(s));
}

static int put_end(const struct buf *b)
{
    return b->full ? -E2BIG : 0;
}

enum { STRING_MAX = 64 * 1024, STEP_FLAGS = 5 };

static void put_strings(struct buf *b, char *const *at, uint32_t n)
{
    put_u32(b, n);
    for (uint32_t i = 0; i < n; i++)
        put_text(b, at[i]);
}

static char **get_strings(struct cursor *c, uint32_t max, uint32_t *ret_n)
{
    uint32_t n = get_count(c, max);
    char **at = own_calloc(n + 1, sizeof(*at));

    for (uint32_t i = 0; i < n; i++)
        at[i] = get_string(c, STRING_MAX);
    *ret_n = n;
    return at;
}

int frame_put_step(struct buf *b, const struct step *step)
{
    const uint8_t flags[STEP_FLAGS] = {step->stream, step->stdin_fd >= 0, step->stdout_fd > 0,
                                       step->stderr_fd > 0, step->tty};

    if (step->n_argv == 0 || step->n_argv > STEP_ARGV || step->n_env > STEP_ENV ||
        step->n_files > STEP_FILES_IN || step->n_out > STEP_FILES_OUT)
        return -E2BIG;
    put_text(b, step->profile);
    put_text(b, step->phase);
    put_strings(b, step->argv, step->n_argv);
    put_strings(b, step->env, step->n_env);
    put_u32(b, step->n_files);
    for (uint32_t i = 0; i < step->n_files; i++) {
        put_text(b, step->files[i].name);
        (void)buf_putc(b, step->files[i].executable);
    }
    put_u32(b, step->n_out);
    for (uint32_t i = 0; i < step->n_out; i++)
        put_text(b, step->out[i]);
    (void)buf_put(b, &step->limits, sizeof(step->limits));
    (void)buf_put(b, flags, sizeof(flags));
    (void)buf_put(b, &step->tty_rows, sizeof(step->tty_rows));
    (void)buf_put(b, &step->tty_columns, sizeof(step->tty_columns));
    return put_end(b);
}

uint32_t frame_step_fds(const struct step *step, int *fds)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < step->n_files; i++)
        fds[n++] = step->files[i].fd;
    if (step->stdin_fd >= 0)
        fds[n++] = step->stdin_fd;
    if (step->stdout_fd > 0)
        fds[n++] = step->stdout_fd;
    if (step->stderr_fd > 0)
        fds[n++] = step->stderr_fd;
    return n;
}

/* Gives the step the frame's descriptors. */
static void take_fds(struct frame *f, uint32_t first, struct step *step, const uint8_t *flags)
{
    for (uint32_t i = 0; i < step->n_files; i++)
        step->files[i].fd = frame_take(f, first++);
    if (flags[1])
        step->stdin_fd = frame_take(f, first++);
    if (flags[2])
        step->stdout_fd = frame_take(f, first++);
    if (flags[3])
        step->stderr_fd = frame_take(f, first++);
}

int frame_get_step(struct frame *f, uint32_t first, struct step *ret_step)
{
    struct cursor c = {f->body.data, f->body.len, false};
    struct step s = {.stdin_fd = -1};
    uint8_t flags[STEP_FLAGS];

    get_text(&c, s.profile, sizeof(s.profile));
    get_text(&c, s.phase, sizeof(s.phase));
    s.argv = get_strings(&c, STEP_ARGV, &s.n_argv);
    s.env = get_strings(&c, STEP_ENV, &s.n_env);
    s.n_files = get_count(&c, STEP_FILES_IN);
    s.files = own_calloc(s.n_files + 1, sizeof(*s.files));
    for (uint32_t i = 0; i < s.n_files; i++) {
        uint8_t executable;

        get_text(&c, s.files[i].name, sizeof(s.files[i].name));
        get(&c, &executable, 1);
        s.files[i].executable = executable != 0;
        s.files[i].fd = -1;
    }
    s.n_out = get_count(&c, STEP_FILES_OUT);
    s.out = own_calloc(s.n_out + 1, sizeof(*s.out));
    for (uint32_t i = 0; i < s.n_out; i++)
        get_text(&c, s.out[i], sizeof(s.out[i]));
    get(&c, &s.limits, sizeof(s.limits));
    get(&c, flags, sizeof(flags));
    s.stream = flags[0] != 0;
    s.tty = flags[4] != 0;
    get(&c, &s.tty_rows, sizeof(s.tty_rows));
    get(&c, &s.tty_columns, sizeof(s.tty_columns));

    uint32_t want = s.n_files + (flags[1] != 0) + (flags[2] != 0) + (flags[3] != 0);
    const bool odd = s.tty && want > s.n_files;
    if (c.bad || c.left || odd || s.n_argv == 0 || f->n_fds != first + want) {
        frame_step_done(&s);
        return -EBADMSG;
    }
    take_fds(f, first, &s, flags);
    *ret_step = s;
    return 0;
}

static void strings_free(char **at, uint32_t n)
{
    for (uint32_t i = 0; at && i < n; i++)
        free(at[i]);
    free(at);
}

void frame_step_done(struct step *step)
{
    strings_free(step->argv, step->n_argv);
    strings_free(step->env, step->n_env);
    for (uint32_t i = 0; i < step->n_files; i++)
        if (step->files[i].fd >= 0)
            (void)close(step->files[i].fd);
    free(step->files);
    free(step->out);
    if (step->stdin_fd >= 0)
        (void)close(step->stdin_fd);
    if (step->stdout_fd > 0)
        (void)close(step->stdout_fd);
    if (step->stderr_fd > 0)
        (void)close(step->stderr_fd);
    *step = (struct step){.stdin_fd = -1};
}

int frame_put_info(struct buf *b, const struct keeper_info *info)
{
    put_text(b, info->level);
    put_text(b, info->lacks);
    return put_end(b);
}

int frame_get_info(struct span body, struct keeper_info *ret_info)
{
    struct cursor c = {body.data, body.len, false};

    get_text(&c, ret_info->level, sizeof(ret_info->level));
    get_text(&c, ret_info->lacks, sizeof(ret_info->lacks));
    return c.bad || c.left ? -EBADMSG : 0;
}

int frame_put_files(struct buf *b, const struct step_outcome *o, uint32_t first, uint32_t n)
{
    put_u32(b, n);
    for (uint32_t i = first; i < first + n; i++) {
        put_text(b, o->files[i].name);
        (void)buf_putc(b, o->files[i].executable);
    }
    return put_end(b);
}

int frame_get_files(struct frame *f, struct step_outcome *o)
{
    struct cursor c = {f->body.data, f->body.len, false};
    uint32_t n = get_count(&c, FRAME_FILES_MAX);

    if (n != f->n_fds || n > STEP_FILES_OUT - o->n_files)
        return -EBADMSG;
    o->files = own_realloc(o->files, (o->n_files + n) * sizeof(*o->files));
    for (uint32_t i = 0; i < n; i++) {
        struct step_file *file = &o->files[o->n_files];
        uint8_t executable;

        get_text(&c, file->name, sizeof(file->name));
        get(&c, &executable, 1);
        if (c.bad)
            return -EBADMSG;
        file->executable = executable != 0;
        file->fd = frame_take(f, i);
        o->n_files++;
    }
    return c.left ? -EBADMSG : 0;
}

/* The numbers of an outcome, in one piece: both ends are one build. */
struct outcome_numbers {
    uint32_t end;
    int32_t exit_code, signal;
    uint32_t out_truncated, err_truncated, pad;
    uint64_t cpu_us, wall_us, memory;
    uint64_t switches_voluntary, switches_forced;
    uint64_t pressure_us, steal_us, overshoot_us, setup_us, cpu_khz;
};

int frame_put_outcome(struct buf *b, const struct step_outcome *o)
{
    struct outcome_numbers n = {.end = o->end,
                                .exit_code = o->exit_code,
                                .signal = o->signal,
                                .out_truncated = o->out_truncated,
                                .err_truncated = o->err_truncated,
                                .cpu_us = o->cpu_us,
                                .wall_us = o->wall_us,
                                .memory = o->memory,
                                .switches_voluntary = o->switches_voluntary,
                                .switches_forced = o->switches_forced,
                                .pressure_us = o->pressure_us,
                                .steal_us = o->steal_us,
                                .overshoot_us = o->overshoot_us,
                                .setup_us = o->setup_us,
                                .cpu_khz = o->cpu_khz};

    (void)buf_put(b, &n, sizeof(n));
    put_span(b, o->out);
    put_span(b, o->err);
    put_text(b, o->refused);
    put_text(b, o->detail);
    put_text(b, o->err_text);
    return put_end(b);
}

static void outcome_set(struct step_outcome *o, const struct outcome_numbers *n)
{
    o->end = (enum step_end)n->end;
    o->exit_code = n->exit_code;
    o->signal = n->signal;
    o->out_truncated = n->out_truncated != 0;
    o->err_truncated = n->err_truncated != 0;
    o->cpu_us = n->cpu_us;
    o->wall_us = n->wall_us;
    o->memory = n->memory;
    o->switches_voluntary = n->switches_voluntary;
    o->switches_forced = n->switches_forced;
    o->pressure_us = n->pressure_us;
    o->steal_us = n->steal_us;
    o->overshoot_us = n->overshoot_us;
    o->setup_us = n->setup_us;
    o->cpu_khz = n->cpu_khz;
}

int frame_get_outcome(struct span body, struct step_outcome *o)
{
    struct cursor c = {body.data, body.len, false};
    struct outcome_numbers n;

    get(&c, &n, sizeof(n));
    struct span out = get_span(&c, STEP_STREAM_MAX);
    struct span err = get_span(&c, STEP_STREAM_MAX);
    get_text(&c, o->refused, sizeof(o->refused));
    get_text(&c, o->detail, sizeof(o->detail));
    get_text(&c, o->err_text, sizeof(o->err_text));
    if (c.bad || c.left || n.end >= STEP_END_N)
        return -EBADMSG;
    outcome_set(o, &n);
    o->out = (struct span){own_memdup(out.data, out.len), out.len};
    o->err = (struct span){own_memdup(err.data, err.len), err.len};
    return 0;
}
