/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *   actor --writer_write, writer_read--> queue --thread--> store --SYNCED, READ, DISK--> mailbox
 *
 * The queue is a list of requests. The thread takes what is there (to a cap), applies all of
 * it in one transaction, commits, and only then answers: one flush serves whatever queued
 * while the flush before it ran. After a commit of many it rests as long as that took: those it
 * answered are back in the queue by then, and share the next flush with those who came meanwhile.
 * A read is answered out of the same transaction, so it sees every batch before it, and after the
 * commit, so that nobody is ever told of something that a power cut could take back.
 */
#include "node/writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"

#include <pthread.h>
#include <time.h>

enum {
    WRITER_OPS_MAX = 1024, /* of one commit */
    WRITER_BYTES_MAX = 4 * LIMIT_MIB,
    WRITER_NEARLY_PERCENT = 80,
    WRITER_FULL_PERCENT = 95,
    WRITER_LEFT_NEARLY = 256 * LIMIT_MIB, /* of the file system */
    WRITER_LEFT_FULL = 64 * LIMIT_MIB,
    WRITER_MEASURE_NS = 500000000,
    WRITER_MANY = 32, /* operations, sixteen submits: they came from more clients than one */
    WRITER_REST_NS_MAX = 1500000, /* while a commit takes longer, enough of them queue */
};

struct writer_request {
    struct writer_request *next;
    bool is_read;
    uint64_t number; /* batch or read */
    uint32_t n;
    size_t bytes;
    struct mesh_op *ops; /* point into `data`; of a read, ops[0].key */
    uint8_t *data;
    struct letter *answer;
};

struct writer {
    struct disk *disk;
    struct mailbox *answers;
    pthread_t thread;
    enum mesh_disk state;
    uint64_t measured_ns;
    bool many;            /* in the last commit, and nothing was left for the next */
    uint64_t took_ns;     /* the last one that wrote */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t filled;
    struct writer_request *first;
    struct writer_request *last;
    bool stop;
    struct writer_stats stats;
};

static void writer_request_free(struct writer_request *r)
{
    letter_free(r->answer);
    free(r->ops);
    free(r->data);
    free(r);
}

/* The file system counts too: a commit it has no room for would end the process. */
static enum mesh_disk writer_disk_state(const struct disk *disk, uint64_t used)
{
    const uint64_t max = disk_max(disk);
    const uint64_t left = disk_left(disk);

    if (used >= max / 100 * WRITER_FULL_PERCENT || left < WRITER_LEFT_FULL)
        return MESH_DISK_FULL;
    return used >= max / 100 * WRITER_NEARLY_PERCENT || left < WRITER_LEFT_NEARLY
               ? MESH_DISK_NEARLY_FULL
               : MESH_DISK_OK;
}

/* At most twice a second, because it walks the free list. */
static void writer_measure(struct writer *w)
{
    const uint64_t now = clock_mono_ns();
    const uint64_t max = disk_max(w->disk);
    struct letter *l;
    uint64_t used;
    enum mesh_disk state;

    if (w->measured_ns && now - w->measured_ns < WRITER_MEASURE_NS)
        return;
    w->measured_ns = now;
    disk_begin(w->disk, false);
    used = disk_used(w->disk);
    disk_commit(w->disk);
    (void)pthread_mutex_lock(&w->lock);
    w->stats.used = used;
    (void)pthread_mutex_unlock(&w->lock);
    state = writer_disk_state(w->disk, used);
    if (state != w->state && state != MESH_DISK_OK)
        log_write(LOG_WARN, "the store is filling up",
                  LOG_FIELDS(LOG_INT("used", used), LOG_INT("max", max)));
    w->state = state;
    l = letter_event(MESH_EV_DISK);
    l->event.disk.state = state;
    l->event.disk.used = used;
    l->event.disk.max = max;
    mailbox_put(w->answers, l);
}

static void writer_answer_read(struct writer *w, struct writer_request *r)
{
    auto_buf struct buf value;
    struct letter *l = letter_event(MESH_EV_READ);

    buf_init(&value, LIMIT_FRAME_BULK);
    l->event.read.read = r->number;
    l->event.read.status = disk_get(w->disk, r->ops, &value);
    if (l->event.read.status == 0)
        letter_attach(l, buf_span(&value), &l->event.read.value);
    r->answer = l;
}

static void writer_apply(struct writer *w, struct writer_request *all)
{
    for (struct writer_request *r = all; r; r = r->next) {
        if (r->is_read) {
            writer_answer_read(w, r);
            continue;
        }
        for (uint32_t i = 0; i < r->n; i++)
            disk_apply(w->disk, &r->ops[i]);
    }
}

static void writer_commit(struct writer *w, struct writer_request *all, bool writes)
{
    const uint64_t start = clock_mono_ns();
    uint64_t took;

    disk_begin(w->disk, writes);
    writer_apply(w, all);
    disk_commit(w->disk);
    if (!writes)
        return;
    w->took_ns = took = clock_mono_ns() - start;
    (void)pthread_mutex_lock(&w->lock);
    w->stats.commits++;
    w->stats.commit_ns += took;
    if (took > w->stats.commit_ns_max)
        w->stats.commit_ns_max = took;
    (void)pthread_mutex_unlock(&w->lock);
}

