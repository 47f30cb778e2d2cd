/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_LOOKER_H
#define SANDBOX_LOOKER_H
/*
 * A child of ours that goes to see what a program could keep us waiting for, and tells it in one
 * piece. It has no descriptor of ours but one, and dies with us.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct looker {
    pid_t pid;  /* until it is reaped; 0 = nobody */
    int answer; /* to be polled for: looker_hear() is due when it can be read; -1 = none */
};

struct looker_task {
    int keep; /* the descriptor it needs */
    void (*see)(void *arg, void *ret_answer);
    void *arg;
    size_t size; /* of the answer; a pipe takes it at once */
};

void looker_init(struct looker *l);
/* Stops it. */
void looker_stop(struct looker *l);
/* The same, and reaps. */
void looker_done(struct looker *l);
/* Only when the last one is reaped. When there can be none it is as if none had been sent. */
void looker_send(struct looker *l, const struct looker_task *t);
/* Takes the answer. False = it is not there, or there will be none. */
bool looker_hear(struct looker *l, void *ret_answer, size_t size);
/* Does it wait for a lock? On a busy machine it may also be long for want of a CPU. Who cannot be
 * seen is taken to wait. `ours`: a /proc in which our own processes are. */
bool looker_waits(const struct looker *l, int ours);
#endif
