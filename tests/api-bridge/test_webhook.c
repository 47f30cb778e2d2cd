/* SPDX-License-Identifier: MPL-2.0 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <uv.h>

#include "api-bridge/webhook.h"
#include "base/own.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* A receiver that answers with the statuses it is given, one a connection, the last for ever. */
struct receiver {
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_timer_t guard;
    const int *statuses;
    unsigned calls;
    char seen[8][4096]; /* the requests, whole */
    char url[64];
    unsigned done;
    bool ok;
    struct api_webhooks *hooks; /* what calls it */
};

struct peer {
    uv_tcp_t tcp;
    uv_write_t write;
    struct receiver *r;
    char in[4096];
    size_t len;
    char out[128];
};

static void peer_closed(uv_handle_t *h)
{
    free(h->data);
}

static void peer_written(uv_write_t *w, int status)
{
    struct peer *p = w->data;

    (void)status;
    if (!uv_is_closing((uv_handle_t *)&p->tcp))
        uv_close((uv_handle_t *)&p->tcp, peer_closed);
}

static void peer_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
    struct peer *p = h->data;

    (void)size;
    *buf = uv_buf_init(p->in + p->len, (unsigned)(sizeof(p->in) - 1 - p->len));
}

static bool whole(const char *in)
{
    const char *end = strstr(in, "\r\n\r\n");
    const char *length = strcasestr(in, "content-length:");

    return end && length && strlen(end + 4) >= strtoul(length + 15, NULL, 10);
}

static void peer_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct peer *p = s->data;
    struct receiver *r = p->r;
    uv_buf_t out;

    (void)buf;
    if (n <= 0) {
        if (n < 0 && !uv_is_closing((uv_handle_t *)s))
            uv_close((uv_handle_t *)s, peer_closed);
        return;
    }
    p->len += (size_t)n;
    p->in[p->len] = '\0';
    if (!whole(p->in))
        return;
    if (r->calls < ARRAY_LEN(r->seen))
        memcpy(r->seen[r->calls], p->in, p->len + 1);
    (void)uv_read_stop(s);
    (void)snprintf(p->out, sizeof(p->out),
                   "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                   r->statuses[0]);
    r->calls++;
    if (r->statuses[1])
        r->statuses++;
    p->write.data = p;
    out = uv_buf_init(p->out, (unsigned)strlen(p->out));
    assert_int_equal(uv_write(&p->write, s, &out, 1, peer_written), 0);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct peer *p = own_calloc(1, sizeof(*p));

    assert_int_equal(status, 0);
    p->r = listener->data;
    p->tcp.data = p;
    assert_int_equal(uv_tcp_init(listener->loop, &p->tcp), 0);
    assert_int_equal(uv_accept(listener, (uv_stream_t *)&p->tcp), 0);
    assert_int_equal(uv_read_start((uv_stream_t *)&p->tcp, peer_alloc, peer_read), 0);
}

static void too_long(uv_timer_t *t)
{
    (void)t;
    fail_msg("the delivery never ended");
}

static struct api_webhook_options options_with(const char *allow)
{
    struct api_webhook_options o = {.secret = "s3cret",
                                    .allow_http = true,
                                    .timeout_ms = 5000,
                                    .first_ms = 1,
                                    .attempts_max = 4,
                                    .concurrency = 2,
                                    .seed = 1};

    assert_int_equal(api_nets_parse(allow, &o.allow, NULL), 0);
    return o;
}

