/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A client that trusts nobody: it submits jobs to a mesh whose nodes may be dying, repeats what
 * was not answered with the same key, waits for every job, reads every result again from every
 * peer, and then says what it saw as one line of JSON:
 *
 *   acknowledged   jobs a peer said were safe
 *   finished       of them, those that were seen in a final state
 *   lost           acknowledged, and never final
 *   doubled        one key that got two job ids
 *   changed        a final state or a result that differed from one read before
 *   wrong          not what the program prints
 *
 *   reread         final states that were read again, from one peer or another
 *
 * usage: history --peers LIST [--jobs N] [--threads N] [--language L] [--seconds N] [--pace MS]
 * With 0 jobs it begins new ones until its standard input ends.
 * Exit 0: nothing lost, doubled, changed or wrong.
 */
#include "node/client.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/own.h"
#include "base/rng.h"
#include "node/link.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>

enum {
    HISTORY_PEERS_MAX = 32,
    HISTORY_THREADS_MAX = 64,
    HISTORY_JOBS_MAX = 100000,
    HISTORY_CALL_MS = 3000,
    HISTORY_QUERY_MS = 1000,
    HISTORY_PAUSE_MS = 50,
};

struct entry {
    bool acked;
    struct id jid;
    uint64_t acked_ns;
    bool final;
    uint64_t final_ns;
    enum message_state state;
    uint64_t result_hash;
};

struct history {
    char peers[HISTORY_PEERS_MAX][LIMIT_ENDPOINT + 1];
    uint32_t n_peers;
    uint32_t jobs;
    uint32_t threads;
    uint32_t pace_ms;
    uint64_t until_ns;
    char language[LIMIT_NAME + 1];
    uint64_t run; /* makes the keys of this run its own */
    struct entry *entries;
    _Atomic uint32_t next;
    _Atomic bool enough;
    _Atomic uint32_t doubled, changed, wrong, retried;
    uint32_t reread;
};

struct worker {
    struct history *h;
    pthread_t thread;
    struct rng rng;
    struct client *client;
    uint32_t peer;
    char trouble[ERR_TEXT_MAX]; /* why a submit was last repeated */
};

static void drop(struct worker *w)
{
    client_close(STEAL(w->client));
}

/* Any peer that answers; false when time is up. */
static bool connect_any(struct worker *w)
{
    struct err err = {0};

    while (!w->client && clock_mono_ns() < w->h->until_ns) {
        w->peer = (uint32_t)rng_below(&w->rng, w->h->n_peers);
        w->client = client_open(w->h->peers[w->peer], HISTORY_CALL_MS / 3, &err);
        if (!w->client)
            (void)poll(NULL, 0, HISTORY_PAUSE_MS);
    }
    return w->client != NULL;
}

static void encode_job(const struct history *h, uint32_t n, struct buf *out)
{
    struct spec_file file = {0};
    struct spec spec = {.n_files = 1, .files = &file};
    char code[128];
    uint64_t hash[2];

    if (strcmp(h->language, "python") == 0)
        (void)snprintf(code, sizeof(code), "print('job', %u)\n", n);
    else
        (void)snprintf(code, sizeof(code), "job %u\n", n);
    file.content = span_of(code);
    (void)snprintf(file.name, sizeof(file.name), "main.py");
    (void)snprintf(spec.head.language, sizeof(spec.head.language), "%s", h->language);
    spec.head.priority = 2;
    spec.head.attempts_max = 10;
    spec.head.backoff_ms = 100;
    spec.head.keyed = true;
    hash[0] = hash_sip(h->run, 1, &n, sizeof(n));
    hash[1] = hash_sip(h->run, 2, &n, sizeof(n));
    memcpy(spec.head.key, hash, sizeof(spec.head.key));
    memcpy(spec.head.body_hash, spec.head.key, sizeof(spec.head.key));
    if (spec_encode(&spec, out) != 0)
        abort();
}

