/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: a delivery waits in a heap for its time, is then handed to curl's multi
 * interface (whose sockets and timer the loop watches), and comes back with a status: done,
 * or into the heap again with a later time.
 *
 *     send() --> heap --(due, a place free)--> curl --2xx--> done(ok)
 *                  ^                             |
 *                  +--- backoff, attempts left --+--none left--> done(not ok)
 */
#include <curl/curl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <uv.h>

#include "api-bridge/webhook.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/own.h"
#include "base/rng.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <strings.h>

enum {
    WEBHOOK_PENDING_MAX = 10000,
    WEBHOOK_WAIT_MS_MAX = 15 * 60 * 1000,
    WEBHOOK_ANSWER_MAX = 64 * 1024,
    WEBHOOK_GONE = 410,
};

struct webhook {
    struct heap_node due; /* first: HEAP_OWNER finds the rest */
    struct api_webhooks *owner;
    char *url;
    struct id event;
    uint8_t *body;
    size_t body_len;
    bool put;
    size_t answered; /* bytes of the answer, all thrown away */
    unsigned attempt;
    CURL *easy; /* while under way */
    struct curl_slist *headers;
    struct webhook *prev, *next; /* of those under way */
    api_webhook_done done;
    void *ctx;
};

struct webhook_socket {
    uv_poll_t poll;
    curl_socket_t fd;
    struct api_webhooks *owner;
};

struct api_webhooks {
    uv_loop_t *loop;
    struct api_webhook_options options;
    char *secret;
    CURLM *multi;
    uv_timer_t curl_timer;
    uv_timer_t due_timer;
    struct heap waiting;
    struct webhook *under_way;
    unsigned n_under_way;
    size_t pending;
    unsigned open_handles; /* uv handles that are not closed yet */
    bool closing;
    struct rng rng;
};

static void webhook_start_due(struct api_webhooks *w);

static void webhook_free(struct webhook *h)
{
    if (h->easy)
        curl_easy_cleanup(h->easy);
    curl_slist_free_all(h->headers);
    free(h->url);
    free(h->body);
    free(h);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

static bool webhook_address_ok(const struct api_webhook_options *o, const struct sockaddr *sa)
{
    struct api_address a;
    char text[INET6_ADDRSTRLEN];
    const void *raw;

    if (sa->sa_family == AF_INET)
        raw = &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
    else if (sa->sa_family == AF_INET6)
        raw = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    else
        return false;
    if (!inet_ntop(sa->sa_family, raw, text, sizeof(text)) || api_address_parse(text, &a) < 0)
        return false;
    return api_address_public(&a) || api_nets_has(&o->allow, &a);
}

/* Here and not at the name: this is the address the connection really goes to. */
static curl_socket_t webhook_socket_open(void *owner, curlsocktype purpose,
                                         struct curl_sockaddr *address)
{
    const struct api_webhooks *w = owner;

    if (purpose != CURLSOCKTYPE_IPCXN || !webhook_address_ok(&w->options, &address->addr))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool webhook_host_ok(const struct api_webhook_options *o, char *host)
{
    struct api_address a;
    size_t len = strlen(host);

    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        host++;
    }
    if (api_address_parse(host, &a) < 0)
        return strcasecmp(host, "localhost") != 0 || o->allow.n > 0;
    return api_address_public(&a) || api_nets_has(&o->allow, &a);
}

void api_webhook_url_check(const struct api_webhook_options *options, const char *url,
                           const char *field, struct api_fault *f)
{
    CURLU *u = curl_url();
    char *scheme = NULL;
    char *host = NULL;

    if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        api_fault_field(f, API_FAULT_BAD_VALUE, field, "must be a URL without user or password");
    else if (strcmp(scheme, "https") != 0 && !(options->allow_http && strcmp(scheme, "http") == 0))
        api_fault_field(f, API_FAULT_BAD_VALUE, field, "must be an https URL");
    else if (!webhook_host_ok(options, host))
        api_fault_field(f, API_FAULT_BAD_VALUE, field,
                        "must not name a private or loopback address");
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
}

/* --- one attempt -------------------------------------------------------------------------------
 */

static size_t webhook_answer(char *data, size_t size, size_t n, void *hook)
{
    struct webhook *h = hook;

    (void)data;
    h->answered += size * n;
    return h->answered > WEBHOOK_ANSWER_MAX ? 0 : size * n;
}

static void webhook_header(struct webhook *h, const char *name, const char *value)
{
    char line[256];

    (void)snprintf(line, sizeof(line), "%s: %s", name, value);
    h->headers = curl_slist_append(h->headers, line);
}

static void webhook_sign(struct webhook *h)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    char event[ID_TEXT_SIZE];
    char stamp[24];
    char text[8 + 2 * EVP_MAX_MD_SIZE] = "sha256=";
    auto_buf struct buf signed_text;
    const char *secret = h->owner->secret;

    (void)id_format(&h->event, event);
    (void)snprintf(stamp, sizeof(stamp), "%lld", (long long)(clock_wall_ms() / 1000));
    buf_init(&signed_text, h->body_len + 256);
    (void)buf_printf(&signed_text, "%s.%s.", stamp, event);
    (void)buf_put(&signed_text, h->body, h->body_len);
    if (!HMAC(EVP_sha256(), secret, (int)strlen(secret), signed_text.data, signed_text.len, mac,
              &mac_len))
        abort();
    for (unsigned i = 0; i < mac_len; i++)
        (void)snprintf(text + 7 + 2 * i, 3, "%02x", mac[i]);
    webhook_header(h, "X-Arena-Event", event);
    webhook_header(h, "X-Arena-Timestamp", stamp);
    webhook_header(h, "X-Arena-Signature", text);
    webhook_header(h, "Content-Type", "application/json");
    webhook_header(h, "Expect", "");
}

