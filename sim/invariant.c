/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/invariant.h"

#include "sim/world.h"

enum {
    SIM_EFFECTS_MAX = 20000,   /* of one step */
    SIM_CHECK_EVERY_STEPS = 64 /* mesh_check() walks the whole state */
};

static const struct {
    const char *id, *name, *text;
} sim_invariants[] = {
#define X(id, name, text) {#id, name, text},
    SIM_INVARIANTS(X)
#undef X
};

const char *sim_invariant_id(enum sim_invariant i)
{
    return sim_invariants[i].id;
}

const char *sim_invariant_name(enum sim_invariant i)
{
    return sim_invariants[i].name;
}

const char *sim_invariant_text(enum sim_invariant i)
{
    return sim_invariants[i].text;
}

void sim_violate(struct sim_world *w, enum sim_invariant which, const char *fmt, ...)
{
    struct sim_violation *v = &w->violation;
    va_list ap;

    if (v->found)
        return;
    v->found = true;
    v->which = which;
    v->step = w->steps;
    v->at_ns = w->queue.now_ns;
    va_start(ap, fmt);
    vsnprintf(v->text, sizeof(v->text), fmt, ap);
    va_end(ap);
    sim_trace_note(w, NULL, SIM_NOTE_VIOLATION, "VIOLATION %s %s: %s", sim_invariant_id(which),
                   sim_invariant_name(which), v->text);
}

/* I19: a counter belongs to one life of a node, in which it never goes back. */
static void sim_invariant_counters(struct sim_world *w, struct sim_host *h)
{
    const struct message_stats was = h->counted;

    mesh_stats_get(h->mesh, &h->counted);
#define X(counter)                                                                                 \
    if (h->counted_life == h->life && h->counted.counter < was.counter)                            \
        sim_violate(w, SIM_I19, "%s counts %llu " #counter " after %llu", h->name,                 \
                    (unsigned long long)h->counted.counter, (unsigned long long)was.counter);
    MESSAGE_COUNTERS(X)
#undef X
    h->counted_life = h->life;
}

void sim_invariant_step(struct sim_world *w, struct sim_host *h, uint32_t n_effects)
{
    if (n_effects > SIM_EFFECTS_MAX)
        sim_violate(w, SIM_I18, "%s: %u effects of one step", h->name, n_effects);
    if (w->history.off || w->steps % SIM_CHECK_EVERY_STEPS != 0)
        return;
    mesh_check(h->mesh);
    sim_invariant_counters(w, h);
}
