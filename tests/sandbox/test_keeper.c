/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sandbox/world.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

static void a_program_reads_writes_and_ends(void **state)
{
    struct step_outcome o;

    for (int i = 0; i < 3; i++) {
        world_run(*state, "import sys\nprint(input()[::-1])\nsys.exit(3)", "abc\n", NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_int_equal(o.exit_code, 3);
        assert_true(span_eq(o.out, span_of("cba\n")));
        assert_true(o.cpu_us > 0 && o.wall_us > 0 && o.memory > 0);
        step_outcome_done(&o);
    }
}

/* More than the socket of an init takes at once. */
static void all_arguments_there_may_be_arrive(void **state)
{
    struct world *w = *state;
    static char argument[LIMIT_ARG + 1];
    struct step_outcome o;
    struct step s;

    memset(argument, 'x', LIMIT_ARG);
    world_step(w, "import sys\nprint(len(sys.argv[1:]), sum(map(len, sys.argv[1:])))", NULL, NULL,
               &s);
    s.argv = own_realloc(s.argv, (s.n_argv + LIMIT_ARGS + 1) * sizeof(*s.argv));
    for (unsigned i = 0; i < LIMIT_ARGS; i++)
        s.argv[s.n_argv++] = own_strdup(argument);
    s.argv[s.n_argv] = NULL;
    assert_int_equal(client_run(w->client, &s, &o, NULL), 0);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_true(span_eq(o.out, span_of("64 262144\n")));
    step_outcome_done(&o);
    world_step_done(&s);
}

static void a_run_that_does_not_begin_has_no_figures(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;

    world_step(w, "", NULL, NULL, &s);
    free(s.argv[0]);
    s.argv[0] = own_strdup("/nowhere");
    assert_int_equal(client_run(w->client, &s, &o, NULL), 0);
    assert_int_equal(o.end, STEP_END_BROKEN);
    assert_true(o.wall_us == 0 && o.setup_us == 0 && o.pressure_us == 0 && o.steal_us == 0);
    step_outcome_done(&o);
    world_step_done(&s);
}

static void nothing_of_one_run_is_there_for_the_next(void **state)
{
    static const char leave[] = "import os, time\n"
                                "open('left', 'w').write('x')\n"
                                "open('/tmp/left2', 'w').write('x')\n"
                                "if os.fork() == 0:\n"
                                "    os.setsid()\n"
                                "    if os.fork() == 0: time.sleep(1000)\n";
    static const char look[] = "import os\n"
                               "print(sorted(os.listdir('.')), sorted(os.listdir('/tmp')),\n"
                               "      [p for p in os.listdir('/proc') if p.isdigit()])\n";
    struct step_outcome o;

    for (int i = 0; i < 3; i++) {
        world_run(*state, leave, NULL, NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        step_outcome_done(&o);
        world_run(*state, look, NULL, NULL, &o);
        char *text = own_memdup(o.out.data, o.out.len);
        assert_non_null(strstr(text, "['main.py'] ['main.py'] ['"));
        assert_null(strstr(text, "', '"));
        free(text);
        step_outcome_done(&o);
    }
}

static void a_killed_run_does_not_harm_the_next(void **state)
{
    /* On a busy machine 200 ms of CPU take seconds. */
    const struct step_limits short_time = {.cpu_ms = 200, .wall_ms = 60000};
    struct step_outcome o;

    for (int i = 0; i < 3; i++) {
        world_run(*state, "while True: pass", NULL, &short_time, &o);
        assert_int_equal(o.end, STEP_END_CPU_TIME);
        assert_int_equal(o.exit_code, -1);
        step_outcome_done(&o);
        world_run(*state, "print('fine')", NULL, NULL, &o);
        assert_int_equal(o.end, STEP_END_EXITED);
        assert_true(span_eq(o.out, span_of("fine\n")));
        step_outcome_done(&o);
    }
}

static void output_is_cut_to_the_byte(void **state)
{
    const struct step_limits small = {.output = 1000};
    struct step_outcome o;

    world_run(*state, "print('x' * 999)", NULL, &small, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_int_equal(o.out.len, 1000);
    assert_false(o.out_truncated);
    step_outcome_done(&o);
    world_run(*state, "print('x' * 1000)", NULL, &small, &o);
    assert_int_equal(o.end, STEP_END_OUTPUT);
    assert_int_equal(o.out.len, 1000);
    assert_true(o.out_truncated);
    step_outcome_done(&o);
}

static void a_refused_call_is_named(void **state)
{
    struct step_outcome o;

    world_run(*state, "import socket\nsocket.socket()", NULL, NULL, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_int_equal(o.exit_code, 1);
    assert_string_equal(o.refused, "socket");
    step_outcome_done(&o);
}

/* The number of a run's process in its pid namespace: it grows as long as that is the same. */
static int run_and_get_pid(struct world *w, const char *code, const char *refused)
{
    struct step_outcome o;

    world_run(w, code, NULL, NULL, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_string_equal(o.refused, refused);
    char *text = own_memdup(o.out.data, o.out.len);
    int pid = (int)strtol(text, NULL, 10);
    free(text);
    step_outcome_done(&o);
    return pid;
}

static void a_libcs_own_questions_are_no_doubt(void **state)
{
    static const char plain[] = "import os\nprint(os.getpid())",
                      libc[] = "import os, pwd\nprint(os.getpid())\n"
                               "try: pwd.getpwuid(4242)\n"
                               "except KeyError: pass",
                      hostile[] = "import os, socket\nprint(os.getpid(), flush=True)\n"
                                  "socket.socket()";
    int first = run_and_get_pid(*state, plain, ""), second = run_and_get_pid(*state, libc, "");

    if (second <= first)
        skip(); /* here every run has an init of its own */
    int third = run_and_get_pid(*state, hostile, "socket");
    assert_true(third > second);
    assert_true(run_and_get_pid(*state, plain, "") < third);
}

static void a_step_that_cannot_start_is_broken_and_the_slot_lives(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;

    world_step(w, "", NULL, NULL, &s);
    free(s.argv[0]);
    s.argv[0] = own_strdup("/usr/bin/no-such-program");
    assert_int_equal(client_run(w->client, &s, &o, NULL), 0);
    assert_int_equal(o.end, STEP_END_BROKEN);
    assert_true(o.err_text[0] != '\0');
    step_outcome_done(&o);
    world_step_done(&s);
    world_run(w, "print(1)", NULL, NULL, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    step_outcome_done(&o);
}

/* Starts a step, and waits for the program's first instruction. */
static void begin(struct world *w, const struct step *s, int *ret_terminal)
{
    struct keeper_news news;
    struct err err = {0};

    if (keeper_send(client_keeper(w->client), s, &err) < 0 ||
        client_wait(w->client, &news, &err) < 0)
        fail_msg("%s", err.text);
    if (news.what == KEEPER_OUTCOME)
        fail_msg("%s", news.outcome.err_text);
    assert_int_equal(news.what, KEEPER_STARTED);
    *ret_terminal = news.terminal;
}

static void end(struct world *w, struct step_outcome *ret)
{
    struct keeper_news news;
    struct err err = {0};

    if (client_wait(w->client, &news, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(news.what, KEEPER_OUTCOME);
    *ret = news.outcome;
}

/* All up to and with this text, which must come. */
static void hear(int fd, const char *text)
{
    char got[4096];
    size_t len = 0;

    do {
        ssize_t n = len < sizeof(got) - 1 ? read(fd, got + len, 1) : 0;

        got[len += n > 0 ? (size_t)n : 0] = '\0';
        if (n <= 0)
            fail_msg("heard \"%s\", not \"%s\"", got, text);
    } while (!strstr(got, text));
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* A step with pipes for its three standard descriptors; ret_ends are ours. */
static void make_piped(struct world *w, const char *code, struct step *ret, int ret_ends[3])
{
    int in[2], out[2], errs[2];

    world_step(w, code, NULL, NULL, ret);
    assert_int_equal(pipe(in) + pipe(out) + pipe(errs), 0);
    ret->stdin_fd = in[0];
    ret->stdout_fd = out[1];
    ret->stderr_fd = errs[1];
    ret_ends[0] = in[1];
    ret_ends[1] = out[0];
    ret_ends[2] = errs[0];
}

/* Our copies of the program's ends, without which its end would not be seen. */
static void let_go(struct step *s)
{
    (void)close(s->stdout_fd);
    (void)close(s->stderr_fd);
    world_step_done(s);
}

static void close_all(const int ends[3])
{
    for (int i = 0; i < 3; i++)
        (void)close(ends[i]);
}

static void a_program_is_spoken_to_while_it_runs(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;
    int ends[3], terminal;
    char byte;

    make_piped(w,
               "import sys\n"
               "for line in sys.stdin:\n"
               "    print('out ' + line.strip(), flush=True)\n"
               "    print('err ' + line.strip(), file=sys.stderr, flush=True)\n",
               &s, ends);
    begin(w, &s, &terminal);
    let_go(&s);
    assert_int_equal(terminal, -1);
    for (int i = 0; i < 3; i++) {
        say(ends[0], "hello\n");
        hear(ends[1], "out hello\n");
        hear(ends[2], "err hello\n");
    }
    (void)close(ends[0]);
    assert_int_equal(read(ends[1], &byte, 1), 0);
    assert_int_equal(read(ends[2], &byte, 1), 0);
    end(w, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_int_equal(o.out.len + o.err.len, 0);
    step_outcome_done(&o);
    (void)close(ends[1]);
    (void)close(ends[2]);
}

/* It waits for the signal: a handler may miss one that comes just before pause(). */
static void a_signal_reaches_the_program_and_not_its_children(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;
    int ends[3], terminal;

    make_piped(w,
               "import os, signal\n"
               "child = os.fork()\n"
               "if child == 0:\n"
               "    signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
               "    while True: signal.pause()\n"
               "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
               "print('ready', flush=True)\n"
               "signal.sigwait({signal.SIGINT})\n"
               "os.kill(child, signal.SIGTERM)\n"
               "os.write(1, b'child %d\\n' % os.waitpid(child, 0)[1])\n"
               "while True: signal.pause()\n",
               &s, ends);
    begin(w, &s, &terminal);
    let_go(&s);
    hear(ends[1], "ready\n");
    assert_int_equal(keeper_signal(client_keeper(w->client), SIGINT), 0);
    hear(ends[1], "child 15\n");
    assert_int_equal(keeper_signal(client_keeper(w->client), SIGUSR1), 0);
    end(w, &o);
    assert_int_equal(o.end, STEP_END_SIGNALED);
    assert_int_equal(o.signal, SIGUSR1);
    step_outcome_done(&o);
    /* None runs: it is nobody's. */
    assert_int_equal(keeper_signal(client_keeper(w->client), SIGKILL), 0);
    world_run(w, "print(1)", NULL, NULL, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    step_outcome_done(&o);
    close_all(ends);
}

/* It waits for the signal, since a read() misses one that comes just before it. */
static void a_terminal_is_the_programs_own(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;
    int terminal;

    world_step(w,
               "import os, signal, sys, termios, tty\n"
               "print([os.isatty(i) for i in (0, 1, 2)], os.get_terminal_size(),\n"
               "      os.path.exists('/dev/pts'), os.path.exists('/dev/ptmx'),\n"
               "      os.path.exists('/dev/tty'), os.getsid(0) == os.getpid())\n"
               "try: print(os.ttyname(0))\n"
               "except OSError: print('no name')\n"
               "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
               "tty.setcbreak(0)\n" /* drops what was typed before */
               "print('press'); print('key', os.read(0, 1))\n"
               "print('again'); signal.sigwait({signal.SIGINT})\n"
               "print('interrupted'); sys.exit(4)\n",
               NULL, NULL, &s);
    s.tty = true;
    s.tty_rows = 33;
    s.tty_columns = 99;
    begin(w, &s, &terminal);
    world_step_done(&s);
    assert_true(terminal >= 0);
    hear(terminal, "[True, True, True] os.terminal_size(columns=99, lines=33) "
                   "False False False True\r\n");
    hear(terminal, "no name\r\n");
    hear(terminal, "press\r\n");
    say(terminal, "x");
    hear(terminal, "key b'x'\r\n");
    hear(terminal, "again\r\n");
    say(terminal, "\x03");
    hear(terminal, "interrupted\r\n");
    end(w, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    assert_int_equal(o.exit_code, 4);
    step_outcome_done(&o);
    (void)close(terminal);
    world_run(w, "import os\nprint(os.isatty(0), open('/proc/self/mounts').read().count('devpts'))",
              NULL, NULL, &o);
    assert_true(span_eq(o.out, span_of("False 0\n")));
    step_outcome_done(&o);
}

/* It tries to type into it, to take another, and to leave children that hold it. */
static void nothing_is_left_of_a_terminal_nor_led_to_by_it(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;
    int terminal;
    char byte;

    world_step(w,
               "import fcntl, os, signal, termios, time\n"
               "def refused(what):\n"
               "    try: what()\n"
               "    except OSError: return True\n"
               "    return False\n"
               "print('held', refused(lambda: fcntl.ioctl(0, termios.TIOCSTI, b'x')),\n"
               "      refused(lambda: fcntl.ioctl(0, termios.TIOCCONS)),\n"
               "      refused(lambda: os.open('/proc/self/fd/0/../ptmx', os.O_RDWR)),\n"
               "      refused(lambda: os.open('/dev/tty', os.O_RDWR)),\n"
               "      refused(lambda: os.open('/dev/ptmx', os.O_RDWR)))\n"
               "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
               "for i in range(5):\n"
               "    if os.fork() == 0:\n"
               "        if i % 2: os.setsid()\n"
               "        time.sleep(1000)\n",
               NULL, NULL, &s);
    s.tty = true;
    begin(w, &s, &terminal);
    world_step_done(&s);
    hear(terminal, "held True True True True True\r\n");
    end(w, &o);
    assert_int_equal(o.end, STEP_END_EXITED);
    step_outcome_done(&o);
    /* Its outcome is told once nobody is left who holds the other end. */
    assert_true(read(terminal, &byte, 1) < 0);
    assert_int_equal(errno, EIO);
    (void)close(terminal);
}

static void a_step_with_a_terminal_and_a_pipe_is_nonsense(void **state)
{
    struct world *w = *state;
    struct step_outcome o;
    struct step s;

    world_step(w, "", "input", NULL, &s);
    s.tty = true;
    assert_true(client_run(w->client, &s, &o, NULL) < 0);
    world_step_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_program_reads_writes_and_ends),
        BOTH(all_arguments_there_may_be_arrive),
        BOTH(a_run_that_does_not_begin_has_no_figures),
        BOTH(nothing_of_one_run_is_there_for_the_next),
        BOTH(a_killed_run_does_not_harm_the_next),
        BOTH(output_is_cut_to_the_byte),
        BOTH(a_refused_call_is_named),
        cmocka_unit_test_setup_teardown(a_libcs_own_questions_are_no_doubt, world_reused,
                                        world_done),
        BOTH(a_step_that_cannot_start_is_broken_and_the_slot_lives),
        BOTH(a_program_is_spoken_to_while_it_runs),
        BOTH(a_signal_reaches_the_program_and_not_its_children),
        BOTH(a_terminal_is_the_programs_own),
        BOTH(nothing_is_left_of_a_terminal_nor_led_to_by_it),
        BOTH(a_step_with_a_terminal_and_a_pipe_is_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
