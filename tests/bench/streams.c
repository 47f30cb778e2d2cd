/* SPDX-License-Identifier: MPL-2.0 */
/*
 * streams PORT PATH COUNT: open COUNT event streams on 127.0.0.1 and keep them open until
 * standard input ends. Prints `open N` when all have their response header, and at the end,
 * over all events that came after that, how long after its first arrival an event reached each
 * stream: `events N lost N p50_us N p99_us N max_us N`, where `events` are those that reached
 * every stream.
 *
 * How this works: one epoll loop; an event is told from another by its `id:` line, and its
 * first arrival anywhere starts its clock. What came before all streams were open is what late
 * streams are told of the past, and not counted.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 128, EVENTS_MAX = 256, BATCH = 512, READ_BYTES = 16384 };

struct stream {
    int fd;
    bool open; /* its header has come */
    unsigned n_line;
    char line[LINE_MAX_BYTES];
};

struct event {
    char id[LINE_MAX_BYTES];
    uint64_t first_us;
    bool past; /* it came while streams were being opened */
    unsigned arrived;
};

struct bench {
    struct stream *streams;
    unsigned n;
    unsigned n_open;
    unsigned n_lost;
    int epoll;
    unsigned n_events;
    struct event events[EVENTS_MAX];
    uint32_t *delays;
    size_t n_delays;
    size_t max_delays;
};

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void arrived(struct bench *b, const char *id)
{
    uint64_t now = now_us();
    unsigned i = b->n_events;
    while (i > 0 && strcmp(b->events[i - 1].id, id) != 0)
        i--;
    if (i == 0) {
        if (b->n_events == EVENTS_MAX)
            return;
        struct event *e = &b->events[b->n_events++];
        snprintf(e->id, sizeof e->id, "%s", id);
        e->first_us = now;
        e->past = b->n_open < b->n;
        i = b->n_events;
    }
    b->events[i - 1].arrived++;
    if (b->events[i - 1].past)
        return;
    if (b->n_delays < b->max_delays)
        b->delays[b->n_delays++] = (uint32_t)(now - b->events[i - 1].first_us);
}

static void line_done(struct bench *b, struct stream *s)
{
    s->line[s->n_line] = '\0';
    if (!s->open && s->n_line == 0) {
        s->open = true;
        if (++b->n_open == b->n) {
            printf("open %u\n", b->n_open);
            fflush(stdout);
        }
    }
    if (s->open && strncmp(s->line, "id:", 3) == 0)
        arrived(b, s->line + 3);
    s->n_line = 0;
}

static void take(struct bench *b, struct stream *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == '\n')
            line_done(b, s);
        else if (bytes[i] != '\r' && s->n_line < LINE_MAX_BYTES - 1)
            s->line[s->n_line++] = bytes[i];
    }
}

static int stream_open(struct bench *b, struct stream *s, uint16_t port, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0)
        return -errno;
    char request[512];
    int n =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", path);
    if (n < 0 || write(s->fd, request, (size_t)n) != n)
        return -EIO;
    if (fcntl(s->fd, F_SETFL, O_NONBLOCK) != 0)
        return -errno;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
    return epoll_ctl(b->epoll, EPOLL_CTL_ADD, s->fd, &ev) == 0 ? 0 : -errno;
}

static void stream_read(struct bench *b, struct stream *s)
{
    char bytes[READ_BYTES];
    ssize_t n = read(s->fd, bytes, sizeof bytes);
    if (n > 0) {
        take(b, s, bytes, (size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        epoll_ctl(b->epoll, EPOLL_CTL_DEL, s->fd, NULL);
        close(s->fd);
        s->fd = -1;
        b->n_lost++;
    }
}

/* Until standard input ends; its entry in the set has no stream. */
static void run(struct bench *b)
{
    struct epoll_event ready[BATCH];
    for (;;) {
        int n = epoll_wait(b->epoll, ready, BATCH, -1);
        for (int i = 0; i < n; i++) {
            if (!ready[i].data.ptr)
                return;
            stream_read(b, ready[i].data.ptr);
        }
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(struct bench *b)
{
    unsigned whole = 0;
    for (unsigned i = 0; i < b->n_events; i++)
        whole += !b->events[i].past && b->events[i].arrived == b->n;
    qsort(b->delays, b->n_delays, sizeof *b->delays, by_size);
    size_t n = b->n_delays;
    printf("events %u lost %u p50_us %u p99_us %u max_us %u\n", whole, b->n_lost,
           n ? b->delays[n / 2] : 0, n ? b->delays[n - 1 - n / 100] : 0, n ? b->delays[n - 1] : 0);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    static struct bench b;
    b.n = (unsigned)atoi(argv[3]);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    b.epoll = epoll_create1(EPOLL_CLOEXEC);
    b.streams = calloc(b.n, sizeof *b.streams);
    b.max_delays = (size_t)b.n * EVENTS_MAX;
    b.delays = malloc(b.max_delays * sizeof *b.delays);
    struct epoll_event end = {.events = EPOLLIN | EPOLLHUP};
    if (b.epoll < 0 || !b.streams || !b.delays ||
        epoll_ctl(b.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &end) != 0)
        return 1;
    for (unsigned i = 0; i < b.n; i++) {
        int rc = stream_open(&b, &b.streams[i], (uint16_t)atoi(argv[1]), argv[2]);
        if (rc != 0) {
            fprintf(stderr, "stream %u: %s\n", i, strerror(-rc));
            return 1;
        }
    }
    run(&b);
    report(&b);
    return 0;
}
