/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/message.h"
#include "tests/mesh/damage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct id jid = {{1, 2, 3}};
static const struct id nid = {{9, 8, 7}};
static struct message_job views[2];
static struct message_stats figures[2];
static struct message_node nodes[2];
static struct message_language languages[2];
static char endpoints[2][LIMIT_ENDPOINT + 1] = {"tcp://a:7948", "tcp://b:7948"};

static void fill_numbers(uint64_t *at, size_t n, uint64_t from)
{
    for (size_t i = 0; i < n; i++)
        at[i] = from + i;
}

static struct message_job full_view(void)
{
    return (struct message_job){.jid = jid,
                                .state = MESSAGE_STATE_COMPLETED,
                                .version = 5,
                                .tenant = "acme",
                                .language = "cpp",
                                .priority = 3,
                                .n_tags = 1,
                                .tags = {"course"},
                                .done = 2,
                                .total = 4,
                                .attempt = 2,
                                .queued_ms = 1700000000000,
                                .started_ms = 1700000000001,
                                .finished_ms = 1700000000002,
                                .not_before_ms = -1,
                                .node = "node-3",
                                .reason = "because",
                                .stale = true,
                                .result = span_of("result bytes"),
                                .callback = "https://example.org"};
}

static void fill_shared(void)
{
    views[0] = full_view();
    views[1] = (struct message_job){.jid = nid, .state = MESSAGE_STATE_DELAYED};
    memset(figures, 0, sizeof(figures));
    figures[1] = (struct message_stats){.nid = nid,
                                        .name = "node-3",
                                        .as_of_ms = -5,
                                        .nodes_known = 3,
                                        .nodes_missing = 1,
                                        .oldest_waiting_ms = 7,
                                        .slots = 5,
                                        .slots_busy = 4,
                                        .under_replicated = 2,
                                        .per_minute = 10000,
                                        .store_bytes = 1,
                                        .store_bytes_max = UINT64_MAX,
                                        .isolation = "ns"};
    fill_numbers(figures[1].jobs, MESSAGE_STATE_N, 100);
    fill_numbers(figures[1].waiting, LIMIT_PRIORITIES, 200);
    fill_numbers(figures[1].verdicts, RESULT_VERDICT_N, 300);
    fill_numbers(figures[1].wait_us, 4, 400);
    fill_numbers(figures[1].total_us, 4, 500);
    uint64_t next = 600;
#define X(name) figures[1].name = next++;
    MESSAGE_COUNTERS(X)
#undef X
    nodes[0] = (struct message_node){.nid = nid,
                                     .name = "node-3",
                                     .zone = "z1",
                                     .endpoint = "tcp://a:7948",
                                     .state = "alive",
                                     .isolation = "full",
                                     .slots = 5,
                                     .busy = 1,
                                     .queued = {1, 2, 3, 4}};
    languages[0] = (struct message_language){"python", "3.11.2", span_of("{}")};
}

static void fill_request(struct message *m)
{
    switch (m->type) {
    case MESSAGE_HELLO:
        memcpy(m->hello.client, "bridge", 7);
        break;
    case MESSAGE_SUBMIT:
    case MESSAGE_SPEC_REPLY:
        m->submit.spec = span_of("spec bytes");
        break;
    case MESSAGE_QUERY:
    case MESSAGE_CANCEL:
    case MESSAGE_WATCH:
    case MESSAGE_UNWATCH:
    case MESSAGE_TOLD:
    case MESSAGE_SPEC:
        m->job.jid = jid;
        memcpy(m->job.tenant, "acme", 5);
        m->job.wait_ms = 30000;
        m->job.seen = UINT64_C(1) << 40;
        break;
    case MESSAGE_LIST:
        memcpy(m->list.tenant, "acme", 5);
        memcpy(m->list.tag, "course", 7);
        m->list.states = 0x3f;
        m->list.cursor = jid;
        m->list.limit = 50;
        m->list.owed = true;
        break;
    case MESSAGE_DRAIN:
    case MESSAGE_FORGET:
        m->node.nid = nid;
        break;
    default:
        break;
    }
}

