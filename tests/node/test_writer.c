/* SPDX-License-Identifier: MPL-2.0 */
#include "node/writer.h"

#include "base/clock.h"
#include "base/own.h"
#include "base/rng.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { BLOB_MAX = 70000, STORE_MAX = 64 * LIMIT_MIB, PATIENCE_MS = 30000 };

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof(folder), "/tmp/arena-disk-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int clean_up(void **state)
{
    static const char *const names[] = {"lock", "mesh.mdb", "mesh.mdb-lock"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        (void)unlink(path);
    }
    return rmdir(folder);
}

static struct disk *open_disk(void)
{
    struct disk *d = NULL;
    struct err err = {0};

    if (disk_open(folder, STORE_MAX, &d, &err) != 0)
        fail_msg("%s", err.text);
    return d;
}

/* The next letter of a type; others are dropped. */
static struct letter *await(struct mailbox *box, enum mesh_event_type type)
{
    struct letter *found = NULL;

    while (!found) {
        struct pollfd p = {.fd = mailbox_fd(box), .events = POLLIN};
        struct letter *next;

        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        for (struct letter *l = mailbox_take(box); l; l = next) {
            next = l->next;
            if (!found && l->event.type == type)
                found = l;
            else
                letter_free(l);
        }
    }
    return found;
}

/* 's' is a blob, 'j' a record: the keys of the mesh. */
static struct mesh_op op_of(char kind, uint32_t n, struct span value)
{
    struct mesh_op op = {.klen = 5, .value = value};

    op.key[0] = (uint8_t)kind;
    memcpy(op.key + 1, &n, sizeof(n));
    return op;
}

static void an_identity_is_drawn_once_and_every_start_counted(void **state)
{
    struct disk_identity a = {0};
    struct disk_identity b = {0};
    struct err err = {0};
    struct disk *d = open_disk();

    (void)state;
    assert_int_equal(disk_identify(d, "one", &a, &err), 0);
    assert_true(a.first);
    assert_int_equal(a.boot, 1);
    disk_free(d);
    d = open_disk();
    assert_int_equal(disk_identify(d, "one", &b, &err), 0);
    assert_false(b.first);
    assert_int_equal(b.boot, 2);
    assert_true(id_eq(&a.nid, &b.nid));
    assert_int_equal(disk_identify(d, "another", &b, &err), -EPERM);
    disk_free(d);
}

static void a_directory_has_one_owner(void **state)
{
    struct disk *d = open_disk();
    struct disk *second = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(disk_open(folder, STORE_MAX, &second, &err), -EBUSY);
    assert_non_null(strstr(err.text, folder));
    disk_free(d);
}

static void no_descriptor_of_the_disk_survives_an_exec(void **state)
{
    struct disk *d = open_disk();
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *e;
    unsigned seen = 0;

    (void)state;
    assert_non_null(dir);
    while ((e = readdir(dir))) {
        char target[256];
        ssize_t len = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);

        if (len < 0)
            continue;
        target[len] = 0;
        if (strncmp(target, folder, strlen(folder)) != 0)
            continue;
        seen++;
        assert_true(fcntl((int)strtol(e->d_name, NULL, 10), F_GETFD) & FD_CLOEXEC);
    }
    (void)closedir(dir);
    assert_true(seen >= 2);
    disk_free(d);
}

/* Of many operations each, which is when the writer rests. */
static void every_batch_of_many_is_synced_and_what_follows_too(void **state)
{
    struct disk *d = open_disk();
    struct mailbox *box = mailbox_new();
    struct writer *w = writer_new(d, box);
    struct mesh_op ops[100];

    (void)state;
    for (uint64_t batch = 1; batch <= 50; batch++) {
        struct letter *l = NULL;
        uint32_t n = batch % 5 ? ARRAY_LEN(ops) : 1;

        for (uint32_t i = 0; i < n; i++)
            ops[i] = op_of('j', (uint32_t)batch * 1000 + i, span_of("value"));
        writer_write(w, batch, ops, n);
        while (!l || l->event.synced.batch < batch) {
            letter_free(l);
            l = await(box, MESH_EV_SYNCED);
        }
        assert_int_equal(l->event.synced.batch, batch);
        letter_free(l);
    }
    writer_free(w);
    mailbox_free(box);
    disk_free(d);
}

