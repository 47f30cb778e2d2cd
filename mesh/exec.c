/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     READING --spec--> GOING --outcome--> DONE --an owner took it--> gone
 *                         |
 *                         +--kill--> KILLING --the driver says it is dead--> gone
 *
 * A slot is busy until the driver says that nothing of the run is left. A run whose outcome
 * waits for an owner holds no slot.
 */
#include "mesh/exec.h"

#include "mesh/ability.h"
#include "mesh/job.h"
#include "mesh/owner.h"
#include "mesh/peer.h"
#include "mesh/sched.h"
#include "mesh/steal.h"
#include "mesh/store.h"
#include "mesh/timer.h"

enum { OFFER_FIRST_MS = 300, OFFER_MAX_MS = 3000, OFFER_GIVE_UP_MS = 600 * 1000 };

uint32_t exec_free(const struct mesh *m)
{
    uint32_t taken = m->busy + m->slots_kept + steal_reserved(m);

    if (m->draining || taken >= m->slots || !ability_is_told(m))
        return 0;
    return m->slots - taken;
}

static struct run *run_add(struct mesh *m, const struct id *jid)
{
    struct run *run = own_calloc(1, sizeof(*run));
    struct run **at = &m->runs;

    while (*at)
        at = &(*at)->next;
    *at = run;
    run->exec = ++m->next_exec;
    run->jid = *jid;
    run->due_ns = STATE_NEVER;
    m->busy++;
    return run;
}

static void run_drop(struct mesh *m, struct run *run)
{
    for (struct run **at = &m->runs; *at; at = &(*at)->next)
        if (*at == run) {
            *at = run->next;
            break;
        }
    free(run->bytes);
    free(run);
}

static struct run *run_get(const struct mesh *m, uint64_t exec)
{
    struct run *run = m->runs;

    while (run && run->exec != exec)
        run = run->next;
    return run;
}

struct run *exec_find(const struct mesh *m, const struct id *jid, uint64_t epoch, uint32_t attempt)
{
    struct run *run = m->runs;

    while (run && !(id_eq(&run->jid, jid) && run->epoch == epoch && run->attempt == attempt))
        run = run->next;
    return run;
}

void exec_own(struct mesh *m, struct job *j)
{
    struct run *run = run_add(m, &j->r.jid);

    run->owner = m->cfg.nid;
    run->epoch = j->own->run_epoch;
    run->attempt = j->r.v.attempt;
    run->n_rset = j->r.v.n_rset;
    memcpy(run->rset, j->r.v.rset, sizeof(run->rset));
    j->own->exec = run->exec;

    struct read what = {.kind = READ_EXEC, .exec = run->exec};
    store_read(m, j, &what);
}

static void run_tell(struct mesh *m, struct run *run, struct span spec)
{
    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_EXEC, EFFECT_NOW);

    run->stage = RUN_GOING;
    run->told = true;
    e->exec.exec = run->exec;
    e->exec.jid = run->jid;
    e->exec.epoch = run->epoch;
    e->exec.attempt = run->attempt;
    e->exec.spec = effect_copy(&m->fx, spec);
}

void exec_granted(struct mesh *m, const struct exec_grant *g)
{
    struct run *run = run_add(m, &g->jid);

    run->owner = g->owner;
    run->epoch = g->epoch;
    run->attempt = g->attempt;
    run->n_rset = g->n_rset;
    memcpy(run->rset, g->rset, sizeof(run->rset));
    run_tell(m, run, g->spec);
}

/* ---- outcomes ---- */

static void run_offer(struct mesh *m, struct run *run)
{
    struct job *j = job_find(m, &run->jid);
    struct owner_outcome o = {
        run->epoch, run->attempt, run->outcome, {run->bytes, run->len}, m->cfg.name};

    run->due_ns = m->now.mono_ns + timer_backoff(m, run->offers++, OFFER_FIRST_MS, OFFER_MAX_MS);
    if (run->ends_ns <= m->now.mono_ns || (j && j->r.decided)) {
        run_drop(m, run);
    } else if (j && j->own) {
        if (owner_take_outcome(m, j, &o))
            exec_settled(m, run);
    } else {
        steal_offer(m, run, j);
    }
}