static void webhook_attempt(struct webhook *h)
{
    struct api_webhooks *w = h->owner;
    CURL *c = curl_easy_init();

    h->attempt++;
    h->answered = 0;
    h->easy = c;
    webhook_sign(h);
    (void)curl_easy_setopt(c, CURLOPT_URL, h->url);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
                           w->options.allow_http ? "http,https" : "https");
    (void)curl_easy_setopt(c, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)w->options.timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->body_len);
    (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, h->body);
    if (h->put)
        (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "PUT");
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "codearena-mesh");
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, webhook_answer);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
    (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, webhook_socket_open);
    (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, w);
    (void)curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
    (void)curl_easy_setopt(c, CURLOPT_PRIVATE, h);
    h->prev = NULL;
    h->next = w->under_way;
    if (w->under_way)
        w->under_way->prev = h;
    w->under_way = h;
    w->n_under_way++;
    (void)curl_multi_add_handle(w->multi, c);
}

static void webhook_attempt_end(struct webhook *h)
{
    struct api_webhooks *w = h->owner;

    (void)curl_multi_remove_handle(w->multi, h->easy);
    curl_easy_cleanup(h->easy);
    h->easy = NULL;
    curl_slist_free_all(h->headers);
    h->headers = NULL;
    if (h->prev)
        h->prev->next = h->next;
    else
        w->under_way = h->next;
    if (h->next)
        h->next->prev = h->prev;
    w->n_under_way--;
}

static void webhook_finish(struct webhook *h, bool ok)
{
    h->owner->pending--;
    h->done(h->ctx, &h->event, ok);
    webhook_free(h);
}

/* Full jitter: anything from half of the doubled wait to all of it. */
static void webhook_wait(struct webhook *h)
{
    struct api_webhooks *w = h->owner;
    uint64_t wait = (uint64_t)w->options.first_ms << (h->attempt > 20 ? 20 : h->attempt - 1);

    if (wait > WEBHOOK_WAIT_MS_MAX)
        wait = WEBHOOK_WAIT_MS_MAX;
    wait = rng_between(&w->rng, wait / 2, wait);
    heap_set(&w->waiting, &h->due, uv_now(w->loop) + wait);
}

static void webhook_collect(struct api_webhooks *w)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(w->multi, &left))) {
        struct webhook *h;
        char *private;
        long status = 0;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        if (message->data.result == CURLE_OK)
            (void)curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        h = (struct webhook *)(void *)private;
        webhook_attempt_end(h);
        if ((status >= 200 && status < 300) || status == WEBHOOK_GONE)
            webhook_finish(h, true);
        else if (h->attempt >= w->options.attempts_max)
            webhook_finish(h, false);
        else
            webhook_wait(h);
    }
    webhook_start_due(w);
}

/* --- curl on the loop --------------------------------------------------------------------------
 */

static void webhook_socket_closed(uv_handle_t *handle)
{
    struct webhook_socket *s = handle->data;
    struct api_webhooks *w = s->owner;

    free(s);
    if (--w->open_handles == 0 && w->closing)
        free(w);
}

static void webhook_socket_ready(uv_poll_t *poll, int status, int events)
{
    const struct webhook_socket *s = poll->data;
    struct api_webhooks *w = s->owner;
    int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
               (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    int running;

    (void)curl_multi_socket_action(w->multi, s->fd, what, &running);
    webhook_collect(w);
}

static int webhook_socket_watch(CURL *easy, curl_socket_t fd, int what, void *owner, void *known)
{
    struct api_webhooks *w = owner;
    struct webhook_socket *s = known;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s) {
            (void)uv_poll_stop(&s->poll);
            uv_close((uv_handle_t *)&s->poll, webhook_socket_closed);
            (void)curl_multi_assign(w->multi, fd, NULL);
        }
        return 0;
    }
    if (!s) {
        s = own_calloc(1, sizeof(*s));
        s->fd = fd;
        s->owner = w;
        s->poll.data = s;
        if (uv_poll_init_socket(w->loop, &s->poll, fd) < 0) {
            free(s);
            return -1;
        }
        w->open_handles++;
        (void)curl_multi_assign(w->multi, fd, s);
    }
    return uv_poll_start(&s->poll, events, webhook_socket_ready);
}

