/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/websocket.h"

#include "tests/api-bridge/fakeconn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MESSAGE_MAX = 1000, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* What the owner of a websocket heard. */
struct heard {
    struct fakeconn c;
    struct api_websocket *w;
    struct span unread; /* of what was sent to the client */
    struct buf text;    /* messages, a line each: t or b, and the bytes */
    unsigned drained, stopping, gone;
    enum owner { OWNER_LISTENS, OWNER_FREES, OWNER_CLOSES, OWNER_ECHOES } owner;
};

static void on_message(void *ctx, bool text, struct span bytes)
{
    struct heard *h = ctx;

    (void)buf_puts(&h->text, text ? "t " : "b ");
    (void)buf_put(&h->text, bytes.data, bytes.len);
    (void)buf_putc(&h->text, '\n');
    if (h->owner == OWNER_FREES)
        api_websocket_free(STEAL(h->w));
    else if (h->owner == OWNER_CLOSES)
        api_websocket_close(h->w, API_WS_POLICY, "no more of that");
    else if (h->owner == OWNER_ECHOES)
        (void)api_websocket_send(h->w, text, span_of("> "), bytes);
}

static void on_drained(void *ctx)
{
    ((struct heard *)ctx)->drained++;
}

static void on_stopping(void *ctx)
{
    ((struct heard *)ctx)->stopping++;
}

static void on_gone(void *ctx)
{
    struct heard *h = ctx;

    h->gone++;
    api_websocket_free(STEAL(h->w));
}

static const struct api_websocket_events events = {on_message, on_drained, on_stopping, on_gone};

static void heard_init(struct heard *h)
{
    const struct api_websocket_options options = {
        .protocol = "arena.session.v1", .max = MESSAGE_MAX, .events = &events, .ctx = h};

    *h = (struct heard){0};
    buf_init(&h->text, LIMIT_MIB);
    fakeconn_init(&h->c, NULL);
    fakeconn_upgrade(&h->c);
    assert_true(api_websocket_check(h->c.x, options.protocol));
    h->w = api_websocket_new(h->c.x, &options);
    assert_non_null(h->w);
    assert_int_equal(h->c.status, 101);
}

static void heard_done(struct heard *h)
{
    api_websocket_free(h->w);
    buf_done(&h->text);
    fakeconn_done(&h->c);
}

static void says(struct heard *h, unsigned opcode, const char *payload)
{
    auto_buf struct buf frame = {.max = LIMIT_MIB};

    fakeconn_frame(&frame, opcode, span_of(payload));
    fakeconn_bytes(&h->c, buf_span(&frame));
}

static void heard_is(struct heard *h, const char *lines)
{
    (void)buf_putc(&h->text, 0);
    assert_string_equal((const char *)h->text.data, lines);
    h->text.len--;
}

/* The next frame that was sent to the client. */
static void hears(struct heard *h, unsigned opcode, const char *payload)
{
    const size_t read = h->unread.data ? (size_t)(h->unread.data - h->c.sent.data) : 0;
    struct span got;
    unsigned op;

    h->unread = (struct span){h->c.sent.data + read, h->c.sent.len - read};
    assert_true(fakeconn_next(&h->unread, &op, &got));
    assert_int_equal(op, opcode);
    assert_true(span_eq(got, span_of(payload)));
}

static void hears_close(struct heard *h, unsigned code, const char *reason)
{
    char payload[128];

    (void)snprintf(payload, sizeof(payload), "%c%c%s", (char)(code >> 8), (char)code, reason);
    hears(h, CLOSE, payload);
    assert_int_equal(h->unread.len, 0);
    assert_null(h->c.x);
    assert_int_equal(h->gone, 1);
    assert_null(h->w);
}