static void fill_list_answer(struct message *m)
{
    switch (m->type) {
    case MESSAGE_WELCOME:
        m->welcome.nid = nid;
        memcpy(m->welcome.name, "node-3", 7);
        m->welcome.n_endpoints = 2;
        m->welcome.endpoints = endpoints;
        break;
    case MESSAGE_JOBS:
        m->jobs.n = 2;
        m->jobs.jobs = views;
        m->jobs.cursor = jid;
        m->jobs.partial = true;
        break;
    case MESSAGE_STATS_REPLY:
        m->stats.n = 2;
        m->stats.nodes = figures;
        break;
    case MESSAGE_NODES_REPLY:
        m->nodes.n = 2;
        m->nodes.nodes = nodes;
        break;
    case MESSAGE_LANGUAGES_REPLY:
        m->languages.n = 2;
        m->languages.all = languages;
        break;
    default:
        break;
    }
}

static void fill_session(struct message *m)
{
    switch (m->type) {
    case MESSAGE_SESSION_OPEN:
        m->session.spec = span_of("spec bytes");
        m->session.tty = true;
        m->session.rows = 24;
        m->session.columns = 80;
        m->session.window = MESSAGE_SESSION_WINDOW_MAX;
        break;
    case MESSAGE_SESSION_OPENED:
        memcpy(m->opened.node, "node-3", 7);
        m->opened.window = 70000;
        break;
    case MESSAGE_SESSION_DATA:
        m->data.stream = MESSAGE_STREAM_STDERR;
        m->data.at = UINT64_C(1) << 40;
        m->data.last = true;
        m->data.bytes = span_of("\x00\xff line\n");
        break;
    case MESSAGE_SESSION_CREDIT:
        m->credit.upto = UINT64_MAX;
        break;
    case MESSAGE_SESSION_SIGNAL:
        memcpy(m->signal.name, "SIGINT", 7);
        break;
    case MESSAGE_SESSION_RESIZE:
        m->session.rows = 50;
        m->session.columns = 132;
        break;
    case MESSAGE_SESSION_CLOSED:
        m->closed = (struct message_closed){.why = MESSAGE_CLOSING_IDLE,
                                            .verdict = RESULT_RUNTIME_ERROR,
                                            .cause = {"signal", "SIGSEGV", 3},
                                            .exit_code = -1,
                                            .signal = 11,
                                            .cpu_us = 1,
                                            .wall_us = 2,
                                            .memory = 3};
        break;
    default:
        break;
    }
}

/* One message of each type, every member set. */
static struct message full_message(enum message_type type)
{
    struct message m = {.type = type, .token = UINT64_MAX};

    fill_shared();
    fill_request(&m);
    fill_list_answer(&m);
    fill_session(&m);
    switch (type) {
    case MESSAGE_ACCEPTED:
        m.accepted.jid = jid;
        m.accepted.duplicate = true;
        break;
    case MESSAGE_REFUSED:
        m.refused.why = MESSAGE_REFUSAL_NO_LANGUAGE;
        memcpy(m.refused.text, "no cobol", 9);
        m.refused.retry_after_ms = 1500;
        break;
    case MESSAGE_JOB:
        m.view = full_view();
        break;
    case MESSAGE_EVENT:
        m.event = (struct message_event){jid, 77, MESSAGE_EVENT_GAP, -9, span_of("body")};
        break;
    default:
        break;
    }
    return m;
}

static bool read_message(struct span frame)
{
    struct message m;

    if (message_decode(frame, &m, NULL))
        return false;
    assert_true((unsigned)m.type < MESSAGE_TYPE_N);
    message_done(&m);
    return true;
}

static void every_type_comes_back_and_encodes_the_same(void **state)
{
    (void)state;
    for (unsigned t = 0; t < MESSAGE_TYPE_N; t++) {
        struct message in = full_message((enum message_type)t);
        struct message out;
        auto_buf struct buf b;
        auto_buf struct buf again;

        buf_init(&b, LIMIT_FRAME_BULK);
        buf_init(&again, LIMIT_FRAME_BULK);
        assert_int_equal(message_encode(&in, &b), 0);
        assert_int_equal(message_decode(buf_span(&b), &out, NULL), 0);
        assert_int_equal(out.type, t);
        assert_true(out.token == UINT64_MAX);
        assert_int_equal(message_encode(&out, &again), 0);
        assert_true(span_eq(buf_span(&b), buf_span(&again)));
        message_done(&out);
    }
}

