/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_VIEW_H
#define API_VIEW_H
/*
 * Jobs and results as the API shows them: times in seconds, sizes in bytes, output as text
 * when it is UTF-8 and as base64 when it is not (or when that was asked), each with its own
 * `stdoutEncoding`. A hidden test shows its verdict and its figures, never its data.
 */
#include "api-bridge/writer.h"
#include "mesh/message.h"

struct api_view {
    bool base64;         /* output always as base64 */
    bool without_result; /* in lists */
};

/* One object, with `key` as in the writer. */
void api_view_job(struct api_json_writer *w, const char *key, const struct message_job *j,
                  const struct api_view *how);
void api_view_result(struct api_json_writer *w, const char *key, const struct result *r,
                     const struct api_view *how);
void api_view_test(struct api_json_writer *w, const char *key, const struct result_test *t,
                   const struct api_view *how);
/* `cause`; a hidden test's does not tell where the difference is. */
void api_view_cause(struct api_json_writer *w, const struct result_cause *c, bool hidden);
/* The test whose run stands for the whole result's is hidden: so is what that run wrote. */
bool api_view_hides(const struct result *r);
/* `exitCode`, `signal`, `cpuTime`, `wallTime`, `memory`. */
void api_view_figures(struct api_json_writer *w, const struct result_run *r);
/* "SIGSEGV"; null when it is 0. */
void api_view_signal(struct api_json_writer *w, const char *key, int signal_number);
/* `key` and `keyEncoding` for bytes of any kind. */
void api_view_bytes(struct api_json_writer *w, const char *key, struct span bytes, bool truncated,
                    bool base64);
/* 2026-11-22T22:00:00.123Z, or nothing when `ms` is 0. */
void api_view_time(struct api_json_writer *w, const char *key, int64_t ms);
/* 0..100 */
unsigned api_view_progress(const struct message_job *j);
#endif
