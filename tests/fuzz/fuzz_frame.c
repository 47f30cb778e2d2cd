/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Any bytes as what a keeper, or a stage that a hostile program has taken over, could send. The
 * first byte picks the reader: each frame's body alone, or the channel that cuts bytes into frames.
 */
#include "base/own.h"
#include "sandbox/frame.h"

#include <fcntl.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void body_as_step(struct frame *f)
{
    struct step step;

    if (frame_get_step(f, 0, &step) == 0)
        frame_step_done(&step);
}

static void body_as_outcome(struct frame *f, bool files)
{
    struct step_outcome o = {0};

    (void)(files ? frame_get_files(f, &o) : frame_get_outcome(f->body, &o));
    step_outcome_done(&o);
}

static void stream(struct span bytes)
{
    struct channel c;
    struct frame f;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        abort();
    if (write(fds[1], bytes.data, bytes.len) < 0 && bytes.len)
        abort();
    (void)close(fds[1]);
    channel_init(&c, &fds[0]);
    while (channel_get(&c, &f) > 0)
        frame_done(&f);
    channel_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame f = {0};
    struct keeper_info info;

    if (size == 0 || size > 65536)
        return 0;
    f.body = (struct span){data + 1, size - 1};
    switch (data[0] % 5) {
    case 0:
        body_as_step(&f);
        break;
    case 1:
        body_as_outcome(&f, false);
        break;
    case 2:
        body_as_outcome(&f, true);
        break;
    case 3:
        (void)frame_get_info(f.body, &info);
        break;
    default:
        stream(f.body);
    }
    return 0;
}