static struct message there_and_back(enum message_type type, struct buf *b)
{
    struct message in = full_message(type);
    struct message out;

    buf_init(b, LIMIT_FRAME_BULK);
    assert_int_equal(message_encode(&in, b), 0);
    assert_int_equal(message_decode(buf_span(b), &out, NULL), 0);
    return out;
}

static void requests_keep_their_members(void **state)
{
    auto_buf struct buf a, b, c;
    struct message job = there_and_back(MESSAGE_WATCH, &a);
    struct message list = there_and_back(MESSAGE_LIST, &b);
    struct message submit = there_and_back(MESSAGE_SUBMIT, &c);

    (void)state;
    assert_true(id_eq(&job.job.jid, &jid));
    assert_string_equal(job.job.tenant, "acme");
    assert_int_equal(job.job.wait_ms, 30000);
    assert_true(job.job.seen == UINT64_C(1) << 40);
    assert_string_equal(list.list.tag, "course");
    assert_int_equal(list.list.states, 0x3f);
    assert_int_equal(list.list.limit, 50);
    assert_true(id_eq(&list.list.cursor, &jid));
    assert_true(span_eq(submit.submit.spec, span_of("spec bytes")));
}

static void sessions_keep_their_members(void **state)
{
    auto_buf struct buf a, b, c, d;
    struct message open = there_and_back(MESSAGE_SESSION_OPEN, &a);
    struct message data = there_and_back(MESSAGE_SESSION_DATA, &b);
    struct message resize = there_and_back(MESSAGE_SESSION_RESIZE, &c);
    struct message closed = there_and_back(MESSAGE_SESSION_CLOSED, &d);

    (void)state;
    assert_true(span_eq(open.session.spec, span_of("spec bytes")));
    assert_true(open.session.tty);
    assert_int_equal(open.session.window, MESSAGE_SESSION_WINDOW_MAX);
    assert_int_equal(data.data.stream, MESSAGE_STREAM_STDERR);
    assert_true(data.data.at == UINT64_C(1) << 40 && data.data.last);
    assert_int_equal(resize.session.rows, 50);
    assert_int_equal(resize.session.columns, 132);
    assert_int_equal(closed.closed.why, MESSAGE_CLOSING_IDLE);
    assert_int_equal(closed.closed.verdict, RESULT_RUNTIME_ERROR);
    assert_string_equal(closed.closed.cause.detail, "SIGSEGV");
    assert_int_equal(closed.closed.exit_code, -1);
    assert_int_equal(closed.closed.signal, 11);
}

static void a_piece_or_a_window_over_its_limit_is_refused(void **state)
{
    static uint8_t bytes[MESSAGE_SESSION_PIECE + 1];
    struct message data = {.type = MESSAGE_SESSION_DATA};
    struct message open = {.type = MESSAGE_SESSION_OPEN};
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, LIMIT_FRAME_BULK);
    data.data.bytes = (struct span){bytes, sizeof(bytes)};
    open.session.window = MESSAGE_SESSION_WINDOW_MAX + 1;
    assert_int_equal(message_encode(&data, &b), -E2BIG);
    buf_done(&b);
    buf_init(&b, LIMIT_FRAME_BULK);
    assert_int_equal(message_encode(&open, &b), -E2BIG);
}

