/* SPDX-License-Identifier: MPL-2.0 */
#include "node/contacts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"

#include <errno.h>
#include <stdio.h>

enum {
    CONTACTS_OPEN_NS_MAX = 2000000000, /* to connect and shake hands */
    CLIENTS_MAX = 65536,
};

/* --- changes, oldest first ----------------------------------------------------------------- */

struct change {
    struct change *next;
    uint64_t number;
    bool up;
};

struct changes {
    struct change *first;
    struct change *last;
};

static void changes_put(struct changes *c, uint64_t number, bool up)
{
    struct change *one = own_calloc(1, sizeof(*one));

    one->number = number;
    one->up = up;
    if (c->last)
        c->last->next = one;
    else
        c->first = one;
    c->last = one;
}

static bool changes_take(struct changes *c, uint64_t *ret_number, bool *ret_up)
{
    struct change *one = c->first;

    if (!one)
        return false;
    c->first = one->next;
    if (!c->first)
        c->last = NULL;
    *ret_number = one->number;
    if (ret_up)
        *ret_up = one->up;
    free(one);
    return true;
}

static void changes_done(struct changes *c)
{
    uint64_t number;

    while (changes_take(c, &number, NULL))
        ;
}

/* --- peers --------------------------------------------------------------------------------- */

struct peer {
    uint64_t number;
    struct link *lanes[2];
    bool open;
    uint64_t give_up_ns;
};

struct contacts {
    struct id self;
    struct map *by_number;
    struct changes changes;
    struct link_wait *items;
    uint32_t n_items_max;
};

struct contacts *contacts_new(const struct id *self)
{
    struct contacts *p = own_calloc(1, sizeof(*p));

    p->self = *self;
    p->by_number = map_new(1);
    return p;
}

static void peer_free(struct peer *one)
{
    link_free(one->lanes[MESH_LANE_CONTROL]);
    link_free(one->lanes[MESH_LANE_BULK]);
    free(one);
}

void contacts_free(struct contacts *p)
{
    if (!p)
        return;
    for (struct map_item *it = map_first(p->by_number); it; it = map_next(it))
        peer_free(map_value(it));
    map_free(p->by_number);
    changes_done(&p->changes);
    free(p->items);
    free(p);
}

/* A node's bulk lane listens on the port after its control lane's. 0 or -EINVAL. */
static int contacts_bulk_endpoint(const char *control, char out[LIMIT_ENDPOINT + 8])
{
    const char *colon = strrchr(control, ':');
    char *end;
    unsigned long port;

    if (!colon || strlen(control) > LIMIT_ENDPOINT)
        return -EINVAL;
    port = strtoul(colon + 1, &end, 10);
    if (*end || end == colon + 1 || port == 0 || port > 65534)
        return -EINVAL;
    (void)snprintf(out, LIMIT_ENDPOINT + 8, "%.*s:%lu", (int)(colon - control), control, port + 1);
    return 0;
}

static int peer_dial(struct peer *one, const char *endpoint, const struct id *self, struct err *err)
{
    char bulk[LIMIT_ENDPOINT + 8];

    if (strncmp(endpoint, "tcp://", 6) != 0 || contacts_bulk_endpoint(endpoint, bulk) != 0)
        return err_set(err, EINVAL, "'%s' is no endpoint", endpoint);
    one->lanes[MESH_LANE_CONTROL] = link_dial(LINK_CONTROL, endpoint, self, err);
    if (!one->lanes[MESH_LANE_CONTROL])
        return -err->code;
    one->lanes[MESH_LANE_BULK] = link_dial(LINK_BULK, bulk, self, err);
    return one->lanes[MESH_LANE_BULK] ? 0 : -err->code;
}

void contacts_connect(struct contacts *p, uint64_t link, const char *endpoint)
{
    struct peer *one = own_calloc(1, sizeof(*one));
    struct err err = {0};

    one->number = link;
    one->give_up_ns = clock_mono_ns() + CONTACTS_OPEN_NS_MAX;
    if (peer_dial(one, endpoint, &p->self, &err) != 0) {
        log_write(LOG_WARN, "cannot dial a peer", LOG_FIELDS(LOG_TEXT("error", err.text)));
        peer_free(one);
        changes_put(&p->changes, link, false);
        return;
    }
    one = map_set(p->by_number, &link, sizeof(link), one);
    if (one)
        peer_free(one);
}

void contacts_disconnect(struct contacts *p, uint64_t link)
{
    struct peer *one = map_del(p->by_number, &link, sizeof(link));

    if (one)
        peer_free(one);
}

void contacts_send(struct contacts *p, uint64_t link, enum mesh_lane lane, struct span frame)
{
    struct peer *one = map_get(p->by_number, &link, sizeof(link));

    if (one)
        (void)link_send(one->lanes[lane], (struct span){NULL, 0}, frame);
}

