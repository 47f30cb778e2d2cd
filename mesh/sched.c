/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/sched.h"

#include "mesh/exec.h"
#include "mesh/job.h"
#include "mesh/owner.h"
#include "mesh/steal.h"

struct job *sched_take(struct mesh *m, uint8_t class_max)
{
    struct queue_item *it = queue_take(m->queue, class_max, NULL, NULL);

    return it ? HEAP_OWNER(it, struct own, item)->job : NULL;
}

void sched_run(struct mesh *m)
{
    queue_advance(m->queue, m->now.mono_ns);
    while (exec_free(m) > 0) {
        struct job *j = sched_take(m, LIMIT_PRIORITIES - 1);

        if (!j)
            break;
        owner_start(m, j, NULL);
    }
    steal_kick(m);
}
