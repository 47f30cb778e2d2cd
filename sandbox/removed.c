/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/removed.h"

#include "base/hash.h"
#include "base/own.h"
#include "sandbox/kin.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILES_MAX = 1 << 20 };

/* What was found; a file is often open more than once. */
struct found {
    int proc;
    const char *folder;
    struct file {
        uint64_t node, bytes;
        bool open;
    } * files;
    size_t n, room;
    bool hidden;
    uint64_t roll; /* a hash of who is there */
    bool missed;   /* somebody was there who could not be read any more */
};

/* One that is too long to be told is no path of the machine's own files. */
static bool is_below(const char *path, const char *folder)
{
    const size_t len = strlen(folder);

    return path[0] == '\0' || (strncmp(path, folder, len) == 0 && path[len] == '/');
}

static void note(struct found *f, uint64_t node, uint64_t bytes, bool open)
{
    if (f->n == FILES_MAX) {
        f->hidden = true;
        return;
    }
    if (f->n == f->room) {
        f->room = f->room ? 2 * f->room : 64;
        f->files = own_realloc(f->files, f->room * sizeof(*f->files));
    }
    f->files[f->n++] = (struct file){node, bytes, open};
}

static void look_at_file(struct found *f, int dir, const char *name, const struct stat *st)
{
    char path[PATH_MAX] = "";

    (void)!readlinkat(dir, name, path, sizeof(path) - 1);
    if (is_below(path, f->folder))
        note(f, st->st_ino, (uint64_t)st->st_blocks * 512, true);
}

static void look_at_socket(struct found *f, const char *task, const char *name)
{
    char path[64], text[1024];

    (void)snprintf(path, sizeof(path), "fdinfo/%.16s", name);
    if (kin_read(f->proc, task, path, text, sizeof(text)) && kin_number(text, "\nscm_fds:") > 0)
        f->hidden = true;
}

/* What one thread has open: it may have a table of its own. */
static void look_at_task(struct found *f, const char *task)
{
    DIR *d = kin_open(f->proc, task, "fd");
    struct stat st;

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) < 0)
            continue;
        if (S_ISREG(st.st_mode) && st.st_nlink == 0)
            look_at_file(f, dirfd(d), e->d_name, &st);
        else if (S_ISSOCK(st.st_mode))
            look_at_socket(f, task, e->d_name);
    }
    (void)closedir(d);
}

static void look_at_tasks(struct found *f, const char *process)
{
    DIR *d = kin_open(f->proc, process, "task");
    char task[KIN_FOLDER];

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        (void)snprintf(task, sizeof(task), "%.16s/task/%.16s", process, e->d_name);
        if (e->d_name[0] != '.')
            look_at_task(f, task);
    }
    (void)closedir(d);
}

/* "7f00-7f01 r--s 0 fe:00 12 /tmp/x (deleted)" */
static void look_at_map(struct found *f, const char *line)
{
    static const char gone[] = " (deleted)\n";
    const size_t len = strlen(line);
    unsigned long long node;
    int path = 0;

    if (len < strlen(gone) || strcmp(line + len - strlen(gone), gone) != 0)
        return;
    if (sscanf(line, "%*s %*s %*s %*s %llu %n", &node, &path) == 1 &&
        is_below(line + path, f->folder))
        note(f, node, 0, false);
}

static void look_at_maps(struct found *f, const char *living)
{
    char path[KIN_FOLDER + 8], *line = NULL;
    size_t size = 0;

    (void)snprintf(path, sizeof(path), "%s/maps", living);
    int fd = openat(f->proc, path, O_RDONLY | O_CLOEXEC);
    FILE *maps = fd < 0 ? NULL : fdopen(fd, "r");
    if (fd >= 0 && !maps)
        (void)close(fd);
    while (maps && getline(&line, &size, maps) > 0)
        look_at_map(f, line);
    free(line);
    if (maps)
        (void)fclose(maps);
}

/* The files of a process whose memory may not be read are root's, and not its user's. Whom we may
 * not look at because of who we are has done nothing. */
static bool has_shut_us_out(int proc, const char *living)
{
    char path[KIN_FOLDER + 8], status[2048];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/fd", living);
    return kin_read(proc, living, "status", status, sizeof(status)) &&
           fstatat(proc, path, &st, 0) == 0 && kin_number(status, "\nUid:") != st.st_uid;
}

static int by_node(const void *a, const void *b)
{
    const struct file *x = a, *y = b;

    if (x->node != y->node)
        return x->node > y->node ? 1 : -1;
    return (int)y->open - (int)x->open;
}

/* Each once, and of those that are also open as open. */
static void add_up(struct found *f, struct removed *ret)
{
    *ret = (struct removed){.hidden = f->hidden};
    if (f->n)
        qsort(f->files, f->n, sizeof(*f->files), by_node);
    for (size_t i = 0; i < f->n; i++) {
        if (i > 0 && f->files[i].node == f->files[i - 1].node)
            continue;
        ret->bytes += f->files[i].bytes;
        ret->mapped += !f->files[i].open;
    }
}

static pid_t parent_of(const struct kin *all, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].pid == pid)
            return all[i].parent;
    return 0;
}

/* A stage and an init are nobody's program. */
static bool is_ours(const struct kin *all, size_t n, const struct kin *k, pid_t keeper)
{
    return k->parent == keeper || parent_of(all, n, k->parent) == keeper;
}

/* A program holds its own file even when it has unmapped it. */
static void look_at_program(struct found *f, const char *living)
{
    char path[KIN_FOLDER + 8];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/exe", living);
    if (fstatat(f->proc, path, &st, 0) == 0 && st.st_nlink == 0)
        look_at_file(f, f->proc, path, &st);
}

static void look_at_process(struct found *f, const char *process)
{
    char living[KIN_FOLDER];

    look_at_tasks(f, process);
    if (!kin_living(f->proc, process, living))
        return;
    look_at_program(f, living);
    look_at_maps(f, living);
    f->hidden = f->hidden || has_shut_us_out(f->proc, living);
}

/* Adds the number of each thread, and its own as it may be dead already. */
static void call_roll(struct found *f, const char *process)
{
    DIR *d = kin_open(f->proc, process, "task");

    f->roll = hash_sip(f->roll, 0, process, strlen(process));
    for (struct dirent *e; d && (e = readdir(d));)
        f->roll = hash_sip(f->roll, 0, e->d_name, strlen(e->d_name));
    if (d)
        (void)closedir(d);
}

static void for_each_process(struct found *f, pid_t keeper,
                             void (*with)(struct found *f, const char *process))
{
    auto_free struct kin *all = own_calloc(KIN_MAX, sizeof(*all));
    bool missed = false;
    size_t n = kin_list(f->proc, keeper, all, &missed);
    char process[16];

    f->missed = f->missed || missed;
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(process, sizeof(process), "%d", (int)all[i].pid);
        if (all[i].below && !is_ours(all, n, &all[i], keeper))
            with(f, process);
    }
}

void removed_measure(int proc, pid_t keeper, const char *folder, struct removed *ret)
{
    struct found f = {.proc = proc, .folder = folder};

    for_each_process(&f, keeper, call_roll);
    const uint64_t before = f.roll;
    for_each_process(&f, keeper, look_at_process);
    add_up(&f, ret);
    free(f.files);
    f.roll = 0;
    for_each_process(&f, keeper, call_roll);
    ret->moved = f.missed || f.roll != before;
}
