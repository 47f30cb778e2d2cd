/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

static int visited;

static int visit(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)path, (void)st, (void)kind, (void)where;
    visited++;
    return 0;
}

static void streams(void)
{
    char line[64], *text = NULL;
    size_t n = 0;
    FILE *f = fopen("one.txt", "w+");

    MUST(f && fprintf(f, "%s %d\n", "line", 1) > 0 && fputs("line 2\n", f) >= 0);
    MUST(fseek(f, 0, SEEK_SET) == 0 && fgets(line, sizeof(line), f) && ftell(f) == 7);
    MUST(fflush(f) == 0 && setvbuf(f, NULL, _IONBF, 0) == 0 && getline(&text, &n, f) > 0);
    free(text);
    MUST(fclose(f) == 0);
    f = fopen("one.txt", "a");
    MUST(f && fputc('x', f) == 'x' && fclose(f) == 0);
    f = freopen("one.txt", "r", stdin);
    MUST(f && fgetc(f) == 'l');
    f = tmpfile();
    MUST(f && fwrite(line, 1, 7, f) == 7 && fclose(f) == 0);
    f = open_memstream(&text, &n);
    MUST(f && fputs("memory", f) >= 0 && fclose(f) == 0 && n == 6);
    free(text);
}

static void descriptors(void)
{
    char name[] = "tmpXXXXXX", buf[64];
    struct iovec v[] = {{buf, 8}, {buf + 8, 8}};
    int fd = mkstemp(name), other;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 4};

    memset(buf, 'a', sizeof(buf));
    MUST(fd >= 0 && write(fd, buf, 64) == 64 && lseek(fd, 0, SEEK_SET) == 0);
    MUST(read(fd, buf, 8) == 8 && pread(fd, buf, 8, 4) == 8 && pwrite(fd, buf, 8, 4) == 8);
    MUST(writev(fd, v, 2) == 16 && readv(fd, v, 2) == 16);
    MUST(pwritev(fd, v, 2, 0) == 16 && preadv(fd, v, 2, 0) == 16);
    MUST(ftruncate(fd, 32) == 0 && posix_fallocate(fd, 0, 8192) == 0 && fsync(fd) == 0);
    MUST(fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
    MUST(fcntl(fd, F_SETLK, &lock) == 0 && flock(fd, LOCK_EX) == 0 && lockf(fd, F_ULOCK, 0) == 0);
    MUST((other = dup(fd)) >= 0 && dup2(other, 20) == 20 && dup3(other, 21, O_CLOEXEC) == 21);
    MUST(fcntl(fd, F_DUPFD, 30) == 30 && fcntl(fd, F_DUPFD_CLOEXEC, 40) == 40);
    MUST(fcntl(fd, F_GETFL) >= 0 && fcntl(fd, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_GETFD) == 0);
    MUST(fchmod(fd, 0600) == 0 && futimens(fd, NULL) == 0 && close(fd) == 0);
    MUST(truncate(name, 16) == 0 && remove(name) == 0 && !isatty(1) && umask(022) >= 0);
    MUST((fd = creat("made", 0644)) >= 0 && close(fd) == 0);
}

static void trees(void)
{
    struct dirent **list;
    struct statvfs fs;
    struct stat st;
    char path[4096];
    glob_t g;
    int dir;

    MUST(mkdir("d", 0755) == 0 && mkdir("d/e", 0700) == 0 && rename("one.txt", "d/two") == 0);
    MUST(link("d/two", "d/three") == 0 && symlink("two", "d/four") == 0);
    MUST(readlink("d/four", path, sizeof(path)) == 3 && realpath("d/four", path));
    MUST(stat("d/four", &st) == 0 && lstat("d/four", &st) == 0 && S_ISLNK(st.st_mode));
    MUST(chmod("d/two", 0640) == 0 && access("d/two", R_OK) == 0);
    MUST(faccessat(AT_FDCWD, "d/two", R_OK, AT_EACCESS) == 0 && statvfs(".", &fs) == 0);
    MUST((dir = open("d", O_RDONLY | O_DIRECTORY)) >= 0 && fstat(dir, &st) == 0);
    MUST(mkdirat(dir, "f", 0755) == 0 && unlinkat(dir, "f", AT_REMOVEDIR) == 0);
    MUST(renameat(dir, "three", dir, "five") == 0 && linkat(dir, "two", dir, "six", 0) == 0);
    MUST(symlinkat("x", dir, "seven") == 0 && readlinkat(dir, "seven", path, sizeof(path)) == 1);
    MUST(fstatat(dir, "six", &st, 0) == 0 && fchmodat(dir, "six", 0600, 0) == 0);
    MUST(utimensat(dir, "six", NULL, 0) == 0 && utime("d/six", NULL) == 0);
    MUST(utimes("d/six", NULL) == 0 && close(dir) == 0);
    MUST(scandir("d", &list, NULL, alphasort) == 8);
    for (int i = 0; i < 8; i++)
        free(list[i]);
    free(list);
    MUST(glob("d/*", 0, NULL, &g) == 0 && g.gl_pathc == 6);
    globfree(&g);
    MUST(nftw("d", visit, 8, FTW_PHYS) == 0 && visited == 7);
    MUST(getcwd(path, sizeof(path)) && chdir("d") == 0 && chdir("..") == 0);
    MUST(unlink("d/four") == 0 && rmdir("d/e") == 0 && pathconf(".", _PC_NAME_MAX) > 0);
    MUST(statx(AT_FDCWD, "d", 0, STATX_BASIC_STATS, &(struct statx){0}) == 0);
    sync();
}

int main(void)
{
    streams();
    descriptors();
    trees();
    puts("ok");
    return 0;
}
