/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/mesh/hamlet.h"

#include "base/map.h"

#include <assert.h>

enum { MS = 1000000, QUEUE_MAX = 200000, STORE_MAX = 100000, OPS_MAX = 200000 };

enum what { FRAME, SYNC, EXEC_END, EXEC_START, LINK, READ };

struct due {
    uint64_t at;
    uint64_t tie;
    enum what what;
    int from, to;
    uint64_t life; /* of `to` (and of `from` for a frame) */
    uint64_t number;
    enum mesh_lane lane;
    uint8_t *bytes; /* owned */
    size_t len;
};

struct pair {
    uint8_t key[LIMIT_KEY], klen;
    uint8_t *value;
    size_t len;
    uint64_t batch; /* 0: durable */
    bool del;
};

struct parked {
    struct mesh_effect e;
    uint8_t *bytes;
};

struct node {
    struct mesh *m;
    struct id nid;
    uint64_t boot, life, synced;
    bool up, drained, gave_up;
    const char *language;
    uint64_t snapshot_boot; /* 0: none, and none that it was put back to */
    size_t snapshot_pairs;
    struct pair *pairs; /* a log of operations */
    size_t n_pairs;
    struct parked *parked;
    size_t n_parked;
    int links[4096]; /* by number: the node it leads to, +1 */
};

struct hamlet {
    int n;
    uint32_t expected;
    struct node nodes[HAMLET_MAX];
    uint64_t now, tie, token;
    struct due *queue;
    size_t n_queue;
    uint64_t run_ms;
    enum mesh_outcome outcome;
    uint32_t started, killed;
    struct hamlet_answer answers[HAMLET_ANSWERS];
    uint32_t n_answers;
};

static void endpoint(int node, char out[LIMIT_ENDPOINT + 1])
{
    (void)snprintf(out, LIMIT_ENDPOINT + 1, "tcp://n%d:7946", node);
}

static struct mesh_now now(const struct hamlet *h)
{
    return (struct mesh_now){h->now, (int64_t)(h->now / MS) + 1700000000000};
}

static void put(struct hamlet *h, struct due d)
{
    assert(h->n_queue < QUEUE_MAX);
    d.tie = h->tie++;
    h->queue[h->n_queue++] = d;
}

static void step(struct hamlet *h, int node, struct mesh_event *e);

static struct due due_in(const struct hamlet *h, uint64_t ms, enum what what, int node)
{
    return (struct due){
        .at = h->now + ms * MS, .what = what, .to = node, .life = h->nodes[node].life};
}

static void persist(struct hamlet *h, int node, const struct mesh_effect *e)
{
    struct node *n = &h->nodes[node];

    for (uint32_t i = 0; i < e->persist.n; i++) {
        const struct mesh_op *op = &e->persist.ops[i];
        struct pair p = {.klen = op->klen, .batch = e->persist.batch, .del = op->del};

        assert(n->n_pairs < OPS_MAX);
        memcpy(p.key, op->key, op->klen);
        p.value = own_memdup(op->value.data, op->value.len);
        p.len = op->value.len;
        n->pairs[n->n_pairs++] = p;
    }
    struct due d = due_in(h, HAMLET_SYNC_MS, SYNC, node);
    d.number = e->persist.batch;
    put(h, d);
}

static const struct pair *stored(const struct node *n, const uint8_t *key, size_t klen)
{
    for (size_t i = n->n_pairs; i > 0; i--) {
        const struct pair *p = &n->pairs[i - 1];

        if (p->klen == klen && memcmp(p->key, key, klen) == 0)
            return p->del ? NULL : p;
    }
    return NULL;
}

static void connect_to(struct hamlet *h, int node, const struct mesh_effect *e)
{
    struct due d = due_in(h, 1, LINK, node);
    char at[LIMIT_ENDPOINT + 1];

    assert(e->connect.link < 4096);
    h->nodes[node].links[e->connect.link] = 0;
    for (int i = 0; i < h->n; i++) {
        endpoint(i, at);
        if (strcmp(at, e->connect.endpoint) == 0)
            h->nodes[node].links[e->connect.link] = i + 1;
    }
    d.number = e->connect.link;
    put(h, d);
}

static void send_frame(struct hamlet *h, int node, const struct mesh_effect *e)
{
    int to = h->nodes[node].links[e->send.link] - 1;
    struct due d;

    if (to < 0 || !h->nodes[to].up)
        return;
    d = due_in(h, HAMLET_LINK_MS, FRAME, to);
    d.from = node;
    d.lane = e->send.lane;
    d.bytes = own_memdup(e->send.frame.data, e->send.frame.len);
    d.len = e->send.frame.len;
    put(h, d);
}

