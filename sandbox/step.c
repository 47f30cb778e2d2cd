/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/step.h"

static const char *const end_names[] = {
#define X(id, name) [STEP_END_##id] = name,
    STEP_ENDS(X)
#undef X
};

const char *step_end_name(enum step_end e)
{
    return (unsigned)e < ARRAY_LEN(end_names) ? end_names[e] : "unknown";
}

void step_outcome_done(struct step_outcome *o)
{
    for (uint32_t i = 0; i < o->n_files; i++)
        if (o->files[i].fd >= 0)
            (void)close(o->files[i].fd);
    free(o->files);
    free((void *)(uintptr_t)o->out.data);
    free((void *)(uintptr_t)o->err.data);
    *o = (struct step_outcome){.exit_code = -1};
}
