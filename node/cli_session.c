/* SPDX-License-Identifier: MPL-2.0 */
/*
 * `arena session`: what is typed goes to the program, what it writes comes back, as it comes.
 *
 * How this works: one loop that waits for the peer and for standard input, the latter only while
 * the peer has room. Between two terminals the program gets one of its own: ours is raw then, so
 * that Ctrl-C reaches the program through it; otherwise SIGINT is passed on as a signal.
 */
#include "node/cli.h"

#include "base/clock.h"
#include "base/own.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

enum { SESSION_TURN_MS = 500, SESSION_WINDOW = 128 * LIMIT_KIB };

struct session {
    struct client *client;
    uint64_t token;
    struct message_flow in, out;
    bool tty, eof, over;
    int status;
    uint64_t said_ns;
};

static volatile sig_atomic_t interrupted, resized;

static void on_signal(int number)
{
    if (number == SIGWINCH)
        resized = 1;
    else
        interrupted = 1;
}

static void catch_signal(int number)
{
    const struct sigaction how = {.sa_handler = on_signal};

    (void)sigaction(number, &how, NULL);
}

static void say(struct session *s, struct message *m)
{
    struct err err = {0};

    m->token = s->token;
    s->said_ns = clock_mono_ns();
    if (client_tell(s->client, m, &err) == 0)
        return;
    s->status = cli_complain(err.text);
    s->over = true;
}

static void measure(struct message *m)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};

    (void)ioctl(0, TIOCGWINSZ, &size);
    m->session.rows = size.ws_row;
    m->session.columns = size.ws_col;
}

static void write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        const ssize_t n = write(fd, bytes.data, bytes.len);

        if (n < 0 && errno != EINTR)
            return;
        bytes.data += n > 0 ? n : 0;
        bytes.len -= n > 0 ? (size_t)n : 0;
    }
}

static void take_data(struct session *s, const struct message *m)
{
    struct message credit = {.type = MESSAGE_SESSION_CREDIT};

    if (m->data.at != s->out.at) {
        s->status = cli_complain("output was lost on the way");
        s->over = true;
        return;
    }
    message_flow_pass(&s->out, m->data.bytes.len);
    write_all(m->data.stream == MESSAGE_STREAM_STDOUT ? 1 : 2, m->data.bytes);
    s->out.upto = s->out.at + SESSION_WINDOW;
    credit.credit.upto = s->out.upto;
    say(s, &credit);
}

static void take_end(struct session *s, const struct message_closed *c)
{
    s->over = true;
    s->status = c->why == MESSAGE_CLOSING_ENDED ? c->verdict != RESULT_ACCEPTED : 2;
    if (c->why != MESSAGE_CLOSING_ENDED)
        (void)fprintf(stderr, "arena: the session is over (%s) %s\r\n",
                      message_closing_name(c->why), c->cause.detail);
    else if (c->verdict != RESULT_ACCEPTED)
        (void)fprintf(stderr, "%s (%s: %s)\r\n", result_verdict_name(c->verdict), c->cause.kind,
                      c->cause.detail);
}

static void take(struct session *s, const struct message *m)
{
    if (m->token != s->token)
        return;
    switch (m->type) {
    case MESSAGE_SESSION_DATA:
        take_data(s, m);
        break;
    case MESSAGE_SESSION_CREDIT:
        s->in.upto = m->credit.upto;
        break;
    case MESSAGE_SESSION_CLOSED:
        take_end(s, &m->closed);
        break;
    default:
        break;
    }
}

static void give_input(struct session *s)
{
    uint8_t bytes[MESSAGE_SESSION_PIECE];
    struct message m = {.type = MESSAGE_SESSION_DATA};
    const ssize_t n = read(0, bytes, message_flow_room(&s->in));

    if (n < 0)
        return;
    m.data.stream = MESSAGE_STREAM_STDIN;
    m.data.at = s->in.at;
    m.data.bytes = (struct span){bytes, (size_t)n};
    m.data.last = s->eof = n == 0;
    message_flow_pass(&s->in, (size_t)n);
    say(s, &m);
}

static void give_signals(struct session *s)
{
    struct message m = {.type = MESSAGE_SESSION_SIGNAL, .signal.name = "SIGINT"};
    struct message resize = {.type = MESSAGE_SESSION_RESIZE};
    struct message alive = {.type = MESSAGE_SESSION_ALIVE};

    if (interrupted) {
        interrupted = 0;
        say(s, &m);
    }
    if (resized && s->tty) {
        resized = 0;
        measure(&resize);
        say(s, &resize);
    }
    if (clock_mono_ns() - s->said_ns > MESSAGE_SESSION_ALIVE_MS * 1000000ull)
        say(s, &alive);
}

static void turn(struct session *s)
{
    const bool wants = !s->eof && message_flow_room(&s->in) > 0;
    const struct message *m;
    struct err err = {0};
    int rc = 0;

    if (client_wait(s->client, wants ? 0 : -1, SESSION_TURN_MS))
        give_input(s);
    while (!s->over && (rc = client_receive(s->client, 0, &m, &err)) == 0)
        take(s, m);
    if (!s->over && rc != -ETIMEDOUT) {
        s->status = cli_complain(err.text);
        s->over = true;
    }
    if (!s->over)
        give_signals(s);
}

/* Our terminal hands every key on, until the session is over. */
static void talk(struct session *s)
{
    struct termios before, raw;
    const bool set = s->tty && tcgetattr(0, &before) == 0;

    if (set) {
        raw = before;
        cfmakeraw(&raw);
        (void)tcsetattr(0, TCSADRAIN, &raw);
    }
    catch_signal(SIGINT);
    catch_signal(SIGWINCH);
    while (!s->over)
        turn(s);
    if (set)
        (void)tcsetattr(0, TCSADRAIN, &before);
}

static int session_open(struct session *s, struct span spec, struct err *err)
{
    struct message m = {.type = MESSAGE_SESSION_OPEN};
    const struct message *answer;
    int rc;

    measure(&m);
    m.session.spec = spec;
    m.session.tty = s->tty;
    m.session.window = SESSION_WINDOW;
    s->out.upto = SESSION_WINDOW;
    s->said_ns = clock_mono_ns();
    rc = client_call(s->client, &m, CLI_TIMEOUT_MS, &answer, err);
    if (rc != 0)
        return rc;
    if (answer->type != MESSAGE_SESSION_OPENED)
        return err_set(err, EPROTO, "the peer's answer makes no sense");
    s->token = m.token;
    s->in.upto = answer->opened.window;
    return 0;
}

int cli_session(const struct cli *cli, int argc, char **argv)
{
    struct session s = {.tty = isatty(0) && isatty(1)};
    auto_buf struct buf spec;
    struct err err = {0};

    buf_init(&spec, LIMIT_SPEC);
    if (cli_spec(cli, argc, argv, &spec, &err) != 0)
        return cli_complain(err.text);
    s.client = cli_connect(cli);
    if (!s.client)
        return 2;
    if (session_open(&s, buf_span(&spec), &err) != 0)
        s.status = cli_complain(err.text);
    else
        talk(&s);
    client_close(s.client);
    return s.status;
}
