/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a tmpfs is mounted over /tmp and becomes the root (pivot_root, or where that is
 * refused, by moving it over the root), the machine's root is under /.old meanwhile. Everything
 * wanted is opened below /.old with RESOLVE_IN_ROOT, so that absolute symbolic links mean what they
 * mean outside, cloned as a detached mount, made read-only while nobody sees it, and attached. Then
 * /.old goes, and the root turns read-only. Mounts made in a user namespace above the run's own are
 * locked there.
 */
#include "sandbox/mount.h"

#include "base/own.h"
#include "sandbox/mutant.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define BASE "/tmp" /* any directory that is always there */

enum { RO = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };

static int open_in(int root, const char *path, uint64_t flags)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
    long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

    return fd < 0 ? -errno : (int)fd;
}

/* Makes the directories above `path` in the new root. 1 = some parent is a bind already, so the
 * path is there or cannot be; 0; or a negative errno. */
static int make_parents(const char *path, struct err *err)
{
    char part[PATH_MAX];
    struct stat root, st;

    if (stat("/", &root) < 0)
        return err_errno(err, "stat");
    for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return err_errno(err, "mkdir %s", part);
        if (lstat(part, &st) < 0)
            return err_errno(err, "lstat %s", part);
        if (st.st_dev != root.st_dev || !S_ISDIR(st.st_mode))
            return 1;
    }
    return 0;
}

/* A place to mount on, of the same kind as what will be mounted. 1 = already taken. */
static int make_target(const char *path, bool directory, struct err *err)
{
    int r = make_parents(path, err);

    if (r != 0)
        return r;
    if (directory) {
        if (mkdir(path, 0755) < 0)
            return errno == EEXIST ? 0 : err_errno(err, "mkdir %s", path);
        return 0;
    }
    auto_fd int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno == EEXIST ? 1 : err_errno(err, "create %s", path);
    return 0;
}

/* Shows `source` (below `from`) at `target`, with mount attributes `attr`. */
static int bind_one(int from, const char *source, const char *target, uint64_t attr,
                    struct err *err)
{
    struct mount_attr set = {.attr_set = MUTANT(writable_root) ? 0 : attr};
    struct stat st;
    auto_fd int at = open_in(from, source, O_PATH);

    if (at < 0)
        return err_set(err, at, "%s: %s", source, strerror(-at));
    if (fstat(at, &st) < 0)
        return err_errno(err, "%s", source);
    int r = make_target(target, S_ISDIR(st.st_mode), err);
    if (r != 0)
        return r < 0 ? r : 0;
    auto_fd int tree =
        open_tree(at, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return err_errno(err, "open_tree %s", source);
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)) < 0)
        return err_errno(err, "mount_setattr %s", source);
    if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return err_errno(err, "move_mount %s", target);
    return 0;
}

static int by_length(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    size_t m = strlen(*x), n = strlen(*y);

    return (m > n) - (m < n);
}

/* Short paths first: a directory before what is in it. */
static int bind_list(int old, struct profile_list list, struct err *err)
{
    auto_free const char **sorted = own_calloc(list.n + 1, sizeof(*sorted));
    int r = 0;

    for (uint32_t i = 0; i < list.n; i++)
        sorted[i] = list.at[i];
    qsort(sorted, list.n, sizeof(*sorted), by_length);
    for (uint32_t i = 0; r == 0 && i < list.n; i++)
        r = bind_one(old, sorted[i], sorted[i], RO, err);
    return r;
}

static bool is_ours(const char *name)
{
    static const char *const ours[] = {".", "..", "dev", "proc", "sys", "work", "tmp", ".old"};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return false;
}

/* One entry of an image's top: links are copied, the rest is bound. */
static int bind_entry(int dir, const char *name, struct err *err)
{
    char target[NAME_MAX + 2], link[PATH_MAX];

    (void)snprintf(target, sizeof(target), "/%s", name);
    ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);
    if (n < 0)
        return bind_one(dir, name, target, RO, err);
    link[n] = '\0';
    return symlink(link, target) < 0 && errno != EEXIST ? err_errno(err, "symlink %s", target) : 0;
}

static int bind_image(int old, const char *path, struct err *err)
{
    int fd = open_in(old, path, O_RDONLY | O_DIRECTORY);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (!d)
        return err_set(err, fd < 0 ? fd : EIO, "root %s cannot be opened", path);
    for (struct dirent *e; r == 0 && (e = readdir(d));)
        if (!is_ours(e->d_name))
            r = bind_entry(fd, e->d_name, err);
    (void)closedir(d);
    return r;
}

static int write_file(const char *path, const char *text, struct err *err)
{
    auto_fd int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

    if (fd < 0)
        return errno == EEXIST || errno == EROFS ? 0 : err_errno(err, "%s", path);
    return write(fd, text, strlen(text)) < 0 ? err_errno(err, "%s", path) : 0;
}

