/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

struct client {
    struct keeper *keeper;
    pid_t pid;
};

static void become_keeper(const char *path, char *const *env, int fd) __attribute__((noreturn));
static void become_keeper(const char *path, char *const *env, int fd)
{
    char *argv[] = {(char *)(uintptr_t)path, (char *)(uintptr_t) "serve", NULL};

    if (fd == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(fd, 3) < 0)
        _exit(126);
    (void)execve(path, argv, env ? env : environ);
    _exit(126);
}

struct keeper *client_keeper(const struct client *c)
{
    return c->keeper;
}

int client_wait(struct client *c, struct keeper_news *news, struct err *err)
{
    int r;

    while ((r = keeper_read(c->keeper, news, err)) == 0 && news->what == KEEPER_NOTHING) {
        struct pollfd p = {.fd = keeper_fd(c->keeper), .events = POLLIN};

        (void)poll(&p, 1, -1);
    }
    return r;
}

struct client *client_start(const char *path, char *const *env, struct keeper_info *ret_info,
                            struct err *err)
{
    struct keeper_news news;
    int fds[2];

    if (keeper_pair(fds, err) < 0)
        return NULL;
    keeper_let_go();
    pid_t pid = fork();
    if (pid == 0)
        become_keeper(path, env, fds[1]);
    (void)close(fds[1]);
    if (pid < 0) {
        (void)err_errno(err, "fork");
        (void)close(fds[0]);
        return NULL;
    }
    struct client *c = own_calloc(1, sizeof(*c));
    c->pid = pid;
    c->keeper = keeper_new(&fds[0]);
    if (client_wait(c, &news, err) < 0 || news.what != KEEPER_READY) {
        (void)err_wrap(err, "the keeper did not get ready");
        client_free(c);
        return NULL;
    }
    if (ret_info)
        *ret_info = news.info;
    return c;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    keeper_free(c->keeper);
    while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    free(c);
}

int client_run(struct client *c, const struct step *step, struct step_outcome *ret, struct err *err)
{
    struct keeper_news news;

    /* It is all that this client does just now. */
    keeper_place(c->keeper, c->pid, true);
    int r = keeper_send(c->keeper, step, err);
    while (r == 0) {
        r = client_wait(c, &news, err);
        if (r == 0 && news.what == KEEPER_OUTCOME) {
            *ret = news.outcome;
            keeper_let_go();
            return 0;
        }
    }
    return r;
}

static int seal(int *fd, struct err *err)
{
    if (fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return err_errno(err, "memfd");
    return own_fd_steal(fd);
}

int client_memfd(struct span bytes, struct err *err)
{
    auto_fd int fd = memfd_create("bytes", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_errno(err, "memfd");
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = write(fd, bytes.data + at, bytes.len - at);

        if (n < 0 && errno != EINTR)
            return err_errno(err, "memfd");
        at += n > 0 ? (size_t)n : 0;
    }
    return seal(&fd, err);
}

int client_slurp(int fd, size_t max, struct err *err)
{
    auto_buf struct buf b;
    ssize_t n;

    buf_init(&b, max);
    do {
        uint8_t *at = buf_reserve(&b, 65536 < max - b.len ? 65536 : max - b.len);

        n = max == b.len ? 0 : read(fd, at, 65536 < max - b.len ? 65536 : max - b.len);
        b.len += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0)
        return err_errno(err, "reading");
    return client_memfd(buf_span(&b), err);
}
