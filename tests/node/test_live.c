/* SPDX-License-Identifier: MPL-2.0 */
/* Sessions in real sandboxes, spoken to as a bridge would: needs arena-sandbox in the build
 * directory, Python and gcc. */
#include "node/lives.h"

#include "base/own.h"
#include "tests/node/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

enum { SLOTS = 3, MAX = 2, TENANT_MAX = 1, PATIENCE_MS = 30000, TURN_MS = 10, OUTPUT = 300000 };
enum { CLIENT = 7 };

static struct lives *lives;
static uint64_t next_token;
static uint32_t offered;

/* What came back for one token. */
static struct {
    uint64_t token;
    bool generous; /* credit is given as output comes */
    unsigned n[MESSAGE_TYPE_N];
    unsigned awaited[MESSAGE_TYPE_N]; /* of them */
    struct message_flow out;          /* theirs, as we count it */
    struct message_flow in;
    struct buf streams[MESSAGE_STREAM_N];
    struct message_closed closed;
    enum message_refusal why;
    const char *want; /* stop when this is heard */
    enum message_type want_type;
} seen;

static void turn(void)
{
    const struct buf *out = &seen.streams[MESSAGE_STREAM_STDOUT];

    if (!world_turn(PATIENCE_MS))
        fail_msg("waited in vain for %s, message %u; heard %.*s", seen.want ? seen.want : "nothing",
                 seen.want_type, (int)out->len, out->data ? (char *)out->data : "");
}

static void send_it(struct message *m)
{
    auto_buf struct buf frame;

    buf_init(&frame, LIMIT_FRAME_BULK);
    m->token = seen.token;
    assert_int_equal(message_encode(m, &frame), 0);
    lives_frame(lives, CLIENT, buf_span(&frame));
}

static void on_data(const struct message *m)
{
    struct message credit = {.type = MESSAGE_SESSION_CREDIT};

    assert_true(m->data.at == seen.out.at);
    message_flow_pass(&seen.out, m->data.bytes.len);
    assert_true(seen.out.at <= seen.out.upto);
    (void)buf_put(&seen.streams[m->data.stream], m->data.bytes.data, m->data.bytes.len);
    if (!seen.generous)
        return;
    seen.out.upto = seen.out.at + MESSAGE_SESSION_WINDOW_MIN;
    credit.credit.upto = seen.out.upto;
    send_it(&credit);
}

static void on_send(void *ctx, uint64_t client, struct span frame)
{
    struct message m;

    (void)ctx;
    assert_int_equal(client, CLIENT);
    assert_int_equal(message_decode(frame, &m, NULL), 0);
    if (m.token != seen.token)
        return;
    seen.n[m.type]++;
    if (m.type == MESSAGE_SESSION_DATA)
        on_data(&m);
    else if (m.type == MESSAGE_SESSION_CREDIT)
        seen.in.upto = m.credit.upto;
    else if (m.type == MESSAGE_SESSION_OPENED)
        seen.in.upto = m.opened.window;
    else if (m.type == MESSAGE_SESSION_CLOSED)
        seen.closed = m.closed;
    else if (m.type == MESSAGE_REFUSED)
        seen.why = m.refused.why;
    if (m.type == seen.want_type)
        loop_stop(world.loop);
    if (seen.want && seen.streams[MESSAGE_STREAM_STDOUT].len &&
        memmem(seen.streams[MESSAGE_STREAM_STDOUT].data, seen.streams[MESSAGE_STREAM_STDOUT].len,
               seen.want, strlen(seen.want)))
        loop_stop(world.loop);
    message_done(&m);
}

static bool on_leaving(void *ctx)
{
    (void)ctx;
    return false;
}

static void on_offer(void *ctx, uint32_t n)
{
    (void)ctx;
    offered = n;
}

/* --- a client ------------------------------------------------------------------------------ */

/* Waits for the next message of this type: it may have come in the turn of what was waited for
 * before it. */
static void await(enum message_type type)
{
    seen.want_type = type;
    while (seen.n[type] == seen.awaited[type])
        turn();
    seen.awaited[type]++;
    seen.want_type = MESSAGE_TYPE_N;
}

