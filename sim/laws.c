/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/record.h"
#include "mesh/store.h"
#include "sim/world.h"

#include <errno.h>

/*
 * I8: the join of records is idempotent, commutative and associative, and encoding a record
 * loses nothing. Judged on the copies of one job that a real history left on the disks, taken
 * two and three at a time. A promise orders joins on purpose (what is accepted below it is
 * refused), so the copies are compared with their promises set aside, and the promises apart.
 */

enum { SIM_LAWS_COPIES = 3, SIM_LAWS_JOBS = 24 };

/* The record inside a stored value; 0 or negative. */
static int sim_laws_read(struct span stored, struct record *ret)
{
    struct wire_reader reader;
    struct span bytes;

    if (store_unseal(stored, &bytes) < 0)
        return -EBADMSG;
    wire_reader_init(&reader, bytes.data, bytes.len);
    return record_decode(&reader, ret);
}

static bool sim_laws_same(const struct record *a, const struct record *b)
{
    auto_buf struct buf x, y;

    buf_init(&x, RECORD_MAX);
    buf_init(&y, RECORD_MAX);
    return record_encode(a, &x) == 0 && record_encode(b, &y) == 0 &&
           span_eq(buf_span(&x), buf_span(&y));
}

/* ret = a join b. */
static void sim_laws_join(const struct record *a, const struct record *b, struct record *ret)
{
    record_copy(a, ret);
    (void)record_join(ret, b);
}

static bool sim_laws_pair(const struct record *a, const struct record *b)
{
    struct record ab, ba, aba;
    bool good;

    sim_laws_join(a, b, &ab);
    sim_laws_join(b, a, &ba);
    sim_laws_join(&ab, a, &aba);
    good = sim_laws_same(&ab, &ba) && sim_laws_same(&ab, &aba);
    record_done(&ab);
    record_done(&ba);
    record_done(&aba);
    return good;
}

static bool sim_laws_triple(const struct record *a, const struct record *b, const struct record *c)
{
    struct record ab, bc, left, right;
    bool good;

    sim_laws_join(a, b, &ab);
    sim_laws_join(&ab, c, &left);
    sim_laws_join(b, c, &bc);
    sim_laws_join(a, &bc, &right);
    good = sim_laws_same(&left, &right);
    record_done(&ab);
    record_done(&bc);
    record_done(&left);
    record_done(&right);
    return good;
}

static bool sim_laws_coded(const struct record *a)
{
    auto_buf struct buf bytes;
    struct wire_reader reader;
    struct record back;
    bool good;

    buf_init(&bytes, RECORD_MAX);
    if (record_encode(a, &bytes) < 0)
        return false;
    wire_reader_init(&reader, bytes.data, bytes.len);
    if (record_decode(&reader, &back) < 0)
        return false;
    good = sim_laws_same(a, &back);
    record_done(&back);
    return good;
}

static void sim_laws_job(struct sim_world *w, const struct sim_job *job)
{
    struct store_name name = store_name_id(STORE_RECORD, &job->jid);
    struct record all[SIM_LAWS_COPIES];
    uint32_t n = 0;
    bool good = true;
    char text[ID_TEXT_SIZE];

    for (uint32_t i = 0; i < w->n_hosts && n < SIM_LAWS_COPIES; i++) {
        const struct sim_blob *stored =
            sim_disk_get_synced(&w->hosts[i].disk, store_name_span(&name));

        if (!stored || sim_laws_read(sim_blob_span(stored), &all[n]) < 0)
            continue;
        good = good && sim_laws_coded(&all[n]);
        all[n].promised = all[n].acc;
        n++;
    }
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            good = good && sim_laws_pair(&all[a], &all[b]);
    if (n == SIM_LAWS_COPIES)
        good = good && sim_laws_triple(&all[0], &all[1], &all[2]);
    for (uint32_t i = 0; i < n; i++)
        record_done(&all[i]);
    if (!good)
        sim_violate(w, SIM_I8, "the copies of job %s do not join as they should",
                    id_format(&job->jid, text));
}

void sim_laws_check(struct sim_world *w)
{
    size_t jobs = map_len(w->history.jobs);
    size_t stride = jobs / SIM_LAWS_JOBS + 1;
    size_t at = 0;

    for (struct map_item *it = map_first(w->history.jobs); it; it = map_next(it)) {
        if (at++ % stride == 0)
            sim_laws_job(w, map_value(it));
    }
}
