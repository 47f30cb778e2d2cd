/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/owed.h"

#include "mesh/accept.h"
#include "mesh/job.h"
#include "mesh/list.h"
#include "mesh/store.h"

bool owed_is(const struct job *j)
{
    return j->r.decided && !j->r.told && j->r.origin && origin_callback(j->r.origin)[0];
}

void owed_set(struct mesh *m, struct job *j)
{
    if (!owed_is(j))
        heap_remove(&m->owed, &j->owed);
    else if (!heap_has(&j->owed))
        heap_set(&m->owed, &j->owed, j->decided_ns + OWED_GRACE_MS * STATE_MS);
}

void owed_remove(struct mesh *m, struct job *j)
{
    heap_remove(&m->owed, &j->owed);
}

struct message_job *owed_take(struct mesh *m, uint32_t limit, uint32_t share, uint32_t *ret_n)
{
    struct message_job *out = own_calloc(limit, sizeof(*out));
    uint32_t n = 0;

    while (n < share && n < limit && m->owed.len > 0 && heap_min(&m->owed)->key <= m->now.mono_ns) {
        struct job *j = HEAP_OWNER(heap_min(&m->owed), struct job, owed);
        bool tells = list_is_teller(m, j);

        /* One that does not tell looks again soon: the one that does may be lost. */
        heap_set(&m->owed, &j->owed,
                 m->now.mono_ns + (tells ? OWED_LEASE_MS : OWED_GRACE_MS) * STATE_MS);
        if (tells)
            job_view(m, j, &out[n++]);
    }
    *ret_n = n;
    return out;
}

void owed_told(struct mesh *m, struct job *j)
{
    if (!j->r.decided || j->r.told)
        return;
    j->r.told = true;
    owed_remove(m, j);
    /* A takeover under way asks others too, whose promises lie in the table of replicas. It
     * spreads this as well when it is won. */
    if (j->take)
        store_dirty(m, j);
    else
        accept_spread(m, j);
    job_arm(m, j);
}
