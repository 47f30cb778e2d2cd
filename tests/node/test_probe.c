/* SPDX-License-Identifier: MPL-2.0 */
#include "node/probe.h"

#include "base/own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct loop *loop;

struct visit {
    uint16_t port;
    const char *request;
    size_t request_len;
    char reply[512];
    pthread_t thread;
};

static void hit(void *ctx, const char *path, struct buf *body)
{
    (void)ctx;
    (void)buf_printf(body, "you asked for %s", path);
}

static int answer(void *ctx, const char *path, struct buf *body)
{
    hit(ctx, path, body);
    return strcmp(path, "/here") == 0 ? 200 : 404;
}

static void *go(void *arg)
{
    struct visit *v = arg;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(v->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = 0;
    ssize_t got = 1;

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 &&
        send(fd, v->request, v->request_len, MSG_NOSIGNAL) == (ssize_t)v->request_len) {
        while (n + 1 < sizeof(v->reply) && got > 0) {
            got = recv(fd, v->reply + n, sizeof(v->reply) - 1 - n, 0);
            n += got > 0 ? (size_t)got : 0;
        }
    }
    (void)close(fd);
    loop_stop(loop);
    return NULL;
}

static void wake(void *ctx)
{
    loop_timer_set(*(struct loop_timer **)ctx, 20); /* loop_stop() comes from another thread */
}

static void visit(const char *request, size_t len, char reply[512])
{
    struct err err = {0};
    struct probe_config config = {.loop = loop, .address = "127.0.0.1", .answer = answer};
    struct probe *p = probe_new(&config, &err);
    struct loop_timer *tick;
    struct visit v = {.request = request, .request_len = len};

    assert_non_null(p);
    v.port = probe_port(p);
    tick = loop_timer_new(loop, wake, &tick);
    loop_timer_set(tick, 20);
    assert_int_equal(pthread_create(&v.thread, NULL, go, &v), 0);
    loop_run(loop);
    (void)pthread_join(v.thread, NULL);
    loop_timer_free(tick);
    probe_free(p);
    memcpy(reply, v.reply, sizeof(v.reply));
}

static void a_known_path_is_answered_and_an_unknown_is_404(void **state)
{
    char reply[512];
    const char *known = "GET /here?x=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    const char *unknown = "GET /there HTTP/1.0\r\n\r\n";

    (void)state;
    visit(known, strlen(known), reply);
    assert_non_null(strstr(reply, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(reply, "\r\n\r\nyou asked for /here"));
    visit(unknown, strlen(unknown), reply);
    assert_non_null(strstr(reply, "HTTP/1.1 404 "));
}

static void what_is_not_a_get_of_a_path_is_400(void **state)
{
    static const char *const bad[] = {"POST / HTTP/1.1\r\n\r\n", "GET \r\n\r\n",
                                      "GET /\x01 HTTP/1.1\r\n\r\n", "\r\n\r\n"};
    char reply[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        visit(bad[i], strlen(bad[i]), reply);
        assert_non_null(strstr(reply, "HTTP/1.1 400 "));
    }
}

static void a_request_without_an_end_is_cut_off(void **state)
{
    static char flood[8192];
    char reply[512];

    (void)state;
    memset(flood, 'a', sizeof(flood));
    visit(flood, sizeof(flood), reply);
    assert_int_equal(reply[0], 0);
}

static int set_up(void **state)
{
    (void)state;
    loop = loop_new();
    return 0;
}

static int clean_up(void **state)
{
    (void)state;
    loop_free(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        TEST(a_known_path_is_answered_and_an_unknown_is_404),
        TEST(what_is_not_a_get_of_a_path_is_400),
        TEST(a_request_without_an_end_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
