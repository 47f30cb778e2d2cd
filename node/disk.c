/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 * Three tables: "meta" (the node's identity), "records" and "blobs". The map is an eighth
 * larger than what the mesh is told it may fill: deleting needs free pages too. One
 * transaction is open at a time; it belongs to the one thread that writes (node/writer.c).
 *
 * The file is longer than LMDB has use for: a sync that finds the file's length or its extents
 * changed must write those too, so zeros are written ahead of LMDB, a megabyte at a time.
 */
#include <lmdb.h>

#include "node/disk.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    DISK_VERSION = 1,
    DISK_CHUNK = 4 * 4096 - 16,     /* LMDB's own page header is 16 bytes */
    DISK_CHUNK_KEY = LIMIT_KEY + 3, /* length, key, chunk number */
    DISK_PATH_MAX = 4096,
    DISK_AHEAD = LIMIT_MIB,
    DISK_AHEAD_LEAST = 128 * LIMIT_KIB, /* more than most commits add */
    DISK_ZEROS = 64 * LIMIT_KIB,
};

struct disk {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta, records, blobs;
    uint64_t max;
    uint64_t ahead; /* the file is written up to here */
    int fd;         /* LMDB's own */
    int lock_fd;
};

static int disk_fail(struct err *err, int rc, const char *what)
{
    return err_set(err, rc > 0 ? rc : EIO, "disk: %s: %s", what, mdb_strerror(rc));
}

/* After a failed flush the only honest thing is to stop: what was synced will be found by the
 * next start, what was not was never acknowledged. */
static _Noreturn void disk_die(int rc, const char *what)
{
    log_write(LOG_ERROR, "the store failed; going down",
              LOG_FIELDS(LOG_TEXT("step", what), LOG_TEXT("error", mdb_strerror(rc))));
    abort();
}

static int disk_put(MDB_txn *txn, MDB_dbi dbi, MDB_val key, struct span value, unsigned flags)
{
    MDB_val v = {value.len, (void *)(uintptr_t)value.data};

    return mdb_put(txn, dbi, &key, &v, flags);
}

/* The key's length comes first, so no chunk of one key can be taken for another key's. */
static MDB_val disk_chunk_key(uint8_t *room, const uint8_t *key, uint8_t klen, uint32_t chunk)
{
    room[0] = klen;
    memcpy(room + 1, key, klen);
    room[1 + klen] = (uint8_t)(chunk >> 8);
    room[2 + klen] = (uint8_t)chunk;
    return (MDB_val){(size_t)klen + 3, room};
}

