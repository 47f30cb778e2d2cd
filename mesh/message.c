/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/message.h"

#include "mesh/field.h"

#include <errno.h>
#include <signal.h>

/*
 * How this works: each type of message has a table of the members of struct message that it
 * carries; the frame is [MESSAGE_VERSION, type, token] and those members.
 */
enum { MESSAGE_FRAME_HEAD = 3 };

static const char *const state_names[] = {
#define X(id, name) name,
    MESSAGE_STATES(X)
#undef X
};

static const char *const event_names[] = {
#define X(id, name) name,
    MESSAGE_EVENTS(X)
#undef X
};

static const char *const refusal_texts[] = {
#define X(id, text) text,
    MESSAGE_REFUSALS(X)
#undef X
};

const char *message_state_name(enum message_state s)
{
    return (unsigned)s < MESSAGE_STATE_N ? state_names[s] : "unknown";
}

const char *message_event_name(enum message_event_kind k)
{
    return (unsigned)k < MESSAGE_EVENT_N ? event_names[k] : "unknown";
}

const char *message_refusal_text(enum message_refusal r)
{
    return (unsigned)r < MESSAGE_REFUSAL_N ? refusal_texts[r] : "unknown";
}

static const char *const closing_names[] = {
#define X(id, name) name,
    MESSAGE_CLOSINGS(X)
#undef X
};

const char *message_closing_name(enum message_closing c)
{
    return (unsigned)c < MESSAGE_CLOSING_N ? closing_names[c] : "unknown";
}

int message_signal(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"SIGHUP", SIGHUP},   {"SIGINT", SIGINT},   {"SIGQUIT", SIGQUIT},
                   {"SIGKILL", SIGKILL}, {"SIGTERM", SIGTERM}, {"SIGUSR1", SIGUSR1},
                   {"SIGUSR2", SIGUSR2}, {"SIGCONT", SIGCONT}, {"SIGSTOP", SIGSTOP},
                   {"SIGTSTP", SIGTSTP}, {"SIGALRM", SIGALRM}, {"SIGWINCH", SIGWINCH}};

    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        if (strcmp(name, signals[i].name) == 0)
            return signals[i].number;
    }
    return 0;
}

struct tag {
    char text[LIMIT_TAG + 1];
};

static const struct field tag_fields[] = {FIELD(struct tag, text)};
static const struct field_table tag_table = FIELD_TABLE(struct tag, tag_fields);

static const struct field view_fields[] = {
    FIELD(struct message_job, jid),
    FIELD_MAX(struct message_job, state, MESSAGE_STATE_N - 1),
    FIELD(struct message_job, version),
    FIELD(struct message_job, tenant),
    FIELD(struct message_job, language),
    FIELD_MAX(struct message_job, priority, LIMIT_PRIORITIES - 1),
    FIELD_INLINE(struct message_job, tags, n_tags, LIMIT_TAGS, tag_table),
    FIELD_MAX(struct message_job, done, LIMIT_TESTS),
    FIELD_MAX(struct message_job, total, LIMIT_TESTS),
    FIELD(struct message_job, attempt),
    FIELD(struct message_job, queued_ms),
    FIELD(struct message_job, started_ms),
    FIELD(struct message_job, finished_ms),
    FIELD(struct message_job, not_before_ms),
    FIELD(struct message_job, node),
    FIELD(struct message_job, reason),
    FIELD(struct message_job, stale),
    FIELD_MAX(struct message_job, result, LIMIT_RESULT),
    FIELD(struct message_job, callback),
};
static const struct field_table view_table = FIELD_TABLE(struct message_job, view_fields);

static const struct field node_fields[] = {
    FIELD(struct message_node, nid),    FIELD(struct message_node, name),
    FIELD(struct message_node, zone),   FIELD(struct message_node, endpoint),
    FIELD(struct message_node, state),  FIELD(struct message_node, isolation),
    FIELD(struct message_node, slots),  FIELD(struct message_node, busy),
    FIELD(struct message_node, queued),
};
static const struct field_table node_table = FIELD_TABLE(struct message_node, node_fields);