static void answer(struct hamlet *h, int node, struct span frame)
{
    struct hamlet_answer *a = &h->answers[h->n_answers];
    struct err err;

    assert(h->n_answers < HAMLET_ANSWERS);
    a->node = node;
    a->bytes = own_memdup(frame.data, frame.len);
    int bad = message_decode((struct span){a->bytes, frame.len}, &a->msg, &err);
    assert(bad == 0);
    h->n_answers++;
}

static void apply(struct hamlet *h, int node, const struct mesh_effect *e)
{
    struct due d;

    switch (e->type) {
    case MESH_FX_PERSIST:
        persist(h, node, e);
        break;
    case MESH_FX_CONNECT:
        connect_to(h, node, e);
        break;
    case MESH_FX_DISCONNECT:
        h->nodes[node].links[e->connect.link] = 0;
        break;
    case MESH_FX_SEND:
        send_frame(h, node, e);
        break;
    case MESH_FX_CLIENT:
        answer(h, node, e->client.frame);
        break;
    case MESH_FX_READ:
        d = due_in(h, 1, READ, node);
        d.number = e->read.read;
        d.bytes = own_memdup(e->read.key, e->read.klen);
        d.len = e->read.klen;
        put(h, d);
        break;
    case MESH_FX_EXEC:
        h->started++;
        d = due_in(h, 1, EXEC_START, node);
        d.number = e->exec.exec;
        put(h, d);
        d = due_in(h, h->run_ms, EXEC_END, node);
        d.number = e->exec.exec;
        put(h, d);
        break;
    case MESH_FX_KILL:
        h->killed++;
        d = due_in(h, 1, EXEC_END, node);
        d.number = e->exec.exec;
        d.from = 1;
        put(h, d);
        break;
    case MESH_FX_DRAINED:
        h->nodes[node].drained = true;
        break;
    case MESH_FX_FATAL:
        (void)fprintf(stderr, "n%d FATAL %s\n", node, e->log.text);
        assert(h->nodes[node].snapshot_boot > 0);
        h->nodes[node].gave_up = true;
        break;
    case MESH_FX_LOG:
    case MESH_FX_N:
        break;
    }
}

/* Keeps an effect, with what it points to, until its batch is synced. */
static void park(struct node *n, const struct mesh_effect *e)
{
    struct parked p = {*e, NULL};

    n->parked = own_realloc(n->parked, (n->n_parked + 1) * sizeof(*n->parked));
    if (e->type == MESH_FX_SEND) {
        p.bytes = own_memdup(e->send.frame.data, e->send.frame.len);
        p.e.send.frame.data = p.bytes;
    } else if (e->type == MESH_FX_CLIENT) {
        p.bytes = own_memdup(e->client.frame.data, e->client.frame.len);
        p.e.client.frame.data = p.bytes;
    }
    n->parked[n->n_parked++] = p;
}

static void unpark(struct hamlet *h, int node)
{
    struct node *n = &h->nodes[node];
    size_t kept = 0;

    for (size_t i = 0; i < n->n_parked; i++) {
        struct parked p = n->parked[i];

        if (p.e.after_batch > n->synced) {
            n->parked[kept++] = p;
            continue;
        }
        apply(h, node, &p.e);
        free(p.bytes);
    }
    n->n_parked = kept;
}

static void step(struct hamlet *h, int node, struct mesh_event *e)
{
    struct node *n = &h->nodes[node];
    const struct mesh_effect *fx;
    uint32_t count;

    e->now = now(h);
    mesh_step(n->m, e, 1, &fx, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (fx[i].after_batch > n->synced)
            park(n, &fx[i]);
        else
            apply(h, node, &fx[i]);
    }
    mesh_check(n->m);
}

static void synced(struct hamlet *h, int node, uint64_t batch)
{
    struct node *n = &h->nodes[node];
    struct mesh_event e = {.type = MESH_EV_SYNCED, .synced.batch = batch};

    n->synced = batch;
    for (size_t i = 0; i < n->n_pairs; i++)
        if (n->pairs[i].batch <= batch)
            n->pairs[i].batch = 0;
    unpark(h, node);
    step(h, node, &e);
}

static void exec_end(struct hamlet *h, const struct due *d)
{
    struct mesh_event e = {.type = MESH_EV_EXEC_DONE};
    struct buf b = hamlet_result();

    e.exec.exec = d->number;
    e.exec.outcome = d->from ? MESH_OUTCOME_KILLED : h->outcome;
    if (e.exec.outcome == MESH_OUTCOME_RESULT)
        e.exec.bytes = buf_span(&b);
    else
        e.exec.bytes = span_of("broken");
    step(h, d->to, &e);
    buf_done(&b);
}

