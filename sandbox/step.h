/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_STEP_H
#define SANDBOX_STEP_H
/*
 * One step of a job: one program (a compiler, the solution, a checker) run once in its own
 * sandbox. A request in, an outcome out; the node strings steps together into jobs.
 *
 * Files go in before the program starts and come out, by name, through descriptors opened
 * inside its namespaces; regular files only. They travel as descriptors of sealed memfds, so
 * that what one step made costs nothing to hand to the next.
 */
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

/* Where a step's files are, and its current directory, inside its root. */
#define STEP_WORK_DIR "/work"

enum {
    STEP_FILES_OUT = 160, /* javac makes one file per class */
    /* What one step made goes into the next, with the job's files and a checker's. */
    STEP_FILES_IN = STEP_FILES_OUT + LIMIT_FILES + 8,
    STEP_ARGV = 64 + LIMIT_ARGS,
    STEP_ENV = 32,
    STEP_STREAM_MAX = 16 * LIMIT_MIB, /* ceiling of `output` */
};

/* All are set by the caller, none is 0 (the server's defaults are already in). */
struct step_limits {
    uint64_t cpu_ms; /* user + system, all descendants */
    uint64_t wall_ms;
    uint64_t memory;    /* bytes */
    uint64_t output;    /* bytes of stdout, and of stderr, each exact */
    uint64_t processes; /* processes and threads together */
    uint64_t stack;     /* bytes */
    uint64_t file_size; /* bytes of any one file, and of the work directory in all */
    uint64_t files;     /* inodes of the work directory */
    uint64_t cpu_share; /* thousandths of one CPU; 0 = no cap beyond cpu_ms */
};

struct step_file {
    char name[LIMIT_FILE_NAME + 1]; /* relative to the work directory */
    int fd;                         /* owned by the struct that holds it */
    bool executable;
};

struct step {
    char profile[LIMIT_NAME + 1]; /* the language: root, seccomp list, environment */
    char phase[16];               /* "compile" or "run": which seccomp list */
    uint32_t n_argv;
    char **argv; /* argv[0] absolute, inside the sandbox's root */
    uint32_t n_env;
    char **env;
    uint32_t n_files;
    struct step_file *files;
    int stdin_fd; /* a regular file or memfd, read from its start, or a pipe; -1 = empty */
    /* A pipe that gets stdout instead of the outcome, not counted against `output`: two steps
     * of an interactive problem are joined so. <= 0 = none. */
    int stdout_fd;
    int stderr_fd; /* the same for stderr */
    /* A terminal of its own is the program's stdin, stdout and stderr, and controls it: its other
     * end comes with KEEPER_STARTED, and none of the three descriptors above may be given. */
    bool tty;
    uint16_t tty_rows, tty_columns; /* its size at the start; 0 = unknown */
    uint32_t n_out;
    char (
        *out)[LIMIT_FILE_NAME + 1]; /* names, or "*.class": a star and how they end, folders too */
    struct step_limits limits;
    bool stream; /* pieces of output are wanted as they come */
};

/* X(id, name) */
#define STEP_ENDS(X)                                                                               \
    X(EXITED, "exited")     /* by itself; see exit_code */                                         \
    X(SIGNALED, "signaled") /* by a signal no limit of ours sent */                                \
    X(CPU_TIME, "cpu_time")                                                                        \
    X(WALL_TIME, "wall_time")                                                                      \
    X(MEMORY, "memory") /* the kernel's OOM kill, or the allocator refused */                      \
    X(OUTPUT, "output")                                                                            \
    X(FILE_SIZE, "file_size")                                                                      \
    X(PROCESSES, "processes") /* the limit was hit and the program failed */                       \
    X(SYSCALL, "syscall")     /* killed for a system call; see refused */                          \
    X(KILLED, "killed")       /* we were asked to */                                               \
    X(BROKEN, "broken")       /* the sandbox itself failed: err_text; never the program */

enum step_end {
#define X(id, name) STEP_END_##id,
    STEP_ENDS(X)
#undef X
        STEP_END_N
};
const char *step_end_name(enum step_end e);

struct step_outcome {
    enum step_end end;
    int32_t exit_code; /* -1 when a signal ended it */
    int32_t signal;
    uint64_t cpu_us; /* user + system of all its processes; until the kill, if it was killed */
    uint64_t wall_us;
    uint64_t memory; /* peak bytes */
    struct span out; /* at most limits.output bytes */
    struct span err;
    bool out_truncated;
    bool err_truncated;
    char refused[64];        /* name of a system call that was refused, "" = none seen */
    char detail[LIMIT_TEXT]; /* one sentence: what, and the kernel fact it rests on */
    uint32_t n_files;
    struct step_file *files; /* what was asked for and is there */
    uint64_t switches_voluntary, switches_forced;
    /* Of the run where groups tell, else of the machine meanwhile. */
    uint64_t pressure_us;
    uint64_t steal_us, overshoot_us;
    uint64_t cpu_khz;  /* at the end; 0 = not known, or too short to ask */
    uint64_t setup_us; /* from the request to the program's first instruction */
    char err_text[ERR_TEXT_MAX];
};
void step_outcome_done(struct step_outcome *o); /* closes files, frees arrays */
#endif