/* Waits until the program has printed this. */
static void hear(const char *text)
{
    struct buf *out = &seen.streams[MESSAGE_STREAM_STDOUT];

    seen.want = text;
    while (out->len == 0 || !memmem(out->data, out->len, text, strlen(text))) {
        if (seen.n[MESSAGE_SESSION_CLOSED])
            fail_msg("closed (%s) and never heard %s, but %.*s", seen.closed.cause.detail, text,
                     (int)out->len, (char *)out->data);
        turn();
    }
    seen.want = NULL;
    buf_reset(out);
}

static void forget(void)
{
    for (size_t i = 0; i < MESSAGE_STREAM_N; i++)
        buf_done(&seen.streams[i]);
    memset(&seen, 0, sizeof(seen));
    seen.want_type = MESSAGE_TYPE_N;
    for (size_t i = 0; i < MESSAGE_STREAM_N; i++)
        buf_init(&seen.streams[i], LIMIT_MIB);
}

struct ask {
    const char *language, *code, *tenant;
    bool tty, generous;
};

/* Opens a session and says nothing about how it went. */
static void ask(const struct ask *a)
{
    struct spec_file file;
    struct spec spec = world_spec(&file, a->language, a->code);
    struct message m = {.type = MESSAGE_SESSION_OPEN};
    auto_buf struct buf bytes;

    forget();
    seen.token = ++next_token;
    seen.generous = a->generous;
    seen.out.upto = MESSAGE_SESSION_WINDOW_MIN;
    (void)snprintf(spec.head.tenant, sizeof(spec.head.tenant), "%s", a->tenant ? a->tenant : "");
    buf_init(&bytes, LIMIT_SPEC);
    assert_int_equal(spec_encode(&spec, &bytes), 0);
    m.session.spec = buf_span(&bytes);
    m.session.tty = a->tty;
    m.session.rows = 20;
    m.session.columns = 70;
    m.session.window = MESSAGE_SESSION_WINDOW_MIN;
    send_it(&m);
}

static void start(const struct ask *a)
{
    if (!world_has(a->language))
        skip();
    ask(a);
    assert_int_equal(seen.n[MESSAGE_SESSION_OPENED], 1);
    await(MESSAGE_SESSION_STARTED);
}

static void type(const char *text, bool last)
{
    struct message m = {.type = MESSAGE_SESSION_DATA};

    m.data.stream = MESSAGE_STREAM_STDIN;
    m.data.at = seen.in.at;
    m.data.last = last;
    m.data.bytes = span_of(text);
    message_flow_pass(&seen.in, m.data.bytes.len);
    send_it(&m);
}

static void say(enum message_type what)
{
    struct message m = {.type = what};

    send_it(&m);
}

static void signal_it(const char *name)
{
    struct message m = {.type = MESSAGE_SESSION_SIGNAL};

    (void)snprintf(m.signal.name, sizeof(m.signal.name), "%s", name);
    send_it(&m);
}

static void await_offer(uint32_t n)
{
    for (unsigned i = 0; offered != n; i++) {
        assert_true(i < PATIENCE_MS / TURN_MS);
        (void)world_turn(TURN_MS);
    }
}

static void await_free_slots(void)
{
    for (unsigned i = 0; slots_busy(world.slots) || lives_len(lives) || offered != SLOTS; i++) {
        assert_true(i < PATIENCE_MS / TURN_MS);
        (void)world_turn(TURN_MS);
    }
}

#define PYTHON(text) (&(struct ask){.language = "python", .code = (text), .generous = true})

/* --- tests --------------------------------------------------------------------------------- */

static void a_program_answers_line_by_line(void **state)
{
    (void)state;
    start(PYTHON("import sys\n"
                 "for line in sys.stdin:\n"
                 "    print('<' + line.strip() + '>', flush=True)\n"
                 "print('bye', file=sys.stderr)\n"
                 "sys.exit(3)\n"));
    type("one\n", false);
    hear("<one>\n");
    type("two\nthree\n", false);
    hear("<two>\n<three>\n");
    type("four", true);
    await(MESSAGE_SESSION_CLOSED);
    assert_true(span_eq(buf_span(&seen.streams[MESSAGE_STREAM_STDOUT]), span_of("<four>\n")));
    assert_true(span_eq(buf_span(&seen.streams[MESSAGE_STREAM_STDERR]), span_of("bye\n")));
    assert_int_equal(seen.closed.why, MESSAGE_CLOSING_ENDED);
    assert_int_equal(seen.closed.verdict, RESULT_RUNTIME_ERROR);
    assert_int_equal(seen.closed.exit_code, 3);
    assert_true(seen.closed.cpu_us > 0 && seen.closed.memory > 0);
    await_free_slots();
}