static void happen(struct hamlet *h, const struct due *d)
{
    struct mesh_event e = {.type = MESH_EV_TIMER};
    const struct pair *p;

    if (!h->nodes[d->to].up || h->nodes[d->to].life != d->life)
        return;
    switch (d->what) {
    case FRAME:
        e.type = MESH_EV_RECV;
        e.recv.from = h->nodes[d->from].nid;
        e.recv.lane = d->lane;
        e.recv.frame = (struct span){d->bytes, d->len};
        step(h, d->to, &e);
        break;
    case SYNC:
        synced(h, d->to, d->number);
        break;
    case EXEC_START:
        e.type = MESH_EV_EXEC_STARTED;
        e.exec.exec = d->number;
        step(h, d->to, &e);
        break;
    case EXEC_END:
        exec_end(h, d);
        break;
    case LINK:
        e.type = MESH_EV_LINK_UP;
        e.link.link = d->number;
        if (h->nodes[d->to].links[d->number] == 0)
            break;
        if (!h->nodes[h->nodes[d->to].links[d->number] - 1].up)
            e.type = MESH_EV_LINK_DOWN;
        step(h, d->to, &e);
        break;
    case READ:
        e.type = MESH_EV_READ;
        p = stored(&h->nodes[d->to], d->bytes, d->len);
        e.read.read = d->number;
        e.read.status = p ? 0 : -2;
        if (p)
            e.read.value = (struct span){p->value, p->len};
        step(h, d->to, &e);
        break;
    }
}

static int earliest(const struct hamlet *h)
{
    int best = -1;

    for (size_t i = 0; i < h->n_queue; i++)
        if (best < 0 || h->queue[i].at < h->queue[best].at ||
            (h->queue[i].at == h->queue[best].at && h->queue[i].tie < h->queue[best].tie))
            best = (int)i;
    return best;
}

void hamlet_run(struct hamlet *h, uint64_t ms)
{
    uint64_t end = h->now + ms * MS;

    for (;;) {
        int at = earliest(h);
        uint64_t t = at >= 0 ? h->queue[at].at : UINT64_MAX;
        int timer = -1;

        for (int i = 0; i < h->n; i++)
            if (h->nodes[i].up && mesh_deadline(h->nodes[i].m) < t) {
                t = mesh_deadline(h->nodes[i].m);
                timer = i;
            }
        if (t > end)
            break;
        if (t > h->now)
            h->now = t;
        if (timer >= 0) {
            struct mesh_event e = {.type = MESH_EV_TIMER};

            step(h, timer, &e);
            continue;
        }
        struct due d = h->queue[at];
        h->queue[at] = h->queue[--h->n_queue];
        happen(h, &d);
        free(d.bytes);
    }
    h->now = end;
}

static void load_all(struct hamlet *h, struct node *n)
{
    for (size_t i = 0; i < n->n_pairs; i++) {
        struct pair *p = &n->pairs[i];
        struct mesh_event e = {.type = MESH_EV_LOAD, .now = now(h)};
        const struct mesh_effect *fx;
        uint32_t count;

        if (stored(n, p->key, p->klen) != p || mesh_key_is_blob((struct span){p->key, p->klen}))
            continue;
        e.load.key = (struct span){p->key, p->klen};
        e.load.value = (struct span){p->value, p->len};
        mesh_step(n->m, &e, 1, &fx, &count);
    }
}

void hamlet_restart(struct hamlet *h, int node)
{
    struct node *n = &h->nodes[node];
    struct mesh_config c = {.nid = n->nid,
                            .boot = ++n->boot,
                            .seed = 7 + (uint64_t)node + 100 * n->life,
                            .slots = 2,
                            .replicas = 3,
                            .nodes_expected = h->expected,
                            .scrub_ms = HAMLET_SCRUB_MS,
                            .retain_completed_s = 600,
                            .retain_failed_s = 600};
    char seed[LIMIT_ENDPOINT + 1];
    const char *seeds[] = {seed};
    struct mesh_event e = {.type = MESH_EV_START};

    endpoint(node, c.endpoint);
    endpoint(0, seed);
    (void)snprintf(c.name, sizeof(c.name), "n%d", node);
    (void)snprintf(c.cluster, sizeof(c.cluster), "hamlet");
    n->m = mesh_new(&c);
    n->up = true;
    n->synced = 0;
    load_all(h, n);
    step(h, node, &e);
    if (n->language)
        hamlet_languages(h, node, n->language);
    e = (struct mesh_event){.type = MESH_EV_SEEDS, .seeds = {seeds, 1}};
    step(h, node, &e);
}

