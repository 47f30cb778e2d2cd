/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a keeper's directory is locked as long as the keeper lives, so one that can be
 * locked belongs to nobody. What a program leaves is removed from the top: the folders of a
 * folder are moved up before it goes, so a tree of any depth takes few descriptors and no
 * recursion. No symbolic link is followed.
 */
#include "sandbox/scratch.h"

#include "base/own.h"
#include "sandbox/box.h"
#include "sandbox/removed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define PREFIX "arena-work-"

enum { DEPTH_MAX = 64, RUN_MODE = 0700, KEEPER_MODE = 0711, TRIES = 100 };

/* Looks in a row at which a run hides what it has, and the files whose size nobody tells: honest
 * programs have few of these and none of those for long. */
enum { BLIND_MAX = 20, MAPPED_MAX = 8 };

/* Looks in a row at which all was to be seen, until that is believed: a file may pass from who is
 * yet to be looked at to who was. */
enum { CLEAR_MIN = 5 };

/* Looks in which nobody is sent into a run whose processes come and go: most do not hide anything,
 * and as long as they do so it cannot be known. */
enum { MOVED_REST = 10 };

static DIR *open_dir(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !d)
        (void)close(fd);
    return d;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Lets its owner in, as the program may have shut even him out. It may still be there, and put a
 * link in a folder's place: what is changed is what was opened. */
static void unlock_folder(int at, const char *name)
{
    char path[64];
    auto_fd int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (fd >= 0)
        (void)!chmod(path, RUN_MODE);
}

/* Empties one folder of `top` into it: files go, folders move up under new names. */
static void lift(int top, const char *name, unsigned *serial)
{
    char up[32];

    unlock_folder(top, name);
    DIR *d = open_dir(top, name);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (is_dots(e->d_name) || unlinkat(dirfd(d), e->d_name, 0) == 0)
            continue;
        unlock_folder(dirfd(d), e->d_name);
        (void)snprintf(up, sizeof(up), ".lifted-%u", (*serial)++);
        (void)renameat(dirfd(d), e->d_name, top, up);
    }
    (void)closedir(d);
}

static bool is_folder(int at, const char *name)
{
    struct stat st;

    return fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* One pass over `at`/`name`. Returns how many entries there were. */
static size_t pass(int at, const char *name, unsigned *serial)
{
    DIR *d = open_dir(at, name);
    size_t n = 0;

    if (!d)
        return 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (is_dots(e->d_name))
            continue;
        n++;
        if (!is_folder(dirfd(d), e->d_name)) {
            (void)unlinkat(dirfd(d), e->d_name, 0);
            continue;
        }
        if (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0) {
            lift(dirfd(d), e->d_name, serial);
            (void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
        }
    }
    (void)closedir(d);
    return n;
}

/* Bounded, so that something that will not go cannot hold us. */
static void remove_tree(int at, const char *name)
{
    unsigned serial = 0;

    for (unsigned round = 0; round < 100000 && pass(at, name, &serial) > 0; round++)
        continue;
    (void)unlinkat(at, name, AT_REMOVEDIR);
}

/* Directories of keepers that are dead, of this user. */
static void remove_stale(const char *base)
{
    DIR *d = open_dir(AT_FDCWD, base);
    struct stat st;

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
            continue;
        auto_fd int fd =
            openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
            flock(fd, LOCK_EX | LOCK_NB) < 0)
            continue;
        remove_tree(dirfd(d), e->d_name);
    }
    (void)closedir(d);
}

/* -EAGAIN: another keeper took it for a dead one's before we could lock it. */
static int make_locked(const char *base, char *path, size_t size)
{
    struct stat st;

    if (snprintf(path, size, "%s/" PREFIX "XXXXXX", base) >= (int)size)
        return -ENAMETOOLONG;
    if (!mkdtemp(path))
        return -errno;
    auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    if (fchmod(dir, KEEPER_MODE) < 0 || fstat(dir, &st) < 0)
        return -errno;
    return st.st_nlink == 0 ? -EAGAIN : own_fd_steal(&dir);
}