static void the_key_of_the_rfc_gets_its_answer(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    (void)buf_putc(&h.c.headers, 0);
    assert_non_null(strstr((const char *)h.c.headers.data,
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n"));
    assert_non_null(
        strstr((const char *)h.c.headers.data, "Sec-WebSocket-Protocol: arena.session.v1\n"));
    heard_done(&h);
}

static void a_handshake_with_one_thing_wrong_is_refused(void **state)
{
    static const struct {
        const char *name, *value;
        int status;
    } bad[] = {
        {"Connection", "keep-alive", 426},
        {"Connection", "Upgraded", 426},
        {"Upgrade", "h2c", 426},
        {"Sec-WebSocket-Version", "8", 426},
        {"Sec-WebSocket-Version", "13, 8", 426},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ", 400},
        {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSE=", 400},
        {"Sec-WebSocket-Key", "", 400},
        {"Sec-WebSocket-Protocol", "arena.session.v2, chat", 400},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct fakeconn c;
        struct api_request *r;

        fakeconn_init(&c, NULL);
        fakeconn_upgrade(&c);
        r = &c.x->req;
        for (unsigned k = 0; k < r->n_headers; k++) {
            if (span_eq(r->headers[k].name, span_of(bad[i].name)))
                r->headers[k].value = span_of(bad[i].value);
        }
        assert_false(api_websocket_check(c.x, "arena.session.v1"));
        assert_int_equal(c.status, bad[i].status);
        fakeconn_done(&c);
    }
}

static void a_header_given_twice_is_refused(void **state)
{
    struct fakeconn c;

    (void)state;
    fakeconn_init(&c, NULL);
    fakeconn_upgrade(&c);
    fakeconn_header(&c, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_false(api_websocket_check(c.x, "arena.session.v1"));
    assert_int_equal(c.status, 400);
    fakeconn_done(&c);
}

static void a_client_that_leaves_during_the_answer_makes_no_websocket(void **state)
{
    const struct api_websocket_options options = {
        .protocol = "arena.session.v1", .max = MESSAGE_MAX, .events = &events};
    struct fakeconn c;

    (void)state;
    fakeconn_init(&c, NULL);
    fakeconn_upgrade(&c);
    c.refuse = true;
    assert_null(api_websocket_new(c.x, &options)); /* and nobody was told of its end */
    fakeconn_done(&c);
}

static void fragments_with_a_ping_between_are_one_message(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    says(&h, TEXT, "one");
    fakeconn_bytes(&h.c, (struct span){(const uint8_t *)"\x01\x83\0\0\0\0two", 9});
    says(&h, PING, "there?");
    fakeconn_bytes(&h.c, (struct span){(const uint8_t *)"\x80\x85\0\0\0\0three", 11});
    says(&h, BINARY, "");
    heard_is(&h, "t one\nt twothree\nb \n");
    hears(&h, PONG, "there?");
    heard_done(&h);
}

static void how_bytes_are_cut_makes_no_difference(void **state)
{
    auto_buf struct buf all = {.max = LIMIT_MIB};
    struct heard h;

    (void)state;
    heard_init(&h);
    fakeconn_frame(&all, TEXT, span_of("gr\xc3\xbc\xc3\x9f"));
    fakeconn_frame(&all, PING, span_of("p"));
    fakeconn_frame(&all, BINARY, span_of("bytes"));
    for (size_t i = 0; i < all.len; i++)
        fakeconn_bytes(&h.c, (struct span){all.data + i, 1});
    heard_is(&h, "t gr\xc3\xbc\xc3\x9f\nb bytes\n");
    hears(&h, PONG, "p");
    assert_int_equal(api_websocket_received(h.w), all.len);
    heard_done(&h);
}

static void a_message_that_is_too_long_is_not_heard_and_ends_it(void **state)
{
    struct heard h;
    char text[MESSAGE_MAX + 2] = "";

    (void)state;
    heard_init(&h);
    memset(text, 'x', MESSAGE_MAX);
    says(&h, TEXT, text);
    assert_int_equal(h.text.len, MESSAGE_MAX + 3);
    buf_reset(&h.text);
    text[MESSAGE_MAX] = 'x';
    says(&h, TEXT, text);
    heard_is(&h, "");
    hears_close(&h, API_WS_TOO_BIG, "the message is too long");
    heard_done(&h);
}

static void fragments_that_are_too_long_together_end_it(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    api_websocket_max_set(h.w, 5);
    fakeconn_bytes(&h.c, (struct span){(const uint8_t *)"\x02\x83\0\0\0\0abc", 9});
    assert_int_equal(h.gone, 0);
    fakeconn_bytes(&h.c, (struct span){(const uint8_t *)"\x80\x83\0\0\0\0def", 9});
    heard_is(&h, "");
    hears_close(&h, API_WS_TOO_BIG, "the message is too long");
    heard_done(&h);
}

static void what_breaks_the_protocol_is_told_so_and_is_not_heard(void **state)
{
    static const struct {
        struct span bytes;
        unsigned code;
    } bad[] = {
        {{(const uint8_t *)"\x81\x02hi", 4}, API_WS_PROTOCOL},                /* no mask */
        {{(const uint8_t *)"\xc1\x82\0\0\0\0hi", 8}, API_WS_PROTOCOL},        /* an extension */
        {{(const uint8_t *)"\x83\x80\0\0\0\0", 6}, API_WS_PROTOCOL},          /* no such opcode */
        {{(const uint8_t *)"\x80\x82\0\0\0\0hi", 8}, API_WS_PROTOCOL},        /* follows nothing */
        {{(const uint8_t *)"\x09\x80\0\0\0\0", 6}, API_WS_PROTOCOL},          /* half a ping */
        {{(const uint8_t *)"\x82\xfe\0\x02\0\0\0\0hi", 10}, API_WS_PROTOCOL}, /* a long length */
        {{(const uint8_t *)"\x88\x82\0\0\0\0\x03\xed", 8}, API_WS_PROTOCOL},  /* not to be sent */
        {{(const uint8_t *)"\x81\x82\0\0\0\0\xc3\x28", 8}, 1007},             /* not UTF-8 */
        {{(const uint8_t *)"\x81\x81\0\0\0\0\xc3\x81\x81\0\0\0\0x", 14}, 1007}, /* cut short */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct heard h;

        heard_init(&h);
        fakeconn_bytes(&h.c, bad[i].bytes);
        heard_is(&h, "");
        hears_close(&h, bad[i].code, "");
        heard_done(&h);
    }
}

static void a_client_s_good_bye_is_answered_and_ends_it(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    says(&h, CLOSE,
         "\x03\xe8"
         "done");
    hears_close(&h, API_WS_NORMAL, "done");
    heard_done(&h);
}

/* Two messages in one piece, and an owner who does this within the first: the only one it hears. */
static void hears_two_at_once(struct heard *h, enum owner owner)
{
    auto_buf struct buf two = {.max = LIMIT_MIB};

    heard_init(h);
    h->owner = owner;
    fakeconn_frame(&two, TEXT, span_of("first"));
    fakeconn_frame(&two, TEXT, span_of("second"));
    fakeconn_bytes(&h->c, buf_span(&two));
    heard_is(h, "t first\n");
}

static void the_owner_may_free_it_within_a_message(void **state)
{
    struct heard h;

    (void)state;
    hears_two_at_once(&h, OWNER_FREES);
    assert_int_equal(h.gone, 0); /* it knows */
    assert_null(h.c.x);
    heard_done(&h);
}

static void the_owner_may_close_it_within_a_message(void **state)
{
    struct heard h;

    (void)state;
    hears_two_at_once(&h, OWNER_CLOSES);
    hears_close(&h, API_WS_POLICY, "no more of that");
    heard_done(&h);
}

static void what_is_sent_within_a_message_comes_in_order(void **state)
{
    auto_buf struct buf all = {.max = LIMIT_MIB};
    struct heard h;

    (void)state;
    heard_init(&h);
    h.owner = OWNER_ECHOES;
    fakeconn_frame(&all, TEXT, span_of("a"));
    fakeconn_frame(&all, PING, span_of("b"));
    fakeconn_frame(&all, BINARY, span_of("c"));
    fakeconn_bytes(&h.c, buf_span(&all));
    hears(&h, TEXT, "> a");
    hears(&h, PONG, "b");
    hears(&h, BINARY, "> c");
    assert_int_equal(h.unread.len, 0);
    heard_done(&h);
}

static void a_client_that_does_not_read_is_dropped(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    h.c.queued = API_STREAM_QUEUE_MAX - 5;
    assert_int_equal(api_websocket_queued(h.w), API_STREAM_QUEUE_MAX - 5);
    assert_int_equal(api_websocket_send(h.w, false, span_of("abc"), (struct span){0}), 0);
    assert_true(api_websocket_send(h.w, false, span_of("abcd"), (struct span){0}) < 0);
    assert_int_equal(h.gone, 1);
    assert_null(h.w);
    heard_done(&h);
}

static void a_client_that_asks_for_more_answers_than_it_reads_is_dropped(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    h.c.queued = API_STREAM_QUEUE_MAX;
    says(&h, PING, "");
    assert_int_equal(h.gone, 1);
    heard_done(&h);
}

static void after_a_good_bye_nothing_is_sent(void **state)
{
    struct heard h;
    char reason[200] = "";

    (void)state;
    heard_init(&h);
    memset(reason, 'r', sizeof(reason) - 1);
    api_websocket_close(h.w, API_WS_GOING_AWAY, reason);
    reason[123] = '\0';
    hears_close(&h, API_WS_GOING_AWAY, reason);
    heard_done(&h);
}

static void its_owner_hears_of_a_read_queue_and_of_a_stop(void **state)
{
    struct heard h;

    (void)state;
    heard_init(&h);
    fakeconn_drained(&h.c);
    assert_int_equal(h.drained, 1);
    api_websocket_read(h.w, false);
    assert_true(h.c.stopped);
    api_websocket_read(h.w, true);
    assert_false(h.c.stopped);
    assert_int_equal(api_websocket_ping(h.w), 0);
    hears(&h, PING, "");
    fakeconn_stop(&h.c);
    assert_int_equal(h.stopping, 1);
    fakeconn_leave(&h.c);
    assert_int_equal(h.gone, 1);
    heard_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_of_the_rfc_gets_its_answer),
        cmocka_unit_test(a_handshake_with_one_thing_wrong_is_refused),
        cmocka_unit_test(a_header_given_twice_is_refused),
        cmocka_unit_test(a_client_that_leaves_during_the_answer_makes_no_websocket),
        cmocka_unit_test(fragments_with_a_ping_between_are_one_message),
        cmocka_unit_test(how_bytes_are_cut_makes_no_difference),
        cmocka_unit_test(a_message_that_is_too_long_is_not_heard_and_ends_it),
        cmocka_unit_test(fragments_that_are_too_long_together_end_it),
        cmocka_unit_test(what_breaks_the_protocol_is_told_so_and_is_not_heard),
        cmocka_unit_test(a_client_s_good_bye_is_answered_and_ends_it),
        cmocka_unit_test(the_owner_may_free_it_within_a_message),
        cmocka_unit_test(the_owner_may_close_it_within_a_message),
        cmocka_unit_test(what_is_sent_within_a_message_comes_in_order),
        cmocka_unit_test(a_client_that_does_not_read_is_dropped),
        cmocka_unit_test(a_client_that_asks_for_more_answers_than_it_reads_is_dropped),
        cmocka_unit_test(after_a_good_bye_nothing_is_sent),
        cmocka_unit_test(its_owner_hears_of_a_read_queue_and_of_a_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