void hamlet_join(struct hamlet *h)
{
    struct node *n = &h->nodes[h->n];

    n->nid.b[0] = n->nid.b[15] = (uint8_t)(h->n + 1);
    n->pairs = own_calloc(OPS_MAX, sizeof(struct pair));
    n->language = "python";
    hamlet_restart(h, h->n++);
}

struct hamlet *hamlet_new_expecting(int nodes, uint32_t expected)
{
    struct hamlet *h = own_calloc(1, sizeof(*h));

    h->expected = expected;
    h->now = MS;
    h->run_ms = 100;
    h->queue = own_calloc(QUEUE_MAX, sizeof(*h->queue));
    for (int i = 0; i < nodes; i++)
        hamlet_join(h);
    hamlet_run(h, nodes > 1 ? 15000 : 100);
    return h;
}

static void node_stop(struct node *n)
{
    mesh_free(n->m);
    n->m = NULL;
    for (size_t i = 0; i < n->n_parked; i++)
        free(n->parked[i].bytes);
    free(n->parked);
    n->parked = NULL;
    n->n_parked = 0;
    n->up = false;
    n->life++;
}

void hamlet_free(struct hamlet *h)
{
    for (int i = 0; i < h->n; i++) {
        struct node *n = &h->nodes[i];

        node_stop(n);
        for (size_t k = 0; k < n->n_pairs; k++)
            free(n->pairs[k].value);
        free(n->pairs);
    }
    for (size_t i = 0; i < h->n_queue; i++)
        free(h->queue[i].bytes);
    for (uint32_t i = 0; i < h->n_answers; i++) {
        message_done(&h->answers[i].msg);
        free(h->answers[i].bytes);
    }
    free(h->queue);
    free(h);
}

void hamlet_crash(struct hamlet *h, int node)
{
    struct node *n = &h->nodes[node];
    size_t kept = 0;

    node_stop(n);
    for (size_t i = 0; i < n->n_pairs; i++) {
        if (n->pairs[i].batch == 0)
            n->pairs[kept++] = n->pairs[i];
        else
            free(n->pairs[i].value);
    }
    n->n_pairs = kept;
    for (int i = 0; i < h->n; i++) {
        struct node *o = &h->nodes[i];

        for (uint64_t l = 1; o->up && l < 4096; l++)
            if (o->links[l] == node + 1) {
                struct mesh_event e = {.type = MESH_EV_LINK_DOWN, .link.link = l};

                o->links[l] = 0;
                step(h, i, &e);
            }
    }
}

void hamlet_snapshot(struct hamlet *h, int node)
{
    h->nodes[node].snapshot_boot = h->nodes[node].boot;
    h->nodes[node].snapshot_pairs = h->nodes[node].n_pairs;
}

void hamlet_roll_back(struct hamlet *h, int node)
{
    struct node *n = &h->nodes[node];

    hamlet_crash(h, node);
    while (n->n_pairs > n->snapshot_pairs)
        free(n->pairs[--n->n_pairs].value);
    n->boot = n->snapshot_boot;
    if (n->boot == 0)
        n->nid.b[1]++;
}

bool hamlet_gave_up(const struct hamlet *h, int node)
{
    return h->nodes[node].gave_up;
}

void hamlet_event(struct hamlet *h, int node, struct mesh_event *e)
{
    step(h, node, e);
}

bool hamlet_drained(const struct hamlet *h, int node)
{
    return h->nodes[node].drained;
}

void hamlet_runs(struct hamlet *h, uint64_t run_ms, enum mesh_outcome outcome)
{
    h->run_ms = run_ms;
    h->outcome = outcome;
}

uint32_t hamlet_started(const struct hamlet *h)
{
    return h->started;
}

uint32_t hamlet_killed(const struct hamlet *h)
{
    return h->killed;
}

void hamlet_speaks(struct hamlet *h, int node, const char *language)
{
    h->nodes[node].language = language;
    if (language)
        hamlet_languages(h, node, language);
}

struct mesh *hamlet_mesh(struct hamlet *h, int node)
{
    return h->nodes[node].m;
}

void hamlet_rot(struct hamlet *h, int node, enum store_key kind, const struct id *jid)
{
    uint8_t key[1 + ID_SIZE] = {(uint8_t)kind};
    memcpy(key + 1, jid->b, ID_SIZE);
    stored(&h->nodes[node], key, sizeof(key))->value[0] ^= 1;
}

const struct hamlet_answer *hamlet_answers(const struct hamlet *h, uint32_t *ret_n)
{
    *ret_n = h->n_answers;
    return h->answers;
}

uint64_t hamlet_token(struct hamlet *h)
{
    return ++h->token;
}
