/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void make_pair(struct channel *a, struct channel *b)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    channel_init(a, &fds[0]);
    channel_init(b, &fds[1]);
    assert_int_equal(fds[0], -1);
}

static void a_frame_arrives_whole_with_its_descriptors(void **state)
{
    struct channel a, b;
    struct frame f;
    struct stat sent, got;
    int fd = memfd_create("x", MFD_CLOEXEC);

    (void)state;
    make_pair(&a, &b);
    assert_int_equal(channel_put(&a, 7, span_of("hello"), &fd, 1), 0);
    assert_int_equal(channel_get(&b, &f), 1);
    assert_int_equal(f.type, 7);
    assert_true(span_eq(f.body, span_of("hello")));
    assert_int_equal(f.n_fds, 1);
    int mine = frame_take(&f, 0);
    assert_int_equal(frame_take(&f, 0), -1);
    assert_int_equal(fcntl(mine, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fstat(fd, &sent), 0);
    assert_int_equal(fstat(mine, &got), 0);
    assert_int_equal(sent.st_ino, got.st_ino);
    frame_done(&f);
    (void)close(mine);
    (void)close(fd);
    assert_int_equal(channel_get(&b, &f), 0);
    channel_done(&a);
    channel_done(&b);
}

static void frames_longer_than_the_socket_wait_and_keep_their_order(void **state)
{
    enum { LONG = 3 * LIMIT_MIB };
    auto_free uint8_t *big = own_calloc(1, LONG);
    struct channel a, b;
    struct frame f;
    int fd = memfd_create("x", MFD_CLOEXEC), got;

    (void)state;
    make_pair(&a, &b);
    memset(big, 'x', LONG);
    assert_int_equal(channel_put(&a, 1, (struct span){big, LONG}, NULL, 0), 0);
    assert_int_equal(channel_put(&a, 2, span_of("after"), &fd, 1), 0);
    assert_true(channel_waits(&a));
    while ((got = channel_get(&b, &f)) == 0)
        assert_int_equal(channel_flush(&a), 0);
    assert_int_equal(got, 1);
    assert_int_equal(f.type, 1);
    assert_int_equal(f.body.len, LONG);
    assert_int_equal(f.n_fds, 0);
    while ((got = channel_get(&b, &f)) == 0)
        assert_int_equal(channel_flush(&a), 0);
    assert_int_equal(f.type, 2);
    assert_int_equal(f.n_fds, 1);
    frame_done(&f);
    assert_false(channel_waits(&a));
    (void)close(fd);
    channel_done(&a);
    channel_done(&b);
}

static void nonsense_is_refused_and_never_believed(void **state)
{
    /* length, type, descriptors: too long a body; more descriptors than a frame may have; one
     * that was promised and did not come. */
    static const uint32_t heads[][3] = {
        {CHANNEL_BODY + 1, 1, 0}, {0, 1, CHANNEL_FDS + 1}, {0, 1, 1}, {UINT32_MAX, 1, UINT32_MAX}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct channel a, b;
        struct frame f;

        make_pair(&a, &b);
        assert_int_equal(write(a.fd, heads[i], sizeof(heads[i])), sizeof(heads[i]));
        assert_int_equal(channel_get(&b, &f), -EBADMSG);
        channel_done(&a);
        channel_done(&b);
    }
}

static void half_a_frame_is_not_one_and_the_end_is_told(void **state)
{
    static const uint32_t head[3] = {10, 1, 0};
    struct channel a, b;
    struct frame f;

    (void)state;
    make_pair(&a, &b);
    assert_int_equal(write(a.fd, head, sizeof(head)), sizeof(head));
    assert_int_equal(write(a.fd, "12345", 5), 5);
    assert_int_equal(channel_get(&b, &f), 0);
    channel_done(&a);
    assert_int_equal(channel_get(&b, &f), -EPIPE);
    channel_done(&b);
}

static void a_frame_over_the_limits_is_not_sent(void **state)
{
    struct channel a, b;
    int fds[CHANNEL_FDS + 1] = {0};

    (void)state;
    make_pair(&a, &b);
    assert_int_equal(channel_put(&a, 1, span_of(""), fds, CHANNEL_FDS + 1), -E2BIG);
    channel_done(&b);
    assert_int_equal(channel_put(&a, 1, span_of("x"), NULL, 0), -EPIPE);
    channel_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_arrives_whole_with_its_descriptors),
        cmocka_unit_test(frames_longer_than_the_socket_wait_and_keep_their_order),
        cmocka_unit_test(nonsense_is_refused_and_never_believed),
        cmocka_unit_test(half_a_frame_is_not_one_and_the_end_is_told),
        cmocka_unit_test(a_frame_over_the_limits_is_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
