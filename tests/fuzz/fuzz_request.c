/* SPDX-License-Identifier: MPL-2.0 */
/*
 * HTTP requests as bytes from a stranger. Whatever they are: the parser takes or refuses them,
 * and how they are cut into reads makes no difference.
 */
#include "api-bridge/parser.h"
#include "api-bridge/route.h"
#include "base/own.h"

#include <assert.h>

enum { FUZZ_BODY_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum api_parse last;
    enum api_fault_code fault;
    size_t used;
    struct api_request req;
};

static struct outcome parse(struct span text, size_t step)
{
    struct outcome o = {.last = API_PARSE_MORE};
    struct api_parser *p = api_parser_new();
    struct api_fault fault = {0};

    api_request_init(&o.req);
    api_parser_begin(p, &o.req);
    while (o.last == API_PARSE_MORE || o.last == API_PARSE_HEAD) {
        size_t left = text.len - o.used, n = left < step ? left : step, used = 0;

        o.last = api_parser_feed(p, (struct span){text.data + o.used, n}, &used, &fault);
        assert(used <= n);
        o.used += used;
        if (o.last == API_PARSE_HEAD)
            api_parser_body(p, FUZZ_BODY_MAX, true);
        else if (o.last == API_PARSE_MORE && left == 0)
            break;
    }
    o.fault = fault.code;
    api_parser_free(p);
    return o;
}

static void read_all(struct api_request *r)
{
    struct api_fault f = {0};
    unsigned allowed;
    char word[64];

    (void)api_route_find(r, &allowed);
    (void)api_request_query(r, "jobs", word, sizeof(word));
    (void)api_request_query_seconds(r, "wait", 30, 0, &f);
    (void)api_request_is_json(r);
    assert(strlen(r->path) < API_PATH_MAX);
    assert(r->n_headers <= API_HEADERS_MAX);
    assert(r->body.len <= FUZZ_BODY_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {data, size};
    struct outcome whole = parse(text, size + 1);
    struct outcome cut = parse(text, 1 + size % 7);

    assert(whole.last == cut.last);
    if (whole.last == API_PARSE_DONE) {
        assert(whole.used == cut.used);
        assert(span_eq(buf_span(&whole.req.body), buf_span(&cut.req.body)));
        assert(strcmp(whole.req.path, cut.req.path) == 0);
        read_all(&whole.req);
    }
    api_request_done(&whole.req);
    api_request_done(&cut.req);
    return 0;
}
