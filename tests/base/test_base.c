/* SPDX-License-Identifier: MPL-2.0 */
#include "base/buf.h"
#include "base/config.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/id.h"
#include "base/keyfile.h"
#include "base/map.h"
#include "base/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static void a_buffer_refuses_what_passes_its_cap(void **state)
{
    auto_buf struct buf b;

    (void)state;
    buf_init(&b, 4);
    assert_int_equal(buf_put(&b, "abc", 3), 0);
    assert_int_equal(buf_put(&b, "de", 2), -ENOSPC);
    assert_true(b.full);
    assert_int_equal(b.len, 3);
    assert_int_equal(buf_putc(&b, 'd'), 0);
    assert_memory_equal(b.data, "abcd", 4);
}

static void a_number_is_written_in_its_digits(void **state)
{
    const uint64_t numbers[] = {0, 7, 10, 4294967296, UINT64_MAX};
    auto_buf struct buf b;
    auto_buf struct buf expected;

    (void)state;
    buf_init(&b, 100);
    buf_init(&expected, 100);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_int_equal(buf_put_uint(&b, numbers[i]), 0);
        assert_int_equal(buf_printf(&expected, "%llu", (unsigned long long)numbers[i]), 0);
    }
    assert_true(span_eq(buf_span(&b), buf_span(&expected)));
}

