/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mesh/record.h"
#include "mesh/store.h"
#include "sim/world.h"

static struct sim_world *world_of_three(void)
{
    struct sim_setup setup = {
        .profile = sim_profile_find("calm"), .seed = 1, .nodes = 3, .safety_ns = 2 * SIM_S};

    return sim_world_new(&setup);
}

static const struct id jid = {{7}};

/* The mesh of host `i` writes the job, ended, its set being the first two hosts. */
static void write_record(struct sim_world *w, uint32_t i, bool decided)
{
    struct origin origin = {.spec_len = 1};
    struct record r = {.jid = jid, .ver = 1, .decided = decided, .origin = &origin};
    struct store_name name = store_name_id(STORE_RECORD, &jid);
    struct mesh_op op = {.klen = name.len};
    struct mesh_effect fx = {.type = MESH_FX_PERSIST, .persist = {1, &op, 1}};
    auto_buf struct buf bytes, sealed;

    buf_init(&bytes, RECORD_MAX);
    buf_init(&sealed, RECORD_MAX);
    r.acc = r.promised = (struct ballot){1, w->hosts[0].nid};
    r.v.phase = RECORD_TERMINAL;
    r.v.term.end = r.final.end = RECORD_CANCELLED;
    r.v.n_rset = 2;
    r.v.rset[0] = w->hosts[0].nid;
    r.v.rset[1] = w->hosts[1].nid;
    assert_int_equal(record_encode(&r, &bytes), 0);
    store_seal(buf_span(&bytes), &sealed);
    op.value = buf_span(&sealed);
    memcpy(op.key, name.at, name.len);
    fx.persist.batch = ++w->hosts[i].boot;
    sim_disk_queue(&w->hosts[i].disk, w->queue.now_ns, &fx);
}

static void write_removal(struct sim_world *w, uint32_t i)
{
    struct store_name name = store_name_id(STORE_RECORD, &jid);
    struct mesh_op op = {.del = true, .klen = name.len};
    struct mesh_effect fx = {.type = MESH_FX_PERSIST, .persist = {1, &op, 1}};

    memcpy(op.key, name.at, name.len);
    fx.persist.batch = ++w->hosts[i].boot;
    sim_disk_queue(&w->hosts[i].disk, w->queue.now_ns, &fx);
}

static void sync_disk(struct sim_world *w, uint32_t i)
{
    sim_watch_commit(w, &w->hosts[i], w->hosts[i].boot);
}

/* The job is decided and purged on the two hosts of its set, five seconds after the start. */
static void purge_all(struct sim_world *w)
{
    for (uint32_t i = 0; i < 2; i++) {
        write_record(w, i, true);
        sync_disk(w, i);
    }
    w->queue.now_ns = 5 * SIM_S;
    for (uint32_t i = 0; i < 2; i++) {
        write_removal(w, i);
        sync_disk(w, i);
    }
}

static void what_a_stalled_disk_stores_late_has_not_returned(void **state)
{
    struct sim_world *w = world_of_three();

    (void)state;
    write_record(w, 2, false);
    purge_all(w);
    w->queue.now_ns = 9 * SIM_S;
    sync_disk(w, 2);
    assert_false(w->violation.found);
    sim_world_free(w);
}

static void a_purged_job_that_is_written_again_has_returned(void **state)
{
    struct sim_world *w = world_of_three();

    (void)state;
    purge_all(w);
    w->queue.now_ns = 9 * SIM_S;
    write_record(w, 2, false);
    sync_disk(w, 2);
    assert_true(w->violation.found);
    assert_int_equal(w->violation.which, SIM_I9);
    sim_world_free(w);
}

static void a_member_that_removed_it_and_writes_it_again_shows_a_return(void **state)
{
    struct sim_world *w = world_of_three();

    (void)state;
    purge_all(w);
    write_record(w, 1, false);
    sync_disk(w, 1);
    assert_true(w->violation.found);
    assert_int_equal(w->violation.which, SIM_I9);
    sim_world_free(w);
}

static void a_world_with_a_run_left_is_not_at_rest(void **state)
{
    struct sim_world *w = world_of_three();
    char why[200];

    (void)state;
    assert_int_equal(sim_world_run(w), 0);
    assert_true(sim_rest_reached(w, why, sizeof(why)));
    w->hosts[1].slots.used++;
    assert_false(sim_rest_reached(w, why, sizeof(why)));
    w->hosts[1].slots.used--;
    sim_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_stalled_disk_stores_late_has_not_returned),
        cmocka_unit_test(a_purged_job_that_is_written_again_has_returned),
        cmocka_unit_test(a_member_that_removed_it_and_writes_it_again_shows_a_return),
        cmocka_unit_test(a_world_with_a_run_left_is_not_at_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
