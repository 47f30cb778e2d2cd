/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a walk over the jobs that never ends, some at every tick: as many as makes one
 * round of all in `scrub_ms`, so that a disk with a million jobs is read evenly. The walk also
 * comes upon blobs that were found missing before, and whose asking was in vain.
 */
#include "mesh/scrub.h"

#include "base/log.h"
#include "mesh/blob.h"
#include "mesh/job.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { TICK_MS = 1000, TICK_JOBS_MAX = 1024 };

/* As things are now, such a value belongs on this disk. */
static bool is_wanted(const struct job *j, enum store_key kind)
{
    if (j->damaged || j->dirty)
        return false;
    if (kind == STORE_RESULT)
        return j->r.decided && j->r.final.len > 0;
    if (kind == STORE_VOW)
        return j->vow;
    return kind == STORE_RECORD || (j->r.acc.epoch > 0 && j->r.v.phase == RECORD_PENDING);
}

static void blob_look(struct mesh *m, struct job *j, enum store_key kind)
{
    const struct id *hash = kind == STORE_RESULT ? &j->result_hash : &j->spec_hash;

    if (!is_wanted(j, kind))
        return;
    if (id_is_zero(hash))
        blob_fetch(m, j, kind == STORE_RESULT);
    else
        store_scrub(m, j, kind);
}

static void job_look(struct mesh *m, struct job *j)
{
    if (is_wanted(j, STORE_RECORD))
        store_scrub(m, j, STORE_RECORD);
    if (is_wanted(j, STORE_VOW))
        store_scrub(m, j, STORE_VOW);
    blob_look(m, j, STORE_SPEC);
    blob_look(m, j, STORE_RESULT);
}

static void look(struct mesh *m, struct timer *t)
{
    struct map_item *it = map_at(m->jobs, m->scrub_at.b, ID_SIZE);
    uint64_t n = 0;

    m->scrub_owed += TICK_MS * map_len(m->jobs);
    for (; m->scrub_owed >= m->cfg.scrub_ms && n < TICK_JOBS_MAX; n++) {
        m->scrub_owed -= m->cfg.scrub_ms;
        if (!it)
            it = map_first(m->jobs);
        if (!it)
            break;
        job_look(m, map_value(it));
        it = map_next(it);
    }
    if (n == TICK_JOBS_MAX)
        m->scrub_owed = 0;
    memset(&m->scrub_at, 0, sizeof(m->scrub_at));
    if (it)
        memcpy(m->scrub_at.b, map_key(it, NULL), ID_SIZE);
    timer_set(m, t, m->now.mono_ns + TICK_MS * STATE_MS);
}

void scrub_start(struct mesh *m)
{
    m->scrub_timer.fire = look;
    timer_set(m, &m->scrub_timer, m->now.mono_ns + TICK_MS * STATE_MS);
}

static const char *name_of(enum store_key kind)
{
    if (kind == STORE_VOW)
        return "vow";
    return kind == STORE_RECORD ? "record" : kind == STORE_SPEC ? "spec" : "result";
}

void scrub_read(struct mesh *m, const struct read *r, int status)
{
    enum store_key kind = (enum store_key)r->scrubbed;
    struct job *j = job_find(m, &r->jid);
    char text[ID_TEXT_SIZE];

    if (status == 0 || !j || !is_wanted(j, kind))
        return;
    effect_log(&m->fx, LOG_WARN, "the %s of job %s had become unreadable on this disk",
               name_of(kind), id_format(&j->r.jid, text));
    m->stats.repairs++;
    if (kind == STORE_RECORD || kind == STORE_VOW)
        store_dirty(m, j);
    else if (!store_rewrite(m, j, kind))
        blob_lost(m, j, kind == STORE_RESULT);
}