static void credit_bounds_bytes_and_frames(void **state)
{
    struct message_flow f = {.upto = 10 * MESSAGE_SESSION_COST};
    unsigned frames = 0;

    (void)state;
    while (message_flow_room(&f) > 0) {
        message_flow_pass(&f, 1);
        frames++;
    }
    assert_int_equal(frames, 9);
    assert_true(f.at <= f.upto);
    f = (struct message_flow){.at = 5, .upto = 5 + MESSAGE_SESSION_COST};
    assert_int_equal(message_flow_room(&f), 0);
    f.upto++;
    assert_int_equal(message_flow_room(&f), 1);
    f.upto = UINT64_MAX;
    assert_int_equal(message_flow_room(&f), MESSAGE_SESSION_PIECE);
    f = (struct message_flow){.at = 9, .upto = 3};
    assert_int_equal(message_flow_room(&f), 0);
}

static void the_type_can_be_read_alone(void **state)
{
    static const uint8_t bad[] = {0x93, 0x01, MESSAGE_TYPE_N, 0x00};
    enum message_type type = MESSAGE_TYPE_N;

    (void)state;
    for (unsigned t = 0; t < MESSAGE_TYPE_N; t++) {
        struct message in = full_message((enum message_type)t);
        auto_buf struct buf b;

        buf_init(&b, LIMIT_FRAME_BULK);
        assert_int_equal(message_encode(&in, &b), 0);
        assert_int_equal(message_peek(buf_span(&b), &type), 0);
        assert_int_equal(type, t);
        assert_int_equal(message_type_session(type),
                         t >= MESSAGE_SESSION_OPEN && t <= MESSAGE_SESSION_CLOSED);
        assert_int_equal(message_peek((struct span){b.data, 2}, &type), -EBADMSG);
    }
    assert_int_equal(message_peek((struct span){bad, sizeof(bad)}, &type), -EBADMSG);
}

static void only_signals_of_the_list_have_a_number(void **state)
{
    (void)state;
    assert_int_equal(message_signal("SIGINT"), 2);
    assert_int_equal(message_signal("SIGKILL"), 9);
    assert_int_equal(message_signal("INT"), 0);
    assert_int_equal(message_signal("2"), 0);
    assert_int_equal(message_signal(""), 0);
    assert_int_equal(message_signal("SIGRTMIN"), 0);
}

static void assert_same_view(const struct message_job *got, const struct message_job *want)
{
    struct message_job a = *got;
    struct message_job b = *want;

    assert_true(span_eq(a.result, b.result));
    a.result = b.result = (struct span){NULL, 0};
    assert_true(id_eq(&a.jid, &b.jid));
    assert_int_equal(a.state, b.state);
    assert_true(a.version == b.version);
    assert_string_equal(a.tenant, b.tenant);
    assert_string_equal(a.language, b.language);
    assert_int_equal(a.priority, b.priority);
    assert_int_equal(a.n_tags, b.n_tags);
    assert_memory_equal(a.tags, b.tags, sizeof(a.tags));
    assert_int_equal(a.done, b.done);
    assert_int_equal(a.total, b.total);
    assert_int_equal(a.attempt, b.attempt);
    assert_true(a.queued_ms == b.queued_ms && a.started_ms == b.started_ms);
    assert_true(a.finished_ms == b.finished_ms && a.not_before_ms == b.not_before_ms);
    assert_string_equal(a.node, b.node);
    assert_string_equal(a.reason, b.reason);
    assert_int_equal(a.stale, b.stale);
    assert_string_equal(a.callback, b.callback);
}

static void a_job_keeps_its_members_alone_and_in_messages(void **state)
{
    struct message_job want = full_view();
    struct message_job got;
    auto_buf struct buf a, b, c;
    struct message one = there_and_back(MESSAGE_JOB, &a);
    struct message many = there_and_back(MESSAGE_JOBS, &b);

    (void)state;
    assert_same_view(&one.view, &want);
    assert_int_equal(many.jobs.n, 2);
    assert_same_view(&many.jobs.jobs[0], &want);
    assert_int_equal(many.jobs.jobs[1].state, MESSAGE_STATE_DELAYED);
    assert_true(many.jobs.partial);
    message_done(&many);
    buf_init(&c, LIMIT_FRAME_BULK);
    assert_int_equal(message_job_encode(&want, &c), 0);
    assert_int_equal(message_job_decode(buf_span(&c), &got, NULL), 0);
    assert_same_view(&got, &want);
    assert_int_equal(message_job_decode((struct span){c.data, c.len - 1}, &got, NULL), -EBADMSG);
}

