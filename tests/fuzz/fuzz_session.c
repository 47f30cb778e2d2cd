/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A session from both of its ends: what a client sends, as raw bytes or as whole frames, and what
 * a node says, well or badly, in any order, with time going on, queues filling, and either end
 * leaving at any moment. There is no connection and no wire: tests/api-bridge/fakeconn.h is the
 * one, and the functions below the other. Whatever comes:
 *
 *   - what the client gets is frames a server may send, and nothing behind a good-bye;
 *   - every text in them is one JSON object;
 *   - the node gets input in order, and never more than it gave credit for;
 *   - when it is over nothing of it is left.
 */
#include "api-bridge/languages.h"
#include "api-bridge/link.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "api-bridge/session_state.h"
#include "tests/api-bridge/fakeconn.h"
#include "tests/fuzz/settings.h"

#include <assert.h>

enum { FUZZ_STEPS = 4096, FUZZ_NODE_WINDOW = MESSAGE_SESSION_WINDOW_MIN };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- in the place of api-bridge/link.c: one question, for the languages ------------------------
 */

static struct {
    api_link_answer fn;
    void *ctx;
} asked;

unsigned api_link_peers_up(const struct api_link *l)
{
    (void)l;
    return 1;
}

unsigned api_link_peers(const struct api_link *l)
{
    (void)l;
    return 1;
}

uint64_t api_link_ask(struct api_link *l, struct message *m, uint32_t wait_ms, api_link_answer fn,
                      void *ctx)
{
    (void)l;
    (void)m;
    (void)wait_ms;
    asked.fn = fn;
    asked.ctx = ctx;
    return 1;
}

void api_link_forget(struct api_link *l, uint64_t number)
{
    (void)l;
    (void)number;
}

/* --- in the place of api-bridge/relay.c: one node ----------------------------------------------
 */

struct api_talk {
    const struct api_talk_events *events;
    void *ctx;
    bool opened, over;
    struct message_flow in; /* stdin, as the node counts it */
    bool ended;             /* its end came */
};

static struct api_talk *talk; /* of the session under test; owned by it */

struct api_relay *api_relay_new(uv_loop_t *loop, const struct api_config *c)
{
    (void)loop;
    (void)c;
    return NULL;
}

void api_relay_free(struct api_relay *r)
{
    (void)r;
}

void api_relay_tick(struct api_relay *r)
{
    (void)r;
}

struct api_talk *api_talk_new(struct api_relay *r, struct message *open,
                              const struct api_talk_events *events, void *ctx)
{
    struct spec spec;

    (void)r;
    assert(!talk && spec_decode(open->session.spec, &spec, NULL) == 0);
    assert(strcmp(spec.head.language, "c") == 0 && spec.files[0].name[0]);
    assert(spec.n_tests == 0 && !spec.callback[0]);
    spec_done(&spec);
    talk = own_calloc(1, sizeof(*talk));
    talk->events = events;
    talk->ctx = ctx;
    return talk;
}

void api_talk_free(struct api_talk *t)
{
    if (!t)
        return;
    assert(t == talk);
    talk = NULL;
    free(t);
}

void api_talk_send(struct api_talk *t, struct message *m)
{
    auto_buf struct buf frame = {.max = LIMIT_FRAME_CONTROL};

    assert(t == talk && t->opened && message_encode(m, &frame) == 0);
    if (m->type != MESSAGE_SESSION_DATA)
        return;
    assert(m->data.stream == MESSAGE_STREAM_STDIN);
    assert(m->data.at == t->in.at && m->data.bytes.len <= message_flow_room(&t->in));
    message_flow_pass(&t->in, m->data.bytes.len);
}

/* --- the input ---------------------------------------------------------------------------------
 */