static const struct field stats_fields[] = {FIELD(struct message_stats, nid),
                                            FIELD(struct message_stats, name),
                                            FIELD(struct message_stats, as_of_ms),
                                            FIELD(struct message_stats, nodes_known),
                                            FIELD(struct message_stats, nodes_missing),
                                            FIELD(struct message_stats, jobs),
                                            FIELD(struct message_stats, waiting),
                                            FIELD(struct message_stats, oldest_waiting_ms),
                                            FIELD(struct message_stats, slots),
                                            FIELD(struct message_stats, slots_busy),
                                            FIELD(struct message_stats, under_replicated),
                                            FIELD(struct message_stats, verdicts),
                                            FIELD(struct message_stats, wait_us),
                                            FIELD(struct message_stats, total_us),
                                            FIELD(struct message_stats, per_minute),
                                            FIELD(struct message_stats, store_bytes),
                                            FIELD(struct message_stats, store_bytes_max),
                                            FIELD(struct message_stats, isolation),
#define X(name) FIELD(struct message_stats, name),
                                            MESSAGE_COUNTERS(X)
#undef X
};
static const struct field_table stats_table = FIELD_TABLE(struct message_stats, stats_fields);

static const struct field language_fields[] = {
    FIELD(struct message_language, name),
    FIELD(struct message_language, version),
    FIELD_MAX(struct message_language, profile, LIMIT_PROFILE),
};
static const struct field_table language_table =
    FIELD_TABLE(struct message_language, language_fields);

struct endpoint {
    char text[LIMIT_ENDPOINT + 1];
};

static const struct field endpoint_fields[] = {FIELD(struct endpoint, text)};
static const struct field_table endpoint_table = FIELD_TABLE(struct endpoint, endpoint_fields);

/* Names by the member of the union; the types that carry it follow in types[]. */
static const struct field hello_fields[] = {FIELD(struct message, hello.client)};
static const struct field submit_fields[] = {
    FIELD_MAX(struct message, submit.spec, LIMIT_SPEC),
};
static const struct field job_fields[] = {
    FIELD(struct message, job.jid),
    FIELD(struct message, job.tenant),
    FIELD(struct message, job.wait_ms),
    FIELD(struct message, job.seen),
};
static const struct field list_fields[] = {
    FIELD(struct message, list.tenant), FIELD(struct message, list.tag),
    FIELD(struct message, list.states), FIELD(struct message, list.cursor),
    FIELD(struct message, list.limit),  FIELD(struct message, list.owed),
};
static const struct field target_fields[] = {FIELD(struct message, node.nid)};
static const struct field welcome_fields[] = {
    FIELD(struct message, welcome.nid),
    FIELD(struct message, welcome.name),
    FIELD_ARRAY(struct message, welcome.endpoints, welcome.n_endpoints, LIMIT_NODES,
                endpoint_table),
};
static const struct field accepted_fields[] = {
    FIELD(struct message, accepted.jid),
    FIELD(struct message, accepted.duplicate),
};
static const struct field refused_fields[] = {
    FIELD_MAX(struct message, refused.why, MESSAGE_REFUSAL_N - 1),
    FIELD(struct message, refused.text),
    FIELD(struct message, refused.retry_after_ms),
};
static const struct field job_reply_fields[] = {
    FIELD_STRUCT(struct message, view, view_table),
};
static const struct field event_fields[] = {
    FIELD(struct message, event.jid),
    FIELD(struct message, event.seq),
    FIELD_MAX(struct message, event.kind, MESSAGE_EVENT_N - 1),
    FIELD(struct message, event.at_ms),
    FIELD_MAX(struct message, event.body, LIMIT_FRAME_BULK),
};
static const struct field jobs_fields[] = {
    FIELD_ARRAY(struct message, jobs.jobs, jobs.n, LIMIT_PAGE, view_table),
    FIELD(struct message, jobs.cursor),
    FIELD(struct message, jobs.partial),
};
static const struct field stats_reply_fields[] = {
    FIELD_ARRAY(struct message, stats.nodes, stats.n, LIMIT_NODES + 1, stats_table),
};
static const struct field nodes_reply_fields[] = {
    FIELD_ARRAY(struct message, nodes.nodes, nodes.n, LIMIT_NODES, node_table),
};
static const struct field languages_reply_fields[] = {
    FIELD_ARRAY(struct message, languages.all, languages.n, LIMIT_LANGUAGES, language_table),
};