static int try_base(struct scratch *s, const char *base)
{
    struct statvfs fs;
    char path[SCRATCH_PATH - 8];
    int r = -EAGAIN;

    if (statvfs(base, &fs) < 0)
        return -errno;
    if (fs.f_flag & ST_NOEXEC)
        return -EACCES;
    remove_stale(base);
    for (unsigned i = 0; r == -EAGAIN && i < TRIES; i++)
        r = make_locked(base, path, sizeof(path));
    if (r < 0)
        return r;
    (void)snprintf(s->run, sizeof(s->run), "%s/run", path);
    s->dir = r;
    return 0;
}

int scratch_init(struct scratch *s, struct err *err)
{
    const char *bases[] = {getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
    int first = 0;

    *s = (struct scratch){.dir = -1};
    looker_init(&s->looker);
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        int r = bases[i] && bases[i][0] == '/' ? try_base(s, bases[i]) : -ENOENT;

        if (r == 0)
            return 0;
        first = first && i > 1 ? first : r;
    }
    return err_set(err, first, "no place for work directories, as in /tmp: %s", strerror(-first));
}

void scratch_done(struct scratch *s)
{
    if (s->dir < 0)
        return;
    scratch_forget(s);
    scratch_clear(s->run);
    (void)close(s->dir);
    s->dir = -1;
    *strrchr(s->run, '/') = '\0';
    (void)rmdir(s->run);
}

int scratch_make(const char *run, const struct ids *ids, struct err *err)
{
    scratch_clear(run);
    if (mkdir(run, RUN_MODE) < 0)
        return err_errno(err, "work directory");
    auto_fd int dir = open(run, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, "work directory");
    if (ids->many && fchown(dir, ids->run, ids->run) < 0)
        return err_errno(err, "work directory");
    return own_fd_steal(&dir);
}

void scratch_clear(const char *run)
{
    remove_tree(AT_FDCWD, run);
}

static bool is_over(const struct scratch_use *use, const struct scratch_use *max)
{
    return use->bytes > max->bytes || use->files > max->files;
}

/* The folders being counted, from the top. */
struct trail {
    DIR *at[DEPTH_MAX];
    unsigned depth;
};

/* One entry of the deepest folder. A tree deeper than we look is over, and so is one that we cannot
 * look into: the program may have shut us out. */
static void count(struct trail *t, const char *name, const struct scratch_use *max,
                  struct scratch_use *use)
{
    int at = dirfd(t->at[t->depth - 1]);
    struct stat st;

    if (is_dots(name) || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    use->files++;
    use->bytes += (uint64_t)st.st_blocks * 512;
    if (!S_ISDIR(st.st_mode))
        return;
    if (t->depth == DEPTH_MAX) {
        use->files = max->files + 1;
        return;
    }
    t->at[t->depth] = open_dir(at, name);
    if (t->at[t->depth])
        t->depth++;
    else if (errno == EACCES)
        use->files = max->files + 1;
}

void scratch_measure(const struct scratch *s, const struct scratch_use *max,
                     struct scratch_use *ret)
{
    struct trail t = {.depth = 1};

