/* SPDX-License-Identifier: MPL-2.0 */
#include "node/mailbox.h"

#include "base/own.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>

struct mailbox {
    pthread_mutex_t lock;
    struct letter *first;
    struct letter *last;
    int fd;
};

struct letter *letter_event(enum mesh_event_type type)
{
    struct letter *l = own_calloc(1, sizeof(*l));

    l->event.type = type;
    return l;
}

void letter_attach(struct letter *l, struct span bytes, struct span *ret_span)
{
    free(l->owned);
    l->owned = own_memdup(bytes.data, bytes.len);
    *ret_span = (struct span){l->owned, bytes.len};
}

void letter_free(struct letter *l)
{
    if (!l)
        return;
    free(l->owned);
    free(l);
}

struct mailbox *mailbox_new(void)
{
    struct mailbox *m = own_calloc(1, sizeof(*m));

    if (pthread_mutex_init(&m->lock, NULL) != 0)
        abort();
    m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->fd < 0)
        abort();
    return m;
}

void mailbox_free(struct mailbox *m)
{
    struct letter *next;

    if (!m)
        return;
    for (struct letter *l = m->first; l; l = next) {
        next = l->next;
        letter_free(l);
    }
    (void)close(m->fd);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

int mailbox_fd(const struct mailbox *m)
{
    return m->fd;
}

void mailbox_put(struct mailbox *m, struct letter *l)
{
    const uint64_t one = 1;
    bool was_empty;

    l->next = NULL;
    (void)pthread_mutex_lock(&m->lock);
    was_empty = !m->first;
    if (was_empty)
        m->first = l;
    else
        m->last->next = l;
    m->last = l;
    (void)pthread_mutex_unlock(&m->lock);
    if (was_empty)
        (void)!write(m->fd, &one, sizeof(one));
}

struct letter *mailbox_take(struct mailbox *m)
{
    struct letter *all;
    uint64_t count;

    /* The counter is emptied first: a letter put after this line rings again. */
    (void)!read(m->fd, &count, sizeof(count));
    (void)pthread_mutex_lock(&m->lock);
    all = m->first;
    m->first = NULL;
    m->last = NULL;
    (void)pthread_mutex_unlock(&m->lock);
    return all;
}
