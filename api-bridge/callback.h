/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CALLBACK_H
#define API_CALLBACK_H
/*
 * Tells the servers that jobs named as their `callback` what came of them: waits for each job
 * to be final, and hands the job's view to api-bridge/webhook.h. The event's id is the job's,
 * so a receiver can tell a repetition.
 *
 * The bridge that took the job calls back, and says so to the mesh. What it had not delivered
 * when it stopped or died, the mesh still owes (mesh/owed.h): a bridge that sweeps asks for
 * such jobs and delivers them. At least once, therefore, for as long as the job is kept and
 * some bridge lives. Belongs to its loop.
 */
#include "api-bridge/link.h"
#include "api-bridge/webhook.h"

struct api_callbacks;

struct api_callbacks *api_callbacks_new(uv_loop_t *loop, struct api_link *link,
                                        const struct api_webhook_options *options);
void api_callbacks_free(struct api_callbacks *c);
/* Follows an accepted job until its callback is delivered. */
void api_callbacks_follow(struct api_callbacks *c, const struct id *jid, const char *tenant,
                          const char *url);
/* What is said of a job: what GET shows of it, or its own API; without the result, to be asked for,
 * when `out` cannot hold that. */
void api_callback_body(const struct message_job *job, struct buf *out);
/* Asks again for jobs that could not be seen. */
void api_callbacks_tick(struct api_callbacks *c);
/* Looks after jobs that other bridges took, too; one loop of a program does. Nothing is asked
 * without a secret to sign with. */
void api_callbacks_sweep(struct api_callbacks *c);
size_t api_callbacks_pending(const struct api_callbacks *c);
#endif
