/* SPDX-License-Identifier: MPL-2.0 */
#include "node/link.h"

#include "base/own.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

static char folder[] = "/tmp/arena-link-XXXXXX";
static char key_path[64];

static struct link *listener(char endpoint[64])
{
    struct link *l = NULL;
    struct err err = {0};

    for (unsigned port = 20000 + (unsigned)getpid() % 20000; !l && port < 60000; port += 7) {
        (void)snprintf(endpoint, 64, "tcp://127.0.0.1:%u", port);
        l = link_listen(LINK_CLIENT, endpoint, &err);
    }
    assert_non_null(l);
    return l;
}

static void wait_open(struct link *l)
{
    struct link_wait item = {.link = l, .watch = true};

    while (link_state(l) == LINK_CONNECTING)
        link_wait(&item, 1, PATIENCE_MS);
    assert_int_equal(link_state(l), LINK_OPEN);
}

static struct link_frame receive(struct link *l)
{
    struct link_wait item = {.link = l};
    struct link_frame f;
    int rc;

    while ((rc = link_recv(l, &f)) == -EAGAIN) {
        link_wait(&item, 1, PATIENCE_MS);
        assert_true(item.ready);
    }
    assert_int_equal(rc, 0);
    return f;
}

static void a_strangers_key_is_refused(void **state)
{
    struct err err = {0};

    (void)state;
    assert_true(link_secured());
    if (link_selftest(&err) != 0)
        fail_msg("%s", err.text);
}

static void a_frame_goes_there_and_back_under_a_name(void **state)
{
    const struct id self = {{1, 2, 3}};
    char endpoint[64];
    struct link *server = listener(endpoint);
    struct link *client = link_dial(LINK_CLIENT, endpoint, &self, NULL);
    struct link_frame f;
    struct id from;

    (void)state;
    assert_non_null(client);
    wait_open(client);
    assert_int_equal(link_send(client, (struct span){NULL, 0}, span_of("ping")), 0);
    f = receive(server);
    assert_true(span_eq(f.data, span_of("ping")));
    assert_int_equal(link_name_parse(f.from, f.from_len, &from), 0);
    assert_true(id_eq(&from, &self));
    assert_int_equal(link_send(server, (struct span){f.from, f.from_len}, span_of("pong")), 0);
    link_frame_done(&f);
    f = receive(client);
    assert_true(span_eq(f.data, span_of("pong")));
    link_frame_done(&f);
    link_free(client);
    link_free(server);
}

static void frames_sent_together_arrive_one_by_one(void **state)
{
    const struct id self = {{1, 2, 3}};
    const struct span frames[] = {span_of("one"), span_of(""), span_of("three")};
    char endpoint[64];
    struct link *server = listener(endpoint);
    struct link *client = link_dial(LINK_CLIENT, endpoint, &self, NULL);
    struct link_frame f;

    (void)state;
    wait_open(client);
    assert_int_equal(link_send_many(client, (struct span){NULL, 0}, frames, 3), 0);
    for (int i = 0; i < 3; i++) {
        struct id from;

        f = receive(server);
        assert_true(span_eq(f.data, frames[i]));
        assert_int_equal(link_name_parse(f.from, f.from_len, &from), 0);
        assert_true(id_eq(&from, &self));
        if (i < 2)
            link_frame_done(&f);
    }
    assert_int_equal(
        link_send_many(server, (struct span){f.from, f.from_len}, frames, ARRAY_LEN(frames)), 0);
    link_frame_done(&f);
    for (int i = 0; i < 3; i++) {
        f = receive(client);
        assert_true(span_eq(f.data, frames[i]));
        link_frame_done(&f);
    }
    link_free(client);
    link_free(server);
}

static void a_link_that_breaks_says_so(void **state)
{
    char endpoint[64];
    struct link *server = listener(endpoint);
    struct link *client = link_dial(LINK_CLIENT, endpoint, NULL, NULL);
    struct link_wait item = {.watch = true};

    (void)state;
    wait_open(client);
    link_free(server);
    item.link = client;
    while (link_state(client) == LINK_OPEN)
        link_wait(&item, 1, PATIENCE_MS);
    assert_int_equal(link_state(client), LINK_BROKEN);
    link_free(client);
}

static void two_connections_of_one_node_live_side_by_side(void **state)
{
    const struct id self = {{9}};
    char endpoint[64];
    struct link *server = listener(endpoint);
    struct link *one = link_dial(LINK_CLIENT, endpoint, &self, NULL);
    struct link *two;

    (void)state;
    wait_open(one);
    two = link_dial(LINK_CLIENT, endpoint, &self, NULL);
    wait_open(two);
    for (int i = 0; i < 2; i++) {
        struct link_frame f;
        struct id from;

        assert_int_equal(link_send(i ? two : one, (struct span){NULL, 0}, span_of("x")), 0);
        f = receive(server);
        assert_int_equal(link_name_parse(f.from, f.from_len, &from), 0);
        assert_true(id_eq(&from, &self));
        link_frame_done(&f);
    }
    assert_int_equal(link_state(one), LINK_OPEN);
    assert_int_equal(link_state(two), LINK_OPEN);
    link_free(one);
    link_free(two);
    link_free(server);
}

static void a_client_that_is_gone_cannot_be_reached(void **state)
{
    char endpoint[64];
    struct link *server = listener(endpoint);

    (void)state;
    assert_int_equal(link_send(server, span_of("nobody"), span_of("x")), -EHOSTUNREACH);
    link_free(server);
}

static void a_key_everybody_can_read_is_refused(void **state)
{
    char path[64];
    struct err err = {0};
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/open", folder);
    f = fopen(path, "we");
    assert_non_null(f);
    (void)fputs("0123456789012345678901234567890123456789\n", f);
    (void)fclose(f);
    assert_int_equal(link_init(path, &err), -EPERM);
    assert_non_null(strstr(err.text, "ARENA_KEY_FILE"));
    (void)unlink(path);
}

static int set_up(void **state)
{
    struct err err = {0};

    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(key_path, sizeof(key_path), "%s/key", folder);
    return link_keygen(key_path, &err);
}

static int with_key(void **state)
{
    struct err err = {0};

    (void)state;
    return link_init(key_path, &err);
}

static int clean_up(void **state)
{
    (void)state;
    link_done();
    (void)unlink(key_path);
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_everybody_can_read_is_refused),
        cmocka_unit_test_setup(a_strangers_key_is_refused, with_key),
        cmocka_unit_test(a_frame_goes_there_and_back_under_a_name),
        cmocka_unit_test(frames_sent_together_arrive_one_by_one),
        cmocka_unit_test(a_link_that_breaks_says_so),
        cmocka_unit_test(two_connections_of_one_node_live_side_by_side),
        cmocka_unit_test(a_client_that_is_gone_cannot_be_reached),
    };

    return cmocka_run_group_tests(tests, set_up, clean_up);
}
