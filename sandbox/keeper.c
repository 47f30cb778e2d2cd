/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/keeper.h"

#include "sandbox/channel.h"
#include "sandbox/frame.h"
#include "sandbox/near.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

enum { KEEPER_SEND_MS = 5000 };

struct keeper {
    struct channel link;
    bool running;
    int near;                    /* the CPU that it is held to, or NEAR_NOWHERE */
    bool ended;                  /* `outcome` is whole, and the next news */
    struct step_outcome outcome; /* being put together: its files come first */
    struct frame frame;          /* of the piece that is lent */
};

int keeper_pair(int ret_fds[2], struct err *err)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_errno(err, "keeper socket");
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        (void)err_errno(err, "keeper socket");
        (void)close(fds[0]);
        (void)close(fds[1]);
        return err ? -err->code : -EIO;
    }
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

struct keeper *keeper_new(int *fd)
{
    struct keeper *k = own_calloc(1, sizeof(*k));

    channel_init(&k->link, fd);
    k->outcome.exit_code = -1;
    k->near = NEAR_NOWHERE;
    return k;
}

void keeper_place(struct keeper *k, pid_t pid, bool near)
{
    struct near_home home;

    if (near && near_hold()) {
        k->near = near_bring(pid, k->near);
        return;
    }
    near_let_go();
    if (k->near != NEAR_NOWHERE) {
        near_init(&home);
        k->near = near_return(&home, pid);
    }
}

void keeper_let_go(void)
{
    near_let_go();
}

void keeper_free(struct keeper *k)
{
    if (!k)
        return;
    near_let_go();
    step_outcome_done(&k->outcome);
    channel_done(&k->link);
    free(k);
}

int keeper_fd(const struct keeper *k)
{
    return k->link.fd;
}

/* A step is small, since files travel as descriptors, and the keeper reads when it is idle: the
 * rest of a long one is waited for here. */
static int drain(struct keeper *k, struct err *err)
{
    while (channel_waits(&k->link)) {
        struct pollfd p = {.fd = k->link.fd, .events = POLLOUT};

        if (poll(&p, 1, KEEPER_SEND_MS) == 0)
            return err_set(err, EPIPE, "the keeper does not read");
        if (channel_flush(&k->link) < 0)
            return err_set(err, EPIPE, "the keeper is gone");
    }
    return 0;
}

static int send_step(struct keeper *k, const struct step *step, struct err *err)
{
    auto_buf struct buf b;
    int fds[CHANNEL_FDS];

    buf_init(&b, CHANNEL_BODY);
    if (k->running)
        return err_set(err, EBUSY, "a step is running");
    if (frame_put_step(&b, step) < 0)
        return err_set(err, E2BIG, "the step is over its limits");
    uint32_t n = frame_step_fds(step, fds);
    int r = channel_put(&k->link, FRAME_STEP, buf_span(&b), fds, n);
    if (r < 0)
        return err_set(err, r, "the keeper takes no step");
    k->running = true;
    return drain(k, err);
}

int keeper_send(struct keeper *k, const struct step *step, struct err *err)
{
    int r = send_step(k, step, err);

    if (r < 0)
        near_let_go();
    return r;
}

int keeper_kill(struct keeper *k)
{
    return channel_put(&k->link, FRAME_KILL, (struct span){NULL, 0}, NULL, 0);
}

int keeper_signal(struct keeper *k, int signal)
{
    const uint8_t number = (uint8_t)signal;

    return channel_put(&k->link, FRAME_SIGNAL, (struct span){&number, 1}, NULL, 0);
}

static void hand_over(struct keeper *k, struct keeper_news *news)
{
    news->what = KEEPER_OUTCOME;
    news->outcome = k->outcome;
    k->outcome = (struct step_outcome){.exit_code = -1};
    k->running = k->ended = false;
}

/* What one frame means. 1 = news, 0 = part of some, negative = nonsense. */
static int take(struct keeper *k, struct frame *f, struct keeper_news *news)
{
    switch (f->type) {
    case FRAME_READY:
        news->what = KEEPER_READY;
        return frame_get_info(f->body, &news->info) < 0 ? -EBADMSG : 1;
    case FRAME_STARTED:
        news->what = KEEPER_STARTED;
        news->terminal = f->n_fds > 0 ? frame_take(f, 0) : -1;
        return 1;
    case FRAME_PIECE:
        if (f->body.len < 1)
            return -EBADMSG;
        news->what = KEEPER_PIECE;
        news->stream = f->body.data[0];
        news->piece = (struct span){f->body.data + 1, f->body.len - 1};
        return 1;
    case FRAME_FILES:
        return frame_get_files(f, &k->outcome);
    case FRAME_ENDED:
        news->what = KEEPER_STARTED;
        k->ended = k->running && frame_get_outcome(f->body, &k->outcome) == 0;
        return k->ended ? 1 : -EBADMSG;
    case FRAME_OUTCOME:
        if (!k->running || frame_get_outcome(f->body, &k->outcome) < 0)
            return -EBADMSG;
        hand_over(k, news);
        return 1;
    default:
        return -EBADMSG;
    }
}

/* Is it news of a run that is over? Its caller is held as it was: whatever waits for it comes
 * first, and most likely the next run. */
static bool is_end(const struct frame *f)
{
    return f->type == FRAME_FILES || f->type == FRAME_ENDED || f->type == FRAME_OUTCOME;
}

int keeper_read(struct keeper *k, struct keeper_news *ret_news, struct err *err)
{
    *ret_news = (struct keeper_news){.what = KEEPER_NOTHING, .terminal = -1};
    if (k->ended) {
        hand_over(k, ret_news);
        return 0;
    }
    for (;;) {
        int r = channel_get(&k->link, &k->frame);

        if (r == 0)
            return 0;
        if (r < 0 || !is_end(&k->frame) || near_is_long())
            near_let_go();
        if (r == -EPIPE)
            return err_set(err, EPIPE, "the keeper has closed");
        if (r > 0) {
            r = take(k, &k->frame, ret_news);
            frame_done(&k->frame);
        }
        if (r < 0)
            return err_set(err, EBADMSG, "the keeper sends nonsense");
        if (r > 0)
            return 0;
    }
}