static void writer_answer(struct writer *w, struct writer_request *all)
{
    struct writer_request *next;
    uint64_t synced = 0;

    for (struct writer_request *r = all; r; r = r->next)
        synced = r->is_read ? synced : r->number;
    if (synced) {
        struct letter *l = letter_event(MESH_EV_SYNCED);

        l->event.synced.batch = synced;
        mailbox_put(w->answers, l);
    }
    for (struct writer_request *r = all; r; r = next) {
        next = r->next;
        if (r->answer)
            mailbox_put(w->answers, STEAL(r->answer));
        writer_request_free(r);
    }
}

/* Cuts what one commit may hold from the head of the queue. NULL: the end was asked for. */
static struct writer_request *writer_next(struct writer *w, bool *ret_writes)
{
    struct writer_request *all;
    struct writer_request *tail = NULL;
    size_t bytes = 0;
    uint32_t ops = 0;

    *ret_writes = false;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stop)
        (void)pthread_cond_wait(&w->filled, &w->lock);
    all = w->first;
    for (struct writer_request *r = all; r; r = r->next) {
        if (tail && (ops + r->n > WRITER_OPS_MAX || bytes + r->bytes > WRITER_BYTES_MAX))
            break;
        *ret_writes |= !r->is_read;
        w->stats.batches += !r->is_read;
        w->stats.reads += r->is_read;
        ops += r->n;
        bytes += r->bytes;
        tail = r;
    }
    if (tail) {
        w->first = tail->next;
        tail->next = NULL;
    }
    w->many = ops >= WRITER_MANY && !w->first;
    if (!w->first)
        w->last = NULL;
    (void)pthread_mutex_unlock(&w->lock);
    return all;
}

/* On a disk a commit costs the processor as much as five submits, however few are in it. One that
 * holds few is followed by the next at once: nobody waits for clients that are not there. */
static void writer_rest(const struct writer *w)
{
    if (w->many && w->took_ns < WRITER_REST_NS_MAX)
        (void)nanosleep(&(struct timespec){.tv_nsec = (long)w->took_ns}, NULL);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct writer_request *all;
    bool writes;

    writer_measure(w);
    while ((all = writer_next(w, &writes))) {
        writer_commit(w, all, writes);
        writer_answer(w, all);
        writer_measure(w);
        if (writes)
            writer_rest(w);
    }
    return NULL;
}

struct writer *writer_new(struct disk *disk, struct mailbox *answers)
{
    struct writer *w = own_calloc(1, sizeof(*w));

    w->disk = disk;
    w->answers = answers;
    if (pthread_mutex_init(&w->lock, NULL) != 0 || pthread_cond_init(&w->filled, NULL) != 0 ||
        pthread_create(&w->thread, NULL, writer_main, w) != 0)
        abort();
    return w;
}

static void writer_queue(struct writer *w, struct writer_request *r)
{
    (void)pthread_mutex_lock(&w->lock);
    if (w->last)
        w->last->next = r;
    else
        w->first = r;
    w->last = r;
    (void)pthread_cond_signal(&w->filled);
    (void)pthread_mutex_unlock(&w->lock);
}

void writer_write(struct writer *w, uint64_t batch, const struct mesh_op *ops, uint32_t n)
{
    struct writer_request *r = own_calloc(1, sizeof(*r));
    uint8_t *at;

    for (uint32_t i = 0; i < n; i++)
        r->bytes += ops[i].del ? 0 : ops[i].value.len;
    r->number = batch;
    r->n = n;
    r->ops = own_memdup(ops, n * sizeof(*ops));
    r->data = at = own_realloc(NULL, r->bytes + 1);
    for (uint32_t i = 0; i < n; i++) {
        if (ops[i].del || !ops[i].value.len)
            continue;
        memcpy(at, ops[i].value.data, ops[i].value.len);
        r->ops[i].value.data = at;
        at += ops[i].value.len;
    }
    writer_queue(w, r);
}

void writer_read(struct writer *w, uint64_t read, const uint8_t *key, uint8_t klen)
{
    struct writer_request *r = own_calloc(1, sizeof(*r));

    r->is_read = true;
    r->number = read;
    r->n = 1;
    r->ops = own_calloc(1, sizeof(*r->ops));
    r->ops[0].klen = klen;
    memcpy(r->ops[0].key, key, klen);
    writer_queue(w, r);
}

void writer_stats_get(struct writer *w, struct writer_stats *ret_stats)
{
    (void)pthread_mutex_lock(&w->lock);
    *ret_stats = w->stats;
    ret_stats->max = disk_max(w->disk);
    w->stats.commit_ns_max = 0;
    (void)pthread_mutex_unlock(&w->lock);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->stop = true;
    (void)pthread_cond_signal(&w->filled);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->filled);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}
