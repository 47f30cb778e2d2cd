/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the C programs of the battery share. A program tries something that must not work and
 * prints a line beginning with "held" when it was stopped, "ESCAPED" when it was not; the
 * runner looks for the second word, and looks from outside for what a program cannot know.
 * argv: 1 = a TCP and UDP port on the machine's loopback, 2 = a file with a secret on the
 * machine, 3 = the name of an abstract socket on the machine, 4 = the runner's process.
 */
#ifndef HOSTILE_H
#define HOSTILE_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int escapes;

static void report(int refused, const char *what)
{
    printf("%s: %s: %s\n", refused ? "held" : "ESCAPED", what, refused ? strerror(errno) : "worked");
    fflush(stdout);
    escapes += !refused;
}
/* A call that must fail. */
#define REFUSED(call) (errno = 0, report((long)(call) < 0, #call))
/* Something that must be true. */
#define MUST(cond) (errno = 0, report((cond) ? 1 : 0, #cond))

/* Prints what a file holds; the runner looks for its secret in it. */
static long show(const char *path)
{
    char buf[8192];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    long n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

    for (long i = 0; i < n; i++)
        putchar(buf[i] ? buf[i] : '\n');
    if (fd >= 0)
        close(fd);
    fflush(stdout);
    return n;
}
/* A file of so many bytes that has no name any more, open; or -1. */
static int nameless(long size)
{
    int fd = open("nameless", O_CREAT | O_EXCL | O_RDWR, 0600);

    if (fd >= 0 && unlink("nameless") == 0 && fallocate(fd, 0, 0, size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}
#endif