void exec_settled(struct mesh *m, struct run *run)
{
    if (run->stage == RUN_DONE)
        run_drop(m, run);
}

static void run_done(struct mesh *m, struct run *run, const struct mesh_event *e)
{
    bool wanted = run->stage != RUN_KILLING;

    m->busy--;
    if (!wanted) {
        run_drop(m, run);
        return;
    }
    run->stage = RUN_DONE;
    run->outcome = e->exec.outcome;
    run->len = e->exec.bytes.len <= LIMIT_RESULT ? e->exec.bytes.len : 0;
    run->bytes = own_memdup(e->exec.bytes.data, run->len);
    run->ends_ns = m->now.mono_ns + OFFER_GIVE_UP_MS * STATE_MS;
    run_offer(m, run);
}

void exec_spec(struct mesh *m, uint64_t exec, int status, struct span spec)
{
    struct run *run = run_get(m, exec);
    struct mesh_event broken = {.exec = {exec, MESH_OUTCOME_BROKEN, span_of("its spec is lost")}};

    if (!run || (run->stage != RUN_READING && run->stage != RUN_KILLING))
        return;
    if (status != 0 || run->stage == RUN_KILLING)
        run_done(m, run, &broken);
    else
        run_tell(m, run, spec);
}

/* ---- killing ---- */

void exec_kill(struct mesh *m, struct run *run)
{
    if (run->stage == RUN_DONE) {
        run_drop(m, run);
        return;
    }
    if (run->stage == RUN_KILLING)
        return;
    run->stage = RUN_KILLING;
    if (run->told)
        effect_add(&m->fx, MESH_FX_KILL, EFFECT_NOW)->exec.exec = run->exec;
}

void exec_stop(struct mesh *m, const struct id *jid)
{
    struct run *next;

    for (struct run *run = m->runs; run; run = next) {
        next = run->next;
        if (id_eq(&run->jid, jid))
            exec_kill(m, run);
    }
}

void exec_stop_all(struct mesh *m)
{
    for (struct run *run = m->runs; run; run = run->next)
        if (run->stage == RUN_GOING)
            effect_add(&m->fx, MESH_FX_KILL, EFFECT_NOW)->exec.exec = run->exec;
}

/* ---- the driver ---- */

static void run_started(struct mesh *m, struct run *run)
{
    struct job *j = job_find(m, &run->jid);

    if (j && j->own && j->own->exec == run->exec && j->own->stage == OWN_RUNNING)
        owner_started(m, j, m->cfg.name);
    else if (!id_eq(&run->owner, &m->cfg.nid))
        steal_tell_running(m, &run->owner);
}

static void run_event(struct mesh *m, struct run *run, struct span event)
{
    struct job *j = job_find(m, &run->jid);

    if (j && j->own && j->own->exec == run->exec && j->own->stage == OWN_RUNNING)
        owner_event(m, j, event);
    else if (!id_eq(&run->owner, &m->cfg.nid))
        steal_tell_progress(m, run, event);
}

void exec_on_event(struct mesh *m, const struct mesh_event *e)
{
    struct run *run = run_get(m, e->exec.exec);

    if (!run || run->stage == RUN_DONE)
        return;
    if (e->type == MESH_EV_EXEC_DONE)
        run_done(m, run, e);
    else if (run->stage != RUN_GOING)
        return;
    else if (e->type == MESH_EV_EXEC_STARTED)
        run_started(m, run);
    else
        run_event(m, run, e->exec.bytes);
}

void exec_tick(struct mesh *m)
{
    struct run *next;

    for (struct run *run = m->runs; run; run = next) {
        next = run->next;
        if (run->stage == RUN_DONE && run->due_ns <= m->now.mono_ns)
            run_offer(m, run);
    }
}

uint64_t exec_deadline(const struct mesh *m)
{
    uint64_t due = STATE_NEVER;

    for (const struct run *run = m->runs; run; run = run->next)
        if (run->stage == RUN_DONE)
            due = timer_min(due, run->due_ns);
    return due;
}

void exec_done_all(struct mesh *m)
{
    while (m->runs)
        run_drop(m, m->runs);
}