static void a_program_is_compiled_first_and_told_what_the_compiler_says(void **state)
{
    static const struct ask bad = {.language = "c", .code = "int main(void) { return x; }\n"};

    (void)state;
    start(&(struct ask){.language = "c",
                        .generous = true,
                        .code = "#include <stdio.h>\n"
                                "#warning look here\n"
                                "int main(void) { int a; while (scanf(\"%d\", &a) == 1)\n"
                                "{ printf(\"%d\\n\", a * a); fflush(stdout); } }\n"});
    assert_non_null(memmem(seen.streams[MESSAGE_STREAM_COMPILER].data,
                           seen.streams[MESSAGE_STREAM_COMPILER].len, "look here", 9));
    type("12 ", false);
    hear("144\n");
    type("-3 ", true);
    hear("9\n");
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.closed.verdict, RESULT_ACCEPTED);
    ask(&bad);
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.n[MESSAGE_SESSION_STARTED], 0);
    assert_int_equal(seen.closed.why, MESSAGE_CLOSING_ENDED);
    assert_int_equal(seen.closed.verdict, RESULT_COMPILE_ERROR);
    assert_true(seen.streams[MESSAGE_STREAM_COMPILER].len > 0);
    await_free_slots();
}

static void without_credit_a_program_stands_still(void **state)
{
    struct ask flood = {.language = "python", .code = "while True: print('x' * 1000)\n"};

    (void)state;
    start(&flood);
    for (unsigned i = 0; seen.out.at + MESSAGE_SESSION_COST < MESSAGE_SESSION_WINDOW_MIN; i++) {
        assert_true(i < PATIENCE_MS / TURN_MS);
        (void)world_turn(TURN_MS);
    }
    (void)world_turn(20 * TURN_MS); /* on_data() sees to it that no more comes */
    assert_true(seen.out.at <= MESSAGE_SESSION_WINDOW_MIN);
    assert_int_equal(seen.n[MESSAGE_SESSION_CLOSED], 0);
    assert_int_equal(slots_busy(world.slots), 1);
    say(MESSAGE_SESSION_CLOSE);
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.closed.why, MESSAGE_CLOSING_ASKED);
    await_free_slots();
}

static void a_flood_is_cut_at_the_limit_to_the_byte(void **state)
{
    (void)state;
    start(PYTHON("while True: print('x' * 1000)\n"));
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.closed.verdict, RESULT_OUTPUT_LIMIT);
    assert_string_equal(seen.closed.cause.kind, "output");
    assert_int_equal(seen.streams[MESSAGE_STREAM_STDOUT].len, OUTPUT);
    await_free_slots();
}

static void what_is_left_comes_after_the_program_has_ended(void **state)
{
    struct ask a = {.language = "python", .code = "print('y' * 100000, end='')\n"};
    struct message credit = {.type = MESSAGE_SESSION_CREDIT, .credit.upto = 1 << 20};

    (void)state;
    start(&a);
    await_free_slots(); /* it is dead, and has not been heard out */
    assert_int_equal(seen.n[MESSAGE_SESSION_CLOSED], 0);
    seen.out.upto = credit.credit.upto;
    send_it(&credit);
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.streams[MESSAGE_STREAM_STDOUT].len, 100000);
    assert_int_equal(seen.closed.verdict, RESULT_ACCEPTED);
}