static const struct field session_open_fields[] = {
    FIELD_MAX(struct message, session.spec, LIMIT_SPEC),
    FIELD(struct message, session.tty),
    FIELD_MAX(struct message, session.rows, UINT16_MAX),
    FIELD_MAX(struct message, session.columns, UINT16_MAX),
    FIELD_MAX(struct message, session.window, MESSAGE_SESSION_WINDOW_MAX),
};
static const struct field session_opened_fields[] = {
    FIELD(struct message, opened.node),
    FIELD_MAX(struct message, opened.window, MESSAGE_SESSION_WINDOW_MAX),
};
static const struct field session_data_fields[] = {
    FIELD_MAX(struct message, data.stream, MESSAGE_STREAM_N - 1),
    FIELD(struct message, data.at),
    FIELD(struct message, data.last),
    FIELD_MAX(struct message, data.bytes, MESSAGE_SESSION_PIECE),
};
static const struct field session_credit_fields[] = {FIELD(struct message, credit.upto)};
static const struct field session_signal_fields[] = {FIELD(struct message, signal.name)};
static const struct field session_resize_fields[] = {
    FIELD_MAX(struct message, session.rows, UINT16_MAX),
    FIELD_MAX(struct message, session.columns, UINT16_MAX),
};
static const struct field cause_fields[] = {
    FIELD(struct result_cause, kind),
    FIELD(struct result_cause, detail),
    FIELD(struct result_cause, line),
};
static const struct field_table cause_table = FIELD_TABLE(struct result_cause, cause_fields);
static const struct field session_closed_fields[] = {
    FIELD_MAX(struct message, closed.why, MESSAGE_CLOSING_N - 1),
    FIELD_MAX(struct message, closed.verdict, RESULT_VERDICT_N - 1),
    FIELD_STRUCT(struct message, closed.cause, cause_table),
    FIELD(struct message, closed.exit_code),
    FIELD(struct message, closed.signal),
    FIELD(struct message, closed.cpu_us),
    FIELD(struct message, closed.wall_us),
    FIELD(struct message, closed.memory),
};

/* Of a message only its head and what its type carries is read, written and emptied: most are
 * small, and the largest is a hundred times as large. */
#define CARRIES(list, member)                                                                      \
    {                                                                                              \
        .fields = (list), .n = sizeof(list) / sizeof((list)[0]),                                   \
        .size = offsetof(struct message, member) + sizeof(((struct message *)0)->member),          \
    }
#define CARRIES_NOTHING                                                                            \
    {                                                                                              \
        .size = offsetof(struct message, hello)                                                    \
    }
static const struct field_table types[MESSAGE_TYPE_N] = {
    [MESSAGE_HELLO] = CARRIES(hello_fields, hello),
    [MESSAGE_SUBMIT] = CARRIES(submit_fields, submit),
    [MESSAGE_QUERY] = CARRIES(job_fields, job),
    [MESSAGE_CANCEL] = CARRIES(job_fields, job),
    [MESSAGE_WATCH] = CARRIES(job_fields, job),
    [MESSAGE_UNWATCH] = CARRIES(job_fields, job),
    [MESSAGE_LIST] = CARRIES(list_fields, list),
    [MESSAGE_STATS] = CARRIES_NOTHING,
    [MESSAGE_NODES] = CARRIES_NOTHING,
    [MESSAGE_LANGUAGES] = CARRIES_NOTHING,
    [MESSAGE_DRAIN] = CARRIES(target_fields, node),
    [MESSAGE_FORGET] = CARRIES(target_fields, node),
    [MESSAGE_TOLD] = CARRIES(job_fields, job),
    [MESSAGE_READY] = CARRIES_NOTHING,
    [MESSAGE_WELCOME] = CARRIES(welcome_fields, welcome),
    [MESSAGE_ACCEPTED] = CARRIES(accepted_fields, accepted),
    [MESSAGE_REFUSED] = CARRIES(refused_fields, refused),
    [MESSAGE_JOB] = CARRIES(job_reply_fields, view),
    [MESSAGE_EVENT] = CARRIES(event_fields, event),
    [MESSAGE_JOBS] = CARRIES(jobs_fields, jobs),
    [MESSAGE_STATS_REPLY] = CARRIES(stats_reply_fields, stats),
    [MESSAGE_NODES_REPLY] = CARRIES(nodes_reply_fields, nodes),
    [MESSAGE_LANGUAGES_REPLY] = CARRIES(languages_reply_fields, languages),
    [MESSAGE_DONE] = CARRIES_NOTHING,
    [MESSAGE_SESSION_OPEN] = CARRIES(session_open_fields, session),
    [MESSAGE_SESSION_OPENED] = CARRIES(session_opened_fields, opened),
    [MESSAGE_SESSION_STARTED] = CARRIES_NOTHING,
    [MESSAGE_SESSION_DATA] = CARRIES(session_data_fields, data),
    [MESSAGE_SESSION_CREDIT] = CARRIES(session_credit_fields, credit),
    [MESSAGE_SESSION_SIGNAL] = CARRIES(session_signal_fields, signal),
    [MESSAGE_SESSION_RESIZE] = CARRIES(session_resize_fields, session),
    [MESSAGE_SESSION_ALIVE] = CARRIES_NOTHING,
    [MESSAGE_SESSION_CLOSE] = CARRIES_NOTHING,
    [MESSAGE_SESSION_CLOSED] = CARRIES(session_closed_fields, closed),
    [MESSAGE_SPEC] = CARRIES(job_fields, job),
    [MESSAGE_SPEC_REPLY] = CARRIES(submit_fields, submit),
};

