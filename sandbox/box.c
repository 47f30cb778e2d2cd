/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/box.h"

#include "sandbox/mutant.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { DEPTH_MAX = 8, ENTRIES_MAX = 16384 };

/* The field's worst escapes were links planted in a box: nothing here ever follows one. */
static int open_beneath(int dir, const char *name, uint64_t flags, uint64_t mode)
{
    struct open_how how = {.flags = flags | O_CLOEXEC | O_NOFOLLOW,
                           .mode = mode,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                      RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
    long fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

    return fd < 0 ? -errno : (int)fd;
}

bool box_name_ok(const char *name)
{
    if (!*name || strlen(name) > LIMIT_FILE_NAME)
        return false;
    for (const char *p = name;; p++) {
        size_t n = strcspn(p, "/");

        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

const struct step_file *box_program(const struct step *step)
{
    const size_t len = strlen(STEP_WORK_DIR "/");
    const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

    if (strncmp(step->argv[0], STEP_WORK_DIR "/", len) != 0 || strchr(step->argv[0] + len, '/'))
        return NULL;
    for (uint32_t i = 0; i < step->n_files; i++) {
        const struct step_file *f = &step->files[i];

        if (f->executable && strcmp(f->name, step->argv[0] + len) == 0)
            return (fcntl(f->fd, F_GET_SEALS) & seals) == seals ? f : NULL;
    }
    return NULL;
}

uint64_t box_size(const struct step *step, const struct step_file *program)
{
    uint64_t total = 0;
    struct stat st;

    for (uint32_t i = 0; i < step->n_files; i++)
        if (&step->files[i] != program && fstat(step->files[i].fd, &st) == 0 && st.st_size > 0)
            total += (uint64_t)st.st_size;
    return total;
}

static int own(int fd, const struct ids *ids)
{
    return ids->many && fchown(fd, ids->run, ids->run) < 0 ? -errno : 0;
}

static int make_parents(int dir, const char *name, const struct ids *ids)
{
    char part[LIMIT_FILE_NAME + 1];

    for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(p - name), name);
        if (mkdirat(dir, part, 0755) < 0) {
            if (errno == EEXIST)
                continue;
            return -errno;
        }
        auto_fd int fd = open_beneath(dir, part, O_RDONLY | O_DIRECTORY, 0);
        int r = fd < 0 ? fd : own(fd, ids);
        if (r < 0)
            return r;
    }
    return 0;
}

/* All of `from`, whatever its offset is: the descriptor may be shared with other slots. */
static int copy(int to, int from)
{
    off_t at = 0;
    ssize_t n;

    do
        n = sendfile(to, from, &at, 1 << 30);
    while (n > 0 || (n < 0 && errno == EINTR));
    return n < 0 ? -errno : 0;
}

static int put(int dir, const struct step_file *file, const struct ids *ids)
{
    int r = make_parents(dir, file->name, ids);

    if (r < 0)
        return r;
    auto_fd int fd =
        open_beneath(dir, file->name, O_CREAT | O_EXCL | O_WRONLY, file->executable ? 0755 : 0644);
    if (fd < 0)
        return fd;
    r = copy(fd, file->fd);
    return r < 0 ? r : own(fd, ids);
}

int box_link(int dir, const char *name)
{
    return symlinkat("/proc/self/exe", dir, name) < 0 ? -errno : 0;
}

int box_fill(int dir, const struct step *step, const struct box_how *how, struct err *err)
{
    for (uint32_t i = 0; i < step->n_files; i++) {
        const struct step_file *file = &step->files[i];

        if (file == how->program)
            continue;
        if (!box_name_ok(file->name))
            return err_set(err, EINVAL, "bad file name %.100s", file->name);
        int r = put(dir, file, how->ids);
        if (r < 0)
            return err_set(err, r, "file %.100s: %s", file->name, strerror(-r));
    }
    return 0;
}

struct walk {
    const char *suffix;
    box_found *found;
    void *arg;
    unsigned left; /* entries that may still be looked at */
    unsigned files;
};

/* Where a program may not change modes a linker cannot say that its output is to be executed; the
 * file says it. What comes of it is executed in a sandbox, or not at all. */
static bool is_program(int fd, const struct stat *st)
{
    char magic[4];

    return (st->st_mode & S_IXUSR) || (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
                                       memcmp(magic, "\177ELF", 4) == 0);
}

/* Opens and checks one name. 0 also when it is not to be taken. */
static int take(int dir, const char *name, struct walk *w)
{
    struct stat st;
    int fd = MUTANT(links_followed) ? openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
                                    : open_beneath(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0)
        return 0;
    const bool wanted = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
    if (!wanted || w->files >= STEP_FILES_OUT) {
        (void)close(fd);
        return wanted ? -E2BIG : 0;
    }
    w->files++;
    return w->found(w->arg, name, is_program(fd, &st), fd);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);

    return n > m && strcmp(name + n - m, suffix) == 0;
}

static int walk_dir(int dir, const char *prefix, int depth, struct walk *w);

/* One entry; `path` is from the work directory. */
static int visit(int dir, const char *path, unsigned char type, int depth, struct walk *w)
{
    if (type == DT_DIR && depth < DEPTH_MAX)
        return walk_dir(dir, path, depth + 1, w);
    if (type == DT_REG && ends_with(path, w->suffix))
        return take(dir, path, w);
    return 0;
}

static int walk_dir(int dir, const char *prefix, int depth, struct walk *w)
{
    char path[LIMIT_FILE_NAME + 1];
    int fd = open_beneath(dir, *prefix ? prefix : ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (!d)
        return 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (w->left-- == 0) {
            r = -E2BIG;
            break;
        }
        int n = snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "/" : "", e->d_name);

        if (n < 0 || (size_t)n >= sizeof(path) || !box_name_ok(path))
            continue;
        r = visit(dir, path, e->d_type, depth, w);
    }
    (void)closedir(d);
    return r;
}

int box_collect(int dir, const struct step *step, box_found *found, void *arg)
{
    struct walk w = {.found = found, .arg = arg, .left = ENTRIES_MAX};
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < step->n_out; i++) {
        const char *name = step->out[i];

        w.suffix = name + 1;
        if (name[0] == '*')
            r = walk_dir(dir, "", 0, &w);
        else if (box_name_ok(name))
            r = take(dir, name, &w);
    }
    return r;
}
