/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/result.h"

#include "mesh/field.h"

#include <errno.h>

enum { RESULT_VERSION = 1 };

static const char *const verdict_names[] = {
#define X(id, name) name,
    RESULT_VERDICTS(X)
#undef X
};

static const char *const event_names[] = {
#define X(id, name) name,
    RESULT_EVENTS(X)
#undef X
};

const char *result_verdict_name(enum result_verdict v)
{
    return (unsigned)v < RESULT_VERDICT_N ? verdict_names[v] : "unknown";
}

const char *result_event_name(enum result_event_kind k)
{
    return (unsigned)k < RESULT_EVENT_N ? event_names[k] : "unknown";
}

static const struct field cause_fields[] = {
    FIELD(struct result_cause, kind),
    FIELD(struct result_cause, detail),
    FIELD(struct result_cause, line),
};
static const struct field_table cause_table = FIELD_TABLE(struct result_cause, cause_fields);

static const struct field talk_fields[] = {
    FIELD_MAX(struct result_talk, first, RESULT_BOTH),
    FIELD_MAX(struct result_talk, late, RESULT_BOTH),
    FIELD_MAX(struct result_talk, said, RESULT_SAID_MAX),
    FIELD(struct result_talk, truncated),
};
static const struct field_table talk_table = FIELD_TABLE(struct result_talk, talk_fields);

static const struct field run_fields[] = {
    FIELD(struct result_run, exit_code),
    FIELD(struct result_run, signal),
    FIELD(struct result_run, cpu_us),
    FIELD(struct result_run, wall_us),
    FIELD(struct result_run, memory),
    FIELD(struct result_run, stdout_truncated),
    FIELD(struct result_run, stderr_truncated),
    FIELD_MAX(struct result_run, out, LIMIT_RESULT),
    FIELD_MAX(struct result_run, err, LIMIT_RESULT),
    FIELD(struct result_run, switches_voluntary),
    FIELD(struct result_run, switches_forced),
    FIELD(struct result_run, pressure_us),
    FIELD(struct result_run, steal_us),
    FIELD(struct result_run, overshoot_us),
    FIELD(struct result_run, cpu_khz),
    FIELD_STRUCT(struct result_run, talk, talk_table),
};
static const struct field_table run_table = FIELD_TABLE(struct result_run, run_fields);

static const struct field test_fields[] = {
    FIELD_MAX(struct result_test, index, LIMIT_TESTS - 1),
    FIELD(struct result_test, name),
    FIELD_MAX(struct result_test, verdict, RESULT_VERDICT_N - 1),
    FIELD_STRUCT(struct result_test, cause, cause_table),
    FIELD_STRUCT(struct result_test, run, run_table),
    FIELD(struct result_test, weight),
    FIELD(struct result_test, hidden),
};
static const struct field_table test_table = FIELD_TABLE(struct result_test, test_fields);

static const struct field result_fields[] = {
    FIELD_MAX(struct result, verdict, RESULT_VERDICT_N - 1),
    FIELD_STRUCT(struct result, cause, cause_table),
    FIELD(struct result, has_compile),
    FIELD_STRUCT(struct result, compile, run_table),
    FIELD_STRUCT(struct result, run, run_table),
    FIELD_ARRAY(struct result, tests, n_tests, LIMIT_TESTS, test_table),
    FIELD_MAX(struct result, passed, LIMIT_TESTS),
    FIELD_MAX(struct result, total, LIMIT_TESTS),
    FIELD(struct result, node),
    FIELD(struct result, isolation),
    FIELD(struct result, version),
};
static const struct field_table result_table = FIELD_TABLE(struct result, result_fields);

static const struct field event_fields[] = {
    FIELD_MAX(struct result_event, kind, RESULT_EVENT_N - 1),
    FIELD_MAX(struct result_event, done, LIMIT_TESTS),
    FIELD_MAX(struct result_event, total, LIMIT_TESTS),
    FIELD(struct result_event, exit_code),
    FIELD_STRUCT(struct result_event, test, test_table),
    FIELD(struct result_event, stream),
    FIELD_MAX(struct result_event, piece, LIMIT_FRAME_CONTROL),
};
static const struct field_table event_table = FIELD_TABLE(struct result_event, event_fields);

static int encode(const struct field_table *t, const void *obj, struct buf *out)
{
    size_t start = out->len;

    wire_put_array(out, 1 + t->n);
    wire_put_uint(out, RESULT_VERSION);
    field_put_members(out, t, obj);
    if (!out->full && out->len - start <= LIMIT_RESULT)
        return 0;
    out->len = start;
    return -E2BIG;
}

/* Into `obj`, which is zero, and is zero again after an error. */
static int decode(struct span bytes, const struct field_table *t, void *obj, struct err *err)
{
    struct wire_reader r;
    uint32_t n;

    if (bytes.len > LIMIT_RESULT)
        return err_set(err, EBADMSG, "a result of %zu bytes", bytes.len);
    wire_reader_init(&r, bytes.data, bytes.len);
    n = wire_get_array(&r, LIMIT_WIRE_MEMBERS);
    if (wire_get_uint(&r, UINT32_MAX) != RESULT_VERSION || r.bad || n == 0)
        return err_set(err, EBADMSG, "not a result of version %d", RESULT_VERSION);
    field_get_members(&r, t, n - 1, obj, err);
    if (!r.bad && wire_reader_end(&r) == 0)
        return 0;
    if (!r.bad)
        err_set(err, EBADMSG, "bytes behind the result");
    field_done(t, obj);
    return -EBADMSG;
}

int result_encode(const struct result *r, struct buf *out)
{
    return encode(&result_table, r, out);
}

int result_decode(struct span bytes, struct result *ret_result, struct err *err)
{
    struct result r = {0};
    int rc = decode(bytes, &result_table, &r, err);

    if (rc == 0)
        *ret_result = r;
    return rc;
}

void result_done(struct result *r)
{
    field_done(&result_table, r);
}

int result_event_encode(const struct result_event *e, struct buf *out)
{
    return encode(&event_table, e, out);
}

int result_event_decode(struct span bytes, struct result_event *ret_event, struct err *err)
{
    struct result_event e = {0};
    int rc = decode(bytes, &event_table, &e, err);

    if (rc == 0)
        *ret_event = e;
    return rc;
}
