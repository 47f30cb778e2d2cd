/* SPDX-License-Identifier: MPL-2.0 */
#include "node/program.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int program_memfd(const char *name, struct span bytes)
{
    auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t at = 0;

    if (fd < 0)
        return -errno;
    while (at < bytes.len) {
        ssize_t n = write(fd, bytes.data + at, bytes.len - at);

        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0)
        return -errno;
    return own_fd_steal(&fd);
}

int program_init(struct program *p, const struct profile *profile, const struct spec_file *files,
                 uint32_t n, struct err *err)
{
    *p = (struct program){.profile = profile};
    p->files = own_calloc(n, sizeof(*p->files));
    p->names = own_calloc(n, sizeof(*p->names));
    for (uint32_t i = 0; i < n; i++) {
        const char *name = files[i].name[0] ? files[i].name : profile_source_name(profile);
        const int fd = program_memfd(name, files[i].content);

        if (fd < 0) {
            program_done(p);
            return err_set(err, fd, "memfd for %s", name);
        }
        p->files[i].fd = fd;
        p->n_files = i + 1;
        (void)snprintf(p->files[i].name, sizeof(p->files[i].name), "%s", name);
        (void)snprintf(p->names[i], sizeof(p->names[i]), "%s", name);
    }
    p->n_names = n;
    p->state = profile_compiles(profile) ? PROGRAM_SOURCE : PROGRAM_READY;
    return 0;
}

static void program_files_done(struct program *p)
{
    for (uint32_t i = 0; i < p->n_files; i++)
        own_close(&p->files[i].fd);
    free(STEAL(p->files));
    p->n_files = 0;
}

void program_done(struct program *p)
{
    program_files_done(p);
    free(STEAL(p->names));
}

static uint64_t first_of(uint64_t a, uint64_t b)
{
    return a ? a : b;
}

static uint64_t least_of(uint64_t a, uint64_t ceiling)
{
    return ceiling && a > ceiling ? ceiling : a;
}

/* The bridge refuses what is over a ceiling; a peer with other profiles may still send it. */
static struct step_limits program_limits(const struct program *p, const struct program_ask *ask)
{
    const struct step_limits *most = profile_ceilings(p->profile, ask->phase);
    const struct spec_limits *s = ask->limits;
    struct step_limits l = {0};

    if (strcmp(ask->phase, "compile") == 0) {
        l.cpu_ms = first_of(s->compile_ms, ask->policy->compile_ms);
        l.memory = s->compile_memory;
    } else {
        l.cpu_ms = first_of(s->cpu_ms, ask->policy->cpu_ms);
        l.wall_ms = s->wall_ms;
        l.memory = first_of(s->memory, ask->policy->memory);
        l.output = first_of(s->output, ask->policy->output);
        l.processes = s->processes;
        l.stack = s->stack;
        l.file_size = s->file_size;
    }
    if (!most)
        return l;
    l.cpu_ms = least_of(l.cpu_ms, most->cpu_ms);
    l.wall_ms = least_of(l.wall_ms, most->wall_ms);
    l.memory = least_of(l.memory, most->memory);
    l.output = least_of(l.output, most->output);
    l.processes = least_of(l.processes, most->processes);
    l.stack = least_of(l.stack, most->stack);
    l.file_size = least_of(l.file_size, most->file_size);
    return l;
}

static void program_step_files(const struct program *p, const struct program_ask *ask,
                               struct step *step)
{
    step->n_files = p->n_files + ask->n_more;
    step->files = own_calloc(step->n_files, sizeof(*step->files));
    if (p->n_files)
        memcpy(step->files, p->files, p->n_files * sizeof(*step->files));
    if (ask->n_more)
        memcpy(step->files + p->n_files, ask->more, ask->n_more * sizeof(*step->files));
    step->stdin_fd = ask->stdin_fd;
    step->stream = ask->stream;
}

int program_step(const struct program *p, const struct program_ask *ask, struct step *ret_step,
                 struct err *err)
{
    const struct step_limits limits = program_limits(p, ask);
    const char *names[LIMIT_FILES];
    const struct profile_ask what = {
        .sources = names,
        .n_sources = p->n_names,
        .args = ask->args,
        .n_args = ask->n_args,
        .limits = &limits,
    };
    int rc;

    for (uint32_t i = 0; i < p->n_names; i++)
        names[i] = p->names[i];
    rc = profile_step(p->profile, ask->phase, &what, ret_step, err);
    if (rc == 0)
        program_step_files(p, ask, ret_step);
    return rc;
}

void program_step_done(struct step *step)
{
    free(STEAL(step->files));
    step->n_files = 0;
    profile_step_done(step);
}

static bool program_has(const struct program *p, const char *name)
{
    for (uint32_t i = 0; i < p->n_files; i++) {
        if (strcmp(p->files[i].name, name) == 0)
            return true;
    }
    return false;
}

void program_compiled(struct program *p, struct step_outcome *o)
{
    auto_free struct step_file *before = STEAL(p->files);
    const uint32_t n = p->n_files;

    p->files = own_realloc(STEAL(o->files), (o->n_files + n) * sizeof(*p->files));
    p->n_files = o->n_files;
    o->n_files = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || profile_is_source(p->profile, before[i].name) ||
            program_has(p, before[i].name))
            own_close(&before[i].fd);
        else
            p->files[p->n_files++] = before[i];
    }
    p->state = PROGRAM_READY;
}
