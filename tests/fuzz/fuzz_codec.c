/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Any bytes as what a client, a peer or a disk could hold. The first byte picks the reader.
 * What was read is written again and must read the same; what a member hears must leave its
 * table sound.
 */
#include "base/own.h"
#include "mesh/life.h"
#include "mesh/load.h"
#include "mesh/member.h"
#include "mesh/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_SIZE_MAX = 65536 };

/* Both encodings of what was read must be the same bytes. */
static void same(const struct buf *once, const struct buf *twice)
{
    if (!span_eq(buf_span(once), buf_span(twice)))
        abort();
}

static void as_value(struct span in)
{
    struct wire_reader r;

    wire_reader_init(&r, in.data, in.len);
    while (!r.bad && r.at < r.end)
        wire_skip(&r);
}

static void as_spec(struct span in)
{
    struct spec s;
    struct spec again;
    auto_buf struct buf once;
    auto_buf struct buf twice;

    buf_init(&once, LIMIT_SPEC);
    buf_init(&twice, LIMIT_SPEC);
    if (spec_decode(in, &s, NULL))
        return;
    if (spec_encode(&s, &once) || spec_decode(buf_span(&once), &again, NULL) ||
        spec_encode(&again, &twice))
        abort();
    same(&once, &twice);
    spec_done(&s);
    spec_done(&again);
}

static void as_result(struct span in)
{
    struct result s;
    struct result again;
    struct result_event event;
    auto_buf struct buf once;
    auto_buf struct buf twice;

    buf_init(&once, LIMIT_RESULT);
    buf_init(&twice, LIMIT_RESULT);
    (void)result_event_decode(in, &event, NULL);
    if (result_decode(in, &s, NULL))
        return;
    if (result_encode(&s, &once) || result_decode(buf_span(&once), &again, NULL) ||
        result_encode(&again, &twice))
        abort();
    same(&once, &twice);
    result_done(&s);
    result_done(&again);
}

static void as_message(struct span in)
{
    struct message s;
    struct message again;
    struct message_job job;
    auto_buf struct buf once;
    auto_buf struct buf twice;

    buf_init(&once, LIMIT_FRAME_BULK);
    buf_init(&twice, LIMIT_FRAME_BULK);
    (void)message_job_decode(in, &job, NULL);
    if (message_decode(in, &s, NULL))
        return;
    if (message_encode(&s, &once) || message_decode(buf_span(&once), &again, NULL) ||
        message_encode(&again, &twice))
        abort();
    same(&once, &twice);
    message_done(&s);
    message_done(&again);
}

static void drain(struct members *m)
{
    uint32_t n;

    (void)members_outputs(m, &n);
    members_check(m);
}

/* A row of payloads: each its kind, a sender, and what that sends. */
static void as_gossip(struct span in)
{
    struct member_config c = {.nid = {{1}}, .boot = 1, .seed = 1};
    struct members *m = members_new(&c);
    struct load *l = load_new(&c.nid, 1, 1);
    struct wire_reader r;

    members_start(m, 1);
    wire_reader_init(&r, in.data, in.len);
    for (uint64_t now = 1; r.end - r.at > 2 && !r.bad; now += 300000000) {
        enum member_payload kind = (enum member_payload)(*r.at++ % MEMBER_PAYLOAD_N);
        struct id from = {{*r.at++}};

        if (kind == MEMBER_PAYLOAD_NACK)
            (void)members_meet(m, &from, &r, now);
        else
            (void)members_recv(m, kind, &from, &r, now);
        drain(m);
        if (!r.bad && r.at < r.end)
            (void)load_get_all(l, &r);
        load_check(l);
        members_tick(m, now);
        drain(m);
    }
    members_free(m);
    load_free(l);
}

/* What opens a session; whatever lives it tells, they follow each other. */
static void as_greeting(struct span in)
{
    struct greeting g;
    struct wire_reader r;

    wire_reader_init(&r, in.data, in.len);
    life_hear(&r, &g);
    for (uint32_t i = 0; g.said && i < g.lives.n; i++) {
        struct life one = {g.lives.at[i].boot, g.lives.at[i].start, 0};

        if (!life_follows(&g.lives, &one))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(struct span in) = {as_value,   as_spec,   as_result,
                                                      as_message, as_gossip, as_greeting};

    if (size < 2 || size > FUZZ_SIZE_MAX)
        return 0;
    readers[data[0] % ARRAY_LEN(readers)]((struct span){data + 1, size - 1});
    return 0;
}