    *ret = (struct scratch_use){0};
    t.at[0] = s->dir < 0 ? NULL : open_dir(s->dir, "run");
    if (!t.at[0])
        return;
    while (t.depth > 0 && !is_over(ret, max)) {
        struct dirent *e = readdir(t.at[t.depth - 1]);

        if (e)
            count(&t, e->d_name, max, ret);
        else
            (void)closedir(t.at[--t.depth]);
    }
    while (t.depth > 0)
        (void)closedir(t.at[--t.depth]);
}

/* All that a run has on the disk. */
struct holding {
    uint64_t bytes;
    bool hidden; /* not all that there is can be seen */
    bool moved;  /* what was seen may not be all */
};

/* What is removed first: what goes from one to the other meanwhile is missed, and not counted
 * twice. */
static void see(void *arg, void *ret_answer)
{
    const struct scratch *s = arg;
    const struct scratch_use max = {UINT64_MAX, UINT64_MAX};
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct removed removed = {.hidden = true};
    char self[32], folder[PATH_MAX] = "";
    struct scratch_use use;

    (void)snprintf(self, sizeof(self), "self/fd/%d", s->dir);
    if (proc >= 0 && readlinkat(proc, self, folder, sizeof(folder) - 1) > 0)
        removed_measure(proc, getppid(), folder, &removed);
    scratch_measure(s, &max, &use);
    const struct holding all = {use.bytes + removed.bytes,
                                removed.hidden || removed.mapped > MAPPED_MAX, removed.moved};
    memcpy(ret_answer, &all, sizeof(all));
}

/* Takes an answer, and returns whether the run holds more than it may. */
static bool hear(struct scratch *s, uint64_t max)
{
    struct holding all;

    if (!looker_hear(&s->looker, &all, sizeof(all)))
        return false;
    s->blind = all.hidden ? s->blind + 1 : 0;
    s->clear = all.hidden || all.moved ? 0 : s->clear + 1;
    s->rest = all.moved && !all.hidden ? MOVED_REST : 0;
    if (s->clear >= CLEAR_MIN) {
        s->free = s->free_asked + all.bytes;
        s->risen = s->clear = 0;
        s->alarm = false;
    }
    return all.bytes > max;
}

/* How much the run may hold that nobody has seen. What others give back could hide as much. */
static uint64_t unseen(struct scratch *s, uint64_t left, uint64_t visible)
{
    if (left + visible > s->free) {
        s->risen += left + visible - s->free;
        s->free = left + visible;
    }
    return s->free - left + s->risen;
}

static uint64_t free_space(const struct scratch *s)
{
    struct statvfs fs;

    return fstatvfs(s->dir, &fs) < 0 ? 0 : (uint64_t)fs.f_bfree * fs.f_frsize;
}

/* `visible`: what the run's directory holds. Others use the disk too, so that no run is over
 * because of what the disk has lost: it is only looked at more closely. What others give back later
 * says as little. */
static bool holds_removed(struct scratch *s, uint64_t visible, uint64_t max)
{
    const struct looker_task task = {s->dir, see, s, sizeof(struct holding)};
    const uint64_t left = free_space(s);

    if (hear(s, max))
        return true;
    if (unseen(s, left, visible) > max)
        s->alarm = true;
    if (!s->alarm)
        return false;
    if (s->looker.pid) {
        auto_fd int ours = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        s->blind += looker_waits(&s->looker, ours);
    } else if (s->rest && s->free_asked <= left + max) {
        s->rest--;
    } else {
        s->free_asked = left;
        looker_send(&s->looker, &task);
    }
    return s->blind >= BLIND_MAX;
}

void scratch_begin(struct scratch *s)
{
    s->free = s->dir < 0 ? 0 : free_space(s);
}

bool scratch_is_full(struct scratch *s, const struct step *step)
{
    struct scratch_use max, use;

    if (s->dir < 0)
        return false;
    max = (struct scratch_use){step->limits.file_size + box_size(step, NULL),
                               step->limits.files + step->n_files};
    scratch_measure(s, &max, &use);
    return is_over(&use, &max) || holds_removed(s, use.bytes, max.bytes);
}

void scratch_forget(struct scratch *s)
{
    if (s->dir < 0)
        return;
    looker_done(&s->looker);
    s->free = s->risen = 0;
    s->alarm = false;
    s->blind = s->clear = s->rest = 0;
}

/* The work directory and what is in it, also behind "NAME=". */
static void rename_one(char **word, const char *run, bool is_variable)
{
    const size_t len = strlen(STEP_WORK_DIR);
    const char *equals = is_variable ? strchr(*word, '=') : NULL;
    const char *at = equals ? equals + 1 : *word;
    char *made = NULL;

    if (strncmp(at, STEP_WORK_DIR, len) != 0 || (at[len] != '\0' && at[len] != '/'))
        return;
    if (asprintf(&made, "%.*s%s%s", (int)(at - *word), *word, run, at + len) < 0)
        abort();
    free(*word);
    *word = made;
}

void scratch_rename(struct step *step, const char *run)
{
    for (uint32_t i = 0; i < step->n_argv; i++)
        rename_one(&step->argv[i], run, false);
    for (uint32_t i = 0; i < step->n_env; i++)
        rename_one(&step->env[i], run, true);
}
