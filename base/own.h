/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_OWN_H
#define BASE_OWN_H
/*
 * Ownership in the declaration: a variable marked `auto_fd` or `auto_free` gives its
 * resource back when it goes out of scope, on every path; `STEAL(p)` hands it on. There
 * is no goto in this project because of these five lines.
 *
 * Small allocations never fail: the x*() functions abort when memory is out. Sizes that
 * come from outside are checked against base/limits.h before they get here.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void own_free(void *slot)
{
    void *p;

    memcpy(&p, slot, sizeof(p));
    free(p);
}

static inline void own_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

#define auto_free __attribute__((cleanup(own_free)))
#define auto_fd __attribute__((cleanup(own_close)))

/* Yields the pointer and leaves NULL behind: the one who calls owns it now. */
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) stolen_ = (p);                                                               \
        (p) = NULL;                                                                                \
        stolen_;                                                                                   \
    })

/* The same for a descriptor; -1 stays behind. */
static inline int own_fd_steal(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/* From here on this process may have as many descriptors as its hard limit allows. */
void own_fd_room(void);

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Zeroed memory for `n` objects of `size` bytes. Aborts when there is none. */
void *own_calloc(size_t n, size_t size);
/* Resizes; aborts when there is no memory. `size` 0 is 1. */
void *own_realloc(void *p, size_t size);
/* A copy of `len` bytes, with a NUL behind them that does not count. */
void *own_memdup(const void *src, size_t len);
/* A copy of a string. */
char *own_strdup(const char *s);

#include "base/banned.h"
#endif
