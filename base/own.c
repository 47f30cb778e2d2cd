/* SPDX-License-Identifier: MPL-2.0 */
#include "base/own.h"

#include <sys/resource.h>

static void *own_or_abort(void *p)
{
    if (!p)
        abort();
    return p;
}

void *own_calloc(size_t n, size_t size)
{
    return own_or_abort(calloc(n ? n : 1, size ? size : 1));
}

void *own_realloc(void *p, size_t size)
{
    return own_or_abort(realloc(p, size ? size : 1));
}

void *own_memdup(const void *src, size_t len)
{
    char *copy = own_or_abort(malloc(len + 1));

    if (len)
        memcpy(copy, src, len);
    copy[len] = '\0';
    return copy;
}

char *own_strdup(const char *s)
{
    return own_memdup(s, strlen(s));
}

void own_fd_room(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) < 0)
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
}