static void a_read_sees_what_was_written_before_it(void **state)
{
    static const size_t sizes[] = {0, 1, 16367, 16368, 16369, 32736, BLOB_MAX};
    struct disk *d = open_disk();
    struct mailbox *box = mailbox_new();
    struct writer *w = writer_new(d, box);
    auto_free uint8_t *bytes = own_calloc(1, BLOB_MAX);
    uint64_t batch = 0;

    (void)state;
    for (size_t i = 0; i < BLOB_MAX; i++)
        bytes[i] = (uint8_t)(i * 31);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        /* The longest first, so that each shorter one has chunks to remove. */
        const size_t len = sizes[ARRAY_LEN(sizes) - 1 - i];
        struct mesh_op op = op_of('s', 1, (struct span){bytes, len});
        struct letter *l;

        writer_write(w, ++batch, &op, 1);
        writer_read(w, 100 + i, op.key, op.klen);
        l = await(box, MESH_EV_READ);
        assert_int_equal(l->event.read.read, 100 + i);
        assert_int_equal(l->event.read.status, 0);
        assert_true(span_eq(l->event.read.value, op.value));
        letter_free(l);
    }
    struct mesh_op del = op_of('s', 1, (struct span){NULL, 0});
    struct letter *l;

    del.del = true;
    writer_write(w, ++batch, &del, 1);
    writer_read(w, 1, del.key, del.klen);
    l = await(box, MESH_EV_READ);
    assert_int_equal(l->event.read.status, -ENOENT);
    letter_free(l);
    writer_free(w);
    disk_free(d);
    mailbox_free(box);
}

