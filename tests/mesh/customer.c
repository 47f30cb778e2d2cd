/* SPDX-License-Identifier: MPL-2.0 */
/* What comes to a hamlet from outside, and what a client does: asks, waits, looks at the answers.
 */
#include "tests/mesh/hamlet.h"

#include <assert.h>

struct buf hamlet_result(void)
{
    struct result r = {.verdict = RESULT_ACCEPTED};
    struct buf b;

    buf_init(&b, LIMIT_MIB);
    int bad = result_encode(&r, &b);
    assert(bad == 0);
    return b;
}

struct hamlet *hamlet_new(int nodes)
{
    return hamlet_new_expecting(nodes, (uint32_t)nodes);
}

void hamlet_languages(struct hamlet *h, int node, const char *language)
{
    struct message_language one = {.version = "1", .profile = span_of("{}")};
    struct message msg = {.type = MESSAGE_LANGUAGES_REPLY, .languages = {1, &one}};
    struct buf b;

    (void)snprintf(one.name, sizeof(one.name), "%s", language);
    buf_init(&b, LIMIT_MIB);
    int bad = message_encode(&msg, &b);
    assert(bad == 0);
    struct mesh_event e = {.type = MESH_EV_LANGUAGES, .languages.list = buf_span(&b)};
    hamlet_event(h, node, &e);
    buf_done(&b);
}

void hamlet_disk_state(struct hamlet *h, int node, enum mesh_disk state)
{
    struct mesh_event e = {.type = MESH_EV_DISK, .disk.state = state};

    hamlet_event(h, node, &e);
}

void hamlet_drain(struct hamlet *h, int node)
{
    struct mesh_event e = {.type = MESH_EV_DRAIN, .drain.deadline_ms = 5000};

    hamlet_event(h, node, &e);
}

uint64_t hamlet_ask(struct hamlet *h, int node, struct message *msg)
{
    uint64_t token = hamlet_token(h);
    struct buf b;

    msg->token = token;
    buf_init(&b, LIMIT_FRAME_BULK);
    int bad = message_encode(msg, &b);
    assert(bad == 0);
    struct mesh_event e = {.type = MESH_EV_CLIENT, .client = {1, buf_span(&b)}};
    hamlet_event(h, node, &e);
    buf_done(&b);
    return token;
}

uint64_t hamlet_submit(struct hamlet *h, int node, const struct spec_head *head)
{
    struct message msg = {.type = MESSAGE_SUBMIT};
    struct spec_file file = {.name = "main.py", .content = span_of("print(1)")};
    struct spec spec = {.n_files = 1, .files = &file};
    struct buf b;

    spec.head.priority = 2;
    spec.head.attempts_max = 1;
    if (head)
        spec.head = *head;
    if (!spec.head.language[0])
        (void)snprintf(spec.head.language, sizeof(spec.head.language), "python");
    buf_init(&b, LIMIT_SPEC);
    int bad = spec_encode(&spec, &b);
    assert(bad == 0);
    msg.submit.spec = buf_span(&b);
    uint64_t token = hamlet_ask(h, node, &msg);
    buf_done(&b);
    return token;
}

uint64_t hamlet_about(struct hamlet *h, int node, enum message_type type, const struct id *jid)
{
    struct message msg = {.type = type};

    msg.job.jid = *jid;
    msg.job.tenant[0] = '*';
    return hamlet_ask(h, node, &msg);
}

uint64_t hamlet_query(struct hamlet *h, int node, const struct id *jid, uint32_t wait_ms)
{
    struct message msg = {.type = MESSAGE_QUERY};

    msg.job.jid = *jid;
    msg.job.tenant[0] = '*';
    msg.job.wait_ms = wait_ms;
    return hamlet_ask(h, node, &msg);
}

const struct message *hamlet_answer_at(const struct hamlet *h, uint64_t token, uint32_t n)
{
    uint32_t len;
    const struct hamlet_answer *all = hamlet_answers(h, &len);

    for (uint32_t i = 0; i < len; i++)
        if (all[i].msg.token == token && n-- == 0)
            return &all[i].msg;
    return NULL;
}

const struct message *hamlet_answer(const struct hamlet *h, uint64_t token)
{
    return hamlet_answer_at(h, token, 0);
}

struct id hamlet_job(struct hamlet *h, int node)
{
    uint64_t token = hamlet_submit(h, node, NULL);

    for (int i = 0; i < 3000 && !hamlet_answer(h, token); i++)
        hamlet_run(h, 1);
    const struct message *msg = hamlet_answer(h, token);
    assert(msg && msg->type == MESSAGE_ACCEPTED);
    return msg->accepted.jid;
}

enum message_state hamlet_state(struct hamlet *h, int node, const struct id *jid)
{
    uint64_t token = hamlet_query(h, node, jid, 0);

    for (int i = 0; i < 3000 && !hamlet_answer(h, token); i++)
        hamlet_run(h, 1);
    const struct message *msg = hamlet_answer(h, token);
    assert(msg);
    return msg->type == MESSAGE_JOB ? msg->view.state : MESSAGE_STATE_N;
}