static int disk_blob_del(struct disk *s, const struct mesh_op *op, uint32_t chunk)
{
    uint8_t room[DISK_CHUNK_KEY];
    int rc = 0;

    for (; rc == 0; chunk++) {
        MDB_val key = disk_chunk_key(room, op->key, op->klen, chunk);

        rc = mdb_del(s->txn, s->blobs, &key, NULL);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Chunks are full but for the last, which may be empty: that is how a reader knows the end. */
static int disk_blob_put(struct disk *s, const struct mesh_op *op)
{
    uint8_t room[DISK_CHUNK_KEY];
    uint32_t chunk = 0;
    size_t at = 0;
    size_t len;
    bool fresh = true; /* nothing of an older value was met, so nothing is left behind it */

    do {
        MDB_val key = disk_chunk_key(room, op->key, op->klen, chunk);
        struct span value = {op->value.data + at, op->value.len - at};
        int rc = MDB_KEYEXIST;

        len = value.len = value.len > DISK_CHUNK ? DISK_CHUNK : value.len;
        if (fresh)
            rc = disk_put(s->txn, s->blobs, key, value, MDB_NOOVERWRITE);
        fresh = rc == 0;
        if (rc == MDB_KEYEXIST)
            rc = disk_put(s->txn, s->blobs, key, value, 0);
        if (rc != 0)
            return rc;
        at += len;
        chunk++;
    } while (len == DISK_CHUNK);
    return fresh ? 0 : disk_blob_del(s, op, chunk);
}

static int disk_op(struct disk *s, const struct mesh_op *op)
{
    MDB_val key = {op->klen, (void *)(uintptr_t)op->key};
    int rc;

    if (mesh_key_is_blob((struct span){op->key, op->klen}))
        return op->del ? disk_blob_del(s, op, 0) : disk_blob_put(s, op);
    if (!op->del)
        return disk_put(s->txn, s->records, key, op->value, 0);
    rc = mdb_del(s->txn, s->records, &key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

void disk_apply(struct disk *s, const struct mesh_op *op)
{
    int rc = disk_op(s, op);

    if (rc != 0)
        disk_die(rc, "write");
}

static int disk_blob_get(struct disk *s, const struct mesh_op *op, struct buf *out)
{
    uint8_t room[DISK_CHUNK_KEY];
    MDB_val value = {DISK_CHUNK, NULL};

    for (uint32_t chunk = 0; value.mv_size == DISK_CHUNK; chunk++) {
        MDB_val key = disk_chunk_key(room, op->key, op->klen, chunk);
        int rc = mdb_get(s->txn, s->blobs, &key, &value);

        if (rc == MDB_NOTFOUND)
            return chunk == 0 ? -ENOENT : -EIO;
        if (rc != 0)
            disk_die(rc, "read");
        if (buf_put(out, value.mv_data, value.mv_size) != 0)
            return -EIO;
    }
    return 0;
}

int disk_get(struct disk *s, const struct mesh_op *op, struct buf *out)
{
    MDB_val key = {op->klen, (void *)(uintptr_t)op->key};
    MDB_val value;
    int rc;

    if (mesh_key_is_blob((struct span){op->key, op->klen}))
        return disk_blob_get(s, op, out);
    rc = mdb_get(s->txn, s->records, &key, &value);
    if (rc == MDB_NOTFOUND)
        return -ENOENT;
    if (rc != 0)
        disk_die(rc, "read");
    return buf_put(out, value.mv_data, value.mv_size) == 0 ? 0 : -EIO;
}

/* --- opening ------------------------------------------------------------------------------- */

static int disk_lock_dir(const char *dir, int *ret_fd, struct err *err)
{
    char path[DISK_PATH_MAX];
    auto_fd int fd = -1;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return err_errno(err, "disk: mkdir %s", dir);
    (void)snprintf(path, sizeof(path), "%s/lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(err, "disk: open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, EBUSY, "disk: %s is in use by another arenad", dir);
    *ret_fd = own_fd_steal(&fd);
    return 0;
}

static int disk_tables(struct disk *s, struct err *err)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

    if (rc != 0)
        return disk_fail(err, rc, "begin");
    if ((rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &s->meta)) != 0 ||
        (rc = mdb_dbi_open(txn, "records", MDB_CREATE, &s->records)) != 0 ||
        (rc = mdb_dbi_open(txn, "blobs", MDB_CREATE, &s->blobs)) != 0) {
        mdb_txn_abort(txn);
        return disk_fail(err, rc, "open tables");
    }
    rc = mdb_txn_commit(txn);
    return rc == 0 ? 0 : disk_fail(err, rc, "create tables");
}

static int disk_env(struct disk *s, const char *dir, struct err *err)
{
    char path[DISK_PATH_MAX];
    struct stat st;
    int dead;
    int rc;

    (void)snprintf(path, sizeof(path), "%s/mesh.mdb", dir);
    if ((rc = mdb_env_create(&s->env)) != 0)
        return disk_fail(err, rc, "create");
    (void)mdb_env_set_mapsize(s->env, (size_t)(s->max + s->max / 8));
    (void)mdb_env_set_maxdbs(s->env, 4);
    rc = mdb_env_open(s->env, path, MDB_NOTLS | MDB_NORDAHEAD | MDB_NOSUBDIR, 0600);
    if (rc != 0)
        return disk_fail(err, rc, path);
    /* LMDB leaves its data file open across exec; a sandbox must not inherit the jobs. */
    if (mdb_env_get_fd(s->env, &s->fd) != 0 || fcntl(s->fd, F_SETFD, FD_CLOEXEC) != 0)
        return err_errno(err, "disk: close-on-exec");
    if (fstat(s->fd, &st) != 0)
        return err_errno(err, "disk: size");
    s->ahead = (uint64_t)st.st_size;
    (void)mdb_reader_check(s->env, &dead);
    return disk_tables(s, err);
}

int disk_open(const char *dir, uint64_t max, struct disk **ret_disk, struct err *err)
{
    struct disk *s = own_calloc(1, sizeof(*s));
    int rc;

    s->max = max;
    s->lock_fd = -1;
    rc = disk_lock_dir(dir, &s->lock_fd, err);
    if (rc == 0)
        rc = disk_env(s, dir, err);
    if (rc != 0) {
        disk_free(s);
        return rc;
    }
    *ret_disk = s;
    return 0;
}

/* --- identity ------------------------------------------------------------------------------ */

/* As it lies on the disk. */
struct disk_meta {
    uint64_t boot;
    struct id nid;
    char cluster[LIMIT_NAME + 8];
    uint32_t crc; /* of all before it; the mesh's own records bring theirs with them */
    uint32_t version;
};

static uint32_t disk_meta_crc(const struct disk_meta *m)
{
    return hash_crc32c(0, m, offsetof(struct disk_meta, crc));
}

static int disk_meta_get(struct disk *s, MDB_txn *txn, struct disk_meta *ret_meta)
{
    MDB_val key = {8, (void *)(uintptr_t) "identity"};
    MDB_val value;
    int rc = mdb_get(txn, s->meta, &key, &value);

    if (rc != 0)
        return rc == MDB_NOTFOUND ? -ENOENT : -EIO;
    if (value.mv_size != sizeof(*ret_meta))
        return -EIO;
    memcpy(ret_meta, value.mv_data, sizeof(*ret_meta));
    if (ret_meta->version != DISK_VERSION || ret_meta->crc != disk_meta_crc(ret_meta))
        return -EIO;
    return 0;
}

static int disk_meta_next(struct disk *s, MDB_txn *txn, const char *cluster, struct disk_meta *meta,
                          struct err *err)
{
    MDB_val key = {8, (void *)(uintptr_t) "identity"};
    int found = disk_meta_get(s, txn, meta);
    int rc;

    if (found == -EIO)
        return err_set(err, EIO,
                       "disk: the node's identity is damaged; start with an empty "
                       "directory, the mesh has the other copies");
    if (found == -ENOENT) {
        memset(meta, 0, sizeof(*meta));
        (void)snprintf(meta->cluster, sizeof(meta->cluster), "%s", cluster);
        if (getrandom(&meta->nid, sizeof(meta->nid), 0) != (ssize_t)sizeof(meta->nid))
            return err_errno(err, "disk: getrandom");
    }
    if (strcmp(meta->cluster, cluster) != 0)
        return err_set(err, EPERM, "disk: the disk belongs to cluster '%s', not to '%s'",
                       meta->cluster, cluster);
    meta->boot++;
    meta->version = DISK_VERSION;
    meta->crc = disk_meta_crc(meta);
    rc = disk_put(txn, s->meta, key, (struct span){(const uint8_t *)meta, sizeof(*meta)}, 0);
    return rc == 0 ? 0 : disk_fail(err, rc, "identity");
}

int disk_identify(struct disk *s, const char *cluster, struct disk_identity *ret_identity,
                  struct err *err)
{
    struct disk_meta meta = {0};
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

    if (rc != 0)
        return disk_fail(err, rc, "begin");
    rc = disk_meta_next(s, txn, cluster, &meta, err);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return rc;
    }
    if ((rc = mdb_txn_commit(txn)) != 0)
        return disk_fail(err, rc, "commit");
    ret_identity->nid = meta.nid;
    ret_identity->boot = meta.boot;
    ret_identity->first = meta.boot == 1;
    if (getrandom(&ret_identity->secret, sizeof(ret_identity->secret), 0) !=
        (ssize_t)sizeof(ret_identity->secret))
        return err_errno(err, "disk: getrandom");
    return 0;
}

int disk_each(struct disk *s, void (*fn)(void *ctx, struct span key, struct span value), void *ctx,
              struct err *err)
{
    MDB_cursor *cursor;
    MDB_txn *txn;
    MDB_val key;
    MDB_val value;
    int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);

    if (rc != 0)
        return disk_fail(err, rc, "begin");
    rc = mdb_cursor_open(txn, s->records, &cursor);
    if (rc != 0) {
        mdb_txn_abort(txn);
        return disk_fail(err, rc, "cursor");
    }
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        fn(ctx, (struct span){key.mv_data, key.mv_size},
           (struct span){value.mv_data, value.mv_size});
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return rc == MDB_NOTFOUND ? 0 : disk_fail(err, rc, "load");
}

