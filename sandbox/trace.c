/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/trace.h"

#include "base/own.h"
#include "sandbox/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>

static int trace_fd(void)
{
    static int fd = -1;
    const char *dir = getenv("SANDBOX_TRACE");
    char path[4096];

    if (fd < 0 && dir) {
        (void)snprintf(path, sizeof(path), "%s/%d", dir, (int)getpid());
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    return fd;
}

static void answer(struct seccomp_notif_resp *a, const char *name)
{
    const struct call_group *g = call_group_of(name);

    if (!g)
        a->error = -ENOSYS;
    else if (g->kind == CALLS_BASE || g->kind == CALLS_ASKED)
        a->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else if (g->kind != CALLS_IDLE)
        a->error = -EPERM;
}

void trace_call(int listener, const struct seccomp_notif *ask, const char *name)
{
    const __u64 *a = ask->data.args;
    union {
        struct seccomp_notif_resp is;
        uint8_t room[512];
    } reply;

    (void)dprintf(trace_fd(), "%s %llx %llx %llx %llx %llx %llx\n", name, a[0], a[1], a[2], a[3],
                  a[4], a[5]);
    memset(&reply, 0, sizeof(reply));
    reply.is.id = ask->id;
    answer(&reply.is, name);
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}
