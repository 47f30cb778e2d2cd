/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/stats.h"

#include "mesh/job.h"
#include "mesh/tally.h"

enum { RING = 1024, MINUTE_MS = 60000 };

struct sample {
    uint64_t at_ns;
    uint64_t us;
};

/* Times of the last minute, the newest RING of them. */
struct stat_ring {
    struct sample waited[RING], total[RING];
    uint32_t n_waited, n_total;
};

static void sample_add(struct sample *ring, uint32_t *n, uint64_t now_ns, uint64_t us)
{
    ring[(*n)++ % RING] = (struct sample){now_ns, us};
}

static struct stat_ring *ring_get(struct mesh *m)
{
    if (!m->ring)
        m->ring = own_calloc(1, sizeof(*m->ring));
    return m->ring;
}

void stats_waited(struct mesh *m, uint64_t ns)
{
    struct stat_ring *r = ring_get(m);

    sample_add(r->waited, &r->n_waited, m->now.mono_ns, ns / 1000);
    meter_add(&m->meters.of[METER_wait], METER_wait, ns / 1000);
}

void stats_decided(struct mesh *m, const struct job *j)
{
    struct stat_ring *r = ring_get(m);
    int64_t ms = m->now.wall_ms - j->r.origin->queued_ms;

    if (j->r.final.end == RECORD_COMPLETED) {
        m->stats.completed++;
        m->stats.verdicts[j->r.final.verdict]++;
    } else if (j->r.final.end == RECORD_FAILED) {
        m->stats.failed++;
    } else {
        m->stats.cancelled++;
    }
    sample_add(r->total, &r->n_total, m->now.mono_ns, ms > 0 ? (uint64_t)ms * 1000 : 0);
}

void stats_done(struct mesh *m)
{
    free(STEAL(m->ring));
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t quantiles(const struct mesh *m, const struct sample *ring, uint32_t n,
                          uint64_t out[4])
{
    uint64_t us[RING];
    uint32_t k = 0;

    for (uint32_t i = 0; i < n && i < RING; i++)
        if (m->now.mono_ns - ring[i].at_ns <= MINUTE_MS * STATE_MS)
            us[k++] = ring[i].us;
    if (k == 0)
        return 0;
    qsort(us, k, sizeof(us[0]), by_size);
    out[0] = us[k / 2];
    out[1] = us[k * 9 / 10];
    out[2] = us[k * 99 / 100];
    out[3] = us[k - 1];
    return k;
}

void mesh_stats_get(const struct mesh *m, struct message_stats *ret_stats)
{
    struct message_stats s = m->stats;
    uint64_t oldest = queue_oldest_ns(m->queue);

    s.nid = m->cfg.nid;
    memcpy(s.name, m->cfg.name, sizeof(s.name));
    memcpy(s.isolation, m->cfg.isolation, sizeof(s.isolation));
    s.as_of_ms = m->now.wall_ms;
    s.nodes_known = members_len(m->members);
    s.nodes_missing = 0;
    memset(s.jobs, 0, sizeof(s.jobs));
    tally_states(m, s.jobs);
    for (int i = 0; i < LIMIT_PRIORITIES; i++)
        s.waiting[i] = queue_len_of(m->queue, (uint8_t)i);
    s.oldest_waiting_ms = oldest < m->now.mono_ns ? (m->now.mono_ns - oldest) / STATE_MS : 0;
    s.slots = m->slots;
    s.slots_busy = m->busy;
    s.under_replicated = m->tally.thin;
    s.suspicions = members_suspicions(m->members);
    if (m->ring) {
        quantiles(m, m->ring->waited, m->ring->n_waited, s.wait_us);
        s.per_minute = quantiles(m, m->ring->total, m->ring->n_total, s.total_us);
    }
    s.store_bytes = m->store_used;
    s.store_bytes_max = m->store_max;
    *ret_stats = s;
}

void mesh_meters_get(const struct mesh *m, struct meters *ret_meters)
{
    *ret_meters = m->meters;
    ret_meters->of[METER_rtt] = *members_rtt(m->members);
}

static void stats_add(struct message_stats *sum, const struct message_stats *s)
{
    for (int i = 0; i < MESSAGE_STATE_N; i++)
        sum->jobs[i] += s->jobs[i];
    for (int i = 0; i < LIMIT_PRIORITIES; i++)
        sum->waiting[i] += s->waiting[i];
    for (int i = 0; i < RESULT_VERDICT_N; i++)
        sum->verdicts[i] += s->verdicts[i];
    if (s->oldest_waiting_ms > sum->oldest_waiting_ms)
        sum->oldest_waiting_ms = s->oldest_waiting_ms;
    sum->slots += s->slots;
    sum->slots_busy += s->slots_busy;
    sum->under_replicated += s->under_replicated;
    sum->per_minute += s->per_minute;
    sum->store_bytes += s->store_bytes;
    sum->store_bytes_max += s->store_bytes_max;
#define X(name) sum->name += s->name;
    MESSAGE_COUNTERS(X)
#undef X
    /* Quantiles do not add up: the worst node's are told. */
    for (int i = 0; i < 4; i++) {
        sum->wait_us[i] = s->wait_us[i] > sum->wait_us[i] ? s->wait_us[i] : sum->wait_us[i];
        sum->total_us[i] = s->total_us[i] > sum->total_us[i] ? s->total_us[i] : sum->total_us[i];
    }
}

void stats_sum(struct message_stats *nodes, uint32_t n, uint32_t known)
{
    memset(&nodes[0], 0, sizeof(nodes[0]));
    for (uint32_t i = 1; i < n; i++)
        stats_add(&nodes[0], &nodes[i]);
    nodes[0].as_of_ms = nodes[1].as_of_ms;
    memcpy(nodes[0].isolation, nodes[1].isolation, sizeof(nodes[0].isolation));
    nodes[0].nodes_known = known;
    nodes[0].nodes_missing = known > n - 1 ? known - (n - 1) : 0;
}
