/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <wchar.h>

#define MUST(cond) ((cond) ? (void)0 : (perror(#cond), exit(1)))

enum { BIG = 24 << 20 };

static void heap(void)
{
    char *p = malloc(BIG), *q;

    MUST(p && memset(p, 1, BIG));
    MUST((q = realloc(p, BIG + (8 << 20))) && q[BIG - 1] == 1 && (q = realloc(q, 4096)));
    free(q);
    for (int i = 1; i < 2000; i++)
        MUST((p = calloc((size_t)i, 17)) && (free(p), 1));
    MUST(posix_memalign((void **)&p, 1 << 21, 1 << 22) == 0);
    free(p);
    MUST((p = aligned_alloc(4096, 1 << 20)));
    free(p);
    MUST(sbrk(4096) != (void *)-1 && malloc_trim(0) >= 0);
}

static void maps(void)
{
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    char *p;

    MUST(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    MUST((p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) != MAP_FAILED);
    strcpy(p, "written");
    MUST(msync(p, 1 << 20, MS_SYNC) == 0 && madvise(p, 1 << 20, MADV_SEQUENTIAL) == 0);
    MUST(mprotect(p, 4096, PROT_READ) == 0 && munmap(p, 1 << 20) == 0);
    p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
             0);
    MUST(p != MAP_FAILED && (p = mremap(p, 1 << 20, 2 << 20, MREMAP_MAYMOVE)) != MAP_FAILED);
    MUST(madvise(p, 2 << 20, MADV_DONTNEED) == 0 && posix_madvise(p, 4096, 0) == 0);
    close(fd);
}

static void asks(void)
{
    struct utsname name;
    struct sysinfo info;
    struct rlimit limit;
    uint8_t bytes[64];
    char text[64];
    double load[3];
    wchar_t wide[32];

    MUST(uname(&name) == 0 && sysinfo(&info) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
    MUST(setrlimit(RLIMIT_NOFILE, &limit) == 0 && getrandom(bytes, 64, 0) == 64);
    MUST(getentropy(bytes, 64) == 0 && prctl(PR_SET_NAME, "corpus") == 0);
    MUST(prctl(PR_GET_NAME, text) == 0 && gethostname(text, sizeof(text)) == 0);
    MUST(getuid() == geteuid() && getgid() == getegid() && getgroups(0, NULL) >= 0);
    MUST(setlocale(LC_ALL, "C.UTF-8") || setlocale(LC_ALL, "C"));
    MUST(getloadavg(load, 3) >= -1 && mbstowcs(wide, "text", 32) == 4 && sysconf(_SC_PAGESIZE) > 0);
    MUST(sysconf(_SC_PHYS_PAGES) != 0 && getpagesize() > 0 && setenv("X", "1", 1) == 0);
    MUST(iconv_open("UTF-16", "UTF-8") || 1);
    srand((unsigned)getpid());
    MUST(sqrt(rand()) >= 0 && random() >= 0 && getlogin_r(text, sizeof(text)) != -1);
}

int main(void)
{
    heap();
    maps();
    asks();
    puts("ok");
    return 0;
}