/* When there is no room for it, LMDB finds out by itself whether it needs any. */
static void disk_grow(struct disk *s)
{
    static const uint8_t zeros[DISK_ZEROS];
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t used, end;

    if (mdb_env_info(s->env, &info) != 0 || mdb_env_stat(s->env, &stat) != 0)
        return;
    used = (info.me_last_pgno + 1) * stat.ms_psize;
    if (used + DISK_AHEAD_LEAST <= s->ahead || used + DISK_AHEAD > info.me_mapsize)
        return;
    s->ahead = s->ahead > used ? s->ahead : used;
    for (end = s->ahead + DISK_AHEAD; s->ahead < end; s->ahead += sizeof(zeros)) {
        if (pwrite(s->fd, zeros, sizeof(zeros), (off_t)s->ahead) != (ssize_t)sizeof(zeros))
            return;
    }
    if (fdatasync(s->fd) != 0)
        disk_die(errno, "grow");
}

void disk_begin(struct disk *s, bool writes)
{
    int rc;

    if (writes)
        disk_grow(s);
    rc = mdb_txn_begin(s->env, NULL, writes ? 0 : MDB_RDONLY, &s->txn);
    if (rc != 0)
        disk_die(rc, "begin");
}

void disk_commit(struct disk *s)
{
    int rc = mdb_txn_commit(STEAL(s->txn));

    if (rc != 0)
        disk_die(rc, "commit");
}

/* Pages in use: all that were ever handed out, less those on LMDB's free list (table 0). */
uint64_t disk_used(struct disk *s)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val value;
    uint64_t free_pages = 0;

    if (mdb_env_info(s->env, &info) != 0 || mdb_env_stat(s->env, &stat) != 0 ||
        mdb_cursor_open(s->txn, 0, &cursor) != 0)
        return 0;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t count;

        memcpy(&count, value.mv_data, sizeof(count));
        free_pages += count;
    }
    mdb_cursor_close(cursor);
    return (info.me_last_pgno + 1 - free_pages) * stat.ms_psize;
}

uint64_t disk_max(const struct disk *s)
{
    return s->max;
}

uint64_t disk_left(const struct disk *s)
{
    struct statvfs v;

    return fstatvfs(s->lock_fd, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : UINT64_MAX;
}

void disk_free(struct disk *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    own_close(&s->lock_fd);
    free(s);
}
