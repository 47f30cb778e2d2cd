/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/cgfile.h"

#include "base/own.h"
#include "sandbox/kin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>

#define CGFILE_PREFIX "arena-keeper."

static void close_file(FILE **f)
{
    if (*f)
        (void)fclose(*f);
}

/* Is `word` one of the comma separated words of `list`? */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ",\n");

        if (n == len && memcmp(p, word, n) == 0)
            return true;
        p += n;
        p += *p != '\0';
    }
    return false;
}

/* The path of our group in the hierarchy of `controller` ("" = v2): "ID:LIST:PATH" lines. */
static int own_path(const char *controller, char *ret, size_t size)
{
    __attribute__((cleanup(close_file))) FILE *f = fopen("/proc/self/cgroup", "re");
    char line[PATH_MAX + 256];

    while (f && fgets(line, sizeof(line), f)) {
        char *list = strchr(line, ':');
        char *path = list ? strchr(list + 1, ':') : NULL;

        if (!path)
            continue;
        *path++ = '\0';
        list++;
        path[strcspn(path, "\n")] = '\0';
        bool hit = *controller ? has_word(list, controller) : *list == '\0';
        if (hit && strlen(path) < size) {
            memcpy(ret, path, strlen(path) + 1);
            return 0;
        }
    }
    return -ENOENT;
}

/* Reads one line of mountinfo: is it the hierarchy we look for? */
static bool is_mount(char *line, const char *controller, char **ret_root, char **ret_point)
{
    char *save = NULL;
    char *word[5];
    char *tail = strstr(line, " - ");

    if (!tail)
        return false;
    *tail = '\0';
    tail += 3;
    tail[strcspn(tail, "\n")] = '\0';
    for (unsigned i = 0; i < ARRAY_LEN(word); i++) {
        word[i] = strtok_r(i ? NULL : line, " ", &save);
        if (!word[i])
            return false;
    }
    *ret_root = word[3];
    *ret_point = word[4];
    char *type = strtok_r(tail, " ", &save);
    char *source = strtok_r(NULL, " ", &save);
    char *options = strtok_r(NULL, " ", &save);
    if (!type || !source || !options)
        return false;
    if (!*controller)
        return strcmp(type, "cgroup2") == 0;
    return strcmp(type, "cgroup") == 0 && has_word(options, controller);
}

int cgfile_own(const char *controller, char *ret, size_t size)
{
    __attribute__((cleanup(close_file))) FILE *f = fopen("/proc/self/mountinfo", "re");
    char line[2 * PATH_MAX];
    char path[PATH_MAX];
    char *root, *point;

    if (own_path(controller, path, sizeof(path)) < 0)
        return -ENOENT;
    while (f && fgets(line, sizeof(line), f)) {
        if (!is_mount(line, controller, &root, &point))
            continue;
        size_t skip = strcmp(root, "/") == 0 ? 0 : strlen(root);
        const char *rest = strncmp(path, root, skip) == 0 ? path + skip : "";
        if ((size_t)snprintf(ret, size, "%s%s", point, rest) >= size)
            return -ENOENT;
        return access(ret, F_OK) == 0 ? 0 : -ENOENT;
    }
    return -ENOENT;
}

int cgfile_make(int parent, const char *name)
{
    if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int cgfile_open(int dir, const char *file, int flags)
{
    int fd = openat(dir, file, flags | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fd;
}

int cgfile_write(int dir, const char *file, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len < 0 || (size_t)len >= sizeof(text))
        return -EINVAL;
    auto_fd int fd = cgfile_open(dir, file, O_WRONLY);
    if (fd < 0)
        return fd;
    return write(fd, text, (size_t)len) == len ? 0 : -errno;
}

int cgfile_write_u64(int dir, const char *file, uint64_t v)
{
    return cgfile_write(dir, file, "%" PRIu64, v);
}

bool cgfile_u64(int fd, uint64_t *ret)
{
    char text[32];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    if (text[0] < '0' || text[0] > '9')
        return false;
    *ret = strtoull(text, NULL, 10);
    return true;
}

uint64_t cgfile_key(int fd, const char *key)
{
    char text[4096];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    size_t len = strlen(key);

    if (n <= 0)
        return 0;
    text[n] = '\0';
    for (char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
        if (strncmp(p, key, len) == 0 && (p[len] == ' ' || p[len] == '='))
            return strtoull(p + len + 1, NULL, 10);
    return 0;
}

uint64_t cgfile_refaulted(int fd)
{
    return cgfile_key(fd, "workingset_refault_file") * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=123" */
uint64_t cgfile_pressure(int fd)
{
    char text[256];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);

    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *total = strstr(text, "total=");
    return total ? strtoull(total + strlen("total="), NULL, 10) : 0;
}

/* When a process was started; 0 = there is none. */
static unsigned long long start_time(pid_t pid)
{
    auto_fd int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct kin k;

    return proc >= 0 && kin_look(proc, pid, &k) ? k.born : 0;
}

/* Which pid namespace our numbers are of. */
static unsigned long long pid_space(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) < 0 ? 0 : (unsigned long long)st.st_ino;
}

void cgfile_name(char *ret, size_t size)
{
    (void)snprintf(ret, size, CGFILE_PREFIX "%llu.%d.%llu", pid_space(), (int)getpid(),
                   start_time(getpid()));
}

/* Groups go from the leaves up; one that still has processes is left for the next time. */
static void remove_tree(int parent, const char *name, int depth)
{
    int fd = cgfile_open(parent, name, O_RDONLY | O_DIRECTORY);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d)
        return;
    (void)cgfile_write(fd, "cgroup.kill", "1");
    for (struct dirent *e; depth < 4 && (e = readdir(d));)
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            remove_tree(fd, e->d_name, depth + 1);
    (void)closedir(d);
    (void)unlinkat(parent, name, AT_REMOVEDIR);
}

void cgfile_sweep(int parent)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const unsigned long long ours = pid_space();

    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        unsigned long long space, start;
        int pid;

        if (e->d_type != DT_DIR ||
            sscanf(e->d_name, CGFILE_PREFIX "%llu.%d.%llu", &space, &pid, &start) != 3)
            continue;
        if (space == ours && start_time(pid) != start)
            remove_tree(fd, e->d_name, 0);
    }
    (void)closedir(d);
}
