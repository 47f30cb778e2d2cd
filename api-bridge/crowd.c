/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/crowd.h"

#include "base/map.h"
#include "base/own.h"

struct api_crowd {
    struct api_nets trusted, exempt;
    struct map *counts; /* group -> how many, as a pointer */
};

/* Said before any request was read. */
static const char crowd_answer[] = "HTTP/1.1 429 Too Many Requests\r\n"
                                   "Content-Type: application/json\r\n"
                                   "Content-Length: 92\r\n"
                                   "Retry-After: 5\r\n"
                                   "Connection: close\r\n"
                                   "\r\n"
                                   "{\"error\":{\"code\":\"too_many_connections\","
                                   "\"message\":\"too many connections from this address\"}}";

struct api_crowd *api_crowd_new(const char *trusted, const char *exempt, uint64_t seed)
{
    struct api_crowd *c = own_calloc(1, sizeof(*c));
    struct err err = {0};

    (void)api_nets_parse(trusted, &c->trusted, &err);
    (void)api_nets_parse(exempt, &c->exempt, &err);
    c->counts = map_new(seed);
    return c;
}

void api_crowd_free(struct api_crowd *c)
{
    if (!c)
        return;
    map_free(c->counts);
    free(c);
}

bool api_crowd_enter(struct api_crowd *c, const struct api_address *from, uint32_t max,
                     struct api_address *ret_group)
{
    struct api_address group = api_address_group(from);
    uintptr_t n = (uintptr_t)map_get(c->counts, &group, sizeof(group));

    if (max > 0 && n >= max && !api_nets_has(&c->trusted, from) && !api_nets_has(&c->exempt, from))
        return false;
    (void)map_set(c->counts, &group, sizeof(group), (void *)(n + 1));
    *ret_group = group;
    return true;
}

void api_crowd_leave(struct api_crowd *c, const struct api_address *group)
{
    uintptr_t n = (uintptr_t)map_get(c->counts, group, sizeof(*group));

    if (n > 1)
        (void)map_set(c->counts, group, sizeof(*group), (void *)(n - 1));
    else
        (void)map_del(c->counts, group, sizeof(*group));
}

struct span api_crowd_answer(void)
{
    return span_of(crowd_answer);
}
