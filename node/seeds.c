/* SPDX-License-Identifier: MPL-2.0 */
#include "node/seeds.h"

#include "base/limits.h"
#include "base/own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

enum {
    SEEDS_ADDRESSES_MAX = 64, /* of one name */
    SEEDS_AGAIN_MS = 10000,
    SEEDS_AGAIN_EMPTY_MS = 1000,
    SEEDS_HOST_MAX = 100,
};

struct seed {
    struct seeds *all;
    char host[SEEDS_HOST_MAX + 16];
    uint16_t port;
    uint32_t n;
    char at[SEEDS_ADDRESSES_MAX][LIMIT_ENDPOINT];
    uint32_t n_next;
    char next[SEEDS_ADDRESSES_MAX][LIMIT_ENDPOINT];
};

struct seeds {
    struct loop *loop;
    struct loop_timer *timer;
    void (*found)(void *ctx, const char *const *endpoints, uint32_t n);
    void *ctx;
    uint32_t n;
    struct seed *each;
    uint32_t pending; /* look-ups */
    bool changed;
    bool closed;
};

static void seeds_look(void *ctx);

static void seeds_destroy(struct seeds *s)
{
    free(s->each);
    free(s);
}

static void seeds_tell(struct seeds *s)
{
    const char *endpoints[LIMIT_SEEDS];
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n; i++) {
        for (uint32_t k = 0; k < s->each[i].n && n < LIMIT_SEEDS; k++)
            endpoints[n++] = s->each[i].at[k];
    }
    if (s->changed)
        s->found(s->ctx, endpoints, n);
    s->changed = false;
    loop_timer_set(s->timer, n ? SEEDS_AGAIN_MS : SEEDS_AGAIN_EMPTY_MS);
}

static void seed_take(struct seed *one, const struct sockaddr *address)
{
    char *out = one->next[one->n_next];
    char text[INET6_ADDRSTRLEN];

    if (one->n_next == SEEDS_ADDRESSES_MAX)
        return;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)(const void *)address;

        (void)inet_ntop(AF_INET, &a->sin_addr, text, sizeof(text));
        (void)snprintf(out, LIMIT_ENDPOINT, "tcp://%s:%u", text, one->port);
        one->n_next++;
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)(const void *)address;

        (void)inet_ntop(AF_INET6, &a->sin6_addr, text, sizeof(text));
        (void)snprintf(out, LIMIT_ENDPOINT, "tcp://[%s]:%u", text, one->port);
        one->n_next++;
    }
}

static int by_text(const void *a, const void *b)
{
    return memcmp(a, b, LIMIT_ENDPOINT);
}

/* A resolver's order is random: sorted, so that only a real change is one. A name that does
 * not resolve now keeps the addresses it had: they may still be right. */
static void seed_settle(struct seed *one)
{
    if (one->n_next == 0)
        return;
    qsort(one->next, one->n_next, sizeof(one->next[0]), by_text);
    if (one->n == one->n_next && memcmp(one->at, one->next, sizeof(one->at)) == 0)
        return;
    memcpy(one->at, one->next, sizeof(one->at));
    one->n = one->n_next;
    one->all->changed = true;
}

static void seed_found(void *ctx, const struct sockaddr *address)
{
    struct seed *one = ctx;
    struct seeds *s = one->all;

    if (address) {
        seed_take(one, address);
        return;
    }
    seed_settle(one);
    s->pending--;
    if (s->closed && s->pending == 0)
        seeds_destroy(s);
    else if (s->pending == 0)
        seeds_tell(s);
}

static void seeds_look(void *ctx)
{
    struct seeds *s = ctx;

    for (uint32_t i = 0; i < s->n; i++) {
        struct seed *one = &s->each[i];

        one->n_next = 0;
        memset(one->next, 0, sizeof(one->next));
        if (loop_resolve(s->loop, one->host, seed_found, one, NULL) == 0)
            s->pending++;
    }
    if (s->pending == 0)
        loop_timer_set(s->timer, SEEDS_AGAIN_EMPTY_MS);
}

/* "host:port", "[v6]:port" or "dns:name:port", up to `len`. */
static int seed_parse(struct seed *one, const char *text, size_t len, struct err *err)
{
    char item[SEEDS_HOST_MAX + 16] = "";
    const char *host = item;
    char *colon;
    char *end;
    unsigned long port;

    if (len >= sizeof(item))
        return err_set(err, EINVAL, "ARENA_SEEDS: an entry is too long");
    memcpy(item, text, len);
    if (strncmp(item, "tcp://", 6) == 0)
        host += 6;
    if (strncmp(item, "dns:", 4) == 0)
        host += 4;
    colon = strrchr(item, ':');
    if (!colon || colon <= host)
        return err_set(err, EINVAL, "ARENA_SEEDS: '%s' is not host:port or dns:NAME:PORT", item);
    port = strtoul(colon + 1, &end, 10);
    if (*end || end == colon + 1 || port == 0 || port > 65534)
        return err_set(err, EINVAL, "ARENA_SEEDS: '%s' has no port", item);
    *colon = 0;
    if (host[0] == '[' && colon[-1] == ']') {
        colon[-1] = 0;
        host++;
    }
    (void)snprintf(one->host, sizeof(one->host), "%s", host);
    one->port = (uint16_t)port;
    return 0;
}

static int seeds_parse(struct seeds *s, const char *list, struct err *err)
{
    while (*list) {
        const size_t len = strcspn(list, ", ");
        struct seed *one;

        if (len == 0) {
            list++;
            continue;
        }
        if (s->n == LIMIT_SEEDS)
            return err_set(err, E2BIG, "ARENA_SEEDS: more than %d entries", LIMIT_SEEDS);
        s->each = own_realloc(s->each, (s->n + 1) * sizeof(*s->each));
        one = &s->each[s->n++];
        memset(one, 0, sizeof(*one));
        one->all = s;
        if (seed_parse(one, list, len, err) != 0)
            return -EINVAL;
        list += len;
    }
    return 0;
}

int seeds_check(const char *list, struct err *err)
{
    struct seeds s = {0};
    int rc = seeds_parse(&s, list, err);

    free(s.each);
    return rc;
}

struct seeds *seeds_new(struct loop *loop, const char *list,
                        void (*found)(void *ctx, const char *const *endpoints, uint32_t n),
                        void *ctx, struct err *err)
{
    struct seeds *s = own_calloc(1, sizeof(*s));

    s->loop = loop;
    s->found = found;
    s->ctx = ctx;
    if (seeds_parse(s, list, err) != 0) {
        seeds_destroy(s);
        return NULL;
    }
    s->timer = loop_timer_new(loop, seeds_look, s);
    if (s->n)
        loop_timer_set(s->timer, 0);
    return s;
}

void seeds_free(struct seeds *s)
{
    if (!s)
        return;
    loop_timer_free(s->timer);
    s->closed = true;
    if (s->pending == 0)
        seeds_destroy(s);
}