/* Until a peer says the job is safe, or time is up. */
static void submit(struct worker *w, uint32_t n)
{
    struct entry *e = &w->h->entries[n];
    auto_buf struct buf spec;

    buf_init(&spec, LIMIT_SPEC);
    encode_job(w->h, n, &spec);
    while (!e->acked && connect_any(w)) {
        struct message m = {.type = MESSAGE_SUBMIT};
        const struct message *answer;
        struct err err = {0};
        int rc;

        m.submit.spec = buf_span(&spec);
        rc = client_call(w->client, &m, HISTORY_CALL_MS, &answer, &err);
        if (rc == 0 && answer->type == MESSAGE_ACCEPTED) {
            e->acked = true;
            e->acked_ns = clock_mono_ns();
            e->jid = answer->accepted.jid;
            return;
        }
        atomic_fetch_add(&w->h->retried, 1);
        memcpy(w->trouble, err.text, sizeof(w->trouble));
        drop(w);
        (void)poll(NULL, 0, HISTORY_PAUSE_MS);
    }
}

/* Is it what the program prints? */
static bool right(uint32_t n, struct span bytes)
{
    struct result r;
    char want[64];
    bool same;

    if (result_decode(bytes, &r, NULL) != 0)
        return false;
    (void)snprintf(want, sizeof(want), "job %u\n", n);
    same = r.verdict == RESULT_ACCEPTED && span_eq(r.run.out, span_of(want));
    result_done(&r);
    return same;
}

static void take_final(struct worker *w, uint32_t n, const struct message_job *job)
{
    struct entry *e = &w->h->entries[n];
    const uint64_t hash = hash64(job->result.data, job->result.len);

    if (e->final) {
        if (e->state != job->state || e->result_hash != hash)
            atomic_fetch_add(&w->h->changed, 1);
        return;
    }
    e->final = true;
    e->final_ns = clock_mono_ns();
    e->state = job->state;
    e->result_hash = hash;
    if (job->state != MESSAGE_STATE_COMPLETED || !right(n, job->result))
        atomic_fetch_add(&w->h->wrong, 1);
}

/* One question about a job. True when it was answered with a final state. */
static bool look(struct worker *w, uint32_t n, uint32_t wait_ms)
{
    struct entry *e = &w->h->entries[n];
    struct message m = {.type = MESSAGE_QUERY};
    const struct message *answer;
    struct err err = {0};
    int rc;

    m.job.jid = e->jid;
    m.job.wait_ms = wait_ms;
    (void)snprintf(m.job.tenant, sizeof(m.job.tenant), "*");
    rc = client_call(w->client, &m, HISTORY_CALL_MS, &answer, &err);
    if (rc == 0 && answer->type == MESSAGE_JOB) {
        if (message_state_final(answer->view.state))
            take_final(w, n, &answer->view);
        return message_state_final(answer->view.state);
    }
    drop(w);
    return false;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct history *h = w->h;
    uint32_t n;

    while (!h->enough && (n = atomic_fetch_add(&h->next, 1)) < h->jobs) {
        struct entry *e = &h->entries[n];

        submit(w, n);
        while (e->acked && !e->final && connect_any(w)) {
            if (!look(w, n, HISTORY_QUERY_MS))
                (void)poll(NULL, 0, HISTORY_PAUSE_MS);
        }
        if (h->pace_ms)
            (void)poll(NULL, 0, (int)h->pace_ms);
    }
    drop(w);
    return NULL;
}

/* The same key again: the same job. And each peer tells the same of it. */
static void read_again(struct history *h)
{
    struct worker w = {.h = h};

    rng_init(&w.rng, 1);
    for (uint32_t p = 0; p < h->n_peers; p++) {
        struct err err = {0};

        w.client = client_open(h->peers[p], HISTORY_CALL_MS, &err);
        for (uint32_t n = 0; n < h->jobs && w.client; n++) {
            if (h->entries[n].final && look(&w, n, 0))
                h->reread++;
            if (!w.client)
                w.client = client_open(h->peers[p], HISTORY_CALL_MS, &err);
        }
        drop(&w);
    }
    for (uint32_t n = 0; n < h->jobs; n += 1 + h->jobs / 50) {
        struct entry *e = &h->entries[n];
        const struct entry before = *e;

        if (!before.acked)
            continue;
        e->acked = false;
        submit(&w, n);
        if (e->acked && !id_eq(&e->jid, &before.jid))
            atomic_fetch_add(&h->doubled, 1);
        *e = before;
    }
    drop(&w);
}

