/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/work.h"

#include "base/limits.h"

enum { WORK_INLINE_MAX = 64 * LIMIT_KIB };

static void on_work(uv_work_t *request)
{
    struct api_work *w = request->data;

    w->read(w->ctx);
}

static void on_worked(uv_work_t *request, int status)
{
    struct api_work *w = request->data;

    (void)status; /* nobody cancels it */
    w->away = false;
    w->done(w->ctx);
}

bool api_work_is_small(size_t size)
{
    return size <= WORK_INLINE_MAX;
}

void api_work_do(struct api_work *w, uv_loop_t *loop, size_t size)
{
    if (api_work_is_small(size)) {
        w->read(w->ctx);
        w->done(w->ctx);
        return;
    }
    w->request.data = w;
    w->away = true;
    (void)uv_queue_work(loop, &w->request, on_work, on_worked);
}
