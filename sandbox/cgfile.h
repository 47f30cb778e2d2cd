/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CGFILE_H
#define SANDBOX_CGFILE_H
/* The files of a cgroup: numbers and words in and out. Used by cgroup*.c only. */
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the group of this process is, for a v1 controller or (with "") for v2, as a directory
 * that can be opened. 0 or -ENOENT. */
int cgfile_own(const char *controller, char *ret, size_t size);
/* mkdir under `parent` and open. Returns the descriptor or a negative errno. */
int cgfile_make(int parent, const char *name);
int cgfile_open(int dir, const char *file, int flags);
/* 0 or a negative errno. */
int cgfile_write(int dir, const char *file, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int cgfile_write_u64(int dir, const char *file, uint64_t v);
/* The first number in a file that is kept open; false when there is none. */
bool cgfile_u64(int fd, uint64_t *ret);
/* The number behind `key` in a file of "key value" lines; 0 when it is not there. */
uint64_t cgfile_key(int fd, const char *key);
/* Bytes of files that were read again after they were dropped, of a memory.stat. */
uint64_t cgfile_refaulted(int fd);
/* Removes groups under `parent` whose keeper (in their name) no longer lives. Those of another pid
 * namespace are left alone: who lives there cannot be seen from here. */
void cgfile_sweep(int parent);
/* The name for this process's groups: arena-keeper.PIDSPACE.PID.START. */
void cgfile_name(char *ret, size_t size);
/* Microseconds of "some" pressure in all, of a file of that kind; 0 = not known. */
uint64_t cgfile_pressure(int fd);
#endif