static void a_file_is_loaded_whole_or_refused_by_name(void **state)
{
    auto_buf struct buf b;
    struct err err = {0};

    (void)state;
    buf_init(&b, 64);
    assert_int_equal(buf_load(&b, "/proc/self/comm", &err), 0);
    assert_true(b.len > 0 && b.data[b.len - 1] == '\n');
    assert_int_equal(buf_load(&b, "/nowhere/at/all", &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
    assert_int_equal(buf_load(&b, "/proc/self/maps", &err), -EFBIG);
    assert_non_null(strstr(err.text, "larger than 64 bytes"));
}

static void an_error_wraps_outward(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(err_set(&err, ENOENT, "open %s", "x"), -ENOENT);
    assert_int_equal(err_wrap(&err, "profile %d", 7), -ENOENT);
    assert_string_equal(err.text, "profile 7: open x");
}

static void hashes_match_their_published_vectors(void **state)
{
    uint8_t in[15];

    (void)state;
    for (uint8_t i = 0; i < sizeof(in); i++)
        in[i] = i;
    assert_true(hash_sip(0x0706050403020100u, 0x0f0e0d0c0b0a0908u, in, sizeof(in)) ==
                0xa129ca6149be45e5u);
    assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283);
}

/* The definition, a bit at a time. */
static uint32_t crc_by_bits(const uint8_t *p, size_t len)
{
    uint32_t crc = ~UINT32_C(0);

    for (size_t i = 0; i < 8 * len; i++) {
        crc ^= p[i / 8] >> i % 8 & 1u;
        crc = crc >> 1 ^ (crc & 1u ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static void a_crc_is_the_same_at_every_length_and_address_and_in_pieces(void **state)
{
    uint8_t in[96];

    (void)state;
    for (uint8_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 151 + 7);
    for (size_t from = 0; from < 8; from++)
        for (size_t len = 0; from + len <= sizeof(in); len++) {
            uint32_t crc = crc_by_bits(in + from, len);
            uint32_t first = hash_crc32c(0, in + from, len / 3);

            assert_int_equal(hash_crc32c(0, in + from, len), crc);
            assert_int_equal(hash_crc32c(first, in + from + len / 3, len - len / 3), crc);
        }
}

static void a_heap_gives_back_in_order_and_ties_in_order_of_entry(void **state)
{
    struct heap h;
    struct heap_node nodes[64] = {0};
    struct rng rng;
    uint64_t last = 0;
    uint64_t last_tie = 0;

    (void)state;
    heap_init(&h);
    rng_init(&rng, 7);
    for (int i = 0; i < 64; i++)
        heap_set(&h, &nodes[i], rng_below(&rng, 8));
    heap_remove(&h, &nodes[10]);
    for (int n = 63; n > 0; n--) {
        struct heap_node *min = heap_min(&h);

        assert_true(min->key > last || (min->key == last && min->tie >= last_tie));
        last = min->key;
        last_tie = min->tie;
        heap_remove(&h, min);
    }
    assert_null(heap_min(&h));
    heap_done(&h);
}

static void a_map_walks_in_order_of_entry(void **state)
{
    struct map *m = map_new(99);
    int values[100];
    int n = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_null(map_set(m, &i, sizeof(i), &values[i]));
    for (int i = 0; i < 100; i += 2)
        assert_ptr_equal(map_del(m, &i, sizeof(i)), &values[i]);
    for (struct map_item *it = map_first(m); it; it = map_next(it))
        assert_ptr_equal(map_value(it), &values[2 * n++ + 1]);
    assert_int_equal(n, 50);
    map_free(m);
}

static void nodes_with_like_names_number_their_jobs_apart(void **state)
{
    struct id one = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
    struct id two = {{1, 2, 3, 4, 5, 7, 7, 8, 9, 10, 11}};
    uint64_t a = id_job_first(&one);
    uint64_t b = id_job_first(&two);

    (void)state;
    assert_true(a < UINT64_C(1) << 41 && b < UINT64_C(1) << 41);
    assert_true((a > b ? a - b : b - a) > UINT64_C(1) << 30);
}

static void an_id_survives_its_text_and_knows_its_home(void **state)
{
    struct id nid = {{1, 2, 3, 4, 5}};
    struct id back;
    char text[ID_TEXT_SIZE];
    struct id jid = id_job_new(1700000000123, &nid, 0x123456789);

    (void)state;
    assert_int_equal(id_parse(id_format(&jid, text), &back), 0);
    assert_true(id_eq(&jid, &back));
    assert_true(id_job_home_is(&jid, &nid));
    assert_true(id_job_time_ms(&jid) == 1700000000123);
    assert_int_equal(text[14], '8');
    text[3] = 'g';
    assert_int_equal(id_parse(text, &back), -EINVAL);
}

static void equal_seeds_draw_equal_numbers(void **state)
{
    struct rng a;
    struct rng b;

    (void)state;
    rng_init(&a, 42);
    rng_init(&b, 42);
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_between(&a, 10, 20);

        assert_true(x >= 10 && x <= 20);
        assert_int_equal(x, rng_between(&b, 10, 20));
    }
}

static const struct config_key config_keys[] = {
    {"T_DEPTH", CONFIG_UINT, "1000", 1, 5000, "depth", true, false},
    {"T_MEMORY", CONFIG_SIZE, "128m", 0, 0, "memory", false, false},
    {"T_TIME", CONFIG_MILLIS, "10", 0, 0, "time", false, false},
    {"T_SHARE", CONFIG_REAL, "0.5", 0, 0, "share", false, false},
    {"T_NAME", CONFIG_TEXT, NULL, 0, 8, "name", true, false},
};

static void settings_come_from_environment_then_file_then_table(void **state)
{
    struct config *c = config_new(config_keys, ARRAY_LEN(config_keys));
    char *env[] = {"T_DEPTH=7", "OTHER=x", NULL};
    struct err err = {0};

    (void)state;
    assert_int_equal(config_set_environment(c, env, &err), 0);
    assert_int_equal(config_set_file(c, "T_DEPTH", "8", &err), 0);
    assert_int_equal(config_set_file(c, "T_TIME", "250ms", &err), 0);
    assert_int_equal(config_uint(c, "T_DEPTH"), 7);
    assert_int_equal(config_uint(c, "T_TIME"), 250);
    assert_int_equal(config_uint(c, "T_MEMORY"), 128 << 20);
    assert_int_equal(config_uint(c, "T_SHARE"), 500);
    config_free(c);
}

static void a_bad_setting_is_refused_by_name_and_changes_nothing(void **state)
{
    struct config *c = config_new(config_keys, ARRAY_LEN(config_keys));
    struct err err = {0};

    (void)state;
    assert_int_equal(config_set_file(c, "T_DEPT", "8", &err), -ENOENT);
    assert_int_equal(config_set_file(c, "T_DEPTH", "0", &err), -ERANGE);
    assert_int_equal(config_set_file(c, "T_DEPTH", "-1", &err), -EINVAL);
    assert_int_equal(config_set_file(c, "T_MEMORY", "12q", &err), -EINVAL);
    assert_int_equal(config_set_file(c, "T_MEMORY", "99999999999999g", &err), -ERANGE);
    assert_int_equal(config_set_file(c, "T_NAME", "ninechars", &err), -ERANGE);
    assert_non_null(strstr(err.text, "T_NAME"));
    assert_int_equal(config_uint(c, "T_DEPTH"), 1000);
    config_free(c);
}

static void only_what_may_change_is_reloaded(void **state)
{
    struct config *c = config_new(config_keys, ARRAY_LEN(config_keys));
    struct config *fresh = config_new(config_keys, ARRAY_LEN(config_keys));
    const char *kept;

    (void)state;
    assert_int_equal(config_set_file(fresh, "T_DEPTH", "9", NULL), 0);
    assert_int_equal(config_set_file(fresh, "T_MEMORY", "1g", NULL), 0);
    assert_int_equal(config_reload(c, fresh, &kept), 1);
    assert_string_equal(kept, "T_MEMORY");
    assert_int_equal(config_uint(c, "T_DEPTH"), 9);
    assert_int_equal(config_uint(c, "T_MEMORY"), 128 << 20);
    config_free(fresh);
    config_free(c);
}

#define KEY "0123456789012345678901234567890123456789"

/* The path of a file of that text and mode; the same each time. */
static const char *file_of(const char *text, mode_t mode)
{
    static char path[] = "/tmp/arena-base-XXXXXX";
    static bool made;
    int fd = made ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : mkstemp(path);

    made = true;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
    return path;
}

static void a_key_is_one_line_that_others_cannot_read(void **state)
{
    static const char *const bad[] = {"", "\n", "short\n", KEY "0\n", KEY "\n" KEY "\n", "\n" KEY};
    char key[KEYFILE_LEN + 1] = "as it was";
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(keyfile_read(file_of(bad[i], 0600), key, &err), -EINVAL);
    assert_int_equal(keyfile_read(file_of(KEY, 0604), key, &err), -EPERM);
    assert_int_equal(keyfile_read("/nowhere/at/all", key, &err), -ENOENT);
    assert_non_null(strstr(err.text, "ARENA_KEY_FILE"));
    assert_string_equal(key, "as it was");
    assert_int_equal(keyfile_read(file_of(KEY "\r\n", 0640), key, &err), 0);
    assert_string_equal(key, KEY);
    assert_int_equal(unlink(file_of("", 0600)), 0);
}

static void a_settings_file_is_taken_or_refused_by_name(void **state)
{
    struct config *c = config_new(config_keys, ARRAY_LEN(config_keys));
    struct err err = {0};
    const char *path = file_of("T_DEPTH = 12\nT_MEMORY = 1g\n", 0600);

    (void)state;
    assert_int_equal(config_load(c, path, &err), 0);
    assert_int_equal(config_uint(c, "T_DEPTH"), 12);
    assert_int_equal(config_uint(c, "T_MEMORY"), 1 << 30);
    assert_int_equal(config_load(c, file_of("T_DEPT = 12\n", 0600), &err), -ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "T_DEPT"));
    assert_int_equal(config_load(c, file_of("    too deep = 1\n", 0600), &err), -EINVAL);
    assert_int_equal(config_load(c, "/nowhere/at/all", &err), -ENOENT);
    assert_int_equal(unlink(path), 0);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_one_line_that_others_cannot_read),
        cmocka_unit_test(a_settings_file_is_taken_or_refused_by_name),
        cmocka_unit_test(nodes_with_like_names_number_their_jobs_apart),
        cmocka_unit_test(a_buffer_refuses_what_passes_its_cap),
        cmocka_unit_test(a_number_is_written_in_its_digits),
        cmocka_unit_test(a_file_is_loaded_whole_or_refused_by_name),
        cmocka_unit_test(an_error_wraps_outward),
        cmocka_unit_test(hashes_match_their_published_vectors),
        cmocka_unit_test(a_crc_is_the_same_at_every_length_and_address_and_in_pieces),
        cmocka_unit_test(a_heap_gives_back_in_order_and_ties_in_order_of_entry),
        cmocka_unit_test(a_map_walks_in_order_of_entry),
        cmocka_unit_test(an_id_survives_its_text_and_knows_its_home),
        cmocka_unit_test(equal_seeds_draw_equal_numbers),
        cmocka_unit_test(settings_come_from_environment_then_file_then_table),
        cmocka_unit_test(a_bad_setting_is_refused_by_name_and_changes_nothing),
        cmocka_unit_test(only_what_may_change_is_reloaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