static void input_over_the_window_or_out_of_order_ends_it(void **state)
{
    static const char idle[] = "import time\nwhile True: time.sleep(1)\n";
    static char much[MESSAGE_SESSION_PIECE];

    (void)state;
    memset(much, 'a', sizeof(much) - 1);
    start(PYTHON(idle));
    while (seen.in.at <= seen.in.upto)
        type(much, false); /* its pipe takes some of it, once */
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.closed.why, MESSAGE_CLOSING_LOST);
    start(PYTHON(idle));
    seen.in.at++;
    type("x", false);
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.closed.why, MESSAGE_CLOSING_LOST);
    await_free_slots();
}

static void much_input_goes_as_fast_as_it_is_read(void **state)
{
    static char piece[MESSAGE_SESSION_PIECE];
    const unsigned pieces = 40;
    char want[32];

    (void)state;
    memset(piece, 'a', sizeof(piece) - 1);
    start(PYTHON("import sys\nprint(len(sys.stdin.read()))\n"));
    for (unsigned i = 0; i < pieces; i++) {
        while (seen.in.at + sizeof(piece) + MESSAGE_SESSION_COST > seen.in.upto)
            await(MESSAGE_SESSION_CREDIT);
        type(piece, i + 1 == pieces);
    }
    (void)snprintf(want, sizeof(want), "%zu\n", pieces * (sizeof(piece) - 1));
    hear(want);
    await(MESSAGE_SESSION_CLOSED);
    await_free_slots();
}

static bool has_terminals(void)
{
    return strcmp(slots_info(world.slots)->level, "lsm") != 0;
}

static void resize_it(uint16_t rows, uint16_t columns)
{
    struct message m = {.type = MESSAGE_SESSION_RESIZE};

    m.session.rows = rows;
    m.session.columns = columns;
    send_it(&m);
}

/* The program waits for the signal: a handler may miss one that comes just before input(). */
static void signals_arrive_and_a_terminal_is_resized(void **state)
{
    struct ask a = {.language = "python",
                    .generous = true,
                    .tty = true,
                    .code = "import os, signal, threading\n"
                            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
                            "def watch():\n"
                            "    while signal.sigwait({signal.SIGWINCH}):\n"
                            "        os.write(1, b'now %d %d\\n' % tuple(os.get_terminal_size()))\n"
                            "threading.Thread(target=watch, daemon=True).start()\n"
                            "print('size', *os.get_terminal_size())\n"
                            "print('name', input())\n"
                            "try: input()\n"
                            "except EOFError: print('end')\n"
                            "while True: signal.pause()\n"};

    (void)state;
    if (!has_terminals())
        skip();
    start(&a);
    hear("size 70 20\r\n");
    type("arena\n", false);
    hear("name arena\r\n");
    resize_it(50, 132);
    hear("now 132 50\r\n");
    type("", true);
    hear("end\r\n");
    signal_it("SIGNONE");
    signal_it("SIGTERM");
    await(MESSAGE_SESSION_CLOSED);
    assert_int_equal(seen.closed.signal, 15);
    assert_int_equal(seen.closed.exit_code, -1);
    await_free_slots();
}

/* Its program may look before the size comes, or after: it is told of it then. */
static void a_terminal_that_is_being_made_gets_the_size_that_came_meanwhile(void **state)
{
    struct ask a = {.language = "python",
                    .generous = true,
                    .tty = true,
                    .code = "import os, signal\n"
                            "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n"
                            "while tuple(os.get_terminal_size()) != (132, 50):\n"
                            "    signal.sigwait({signal.SIGWINCH})\n"
                            "print('now it is')\n"};

    (void)state;
    if (!has_terminals())
        skip();
    ask(&a);
    assert_int_equal(seen.n[MESSAGE_SESSION_OPENED], 1);
    resize_it(50, 132);
    hear("now it is\r\n");
    await_free_slots();
}

static void a_session_whose_client_is_gone_frees_its_slot(void **state)
{
    (void)state;
    start(PYTHON("while True: pass\n"));
    assert_int_equal(slots_busy(world.slots), 1);
    lives_gone(lives, CLIENT + 1);
    assert_int_equal(lives_len(lives), 1);
    lives_gone(lives, CLIENT);
    await_free_slots();
}

