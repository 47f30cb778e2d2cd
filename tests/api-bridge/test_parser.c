/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/parser.h"

#include "base/own.h"

#include <setjmp.h>

#include <cmocka.h>

struct run {
    enum api_parse last;
    struct api_fault fault;
    struct api_request req;
    size_t used;
    unsigned heads;
};

/* Feeds `text` in pieces of `step` bytes until something ends it. */
static void run_init(struct run *r, struct span text, size_t step, uint64_t body_max)
{
    struct api_parser *p = api_parser_new();

    *r = (struct run){.last = API_PARSE_MORE};
    api_request_init(&r->req);
    api_parser_begin(p, &r->req);
    while (r->last == API_PARSE_MORE || r->last == API_PARSE_HEAD) {
        size_t left = text.len - r->used, n = left < step ? left : step, used = 0;

        r->last = api_parser_feed(p, (struct span){text.data + r->used, n}, &used, &r->fault);
        r->used += used;
        if (r->last == API_PARSE_HEAD) {
            r->heads++;
            api_parser_body(p, body_max, true);
        } else if (r->last == API_PARSE_MORE && left == 0) {
            break;
        }
    }
    api_parser_free(p);
}

static void run_done(struct run *r)
{
    api_request_done(&r->req);
}

static const char post[] =
    "POST /api/a%20b?x=1&y=%41 HTTP/1.1\r\nHost: h\r\nX-Thing:  some value \r\n"
    "Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n";

static void a_request_reads_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t step = 1; step < sizeof(post); step++) {
        struct run r;

        run_init(&r, span_of(post), step, 100);
        assert_int_equal(r.last, API_PARSE_DONE);
        assert_int_equal(r.heads, 1);
        assert_int_equal(r.req.method, API_METHOD_POST);
        assert_string_equal(r.req.path, "/api/a b");
        assert_string_equal(r.req.query, "x=1&y=%41");
        assert_true(span_eq(api_request_header(&r.req, "x-thing"), span_of("some value")));
        assert_true(span_eq(buf_span(&r.req.body), span_of("hello")));
        assert_int_equal(r.used, strlen(post) - strlen("GET / HTTP/1.1\r\n"));
        assert_true(r.req.keep_alive);
        run_done(&r);
    }
}

static void chunks_read_the_same_however_they_are_cut(void **state)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\nNEXT";

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct run r;

        run_init(&r, span_of(text), step, 100);
        assert_int_equal(r.last, API_PARSE_DONE);
        assert_true(span_eq(buf_span(&r.req.body), span_of("hello")));
        assert_int_equal(r.used, strlen(text) - strlen("NEXT"));
        assert_int_equal(r.req.n_headers, 2);
        run_done(&r);
    }
}

static void a_folded_line_is_refused_however_it_is_cut(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n";

    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct run r;

        run_init(&r, span_of(text), step, 100);
        assert_int_equal(r.last, API_PARSE_BAD);
        assert_int_equal(r.fault.code, API_FAULT_BAD_REQUEST);
        run_done(&r);
    }
}

static void a_body_over_its_cap_is_refused(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, span_of(post), 1000, 4);
    assert_int_equal(r.last, API_PARSE_BAD);
    assert_int_equal(r.fault.code, API_FAULT_TOO_LARGE);
    run_done(&r);
}

static void a_head_may_have_so_many_bytes_and_headers_and_no_more(void **state)
{
    auto_buf struct buf b = {.max = LIMIT_MIB};
    struct run r;

    (void)state;
    (void)buf_puts(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < API_HEADERS_MAX; i++)
        (void)buf_printf(&b, "X%d: y\r\n", i);
    (void)buf_puts(&b, "\r\n");
    run_init(&r, buf_span(&b), 100, 0);
    assert_int_equal(r.last, API_PARSE_DONE);
    assert_int_equal(r.req.n_headers, API_HEADERS_MAX);
    run_done(&r);
    b.len -= 2;
    (void)buf_puts(&b, "One: more\r\n\r\n");
    run_init(&r, buf_span(&b), 100, 0);
    assert_int_equal(r.fault.code, API_FAULT_HEADERS_TOO_LARGE);
    run_done(&r);
    buf_reset(&b);
    (void)buf_puts(&b, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    while (b.len < API_HEAD_MAX)
        (void)buf_putc(&b, 'a');
    (void)buf_puts(&b, "\r\n\r\n");
    run_init(&r, buf_span(&b), 1000, 0);
    assert_int_equal(r.fault.code, API_FAULT_HEADERS_TOO_LARGE);
    run_done(&r);
}

static void targets_are_read_in_all_their_forms(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } good[] = {
        {"/", "/", ""},
        {"/a/b?c", "/a/b", "c"},
        {"http://host:80/x?y=z", "/x", "y=z"},
        {"/%C3%A9", "/\xc3\xa9", ""},
        {"/a...b/..c", "/a...b/..c", ""},
        {"/a?b?c", "/a", "b?c"},
    };
    static const char *const bad[] = {"/..", "/a/../b", "/%2e%2e/x", "/./a", "/a/.",    "/%00",
                                      "/%",  "/%4",     "/%zz",      "/a#b", "http://", "x"};
    char text[200];
    struct run r;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", good[i].target);
        run_init(&r, span_of(text), 1000, 0);
        assert_int_equal(r.last, API_PARSE_DONE);
        assert_string_equal(r.req.path, good[i].path);
        assert_string_equal(r.req.query, good[i].query);
        run_done(&r);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", bad[i]);
        run_init(&r, span_of(text), 1000, 0);
        assert_int_equal(r.last, API_PARSE_BAD);
        run_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_reads_the_same_however_it_is_cut),
        cmocka_unit_test(chunks_read_the_same_however_they_are_cut),
        cmocka_unit_test(a_folded_line_is_refused_however_it_is_cut),
        cmocka_unit_test(a_body_over_its_cap_is_refused),
        cmocka_unit_test(a_head_may_have_so_many_bytes_and_headers_and_no_more),
        cmocka_unit_test(targets_are_read_in_all_their_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