static void receiver_init(struct receiver *r, const int *statuses, const char *allow)
{
    struct api_webhook_options o = options_with(allow);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int len = sizeof(at);

    *r = (struct receiver){.statuses = statuses};
    assert_int_equal(uv_loop_init(&r->loop), 0);
    assert_int_equal(uv_tcp_init(&r->loop, &r->listener), 0);
    r->listener.data = r;
    assert_int_equal(uv_tcp_bind(&r->listener, (const struct sockaddr *)&at, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&r->listener, 8, on_connection), 0);
    assert_int_equal(uv_tcp_getsockname(&r->listener, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%d/hook", ntohs(at.sin_port));
    assert_int_equal(uv_timer_init(&r->loop, &r->guard), 0);
    assert_int_equal(uv_timer_start(&r->guard, too_long, 60000, 0), 0);
    r->hooks = api_webhooks_new(&r->loop, &o);
}

static void receiver_done(struct receiver *r)
{
    api_webhooks_free(r->hooks);
    uv_close((uv_handle_t *)&r->listener, NULL);
    uv_close((uv_handle_t *)&r->guard, NULL);
    while (uv_run(&r->loop, UV_RUN_DEFAULT))
        ;
    assert_int_equal(uv_loop_close(&r->loop), 0);
}

static void on_done(void *ctx, const struct id *event, bool ok)
{
    struct receiver *r = ctx;

    assert_int_equal(event->b[0], 7);
    r->done++;
    r->ok = ok;
    uv_stop(&r->loop);
}

static void deliver(struct receiver *r)
{
    struct id event = {{7}};

    struct api_webhook_call call = {r->url, &event, span_of("{\"a\":1}"), on_done, r, false};

    assert_int_equal(api_webhook_send(r->hooks, &call), 0);
    while (!r->done)
        (void)uv_run(&r->loop, UV_RUN_DEFAULT);
}

static void a_delivery_is_signed_and_repeated_until_it_is_taken(void **state)
{
    static const int statuses[] = {500, 302, 204, 0};
    struct receiver r;
    char signed_text[256];
    char want[80] = "sha256=";
    uint8_t mac[32];
    char stamp[32] = "";

    (void)state;
    receiver_init(&r, statuses, "127.0.0.0/8");
    deliver(&r);
    assert_true(r.ok);
    assert_int_equal(r.calls, 3);
    assert_int_equal(api_webhooks_pending(r.hooks), 0);
    assert_non_null(strstr(r.seen[2], "X-Arena-Event: 07000000-0000-0000-0000-000000000000\r\n"));
    assert_non_null(strstr(r.seen[2], "\r\n\r\n{\"a\":1}"));
    assert_int_equal(
        sscanf(strstr(r.seen[2], "X-Arena-Timestamp: "), "X-Arena-Timestamp: %31[0-9]", stamp), 1);
    (void)snprintf(signed_text, sizeof(signed_text),
                   "%s.07000000-0000-0000-0000-000000000000.{\"a\":1}", stamp);
    (void)HMAC(EVP_sha256(), "s3cret", 6, (const uint8_t *)signed_text, strlen(signed_text), mac,
               NULL);
    for (unsigned i = 0; i < sizeof(mac); i++)
        (void)snprintf(want + 7 + 2 * i, 3, "%02x", mac[i]);
    assert_non_null(strstr(r.seen[2], want));
    receiver_done(&r);
}

static void after_the_last_attempt_it_is_given_up(void **state)
{
    static const int statuses[] = {503, 0};
    struct receiver r;

    (void)state;
    receiver_init(&r, statuses, "127.0.0.0/8");
    deliver(&r);
    assert_false(r.ok);
    assert_int_equal(r.calls, 4);
    receiver_done(&r);
}

static void gone_means_never_again(void **state)
{
    static const int statuses[] = {410, 0};
    struct receiver r;

    (void)state;
    receiver_init(&r, statuses, "127.0.0.0/8");
    deliver(&r);
    assert_true(r.ok);
    assert_int_equal(r.calls, 1);
    receiver_done(&r);
}

static void a_loopback_address_is_never_connected_to(void **state)
{
    static const int statuses[] = {200, 0};
    struct receiver r;

    (void)state;
    receiver_init(&r, statuses, "");
    deliver(&r);
    assert_false(r.ok);
    assert_int_equal(r.calls, 0);
    receiver_done(&r);
}

static void a_url_that_could_never_be_called_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "nonsense",
        "ftp://example.org/",
        "http://example.org/",
        "https://user:pw@example.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://localhost/",
        "https://0x7f000001/",
        "https://2130706433/",
        "file:///etc/passwd",
    };
    struct api_webhook_options o = options_with("");

    (void)state;
    o.allow_http = false;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct api_fault f = {0};

        api_webhook_url_check(&o, bad[i], "callback", &f);
        if (f.code != API_FAULT_BAD_VALUE)
            fail_msg("%s was taken", bad[i]);
        assert_string_equal(f.field, "callback");
    }

    struct api_fault f = {0};
    api_webhook_url_check(&o, "https://hooks.example.org:8443/x?y=z", "callback", &f);
    assert_int_equal(f.code, API_FAULT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery_is_signed_and_repeated_until_it_is_taken),
        cmocka_unit_test(after_the_last_attempt_it_is_given_up),
        cmocka_unit_test(gone_means_never_again),
        cmocka_unit_test(a_loopback_address_is_never_connected_to),
        cmocka_unit_test(a_url_that_could_never_be_called_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