static int report(const struct history *h)
{
    uint32_t acked = 0;
    uint32_t finished = 0;
    uint64_t slowest = 0;

    for (uint32_t n = 0; n < h->jobs; n++) {
        const struct entry *e = &h->entries[n];

        acked += e->acked;
        finished += e->acked && e->final;
        if (e->final && e->final_ns - e->acked_ns > slowest)
            slowest = e->final_ns - e->acked_ns;
    }
    (void)printf("{\"jobs\": %u, \"acknowledged\": %u, \"finished\": %u, \"lost\": %u, "
                 "\"doubled\": %u, \"changed\": %u, \"wrong\": %u, \"reread\": %u, "
                 "\"retried\": %u, \"slowest_s\": %.3f}\n",
                 h->jobs, acked, finished, acked - finished, h->doubled, h->changed, h->wrong,
                 h->reread, h->retried, (double)slowest / 1e9);
    return acked == h->jobs && finished == acked && !h->doubled && !h->changed && !h->wrong ? 0 : 1;
}

static void take_peers(struct history *h, const char *list)
{
    while (*list && h->n_peers < HISTORY_PEERS_MAX) {
        const size_t len = strcspn(list, ",");

        if (len > 0 && len <= LIMIT_ENDPOINT)
            memcpy(h->peers[h->n_peers++], list, len);
        list += len + (list[len] == ',');
    }
}

static int parse(struct history *h, int argc, char **argv)
{
    h->jobs = 1000;
    h->threads = 16;
    h->until_ns = clock_mono_ns() + 300ull * 1000000000u;
    (void)snprintf(h->language, sizeof(h->language), "python");
    for (int i = 1; i + 1 < argc; i += 2) {
        const uint32_t v = (uint32_t)strtoul(argv[i + 1], NULL, 10);

        if (strcmp(argv[i], "--peers") == 0)
            take_peers(h, argv[i + 1]);
        else if (strcmp(argv[i], "--jobs") == 0)
            h->jobs = v;
        else if (strcmp(argv[i], "--threads") == 0)
            h->threads = v;
        else if (strcmp(argv[i], "--pace") == 0)
            h->pace_ms = v;
        else if (strcmp(argv[i], "--seconds") == 0)
            h->until_ns = clock_mono_ns() + v * 1000000000ull;
        else if (strcmp(argv[i], "--language") == 0)
            (void)snprintf(h->language, sizeof(h->language), "%s", argv[i + 1]);
        else
            return -EINVAL;
    }
    return h->n_peers && h->threads && h->threads <= HISTORY_THREADS_MAX &&
                   h->jobs <= HISTORY_JOBS_MAX
               ? 0
               : -EINVAL;
}

/* Whoever started us says when there was enough, by closing it. */
static void read_to_end(int fd)
{
    char some[64];

    while (read(fd, some, sizeof(some)) > 0)
        continue;
}

int main(int argc, char **argv)
{
    static struct history h;
    static struct worker workers[HISTORY_THREADS_MAX];
    struct err err = {0};
    bool endless;
    int status;

    if (parse(&h, argc, argv) != 0 || getrandom(&h.run, sizeof(h.run), 0) < 0 ||
        link_init(getenv("ARENA_KEY_FILE"), &err) != 0) {
        (void)fprintf(stderr, "history: bad arguments %s\n", err.text);
        return 2;
    }
    endless = h.jobs == 0;
    if (endless)
        h.jobs = HISTORY_JOBS_MAX;
    h.entries = own_calloc(h.jobs, sizeof(*h.entries));
    for (uint32_t i = 0; i < h.threads; i++) {
        workers[i].h = &h;
        rng_init(&workers[i].rng, h.run + i);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            abort();
    }
    if (endless)
        read_to_end(STDIN_FILENO);
    h.enough = endless;
    for (uint32_t i = 0; i < h.threads; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        if (workers[i].trouble[0])
            (void)fprintf(stderr, "history: repeated, the last time because: %s\n",
                          workers[i].trouble);
    }
    h.jobs = h.next < h.jobs ? h.next : h.jobs;
    h.until_ns += 60ull * 1000000000u;
    read_again(&h);
    status = report(&h);
    free(h.entries);
    link_done();
    return status;
}