static void webhook_curl_timeout(uv_timer_t *timer)
{
    struct api_webhooks *w = timer->data;
    int running;

    (void)curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    webhook_collect(w);
}

static int webhook_curl_timer(CURLM *multi, long timeout_ms, void *owner)
{
    struct api_webhooks *w = owner;

    (void)multi;
    if (timeout_ms < 0)
        return uv_timer_stop(&w->curl_timer);
    return uv_timer_start(&w->curl_timer, webhook_curl_timeout, (uint64_t)timeout_ms, 0);
}

static void webhook_due(uv_timer_t *timer)
{
    webhook_start_due(timer->data);
}

static void webhook_start_due(struct api_webhooks *w)
{
    struct heap_node *first;
    uint64_t now = uv_now(w->loop);

    while ((first = heap_min(&w->waiting)) && first->key <= now &&
           w->n_under_way < w->options.concurrency) {
        struct webhook *h = HEAP_OWNER(first, struct webhook, due);

        heap_remove(&w->waiting, first);
        webhook_attempt(h);
    }
    if (first && w->n_under_way < w->options.concurrency)
        (void)uv_timer_start(&w->due_timer, webhook_due, first->key - now, 0);
    else
        (void)uv_timer_stop(&w->due_timer);
}

/* --- life --------------------------------------------------------------------------------------
 */

struct api_webhooks *api_webhooks_new(uv_loop_t *loop, const struct api_webhook_options *options)
{
    struct api_webhooks *w = own_calloc(1, sizeof(*w));

    w->loop = loop;
    w->options = *options;
    w->secret = own_strdup(options->secret);
    w->multi = curl_multi_init();
    rng_init(&w->rng, options->seed);
    heap_init(&w->waiting);
    (void)uv_timer_init(loop, &w->curl_timer);
    (void)uv_timer_init(loop, &w->due_timer);
    w->curl_timer.data = w;
    w->due_timer.data = w;
    w->open_handles = 2;
    (void)curl_multi_setopt(w->multi, CURLMOPT_SOCKETFUNCTION, webhook_socket_watch);
    (void)curl_multi_setopt(w->multi, CURLMOPT_SOCKETDATA, w);
    (void)curl_multi_setopt(w->multi, CURLMOPT_TIMERFUNCTION, webhook_curl_timer);
    (void)curl_multi_setopt(w->multi, CURLMOPT_TIMERDATA, w);
    return w;
}

static void webhook_timer_closed(uv_handle_t *handle)
{
    struct api_webhooks *w = handle->data;

    if (--w->open_handles == 0)
        free(w);
}

void api_webhooks_free(struct api_webhooks *w)
{
    struct heap_node *node;

    if (!w)
        return;
    w->closing = true;
    while (w->under_way) {
        struct webhook *h = w->under_way;

        webhook_attempt_end(h);
        webhook_free(h);
    }
    while ((node = heap_min(&w->waiting))) {
        heap_remove(&w->waiting, node);
        webhook_free(HEAP_OWNER(node, struct webhook, due));
    }
    heap_done(&w->waiting);
    (void)curl_multi_cleanup(w->multi);
    explicit_bzero(w->secret, strlen(w->secret));
    free(w->secret);
    uv_close((uv_handle_t *)&w->curl_timer, webhook_timer_closed);
    uv_close((uv_handle_t *)&w->due_timer, webhook_timer_closed);
}

int api_webhook_send(struct api_webhooks *w, const struct api_webhook_call *call)
{
    struct webhook *h;

    if (!w->secret[0])
        return -EPERM;
    if (w->pending >= WEBHOOK_PENDING_MAX)
        return -ENOBUFS;
    h = own_calloc(1, sizeof(*h));
    h->owner = w;
    h->url = own_strdup(call->url);
    h->event = *call->event;
    h->body = own_memdup(call->body.data, call->body.len);
    h->body_len = call->body.len;
    h->put = call->put;
    h->done = call->done;
    h->ctx = call->ctx;
    w->pending++;
    heap_set(&w->waiting, &h->due, uv_now(w->loop));
    webhook_start_due(w);
    return 0;
}

size_t api_webhooks_pending(const struct api_webhooks *w)
{
    return w->pending;
}