static int encoded(struct buf *out, size_t start)
{
    if (!out->full && out->len - start <= LIMIT_FRAME_BULK)
        return 0;
    out->len = start;
    return -E2BIG;
}

int message_encode(const struct message *m, struct buf *out)
{
    size_t start = out->len;
    const struct field_table *t = &types[m->type];

    wire_put_array(out, MESSAGE_FRAME_HEAD + t->n);
    wire_put_uint(out, MESSAGE_VERSION);
    wire_put_uint(out, m->type);
    wire_put_uint(out, m->token);
    field_put_members(out, t, m);
    return encoded(out, start);
}

int message_decode(struct span frame, struct message *ret_message, struct err *err)
{
    struct message *m = ret_message;
    enum message_type type;
    struct wire_reader r;
    uint32_t n;
    uint64_t version, token;

    wire_reader_init(&r, frame.data, frame.len);
    n = wire_get_array(&r, LIMIT_WIRE_MEMBERS);
    version = wire_get_uint(&r, UINT32_MAX);
    type = (enum message_type)wire_get_uint(&r, MESSAGE_TYPE_N - 1);
    token = wire_get_uint(&r, UINT64_MAX);
    if (r.bad || n < MESSAGE_FRAME_HEAD || frame.len > LIMIT_FRAME_BULK)
        return err_set(err, EBADMSG, "not a message");
    if (version != MESSAGE_VERSION)
        return err_set(err, EBADMSG, "message version %llu", (unsigned long long)version);
    memset(m, 0, types[type].size);
    m->type = type;
    m->token = token;
    field_get_members(&r, &types[type], n - MESSAGE_FRAME_HEAD, m, err);
    if (!r.bad && wire_reader_end(&r) == 0)
        return 0;
    if (!r.bad)
        err_set(err, EBADMSG, "bytes behind the message");
    message_done(m);
    return -EBADMSG;
}

int message_peek(struct span frame, enum message_type *ret_type)
{
    struct wire_reader r;
    uint32_t n;
    uint64_t version, type;

    wire_reader_init(&r, frame.data, frame.len);
    n = wire_get_array(&r, LIMIT_WIRE_MEMBERS);
    version = wire_get_uint(&r, UINT32_MAX);
    type = wire_get_uint(&r, MESSAGE_TYPE_N - 1);
    if (r.bad || n < MESSAGE_FRAME_HEAD || version != MESSAGE_VERSION)
        return -EBADMSG;
    *ret_type = (enum message_type)type;
    return 0;
}

void message_done(struct message *m)
{
    if ((unsigned)m->type < MESSAGE_TYPE_N)
        field_done(&types[m->type], m);
}

int message_job_encode(const struct message_job *j, struct buf *out)
{
    size_t start = out->len;

    field_put(out, &view_table, j);
    return encoded(out, start);
}

int message_job_decode(struct span bytes, struct message_job *ret_job, struct err *err)
{
    struct message_job j = {0};
    struct wire_reader r;

    wire_reader_init(&r, bytes.data, bytes.len);
    field_get(&r, &view_table, &j, err);
    if (!r.bad && wire_reader_end(&r) == 0) {
        *ret_job = j;
        return 0;
    }
    return err_set(err, EBADMSG, "not a job");
}
