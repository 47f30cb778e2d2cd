/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/landlock.h"

#include "base/own.h"
#include "sandbox/mutant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The same on every architecture. */
enum { NR_CREATE_RULESET = 444, NR_ADD_RULE = 445, NR_RESTRICT_SELF = 446 };
enum { CREATE_VERSION = 1, RULE_PATH = 1 };

enum right {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_CHAR = 1 << 6,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    MAKE_SOCK = 1 << 9,
    MAKE_FIFO = 1 << 10,
    MAKE_BLOCK = 1 << 11,
    MAKE_SYM = 1 << 12,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEV = 1 << 15,
};

enum { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

enum {
    ON_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE,
    SEE = EXECUTE | READ_FILE | READ_DIR,
    WORK = SEE | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_FIFO |
           MAKE_SYM | REFER | TRUNCATE,
    ALL = WORK | MAKE_CHAR | MAKE_SOCK | MAKE_BLOCK | IOCTL_DEV,
};

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

/* The kernel's is packed. */
struct path_attr {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

/* What each ABI adds. Rights it does not know are not asked for: they stay as they are. */
static const struct {
    int abi;
    size_t size; /* of struct ruleset_attr */
    struct ruleset_attr adds;
} abis[] = {
    {1, 8, {.fs = ALL & ~(REFER | TRUNCATE | IOCTL_DEV)}},
    {2, 8, {.fs = REFER}},
    {3, 8, {.fs = TRUNCATE}},
    {4, 16, {.net = BIND_TCP | CONNECT_TCP}},
    {5, 16, {.fs = IOCTL_DEV}},
    {LANDLOCK_ABI_SCOPES, 24, {.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL}},
};

int landlock_abi(void)
{
    long v = syscall(NR_CREATE_RULESET, NULL, 0, CREATE_VERSION);

    return v < 0 ? 0 : (int)v;
}

static int create(struct ruleset_attr *ret, struct err *err)
{
    const int abi = landlock_abi();
    size_t size = 0;

    *ret = (struct ruleset_attr){0};
    for (size_t i = 0; i < ARRAY_LEN(abis) && abis[i].abi <= abi; i++) {
        ret->fs |= abis[i].adds.fs;
        ret->net |= abis[i].adds.net;
        ret->scoped |= abis[i].adds.scoped;
        size = abis[i].size;
    }
    if (size == 0)
        return err_set(err, ENOSYS, "this kernel has no Landlock");
    long fd = syscall(NR_CREATE_RULESET, ret, size, 0);
    return fd < 0 ? err_errno(err, "landlock_create_ruleset") : (int)fd;
}

/* Everything at or below `at`, an O_PATH descriptor. */
static int allow(int ruleset, int at, uint64_t rights, const char *what, struct err *err)
{
    struct path_attr rule = {.allowed = rights, .parent = at};
    struct stat st;

    if (fstat(at, &st) < 0)
        return err_errno(err, "%s", what);
    if (!S_ISDIR(st.st_mode))
        rule.allowed &= ON_FILE;
    if (syscall(NR_ADD_RULE, ruleset, RULE_PATH, &rule, 0) < 0)
        return err_errno(err, "landlock_add_rule %s", what);
    return 0;
}

static int allow_name(int ruleset, const char *name, uint64_t rights, struct err *err)
{
    auto_fd int at = open(name, O_PATH | O_CLOEXEC);

    if (at < 0)
        return err_errno(err, "%s", name);
    return allow(ruleset, at, rights, name, err);
}

int landlock_ruleset(struct profile_list binds, int work, struct err *err)
{
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                          "/dev/urandom"};
    struct ruleset_attr has;
    auto_fd int set = create(&has, err);
    int r = set < 0 ? set : allow(set, work, WORK & has.fs, "work directory", err);

    for (uint32_t i = 0; r == 0 && i < binds.n; i++)
        r = allow_name(set, binds.at[i], SEE & has.fs, err);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(devices); i++)
        r = allow_name(set, devices[i], READ_FILE | WRITE_FILE, err);
    return r < 0 ? r : own_fd_steal(&set);
}

int landlock_restrict(int ruleset)
{
    return !MUTANT(no_landlock) && syscall(NR_RESTRICT_SELF, ruleset, 0) < 0 ? -errno : 0;
}