static void figures_and_nodes_keep_their_members(void **state)
{
    auto_buf struct buf a, b, c;
    struct message stats = there_and_back(MESSAGE_STATS_REPLY, &a);
    struct message peers = there_and_back(MESSAGE_NODES_REPLY, &b);
    struct message langs = there_and_back(MESSAGE_LANGUAGES_REPLY, &c);

    (void)state;
    /* Both were made from zero, so that even the padding is equal. */
    assert_int_equal(stats.stats.n, 2);
    assert_memory_equal(&stats.stats.nodes[1], &figures[1], sizeof(figures[1]));
    assert_memory_equal(&peers.nodes.nodes[0], &nodes[0], sizeof(nodes[0]));
    assert_string_equal(langs.languages.all[0].version, "3.11.2");
    assert_true(span_eq(langs.languages.all[0].profile, span_of("{}")));
    message_done(&stats);
    message_done(&peers);
    message_done(&langs);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (unsigned t = 0; t < MESSAGE_TYPE_N; t++) {
        struct message in = full_message((enum message_type)t);
        auto_buf struct buf b;

        buf_init(&b, LIMIT_FRAME_BULK);
        assert_int_equal(message_encode(&in, &b), 0);
        assert_int_equal(damage_cut(buf_span(&b), read_message), 0);
        assert_true(damage_flip(buf_span(&b), read_message) > 0);
    }
}

static void a_lying_count_allocates_nothing(void **state)
{
    /* JOBS with 1000 elements announced and 3 bytes behind the count. */
    static const uint8_t frame[] = {0x96, 0x01, MESSAGE_JOBS, 0x00, 0xdc,
                                    0x03, 0xe8, 0xc0,         0xc0, 0xc0};
    struct message m;
    struct err err;

    (void)state;
    assert_int_equal(message_decode((struct span){frame, sizeof(frame)}, &m, &err), -EBADMSG);
    assert_string_equal(err.text, "jobs.jobs");
}

static void another_version_is_refused(void **state)
{
    struct message in = full_message(MESSAGE_STATS);
    struct message m;
    struct err err;
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, 64);
    assert_int_equal(message_encode(&in, &b), 0);
    b.data[1] = MESSAGE_VERSION + 1;
    assert_int_equal(message_decode(buf_span(&b), &m, &err), -EBADMSG);
    assert_string_equal(err.text, "message version 2");
}

static void a_full_buffer_is_told(void **state)
{
    struct message in = full_message(MESSAGE_JOB);
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, 16);
    assert_int_equal(message_encode(&in, &b), -E2BIG);
    assert_int_equal(b.len, 0);
}

static void names_are_those_of_the_api(void **state)
{
    (void)state;
    assert_string_equal(message_state_name(MESSAGE_STATE_ACTIVE), "active");
    assert_string_equal(message_event_name(MESSAGE_EVENT_DECIDED), "decided");
    assert_string_equal(message_refusal_text(MESSAGE_REFUSAL_NOT_FOUND), "no such job");
    assert_string_equal(message_closing_name(MESSAGE_CLOSING_DRAINING), "draining");
    assert_string_equal(message_closing_name(MESSAGE_CLOSING_N), "unknown");
    assert_true(message_state_final(MESSAGE_STATE_FAILED));
    assert_false(message_state_final(MESSAGE_STATE_ACTIVE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_and_encodes_the_same),
        cmocka_unit_test(requests_keep_their_members),
        cmocka_unit_test(sessions_keep_their_members),
        cmocka_unit_test(a_piece_or_a_window_over_its_limit_is_refused),
        cmocka_unit_test(credit_bounds_bytes_and_frames),
        cmocka_unit_test(the_type_can_be_read_alone),
        cmocka_unit_test(only_signals_of_the_list_have_a_number),
        cmocka_unit_test(a_job_keeps_its_members_alone_and_in_messages),
        cmocka_unit_test(figures_and_nodes_keep_their_members),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(a_lying_count_allocates_nothing),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(names_are_those_of_the_api),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
