/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/view.h"

#include "base/own.h"

#include <time.h>

void api_view_time(struct api_json_writer *w, const char *key, int64_t ms)
{
    char text[48];
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    size_t n;

    if (ms <= 0 || !gmtime_r(&s, &tm))
        return;
    n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
    api_json_put_str(w, key, text);
}

void api_view_bytes(struct api_json_writer *w, const char *key, struct span bytes, bool truncated,
                    bool base64)
{
    char name[LIMIT_NAME];

    if (truncated) /* a cut may have gone through a character */
        bytes.len = api_utf8_whole(bytes);
    base64 = base64 || !api_utf8_ok(bytes);
    if (base64)
        api_json_put_base64(w, key, bytes);
    else
        api_json_put_text(w, key, bytes);
    (void)snprintf(name, sizeof(name), "%sEncoding", key);
    api_json_put_str(w, name, base64 ? "base64" : "utf8");
    (void)snprintf(name, sizeof(name), "%sTruncated", key);
    api_json_put_bool(w, name, truncated);
}

void api_view_cause(struct api_json_writer *w, const struct result_cause *c, bool hidden)
{
    api_json_open(w, "cause", '{');
    api_json_put_str(w, "kind", c->kind);
    api_json_put_str(w, "detail", hidden && strcmp(c->kind, "difference") == 0 ? "" : c->detail);
    if (c->line > 0 && !hidden)
        api_json_put_int(w, "line", c->line);
    api_json_close(w, '}');
}

void api_view_signal(struct api_json_writer *w, const char *key, int signal_number)
{
    const char *name = signal_number ? sigabbrev_np(signal_number) : NULL;
    char text[32];

    if (name)
        (void)snprintf(text, sizeof(text), "SIG%s", name);
    else
        (void)snprintf(text, sizeof(text), "SIG%d", signal_number);
    if (signal_number)
        api_json_put_str(w, key, text);
    else
        api_json_put_null(w, key);
}

void api_view_figures(struct api_json_writer *w, const struct result_run *r)
{
    if (r->exit_code < 0)
        api_json_put_null(w, "exitCode");
    else
        api_json_put_int(w, "exitCode", r->exit_code);
    api_view_signal(w, "signal", r->signal);
    api_json_put_seconds(w, "cpuTime", r->cpu_us);
    api_json_put_seconds(w, "wallTime", r->wall_us);
    api_json_put_uint(w, "memory", r->memory);
}

/* Of an interactive test. */
static void put_talk(struct api_json_writer *w, const struct result_talk *t,
                     const struct api_view *how)
{
    static const char *const sides[] = {
        [RESULT_PROGRAM] = "program", [RESULT_INTERACTOR] = "interactor", [RESULT_BOTH] = "both"};

    if (t->first == RESULT_NOBODY)
        return;
    api_json_open(w, "interaction", '{');
    api_json_put_str(w, "endedFirst", sides[t->first]);
    if (t->late == RESULT_NOBODY)
        api_json_put_null(w, "outOfTime");
    else
        api_json_put_str(w, "outOfTime", sides[t->late]);
    api_view_bytes(w, "transcript", t->said, t->truncated, how->base64);
    api_json_close(w, '}');
}

static void put_run(struct api_json_writer *w, const struct result_run *r,
                    const struct api_view *how)
{
    api_view_bytes(w, "stdout", r->out, r->stdout_truncated, how->base64);
    api_view_bytes(w, "stderr", r->err, r->stderr_truncated, how->base64);
    api_view_figures(w, r);
    put_talk(w, &r->talk, how);
}

/* How far the times can be trusted. */
static void put_quality(struct api_json_writer *w, const struct result_run *r)
{
    api_json_open(w, "timing", '{');
    api_json_put_uint(w, "voluntarySwitches", r->switches_voluntary);
    api_json_put_uint(w, "forcedSwitches", r->switches_forced);
    api_json_put_seconds(w, "waitedForCpu", r->pressure_us);
    api_json_put_seconds(w, "stolen", r->steal_us);
    api_json_put_seconds(w, "overshoot", r->overshoot_us);
    if (r->cpu_khz)
        api_json_put_uint(w, "cpuKHz", r->cpu_khz);
    api_json_close(w, '}');
}

void api_view_test(struct api_json_writer *w, const char *key, const struct result_test *t,
                   const struct api_view *how)
{
    struct result_run run = t->run;

    if (t->hidden)
        run.out = run.err = run.talk.said = (struct span){0};
    api_json_open(w, key, '{');
    api_json_put_uint(w, "index", t->index);
    if (t->name[0])
        api_json_put_str(w, "name", t->name);
    api_json_put_str(w, "verdict", result_verdict_name(t->verdict));
    api_view_cause(w, &t->cause, t->hidden);
    api_json_put_bool(w, "passed", t->verdict == RESULT_ACCEPTED);
    api_json_put_uint(w, "weight", t->weight);
    if (t->hidden)
        api_json_put_bool(w, "hidden", true);
    put_run(w, &run, how);
    api_json_close(w, '}');
}

