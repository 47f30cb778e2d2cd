/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H
/*
 * What the node counts, and its text for Prometheus. Every series exists from the start, at 0:
 * the rate of a series that appears with its first event misses that event. Labels are words of
 * fixed lists and names of languages, never ids. One thread.
 */
#include "mesh/message.h"
#include "mesh/meter.h"
#include "node/writer.h"
#include "sandbox/step.h"

struct metrics;

/* `languages` (names) are copied. */
struct metrics *metrics_new(const char *const *languages, uint32_t n);
void metrics_free(struct metrics *m);
void metrics_step(struct metrics *m, const char *language, const char *phase,
                  const struct step_outcome *o);
/* `verdict`: a name of result_verdict_name(). */
void metrics_job(struct metrics *m, const char *language, const char *verdict);

struct metrics_now {
    struct message_stats mesh;
    struct meters meters;
    struct lags lags;
    struct writer_stats disk;
    const char *isolation;
    uint32_t slots;
    uint32_t slots_busy;
    uint32_t sessions;
    uint64_t keepers_lost;
    uint64_t frames_dropped;
    bool secured;
};
/* Appends the text format, version 0.0.4. */
void metrics_write(const struct metrics *m, const struct metrics_now *now, struct buf *out);
#endif
