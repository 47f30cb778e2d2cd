/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/accesslog.h"

#include "api-bridge/route.h"
#include "api-bridge/writer.h"
#include "base/clock.h"
#include "base/own.h"

#include <time.h>

enum {
    ACCESSLOG_FLUSH = 32 * LIMIT_KIB,
    ACCESSLOG_MAX = 256 * LIMIT_KIB, /* beyond it lines are lost: a full disk must not stop us */
};

struct api_accesslog {
    int fd;
    struct buf lines;
    uint64_t lost;
    time_t time_s; /* the second that `time` begins with */
    size_t time_len;
    char time[48];
};

struct api_accesslog *api_accesslog_new(int fd)
{
    struct api_accesslog *l = own_calloc(1, sizeof(*l));

    l->fd = fd;
    buf_init(&l->lines, ACCESSLOG_MAX);
    return l;
}

void api_accesslog_free(struct api_accesslog *l)
{
    if (!l)
        return;
    api_accesslog_flush(l);
    buf_done(&l->lines);
    free(l);
}

static void put_time(struct api_accesslog *l, struct api_json_writer *w)
{
    int64_t now = clock_wall_ms();
    time_t s = (time_t)(now / 1000);
    struct tm tm;

    if (s != l->time_s)
        l->time_len = strftime(l->time, sizeof(l->time), "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
    l->time_s = s;
    (void)snprintf(l->time + l->time_len, sizeof(l->time) - l->time_len, ".%03dZ",
                   (int)(now % 1000));
    api_json_put_str(w, "time", l->time);
}

void api_accesslog_add(struct api_accesslog *l, const struct api_exchange *x, size_t bytes,
                       uint64_t took_us)
{
    size_t before = l->lines.len;
    struct api_json_writer w;

    api_json_writer_init(&w, &l->lines);
    api_json_open(&w, NULL, '{');
    put_time(l, &w);
    api_json_put_str(&w, "program", "arena-bridge");
    api_json_put_str(&w, "message", "request");
    api_json_put_str(&w, "id", x->req.id);
    api_json_put_str(&w, "client", x->req.client);
    if (x->who.authenticated)
        api_json_put_str(&w, "tenant", x->who.tenant);
    api_json_put_str(&w, "method", api_method_name(x->req.method));
    api_json_put_str(&w, "route", x->route ? x->route->template : "");
    api_json_put_str(&w, "path", x->req.path ? x->req.path : "");
    api_json_put_int(&w, "status", x->status ? x->status : 499);
    api_json_put_uint(&w, "bytes", bytes);
    api_json_put_seconds(&w, "seconds", took_us);
    if (x->fault)
        api_json_put_str(&w, "error", api_fault_word(x->fault));
    api_json_close(&w, '}');
    (void)buf_putc(&l->lines, '\n');
    if (l->lines.full) {
        l->lines.len = before;
        l->lines.full = false;
        l->lost++;
    }
    if (l->lines.len >= ACCESSLOG_FLUSH)
        api_accesslog_flush(l);
}

void api_accesslog_flush(struct api_accesslog *l)
{
    ssize_t n;

    if (l->lines.len == 0)
        return;
    n = write(l->fd, l->lines.data, l->lines.len);
    if (n > 0)
        buf_consume(&l->lines, (size_t)n);
}
