/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "mesh/frame.h"

static void frame_make(struct buf *out)
{
    struct frame_head head = {
        .version = FRAME_VERSION, .cluster = 5, .session = 6, .generation = 7};
    struct id jid = {{1}};
    struct buf body;

    buf_init(&body, LIMIT_KIB);
    frame_put(&body, FRAME_ASK);
    wire_put_id(&body, &jid);
    frame_put(&body, FRAME_PURGE);
    wire_put_id(&body, &jid);
    buf_init(out, LIMIT_KIB);
    frame_encode(&head, buf_span(&body), out);
    buf_done(&body);
}

static void a_frame_carries_its_messages_in_order(void **state)
{
    struct frame_head head;
    struct wire_reader r;
    enum frame_type t;
    struct buf b;

    (void)state;
    frame_make(&b);
    assert_int_equal(frame_decode(buf_span(&b), &head, &r), 0);
    assert_int_equal(head.cluster, 5);
    assert_int_equal(head.session, 6);
    assert_int_equal(head.generation, 7);
    assert_int_equal(frame_next(&r, &t), 1);
    assert_int_equal(t, FRAME_ASK);
    wire_get_id(&r);
    assert_int_equal(frame_next(&r, &t), 1);
    assert_int_equal(t, FRAME_PURGE);
    wire_get_id(&r);
    assert_int_equal(frame_next(&r, &t), 0);
    buf_done(&b);
}

static void any_changed_bit_is_noticed(void **state)
{
    struct frame_head head;
    struct wire_reader r;
    struct buf b;

    (void)state;
    frame_make(&b);
    for (size_t i = 0; i < b.len * 8; i++) {
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_true(frame_decode(buf_span(&b), &head, &r) < 0);
        b.data[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t len = 0; len < b.len; len++)
        assert_true(frame_decode((struct span){b.data, len}, &head, &r) < 0);
    buf_done(&b);
}

static void versions_that_nobody_writes_are_refused(void **state)
{
    static const uint32_t bad[] = {0, FRAME_VERSION + 1, UINT32_MAX};
    struct frame_head head = {.cluster = 5};
    struct wire_reader r;
    struct buf b;

    (void)state;
    for (uint32_t v = FRAME_VERSION_MIN; v <= FRAME_VERSION; v++) {
        head.version = v;
        buf_init(&b, LIMIT_KIB);
        frame_encode(&head, (struct span){0}, &b);
        assert_int_equal(frame_decode(buf_span(&b), &head, &r), 0);
        assert_int_equal(head.version, v);
        buf_done(&b);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        head.version = bad[i];
        buf_init(&b, LIMIT_KIB);
        frame_encode(&head, (struct span){0}, &b);
        assert_true(frame_decode(buf_span(&b), &head, &r) < 0);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_carries_its_messages_in_order),
        cmocka_unit_test(any_changed_bit_is_noticed),
        cmocka_unit_test(versions_that_nobody_writes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
