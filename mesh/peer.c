/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/peer.h"

#include "base/log.h"
#include "mesh/ability.h"
#include "mesh/repair.h"
#include "mesh/session.h"
#include "mesh/store.h"
#include "mesh/timer.h"
#include "mesh/watch.h"

enum {
    BULK_FROM = 64 * LIMIT_KIB,   /* a message with more than this takes the bulk lane */
    FRAME_FULL = 256 * LIMIT_KIB, /* a frame with more than this is closed */
    WAIT_MAX_MS = 2000,           /* messages to one who is not there are dropped after this */
    REMEMBER_MS = 1000,
    PEER_SET_FIRST = 8,
};

/* Messages that tell of this node's disk: they wait for it. */
static bool frame_holds(const struct mesh *m, enum frame_type t)
{
    /* A new job's number is spent for ever once it is told. */
    if (t == FRAME_ACCEPT && m->seq_batch > m->fx.synced)
        return true;
    return t == FRAME_OK || t == FRAME_PROM || t == FRAME_PREPARE || t == FRAME_PURGE ||
           t == FRAME_NONE;
}

/* How this works: a step costs what it does, not what is known: peers that have nothing to be
 * told, and nothing new to be remembered, stand in neither set and are not looked at. */

static uint32_t set_place(const struct peer_set *set, const struct peer *p)
{
    uint32_t low = 0;
    uint32_t high = set->n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (set->at[mid]->number < p->number)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void set_add(struct peer_set *set, struct peer *p)
{
    uint32_t place = set_place(set, p);

    if (place < set->n && set->at[place] == p)
        return;
    if (set->n == set->cap) {
        set->cap = set->cap ? 2 * set->cap : PEER_SET_FIRST;
        set->at = own_realloc(set->at, set->cap * sizeof(struct peer *));
    }
    memmove(&set->at[place + 1], &set->at[place], (set->n - place) * sizeof(struct peer *));
    set->at[place] = p;
    set->n++;
}

/* Keeps those that `stay` says are not done with. */
static void set_visit(struct mesh *m, struct peer_set *set,
                      bool (*stay)(struct mesh *m, struct peer *p))
{
    uint32_t left = 0;

    for (uint32_t i = 0; i < set->n; i++)
        if (stay(m, set->at[i]))
            set->at[left++] = set->at[i];
    set->n = left;
}

struct peer *peer_get(const struct mesh *m, const struct id *nid)
{
    return map_get(m->peers, nid->b, ID_SIZE);
}

struct peer *peer_add(struct mesh *m, const struct id *nid)
{
    struct peer *p = peer_get(m, nid);

    if (p || map_len(m->peers) >= 2 * LIMIT_NODES)
        return p;
    p = own_calloc(1, sizeof(*p));
    p->nid = *nid;
    p->number = (uint32_t)map_len(m->peers);
    for (int lane = 0; lane < 2; lane++)
        for (int when = 0; when < 2; when++)
            buf_init(&p->out[lane][when],
                     lane == MESH_LANE_BULK ? LIMIT_FRAME_BULK : LIMIT_FRAME_CONTROL);
    map_set(m->peers, nid->b, ID_SIZE, p);
    return p;
}

/* ---- sending ---- */

static void frame_send(struct mesh *m, struct peer *p, enum mesh_lane lane, enum effect_when when)
{
    struct buf *body = &p->out[lane][when];
    struct frame_head head = {.version = p->version ? p->version : FRAME_VERSION_HELLO,
                              .cluster = m->cluster,
                              .session = session_out(p->link),
                              .generation = m->gen + m->fx.synced};
    struct buf frame;

    if (when == EFFECT_HOLD)
        head.generation = m->gen + m->fx.batch + (m->fx.n_ops > 0 ? 1 : 0);
    buf_init(&frame, LIMIT_FRAME_BULK);
    frame_encode(&head, buf_span(body), &frame);
    if (!frame.full) {
        struct mesh_effect *e = effect_add(&m->fx, MESH_FX_SEND, when);

        e->send.link = session_link(p->link);
        e->send.lane = lane;
        e->send.frame = effect_copy(&m->fx, buf_span(&frame));
        m->stats.frames_out++;
        m->stats.bytes_out += frame.len;
    }
    buf_done(&frame);
    buf_done(body);
}

static bool peer_flush(struct mesh *m, struct peer *p)
{
    bool open = session_open(p->link);
    bool late = p->waiting_ns && m->now.mono_ns - p->waiting_ns > WAIT_MAX_MS * STATE_MS;
    bool left = false;

    for (int lane = 0; lane < 2; lane++)
        for (int when = 0; when < 2; when++) {
            struct buf *b = &p->out[lane][when];

            if (b->len > 0 && open)
                frame_send(m, p, (enum mesh_lane)lane, (enum effect_when)when);
            else if (b->len > 0 && late)
                buf_done(b);
            left = left || b->len > 0;
        }
    if (!left)
        p->waiting_ns = 0;
    else if (!p->waiting_ns)
        p->waiting_ns = m->now.mono_ns;
    return left;
}

void peers_flush(struct mesh *m)
{
    set_visit(m, &m->unsent, peer_flush);
}

struct buf *peer_open(struct mesh *m, const struct id *nid, enum frame_type t, size_t blob)
{
    enum mesh_lane lane = blob > BULK_FROM ? MESH_LANE_BULK : MESH_LANE_CONTROL;
    enum effect_when when = frame_holds(m, t) ? EFFECT_HOLD : EFFECT_NOW;
    struct peer *p = id_eq(nid, &m->cfg.nid) || peer_gone(m, nid) ? NULL : peer_add(m, nid);

    if (t != FRAME_ACCEPT && frame_holds(m, t) && !life_confirmed(m))
        p = NULL;
    if (p && !p->link)
        session_connect(m, p);
    if (!p || p->refused || !p->link) {
        buf_done(&m->sink);
        return &m->sink;
    }

    struct buf *b = &p->out[lane][when];
    if (b->len + blob > FRAME_FULL && b->len > 0) {
        if (session_open(p->link))
            frame_send(m, p, lane, when);
        else if (b->len + blob + RECORD_MAX > b->max)
            b = &m->sink;
    }
    if (b == &m->sink)
        buf_done(b);
    else
        set_add(&m->unsent, p);
    b->full = false;
    frame_put(b, t);
    return b;
}

/* ---- who is who ---- */

bool peer_up(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    return id_eq(nid, &m->cfg.nid) || (c && member_is_up(c));
}

bool peer_stays(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    if (id_eq(nid, &m->cfg.nid))
        return !m->draining;
    return c && member_is_up(c) && !c->meta.draining;
}

bool peer_forgotten(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    return c && c->state == MEMBER_FORGOTTEN;
}

bool peer_replaced(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    return c && c->state == MEMBER_REPLACED;
}

bool peer_gone(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    return c && c->state >= MEMBER_LEFT;
}

bool peer_takes_copies(const struct mesh *m, const struct member *c)
{
    const struct load_entry *e = load_get(m->load, &c->nid);
    const struct peer *p = peer_get(m, &c->nid);

    if (id_eq(&c->nid, &m->cfg.nid))
        return !m->draining && m->disk != MESH_DISK_FULL;
    return c->state == MEMBER_ALIVE && !c->meta.draining && !(p && p->refused) &&
           !(e && (e->flags & (LOAD_DISK_FULL | LOAD_DRAINING)));
}

const char *peer_name(const struct mesh *m, const struct id *nid)
{
    const struct member *c = members_get(m->members, nid);

    return c ? c->meta.name : "";
}

/* ---- memory of peers ---- */

/* Before the state was stored there were two less, and in its place whether it was forgotten;
 * then one less, without when it was new; then one less, without its languages. */
enum {
    FIELDS_NODE = 10,
    FIELDS_NODE_MUTE = 9,
    FIELDS_NODE_UNBORN = 8,
    FIELDS_NODE_OLD = 7,
    NODE_MAX = 2048
};

static void peer_store(struct mesh *m, struct peer *p)
{
    const struct member *c = members_get(m->members, &p->nid);
    struct store_name name = store_name_id(STORE_NODE, &p->nid);
    struct buf b;

    if (!c)
        return;
    buf_init(&b, NODE_MAX);
    wire_put_array(&b, FIELDS_NODE);
    wire_put_uint(&b, p->known.boot);
    wire_put_uint(&b, p->known.generation);
    wire_put_uint(&b, c->state);
    wire_put_str(&b, c->meta.name);
    wire_put_str(&b, c->meta.zone);
    wire_put_str(&b, c->meta.endpoint);
    wire_put_str(&b, c->meta.client_endpoint);
    wire_put_uint(&b, c->incarnation);
    wire_put_int(&b, c->meta.born_ms);
    wire_put_array(&b, c->meta.n_languages);
    for (uint32_t i = 0; i < c->meta.n_languages; i++)
        wire_put_uint(&b, c->meta.languages[i].hash);
    store_put(m, &name, buf_span(&b));
    buf_done(&b);
    life_remember_put(m, p);
    p->remember = false;
    p->stored_ns = m->now.mono_ns;
}

void peer_load(struct mesh *m, struct span key, struct span bytes)
{
    struct member c = {0};
    struct wire_reader r;

    if (key.len != 1 + ID_SIZE)
        return;
    memcpy(c.nid.b, key.data + 1, ID_SIZE);
    wire_reader_init(&r, bytes.data, bytes.len);
    uint32_t n = wire_get_array(&r, FIELDS_NODE);
    if (n < FIELDS_NODE_OLD)
        return;
    struct life known = {.boot = wire_get_uint(&r, UINT64_MAX)};
    known.generation = wire_get_uint(&r, UINT64_MAX);
    if (n > FIELDS_NODE_OLD)
        c.state = (enum member_state)wire_get_uint(&r, MEMBER_STATE_N - 1);
    else
        c.state = wire_get_bool(&r) ? MEMBER_FORGOTTEN : MEMBER_DEAD;
    wire_get_str(&r, c.meta.name, sizeof(c.meta.name));
    wire_get_str(&r, c.meta.zone, sizeof(c.meta.zone));
    wire_get_str(&r, c.meta.endpoint, sizeof(c.meta.endpoint));
    wire_get_str(&r, c.meta.client_endpoint, sizeof(c.meta.client_endpoint));
    if (n > FIELDS_NODE_OLD)
        c.incarnation = wire_get_uint(&r, UINT64_MAX);
    if (n > FIELDS_NODE_UNBORN)
        c.meta.born_ms = wire_get_int(&r);
    if (n > FIELDS_NODE_MUTE)
        c.meta.n_languages = (uint8_t)wire_get_array(&r, LIMIT_LANGUAGES);
    for (uint32_t i = 0; i < c.meta.n_languages; i++)
        c.meta.languages[i].hash = (uint32_t)wire_get_uint(&r, UINT32_MAX);
    if (wire_reader_end(&r) != 0 || id_eq(&c.nid, &m->cfg.nid))
        return;
    members_load(m->members, &c);

    struct peer *p = peer_add(m, &c.nid);
    if (p && life_is_later(&known, &p->known))
        p->known = known;
}

void peer_remember(struct mesh *m, struct peer *p)
{
    p->remember = true;
    set_add(&m->untold, p);
}

static bool peer_retell(struct mesh *m, struct peer *p)
{
    if (p->remember && m->now.mono_ns - p->stored_ns >= REMEMBER_MS * STATE_MS)
        peer_store(m, p);
    return p->remember;
}

void peers_remember(struct mesh *m)
{
    if (m->fx.n_ops > 0 || m->dirty)
        set_visit(m, &m->untold, peer_retell);
}

void peer_count(struct mesh *m, struct peer *p)
{
    p->counted = true;
    p->counted_ns = m->now.mono_ns;
    set_add(&m->counted, p);
}

void peers_counted(struct mesh *m, bool (*stay)(struct mesh *m, struct peer *p))
{
    set_visit(m, &m->counted, stay);
}

void peers_done(struct mesh *m)
{
    for (struct map_item *it = map_first(m->peers); it; it = map_next(it)) {
        struct peer *p = map_value(it);

        for (int i = 0; i < 4; i++)
            buf_done(&p->out[i / 2][i % 2]);
        free(p);
    }
    map_free(m->peers);
    free(m->unsent.at);
    free(m->untold.at);
    free(m->counted.at);
}

/* ---- the failure detector ---- */

static void meta_fill(const struct mesh *m, struct member_meta *meta)
{
    memset(meta, 0, sizeof(*meta));
    memcpy(meta->name, m->cfg.name, sizeof(meta->name));
    memcpy(meta->zone, m->cfg.zone, sizeof(meta->zone));
    memcpy(meta->endpoint, m->cfg.endpoint, sizeof(meta->endpoint));
    memcpy(meta->client_endpoint, m->cfg.client_endpoint, sizeof(meta->client_endpoint));
    memcpy(meta->isolation, m->cfg.isolation, sizeof(meta->isolation));
    meta->slots = m->slots;
    meta->draining = m->draining;
    meta->born_ms = m->born_ms;
    ability_meta(m, meta);
}

void peers_new(struct mesh *m)
{
    struct member_config c = {.nid = m->cfg.nid,
                              .boot = m->cfg.boot,
                              .seed = rng_u64(&m->rng),
                              .probe_ms = m->cfg.probe_ms,
                              .probe_timeout_ms = m->cfg.probe_timeout_ms,
                              .gossip_ms = m->cfg.gossip_ms};

    m->peers = map_new(m->cfg.seed);
    meta_fill(m, &c.meta);
    m->members = members_new(&c);
    m->load = load_new(&m->cfg.nid, m->cfg.boot, rng_u64(&m->rng));
    buf_init(&m->sink, LIMIT_FRAME_BULK);
}

void peers_set_meta(struct mesh *m)
{
    struct member_meta meta;

    if (!m->started)
        return;
    meta_fill(m, &meta);
    members_set_meta(m->members, &meta, m->now.mono_ns);
}

static void swim_send(struct mesh *m, const struct member_output *o)
{
    struct buf *b = peer_open(m, &o->nid, FRAME_SWIM, 0);

    wire_put_uint(b, o->kind);
    buf_put(b, o->payload.data, o->payload.len);
    load_put(m->load, b);
}

static void fatal(struct mesh *m, const char *text)
{
    struct mesh_effect *e = effect_add(&m->fx, MESH_FX_FATAL, EFFECT_NOW);

    e->log.level = LOG_ERROR;
    (void)snprintf(e->log.text, sizeof(e->log.text), "%s", text);
    m->dead = true;
}

static void fatal_namesake(struct mesh *m, const struct id *nid)
{
    const struct member *other = members_get(m->members, nid);
    char text[LIMIT_TEXT], id[ID_TEXT_SIZE];

    (void)snprintf(text, sizeof(text),
                   "another node is called %s too (%s at %.200s), and each would be taken for the "
                   "other; this one came later: start it under another name",
                   other->meta.name, id_format(nid, id), other->meta.endpoint);
    fatal(m, text);
}

static void state_changed(struct mesh *m, const struct member_output *o)
{
    struct peer *p = peer_add(m, &o->nid);

    if (p) {
        peer_remember(m, p);
        /* Who is waited for after a restart, and who not, is durable before the next vote. */
        if (o->after >= MEMBER_LEFT || o->before >= MEMBER_LEFT)
            peer_store(m, p);
    }
    if (o->after <= MEMBER_SUSPECT) {
        load_add(m->load, &o->nid);
    } else {
        load_remove(m->load, &o->nid);
        if (p && p->link)
            session_close(m, p);
    }
    effect_log(&m->fx, LOG_INFO, "peer %s is %s", peer_name(m, &o->nid),
               member_state_name(members_get(m->members, &o->nid)));
    ability_changed(m);
    repair_member_changed(m, &o->nid, o->after);
}

static void output_use(struct mesh *m, const struct member_output *o)
{
    switch (o->type) {
    case MEMBER_OUT_SEND:
        swim_send(m, o);
        break;
    case MEMBER_OUT_STATE:
        state_changed(m, o);
        break;
    case MEMBER_OUT_META:
        ability_changed(m);
        if (peer_get(m, &o->nid))
            peer_remember(m, peer_get(m, &o->nid));
        break;
    case MEMBER_OUT_BOOT:
        ability_reborn(m, &o->nid);
        if (peer_get(m, &o->nid) && peer_get(m, &o->nid)->link)
            session_close(m, peer_get(m, &o->nid));
        break;
    case MEMBER_OUT_CONFLICT:
        effect_log(&m->fx, LOG_WARN, "two nodes are called %s", peer_name(m, &o->nid));
        break;
    case MEMBER_OUT_NAMESAKE:
        fatal_namesake(m, &o->nid);
        break;
    case MEMBER_OUT_REFUTED:
        break;
    case MEMBER_OUT_AMNESIA:
        fatal(m, "this disk was rolled back: peers know a later life of it; wipe it");
        break;
    case MEMBER_OUT_FORGOTTEN:
        fatal(m, "this node was forgotten: its disk must be wiped");
        break;
    }
}

void peers_outputs(struct mesh *m)
{
    uint32_t n;

    for (int turn = 0; turn < 8 && !m->dead; turn++) {
        const struct member_output *out = members_outputs(m->members, &n);

        for (uint32_t i = 0; i < n; i++)
            output_use(m, &out[i]);
        if (n == 0)
            break;
    }
}

void peers_start(struct mesh *m)
{
    members_start(m->members, m->now.mono_ns);
    for (uint32_t i = 0; i < members_len(m->members); i++)
        peer_add(m, &members_at(m->members, i)->nid);
    session_start(m);
}

void peer_on_swim(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    enum member_payload kind = (enum member_payload)wire_get_uint(r, MEMBER_PAYLOAD_N - 1);

    if (r->bad || members_recv(m->members, kind, from, r, m->now.mono_ns) != 0)
        return;
    load_get_all(m->load, r);
    if (kind == MEMBER_PAYLOAD_PUSHPULL && !m->listed) {
        m->listed = true;
        life_progress(m);
    }
}

/* ---- for clients ---- */

char (*peer_client_endpoints(const struct mesh *m, uint32_t *ret_n))[LIMIT_ENDPOINT + 1]
{
    uint32_t len = members_len(m->members);
    char(*out)[LIMIT_ENDPOINT + 1] = own_calloc(len + 1, sizeof(*out));
    uint32_t n = 0;

    for (uint32_t i = 0; i < len; i++) {
        const struct member *c = members_at(m->members, i);

        if (member_is_up(c) && c->meta.client_endpoint[0] && !id_eq(&c->nid, &m->cfg.nid))
            memcpy(out[n++], c->meta.client_endpoint, sizeof(*out));
    }
    *ret_n = n;
    return out;
}

static void node_fill(const struct mesh *m, const struct member *c, struct message_node *n)
{
    const struct load_entry *e = load_get(m->load, &c->nid);

    n->nid = c->nid;
    memcpy(n->name, c->meta.name, sizeof(n->name));
    memcpy(n->zone, c->meta.zone, sizeof(n->zone));
    memcpy(n->endpoint, c->meta.client_endpoint, sizeof(n->endpoint));
    memcpy(n->isolation, c->meta.isolation, sizeof(n->isolation));
    (void)snprintf(n->state, sizeof(n->state), "%s", member_state_name(c));
    n->slots = c->meta.slots;
    if (!e)
        return;
    n->busy = e->free < n->slots ? n->slots - e->free : 0;
    for (int i = 0; i < LIMIT_PRIORITIES; i++)
        n->queued[i] = e->queued[i];
}

struct message_node *peer_nodes(const struct mesh *m, uint32_t *ret_n)
{
    uint32_t len = members_len(m->members);
    struct message_node *out = own_calloc(len, sizeof(*out));

    for (uint32_t i = 0; i < len; i++)
        node_fill(m, members_at(m->members, i), &out[i]);
    *ret_n = len;
    return out;
}

void peer_forget_request(struct mesh *m, const struct asker *who, const struct id *nid)
{
    struct message done = {.type = MESSAGE_DONE};
    const struct member *c = members_get(m->members, nid);

    if (id_eq(nid, &m->cfg.nid) || (c && member_is_up(c))) {
        watch_refuse(m, who, MESSAGE_REFUSAL_BAD_REQUEST, 0);
        return;
    }
    members_forget(m->members, nid, m->now.mono_ns);
    watch_answer(m, who, &done);
}
