/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What a node sends about a job, as bytes: whatever they are, what the bridge shows of them is
 * valid JSON, and an event is one block of lines.
 */
#include "api-bridge/event.h"
#include "api-bridge/json.h"
#include "api-bridge/view.h"
#include "base/own.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct span text)
{
    struct api_fault f = {0};
    struct api_json *tree = api_json_parse(text, &f);

    /* A NUL in output is valid JSON that this reader alone refuses. */
    assert(tree || strstr(f.text, "NUL"));
    api_json_free(tree);
}

static void view(const struct message_job *job)
{
    auto_buf struct buf out = {.max = 64 * LIMIT_MIB};
    struct api_view how = {0};
    struct api_json_writer w;

    api_json_writer_init(&w, &out);
    api_view_job(&w, NULL, job, &how);
    check_json(buf_span(&out));
}

static void check_event(const struct message_event *e)
{
    auto_free struct api_event *made = api_event_new(e);
    const char *data;

    if (!made)
        return;
    data = memmem(made->text, made->len, "\ndata: ", 7);
    assert(data && made->len > 9);
    data += 7;
    assert(memchr(data, '\n', made->len) == made->text + made->len - 2);
    check_json((struct span){(const uint8_t *)data, (size_t)(made->text + made->len - 2 - data)});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span bytes = {data, size};
    struct message_event e = {.seq = 1, .body = bytes};
    struct message_job job;
    struct message m;

    if (message_decode(bytes, &m, NULL) == 0) {
        if (m.type == MESSAGE_JOB)
            view(&m.view);
        if (m.type == MESSAGE_EVENT)
            check_event(&m.event);
        message_done(&m);
    }
    if (message_job_decode(bytes, &job, NULL) == 0)
        view(&job);
    job = (struct message_job){.state = MESSAGE_STATE_COMPLETED, .result = bytes};
    view(&job);
    e.kind = MESSAGE_EVENT_RUN;
    check_event(&e);
    e.kind = MESSAGE_EVENT_DECIDED;
    check_event(&e);
    return 0;
}