static void sessions_leave_slots_to_jobs_and_to_other_tenants(void **state)
{
    struct ask a = {.language = "python", .code = "input()\n", .tenant = "a", .generous = true};

    (void)state;
    start(&a);
    await_offer(SLOTS - 1);
    ask(&a);
    assert_int_equal(seen.n[MESSAGE_REFUSED], 1);
    assert_int_equal(seen.why, MESSAGE_REFUSAL_NO_SLOT);
    a.tenant = "b";
    start(&a);
    await_offer(SLOTS - 2);
    a.tenant = "c";
    ask(&a);
    assert_int_equal(seen.why, MESSAGE_REFUSAL_NO_SLOT);
    lives_gone(lives, CLIENT);
    await_free_slots();
}

/* Told at once, so that another node is asked: see `without namespaces` of tests/sandbox. */
static void a_terminal_that_no_sandbox_can_make_is_refused(void **state)
{
    struct ask a = {.language = "python", .code = "input()\n", .tty = true, .generous = true};
    const bool lacking = !has_terminals();

    (void)state;
    ask(&a);
    assert_int_equal(seen.n[MESSAGE_REFUSED], lacking ? 1 : 0);
    if (lacking)
        assert_int_equal(seen.why, MESSAGE_REFUSAL_NO_SLOT);
    lives_gone(lives, CLIENT);
    await_free_slots();
}

static void nonsense_is_refused_or_dropped(void **state)
{
    struct ask a = {.language = "cobol", .code = "x"};
    struct message m = {.type = MESSAGE_SESSION_OPEN};

    (void)state;
    ask(&a);
    assert_int_equal(seen.why, MESSAGE_REFUSAL_NO_LANGUAGE);
    forget();
    seen.token = ++next_token;
    m.session.spec = span_of("no spec");
    m.session.window = MESSAGE_SESSION_WINDOW_MIN;
    send_it(&m);
    assert_int_equal(seen.why, MESSAGE_REFUSAL_BAD_REQUEST);
    for (unsigned t = MESSAGE_SESSION_STARTED; t < MESSAGE_TYPE_N; t++)
        say((enum message_type)t); /* of no session */
    lives_frame(lives, CLIENT, span_of("\x93\x01\x19"));
    assert_int_equal(lives_len(lives), 0);
}

/* --- the world ----------------------------------------------------------------------------- */

static int lives_open(void)
{
    const struct runs_hooks runs = {.offer = on_offer};
    const struct lives_hooks hooks = {
        .send = on_send, .stepped = world_stepped, .leaving = on_leaving};
    struct lives_config c = {.env = {.limits = {60000, 20000, OUTPUT, 30000}, .node = "node-1"},
                             .max = MAX,
                             .tenant_max = TENANT_MAX};
    int rc = world_new(SLOTS, &runs);

    if (rc != 0)
        return rc;
    c.env.loop = world.loop;
    c.env.profiles = world.profiles;
    c.env.slots = world.slots;
    c.runs = world.runs;
    lives = lives_new(&c, &hooks);
    await_offer(SLOTS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_answers_line_by_line),
        cmocka_unit_test(a_program_is_compiled_first_and_told_what_the_compiler_says),
        cmocka_unit_test(without_credit_a_program_stands_still),
        cmocka_unit_test(a_flood_is_cut_at_the_limit_to_the_byte),
        cmocka_unit_test(what_is_left_comes_after_the_program_has_ended),
        cmocka_unit_test(input_over_the_window_or_out_of_order_ends_it),
        cmocka_unit_test(much_input_goes_as_fast_as_it_is_read),
        cmocka_unit_test(signals_arrive_and_a_terminal_is_resized),
        cmocka_unit_test(a_terminal_that_is_being_made_gets_the_size_that_came_meanwhile),
        cmocka_unit_test(a_session_whose_client_is_gone_frees_its_slot),
        cmocka_unit_test(sessions_leave_slots_to_jobs_and_to_other_tenants),
        cmocka_unit_test(a_terminal_that_no_sandbox_can_make_is_refused),
        cmocka_unit_test(nonsense_is_refused_or_dropped),
    };
    int rc = lives_open();

    if (rc == 0)
        rc = cmocka_run_group_tests(tests, NULL, NULL);
    forget();
    lives_free(lives);
    world_free();
    return rc;
}