/* The links and small files that programs expect of any root. */
static int make_skeleton(struct err *err)
{
    static const char *const links[][2] = {
        {"usr/bin", "/bin"},
        {"usr/lib", "/lib"},
        {"usr/lib64", "/lib64"},
        {"/proc/self/fd", "/dev/fd"},
        {"/proc/self/fd/0", "/dev/stdin"},
        {"/proc/self/fd/1", "/dev/stdout"},
        {"/proc/self/fd/2", "/dev/stderr"},
        {STEP_WORK_DIR, "/dev/shm"},
        {STEP_WORK_DIR, "/tmp"},
    };
    static const char *const dirs[] = {"/etc", "/usr", STEP_WORK_DIR, "/proc"};

    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        if (mkdir(dirs[i], 0755) < 0 && errno != EEXIST)
            return err_errno(err, "mkdir %s", dirs[i]);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
            return err_errno(err, "symlink %s", links[i][1]);
    int r = write_file("/etc/passwd",
                       "root:x:0:0:root:/:/bin/false\n"
                       "runner:x:1000:1000:runner:" STEP_WORK_DIR ":/bin/false\n",
                       err);
    if (r == 0)
        r = write_file("/etc/group", "root:x:0:\nrunner:x:1000:\n", err);
    return r < 0 ? r : write_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\n", err);
}

static int make_devices(int old, struct err *err)
{
    static const char *const names[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                        "/dev/urandom"};

    if (mkdir("/dev", 0755) < 0)
        return err_errno(err, "mkdir /dev");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int r = bind_one(old, names[i], names[i], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);

        if (r < 0)
            return r;
    }
    return 0;
}

/* pivot_root() is refused by some runtimes' filters, and where the root is the initial ramfs. The
 * old root then stays below the new one, out of reach of who has no CAP_SYS_CHROOT. */
static int move_over(struct err *err)
{
    if (mount("/", BASE "/.old", NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_errno(err, "binding the old root");
    if (chdir(BASE) < 0 || mount(BASE, "/", NULL, MS_MOVE, NULL) < 0)
        return err_errno(err, "moving the root");
    if (chroot(".") < 0)
        return err_errno(err, "chroot");
    return chdir("/") < 0 ? err_errno(err, "chdir") : 0;
}

/* The new root, empty, with the machine's under /.old. */
static int enter(struct err *err)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return err_errno(err, "making mounts private");
    if (mount("root", BASE, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m,nr_inodes=4096") < 0)
        return err_errno(err, "mount tmpfs");
    if (mkdir(BASE "/.old", 0755) < 0)
        return err_errno(err, "mkdir .old");
    if (syscall(SYS_pivot_root, BASE, BASE "/.old") < 0)
        return move_over(err);
    return chdir("/") < 0 ? err_errno(err, "chdir") : 0;
}

static int leave(struct err *err)
{
    struct mount_attr ro = {.attr_set = MUTANT(writable_root) ? 0 : RO};

    if (umount2("/.old", MNT_DETACH) < 0)
        return err_errno(err, "unmounting the old root");
    if (rmdir("/.old") < 0)
        return err_errno(err, "rmdir .old");
    if (mount_setattr(AT_FDCWD, "/", 0, &ro, sizeof(ro)) < 0)
        return err_errno(err, "read-only root");
    return 0;
}

int mount_root(const struct root_spec *spec, struct err *err)
{
    int r = enter(err);

    if (r < 0)
        return r;
    auto_fd int old = open("/.old", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old < 0)
        return err_errno(err, "/.old");
    r = make_devices(old, err);
    if (r == 0 && spec->dir)
        r = bind_image(old, spec->dir, err);
    if (r == 0)
        r = make_skeleton(err);
    if (r == 0)
        r = bind_list(old, spec->binds, err);
    if (r < 0)
        return r;
    /* The stage's own /proc: a user namespace may mount a new one only where one is in full
     * view, and the stage writes the maps of its runs through it. */
    if (spec->proc && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return err_errno(err, "mount proc");
    return leave(err);
}

/* Only what belongs to processes, and of those only the program's own: nothing to mask. */
int mount_proc(struct err *err)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
    const char *options = MUTANT(whole_proc) ? NULL : "hidepid=invisible,subset=pid";

    if (mount("proc", "/proc", "proc", flags, options) == 0)
        return 0;
    return err_errno(err, "mount proc");
}

#define WORK_FLAGS (MUTANT(devices_in_work) ? 0UL : MS_NOSUID | MS_NODEV)

int mount_work(const struct ids *ids, uint64_t size, uint64_t files, struct err *err)
{
    char options[160];

    (void)snprintf(options, sizeof(options),
                   "mode=0755,uid=%u,gid=%u,size=%" PRIu64 ",nr_inodes=%" PRIu64, ids->run,
                   ids->run, size, files);
    if (mount("work", STEP_WORK_DIR, "tmpfs", WORK_FLAGS, options) < 0)
        return err_errno(err, "mount " STEP_WORK_DIR);
    return 0;
}

int mount_work_resize(uint64_t size, uint64_t files, struct err *err)
{
    char options[96];

    (void)snprintf(options, sizeof(options), "size=%" PRIu64 ",nr_inodes=%" PRIu64, size, files);
    if (mount(NULL, STEP_WORK_DIR, NULL, MS_REMOUNT | WORK_FLAGS, options) < 0)
        return err_errno(err, "size of " STEP_WORK_DIR);
    return 0;
}

int mount_work_done(struct err *err)
{
    return umount2(STEP_WORK_DIR, UMOUNT_NOFOLLOW) < 0 ? err_errno(err, "umount " STEP_WORK_DIR)
                                                       : 0;
}