static uint8_t take(struct span *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static struct span take_bytes(struct span *in)
{
    const size_t want = (size_t)take(in) << 4 | (take(in) & 15);
    const struct span got = {in->data, want < in->len ? want : in->len};

    in->data += got.len;
    in->len -= got.len;
    return got;
}

/* What a node may say of an open session. */
static void say(struct message *m, struct span *in, struct session *s)
{
    const uint8_t how = take(in);

    m->type = (enum message_type)(MESSAGE_SESSION_STARTED + how % 3);
    if (m->type == MESSAGE_SESSION_CREDIT) {
        talk->in.upto += how * 256U;
        m->credit.upto = talk->in.upto;
    } else if (m->type == MESSAGE_SESSION_DATA) {
        m->data.stream = (enum message_stream)(MESSAGE_STREAM_STDOUT + how % 2);
        m->data.at = s->out.at + (how > 250); /* a hole in what came */
        m->data.bytes = take_bytes(in);
    }
}

static void node_says(struct span *in, struct session *s)
{
    struct message m = {.type = MESSAGE_SESSION_CLOSED};
    const uint8_t how = take(in);
    struct api_fault f = {0};

    if (!talk || talk->over)
        return;
    if (how < 8) {
        api_fault_set(&f, how % 2 ? API_FAULT_NO_CAPACITY : API_FAULT_UNAVAILABLE, "no more");
        talk->over = true;
        talk->events->failed(talk->ctx, &f, talk->opened);
        return;
    }
    if (!talk->opened) {
        m.type = MESSAGE_SESSION_OPENED;
        m.opened.window = FUZZ_NODE_WINDOW;
        talk->in.upto = FUZZ_NODE_WINDOW;
        talk->opened = true;
    } else if (how < 16) {
        m.closed.why = (enum message_closing)(how % MESSAGE_CLOSING_N);
        m.closed.signal = how % 2 ? 9 : 0;
        talk->over = true;
    } else {
        say(&m, in, s);
    }
    talk->events->message(talk->ctx, &m);
}

static void client_frame(struct span *in, struct fakeconn *c)
{
    auto_buf struct buf frame = {.max = LIMIT_MIB};
    const uint8_t opcode = take(in);

    fakeconn_frame(&frame, opcode & 15, take_bytes(in));
    if (opcode & 16 && frame.len > 0)
        frame.data[0] &= 0x7f; /* more follows */
    fakeconn_bytes(c, buf_span(&frame));
}

/* One thing happens. */
static void step(struct span *in, struct api_server *s, struct fakeconn *c)
{
    static const char open[] = "{\"type\":\"open\",\"job\":{\"language\":\"c\",\"code\":\"x\"}}";
    auto_buf struct buf frame = {.max = LIMIT_KIB};

    switch (take(in) % 10) {
    case 0:
        fakeconn_bytes(c, take_bytes(in));
        break;
    case 1:
    case 2:
        client_frame(in, c);
        break;
    case 3:
        fakeconn_frame(&frame, 1, span_of(open));
        fakeconn_bytes(c, buf_span(&frame));
        break;
    case 4:
    case 5:
        if (s->sessions->first)
            node_says(in, s->sessions->first);
        break;
    case 6:
        c->queued = (size_t)take(in) * 1200;
        break;
    case 7:
        fakeconn_drained(c);
        break;
    case 8:
        s->loop.time += (uint64_t)take(in) * 100;
        api_sessions_tick(s->sessions);
        break;
    default:
        if (take(in) % 8 == 0)
            fakeconn_stop(c);
        else if (take(in) % 8 == 0)
            fakeconn_leave(c);
    }
}

/* --- what must hold ----------------------------------------------------------------------------
 */

static void check_sent(const struct fakeconn *c)
{
    struct span at = buf_span(&c->sent), payload;
    struct api_fault f = {0};
    bool closed = false;
    unsigned opcode;

    if (c->status != 101)
        return; /* an answer in JSON */
    while (fakeconn_next(&at, &opcode, &payload)) {
        struct api_json *tree = opcode == 1 ? api_json_parse(payload, &f) : NULL;

        assert(!closed);
        closed = opcode == 8;
        assert((opcode == 1) == (tree != NULL));
        assert(opcode != 2 || (payload.len > 0 && payload.data[0] >= MESSAGE_STREAM_STDOUT));
        api_json_free(tree);
    }
}

static void server_init(struct api_server *s)
{
    static const char profile[] =
        "{\"name\":\"c\",\"aliases\":[\"gcc\"],\"sourceName\":\"main.c\"}";
    struct message_language c = {.name = "c", .version = "12", .profile = span_of(profile)};
    struct message m = {.type = MESSAGE_LANGUAGES_REPLY};

    static struct api_shared shared;

    *s = (struct api_server){.config = &fuzz_settings, .shared = &shared};
    s->loop.time = 1000000;
    s->languages = api_languages_new(NULL);
    api_languages_tick(s->languages);
    m.languages.n = 1;
    m.languages.all = &c;
    asked.fn(asked.ctx, &m, NULL);
    shared.sessions = api_quota_new(&(struct api_quota_limits){1, 1, 1}, 1);
    s->sessions = api_sessions_new(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct api_server s;
    struct span in = {data, size};
    struct fakeconn c;

    if (!s.sessions)
        server_init(&s);
    fakeconn_init(&c, &s);
    fakeconn_upgrade(&c);
    c.refuse = take(&in) % 32 == 1;
    api_session_handle(c.x);
    assert(c.status == 101);
    for (int i = 0; i < FUZZ_STEPS && in.len > 0 && c.x; i++)
        step(&in, &s, &c);
    fakeconn_leave(&c);
    check_sent(&c);
    assert(!s.sessions->first && !talk); /* a next one is let in: the quota is given back */
    fakeconn_done(&c);
    return 0;
}
