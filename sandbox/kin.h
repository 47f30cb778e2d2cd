/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_KIN_H
#define SANDBOX_KIN_H
/*
 * Who descends from whom, as a /proc tells: for levels where no pid namespace holds a run
 * together. A snapshot; what is born meanwhile is in the next one.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { KIN_MAX = 8192 };  /* processes of a machine that are looked at */
enum { KIN_FOLDER = 48 }; /* "PID/task/TID" */

struct kin {
    pid_t pid, parent;
    uint64_t born; /* ticks since the machine started: with the pid, who it is */
    int nice;
    unsigned threads;      /* counting the first, also when that has ended before the others */
    uint64_t ticks;        /* CPU time of its own */
    uint64_t ticks_waited; /* and of those it has waited for */
    char state;            /* of the first thread, as in /proc/PID/stat */
    bool below;            /* of the process asked about */
};

/* Reads a small file of a process, "PID", or of a thread, "PID/task/TID". False = it cannot be
 * read. */
bool kin_read(int proc, const char *folder, const char *file, char *ret, size_t size);
/* Opens a directory of theirs, or returns NULL; the caller closes it. */
DIR *kin_open(int proc, const char *folder, const char *name);
/* What stands behind `title` in such a file, as "\nUid:" in "status"; -1 = nothing does. */
long long kin_number(const char *text, const char *title);
/* One process. False = there is none, or it is out of sight. */
bool kin_look(int proc, pid_t pid, struct kin *ret);
bool kin_is_dead(const struct kin *k);
/* The folder in which is told what the threads of a process share: that of one that still has its
 * memory, as the first may have ended. False = none has. */
bool kin_living(int proc, const char *pid, char ret[KIN_FOLDER]);
/* All processes of `proc` by their numbers, those below `root` marked. `all` holds KIN_MAX. Returns
 * how many. `ret_missed`, unless NULL: were there more, which could not be read? */
size_t kin_list(int proc, pid_t root, struct kin *all, bool *ret_missed);
/* Processes and threads of a user, as far as can be seen. */
unsigned kin_threads(int proc, uid_t user);
/* Is it one to be killed? */
typedef bool kin_choose(void *arg, int proc, const struct kin *k);
/* Kills all that are chosen among those that may be signalled: each is stopped first, until there
 * are no new ones. `root` is what `below` is about. Returns how many there were. */
size_t kin_hunt(int proc, pid_t root, kin_choose *choose, void *arg);
/* A program's user that nobody else has, and one that nobody is at all; 0 = there is none. */
struct kin_user {
    uid_t id, nobody;
};

/* Kills all below this process and reaps it. With a user of the program's own one kill reaches all
 * of them at once. For processes that are reapers of their orphans (PR_SET_CHILD_SUBREAPER). */
void kin_kill(int proc, struct kin_user user);
#endif