static const struct result_test *deciding_test(const struct result *r)
{
    for (uint32_t i = 0; i < r->n_tests; i++) {
        if (r->tests[i].verdict != RESULT_ACCEPTED)
            return &r->tests[i];
    }
    return r->n_tests ? &r->tests[0] : NULL;
}

bool api_view_hides(const struct result *r)
{
    const struct result_test *decided = deciding_test(r);

    return decided && decided->hidden;
}

static void put_tests(struct api_json_writer *w, const struct result *r, const struct api_view *how)
{
    uint64_t weight = 0, earned = 0;

    api_json_open(w, "tests", '[');
    for (uint32_t i = 0; i < r->n_tests; i++) {
        api_view_test(w, NULL, &r->tests[i], how);
        weight += r->tests[i].weight;
        earned += r->tests[i].verdict == RESULT_ACCEPTED ? r->tests[i].weight : 0;
    }
    api_json_close(w, ']');
    if (weight > 0)
        api_json_put_real(w, "score", (double)earned / (double)weight);
}

void api_view_result(struct api_json_writer *w, const char *key, const struct result *r,
                     const struct api_view *how)
{
    struct result_run run = r->run;
    bool hidden = api_view_hides(r);

    if (hidden)
        run.out = run.err = run.talk.said = (struct span){0};
    api_json_open(w, key, '{');
    api_json_put_str(w, "verdict", result_verdict_name(r->verdict));
    api_view_cause(w, &r->cause, hidden);
    put_run(w, &run, how);
    put_quality(w, &run);
    if (r->has_compile) {
        api_json_open(w, "compile", '{');
        put_run(w, &r->compile, how);
        api_json_close(w, '}');
    }
    if (r->n_tests > 0)
        put_tests(w, r, how);
    api_json_put_uint(w, "passed", r->passed);
    api_json_put_uint(w, "total", r->total);
    api_json_put_str(w, "node", r->node);
    api_json_put_str(w, "isolation", r->isolation);
    api_json_put_str(w, "languageVersion", r->version);
    api_json_close(w, '}');
}

unsigned api_view_progress(const struct message_job *j)
{
    if (j->state == MESSAGE_STATE_COMPLETED)
        return 100;
    return j->total && j->done <= j->total ? (unsigned)(j->done * 100ULL / j->total) : 0;
}

static void put_result(struct api_json_writer *w, const struct message_job *j,
                       const struct api_view *how)
{
    struct result r;

    if (j->state != MESSAGE_STATE_COMPLETED || how->without_result)
        return;
    if (result_decode(j->result, &r, NULL) < 0) {
        api_json_put_null(w, "result");
        return;
    }
    api_view_result(w, "result", &r, how);
    result_done(&r);
}

void api_view_job(struct api_json_writer *w, const char *key, const struct message_job *j,
                  const struct api_view *how)
{
    char id[ID_TEXT_SIZE];

    api_json_open(w, key, '{');
    api_json_put_str(w, "jobId", id_format(&j->jid, id));
    api_json_put_str(w, "state", message_state_name(j->state));
    api_json_put_uint(w, "progress", api_view_progress(j));
    api_json_put_str(w, "language", j->language);
    api_json_put_uint(w, "priority", j->priority);
    api_json_open(w, "tags", '[');
    for (uint8_t i = 0; i < j->n_tags; i++)
        api_json_put_str(w, NULL, j->tags[i]);
    api_json_close(w, ']');
    api_json_put_uint(w, "attempts", j->attempt);
    if (j->total > 0) {
        api_json_put_uint(w, "testsDone", j->done);
        api_json_put_uint(w, "testsTotal", j->total);
    }
    api_view_time(w, "queuedAt", j->queued_ms);
    api_view_time(w, "startedAt", j->started_ms);
    api_view_time(w, "finishedAt", j->finished_ms);
    api_view_time(w, "notBefore", j->state == MESSAGE_STATE_DELAYED ? j->not_before_ms : 0);
    if (j->node[0])
        api_json_put_str(w, "node", j->node);
    if (j->stale)
        api_json_put_bool(w, "stale", true);
    if (j->state == MESSAGE_STATE_FAILED || j->state == MESSAGE_STATE_CANCELLED)
        api_json_put_str(w, "failedReason", j->reason);
    put_result(w, j, how);
    api_json_close(w, '}');
}
