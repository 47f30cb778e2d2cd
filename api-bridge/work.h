/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_WORK_H
#define API_WORK_H
/*
 * Reading that may be too much for a turn of the loop: a megabyte of JSON stops all others for
 * 15 ms. What is small is done at once; what is large in a worker's thread, where it may look at
 * nothing but its own. Embedded in its owner, who lives while a worker is at it: one whose client
 * leaves meanwhile notes that, and ends in `done`.
 */
#include "base/buf.h"

#include <uv.h>

struct api_work {
    uv_work_t request;
    bool away;               /* a worker is at it */
    void (*read)(void *ctx); /* CPU only */
    void (*done)(void *ctx); /* in the loop, when it was read */
    void *ctx;
};

/* So few that they are read at once. */
bool api_work_is_small(size_t size);
/* Reads `size` bytes: calls read() and then done(), within this call when they are few. */
void api_work_do(struct api_work *w, uv_loop_t *loop, size_t size);
#endif