static off_t store_size(void)
{
    char path[128];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/mesh.mdb", folder);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void commit_one(struct disk *d, uint32_t n, struct span value)
{
    struct mesh_op op = op_of('j', n, value);

    disk_begin(d, true);
    disk_apply(d, &op);
    disk_commit(d);
}

static void a_commit_seldom_changes_the_length_of_the_file(void **state)
{
    auto_free uint8_t *bytes = own_calloc(1, 16000);
    const struct span value = {bytes, 16000};
    struct disk *d = open_disk();
    unsigned changes = 0;
    off_t size;

    (void)state;
    commit_one(d, 0, value);
    size = store_size();
    for (uint32_t n = 1; n < 100; n++) {
        commit_one(d, n, value);
        changes += store_size() != size;
        size = store_size();
    }
    assert_in_range(changes, 1, 10);
    disk_free(d);
    /* What was written ahead is there for the next start. */
    d = open_disk();
    commit_one(d, 100, value);
    assert_int_equal(store_size(), size);
    disk_free(d);
}

static void a_nearly_full_disk_is_told(void **state)
{
    auto_free uint8_t *bytes = own_calloc(1, LIMIT_MIB);
    struct mailbox *box = mailbox_new();
    struct err err = {0};
    struct disk *d = NULL;
    struct writer *w;
    enum mesh_disk seen = MESH_DISK_OK;

    (void)state;
    assert_int_equal(disk_open(folder, 20 * LIMIT_MIB, &d, &err), 0);
    w = writer_new(d, box);
    for (uint32_t i = 0; i < 17; i++) {
        struct mesh_op op = op_of('s', i, (struct span){bytes, LIMIT_MIB});

        writer_write(w, i + 1, &op, 1);
    }
    /* It is measured with a commit, twice a second at most: commit until it is told. */
    for (uint64_t batch = 100; seen == MESH_DISK_OK; batch++) {
        struct mesh_op op = op_of('j', 1, (struct span){bytes, 10});
        struct pollfd p = {.fd = mailbox_fd(box), .events = POLLIN};
        struct letter *next;

        writer_write(w, batch, &op, 1);
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        for (struct letter *l = mailbox_take(box); l; l = next) {
            next = l->next;
            if (l->event.type == MESH_EV_DISK)
                seen = l->event.disk.state;
            letter_free(l);
        }
    }
    assert_int_equal(seen, MESH_DISK_NEARLY_FULL);
    writer_free(w);
    disk_free(d);
    mailbox_free(box);
}

/* --- kill -9 ------------------------------------------------------------------------------- */

/* Writes batch after batch, a record and a blob each, and says each that is synced. */
static _Noreturn void write_for_ever(int out, uint32_t first)
{
    struct disk *d = open_disk();
    struct mailbox *box = mailbox_new();
    struct writer *w = writer_new(d, box);
    uint8_t *bytes = own_calloc(1, BLOB_MAX);
    uint64_t asked = 0;

    for (;;) {
        struct letter *l;
        uint32_t done;

        /* A few are always under way, so that commits hold several. */
        for (int i = 0; i < 5; i++) {
            const uint32_t n = first + (uint32_t)asked;
            struct mesh_op ops[2];

            memset(bytes, (int)(n & 0xff), BLOB_MAX);
            ops[0] = op_of('j', n, (struct span){bytes, 100});
            ops[1] = op_of('s', n, (struct span){bytes, 1000 + n * 37 % 40000});
            writer_write(w, ++asked, ops, 2);
        }
        l = await(box, MESH_EV_SYNCED);
        done = first + (uint32_t)l->event.synced.batch;
        letter_free(l);
        if (write(out, &done, sizeof(done)) != (ssize_t)sizeof(done))
            _exit(0);
    }
}

static void check_one(struct disk *d, uint32_t n)
{
    auto_buf struct buf value;
    struct mesh_op op = op_of('j', n, (struct span){NULL, 0});

    buf_init(&value, LIMIT_MIB);
    assert_int_equal(disk_get(d, &op, &value), 0);
    assert_int_equal(value.len, 100);
    buf_reset(&value);
    op = op_of('s', n, (struct span){NULL, 0});
    assert_int_equal(disk_get(d, &op, &value), 0);
    assert_int_equal(value.len, 1000 + n * 37 % 40000);
    for (size_t i = 0; i < value.len; i++)
        assert_int_equal(value.data[i], n & 0xff);
}

/* Lets a writer run until it has acknowledged a number drawn from the seed, and kills it in
 * the middle of what it does then. Returns how many are acknowledged in all. */
static uint32_t write_and_kill(struct rng *rng, uint32_t first)
{
    const uint32_t until = first + 1 + (uint32_t)rng_below(rng, 150);
    uint32_t acked = first;
    int fds[2];
    pid_t child;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        (void)close(fds[0]);
        write_for_ever(fds[1], first);
    }
    (void)close(fds[1]);
    while (acked < until && read(fds[0], &acked, sizeof(acked)) == (ssize_t)sizeof(acked))
        ;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(fds[0], &acked, sizeof(acked)) == (ssize_t)sizeof(acked))
        ;
    (void)close(fds[0]);
    assert_true(acked >= until);
    return acked;
}

static void a_kill_loses_nothing_that_was_acknowledged(void **state)
{
    struct rng rng;
    uint32_t acked = 0;

    (void)state;
    rng_init(&rng, 7);
    for (int round = 0; round < 8; round++) {
        struct disk *d;

        acked = write_and_kill(&rng, acked);
        d = open_disk();
        disk_begin(d, false);
        for (uint32_t n = 0; n < acked; n++)
            check_one(d, n);
        disk_commit(d);
        disk_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, clean_up)
        TEST(a_kill_loses_nothing_that_was_acknowledged),
        TEST(an_identity_is_drawn_once_and_every_start_counted),
        TEST(a_directory_has_one_owner),
        TEST(no_descriptor_of_the_disk_survives_an_exec),
        TEST(every_batch_of_many_is_synced_and_what_follows_too),
        TEST(a_read_sees_what_was_written_before_it),
        TEST(a_commit_seldom_changes_the_length_of_the_file),
        TEST(a_nearly_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