struct link_wait *contacts_wait(struct contacts *p, uint32_t extra, uint32_t *ret_n)
{
    uint32_t n = extra + 2 * (uint32_t)map_len(p->by_number);

    if (n > p->n_items_max) {
        p->items = own_realloc(p->items, n * sizeof(*p->items));
        p->n_items_max = n;
    }
    memset(p->items, 0, n * sizeof(*p->items));
    n = extra;
    for (struct map_item *it = map_first(p->by_number); it; it = map_next(it)) {
        const struct peer *one = map_value(it);

        p->items[n++] = (struct link_wait){.link = one->lanes[MESH_LANE_CONTROL], .watch = true};
        p->items[n++] = (struct link_wait){.link = one->lanes[MESH_LANE_BULK], .watch = true};
    }
    *ret_n = n;
    return p->items;
}

uint64_t contacts_deadline(const struct contacts *p)
{
    uint64_t least = UINT64_MAX;

    for (struct map_item *it = map_first(p->by_number); it; it = map_next(it)) {
        const struct peer *one = map_value(it);

        if (!one->open && one->give_up_ns < least)
            least = one->give_up_ns;
    }
    return least;
}

/* A peer is open when both its lanes are; a bulk lane that breaks takes the other with it. */
static enum link_state peer_state(struct peer *one)
{
    enum link_state control = link_state(one->lanes[MESH_LANE_CONTROL]);
    enum link_state bulk = link_state(one->lanes[MESH_LANE_BULK]);

    if (control == LINK_BROKEN || bulk == LINK_BROKEN)
        return LINK_BROKEN;
    return control == LINK_OPEN && bulk == LINK_OPEN ? LINK_OPEN : LINK_CONNECTING;
}

void contacts_look(struct contacts *p, uint64_t now_ns)
{
    struct map_item *next;

    for (struct map_item *it = map_first(p->by_number); it; it = next) {
        struct peer *one = map_value(it);
        enum link_state state = peer_state(one);

        next = map_next(it);
        if (state == LINK_OPEN && !one->open) {
            one->open = true;
            changes_put(&p->changes, one->number, true);
        } else if (state == LINK_BROKEN || (!one->open && now_ns >= one->give_up_ns)) {
            changes_put(&p->changes, one->number, false);
            contacts_disconnect(p, one->number);
        }
    }
}

bool contacts_take_change(struct contacts *p, uint64_t *ret_link, bool *ret_up)
{
    return changes_take(&p->changes, ret_link, ret_up);
}

/* --- clients ------------------------------------------------------------------------------- */

struct client_name {
    uint64_t number;
    uint8_t name[LINK_NAME_MAX];
    size_t len;
};

struct clients {
    struct map *by_name;
    struct map *by_number; /* in the order they came */
    uint64_t next;
    struct changes gone;
};

struct clients *clients_new(uint64_t seed)
{
    struct clients *c = own_calloc(1, sizeof(*c));

    c->by_name = map_new(seed);
    c->by_number = map_new(1);
    return c;
}

void clients_free(struct clients *c)
{
    if (!c)
        return;
    for (struct map_item *it = map_first(c->by_number); it; it = map_next(it))
        free(map_value(it));
    map_free(c->by_name);
    map_free(c->by_number);
    changes_done(&c->gone);
    free(c);
}

uint64_t clients_number(struct clients *c, struct span name)
{
    struct client_name *one = map_get(c->by_name, name.data, name.len);

    if (one)
        return one->number;
    /* A client that left is noticed when it is spoken to; one that was never spoken to again
     * makes room for the newest when there are too many. */
    if (map_len(c->by_number) >= CLIENTS_MAX) {
        one = map_value(map_first(c->by_number));
        clients_gone(c, one->number);
    }
    one = own_calloc(1, sizeof(*one));
    one->number = ++c->next;
    one->len = name.len;
    memcpy(one->name, name.data, name.len);
    (void)map_set(c->by_name, one->name, one->len, one);
    (void)map_set(c->by_number, &one->number, sizeof(one->number), one);
    return one->number;
}

struct span clients_name(struct clients *c, uint64_t client)
{
    const struct client_name *one = map_get(c->by_number, &client, sizeof(client));

    return one ? (struct span){one->name, one->len} : (struct span){NULL, 0};
}

void clients_gone(struct clients *c, uint64_t client)
{
    struct client_name *one = map_del(c->by_number, &client, sizeof(client));

    if (!one)
        return;
    (void)map_del(c->by_name, one->name, one->len);
    changes_put(&c->gone, client, false);
    free(one);
}

bool clients_take_gone(struct clients *c, uint64_t *ret_client)
{
    return changes_take(&c->gone, ret_client, NULL);
}
