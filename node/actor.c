/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works
 *
 *     inbox (writer, loop)   ROUTERs: control, bulk, clients   monitors of our DEALERs
 *            \                      |                          /
 *             +---- one turn: gather events, mesh_step(), carry out the effects ----+
 *                                                                                   |
 *        writer <- PERSIST, READ     DEALER, ROUTER <- SEND, CLIENT     outbox <- EXEC, KILL
 *
 * What clients are told in a step leaves at its end, one message for each of them.
 *
 * A turn takes at most ACTOR_BURST frames of a socket, control before bulk before clients, so
 * that a flood on one does not keep the others waiting. An effect whose batch is not synced is
 * copied and parked; SYNCED lets the parked ones go, in order, before the next step.
 */
#include "node/actor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"
#include "node/contacts.h"
#include "node/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
    ACTOR_BURST = 256,
    ACTOR_EVENTS_MAX = 4 * ACTOR_BURST,
    ACTOR_TOGETHER = 128, /* frames in one message */
    ACTOR_TOGETHER_BYTES = 256 * LIMIT_KIB,
    ACTOR_WAIT_MS = 1000,
    ACTOR_SNAPSHOT_NS = 250000000,
    ACTOR_EXIT_FATAL = 70, /* EX_SOFTWARE */
};

struct actor_parked {
    struct actor_parked *next;
    struct mesh_effect effect;
    uint8_t *owned;
};

/* A frame for a client. */
struct actor_answer {
    uint64_t client; /* 0: it has left */
    struct span frame;
    uint8_t *owned; /* the frame, when it was parked */
};

struct actor {
    struct actor_config config;
    struct mesh *mesh;
    struct writer *writer;
    struct mailbox *inbox;
    struct mailbox *outbox;
    struct link_actor *thread;
    struct link *listeners[LINK_KIND_N];
    struct contacts *contacts;
    struct clients *clients;
    struct actor_parked *parked;
    struct actor_parked *parked_last;
    uint64_t synced;
    struct actor_answer *answers; /* of this step */
    uint32_t n_answers, cap_answers;
    struct err failed; /* to start */
    /* Of one turn. */
    struct mesh_event events[ACTOR_EVENTS_MAX];
    uint32_t n_events;
    struct link_frame frames[ACTOR_EVENTS_MAX];
    uint32_t n_frames;
    /* Read by other threads. */
    pthread_mutex_t lock;
    struct message_stats stats;
    struct meters meters;
    struct lags lags;
    uint64_t snapshot_ns;
    _Atomic uint64_t beat_ns;
    _Atomic uint64_t dropped;
    _Atomic bool draining;
};

static struct mesh_now actor_now(void)
{
    return (struct mesh_now){.mono_ns = clock_mono_ns(), .wall_ms = clock_wall_ms()};
}

static struct mesh_event *actor_event(struct actor *a, enum mesh_event_type type)
{
    struct mesh_event *e = &a->events[a->n_events++];

    memset(e, 0, sizeof(*e));
    e->type = type;
    e->now = actor_now();
    return e;
}

/* --- effects ------------------------------------------------------------------------------- */

static void actor_post(struct actor *a, const struct mesh_effect *fx)
{
    struct letter *l = letter_event(MESH_EV_N);

    l->effect = *fx;
    if (fx->type == MESH_FX_EXEC)
        letter_attach(l, fx->exec.spec, &l->effect.exec.spec);
    mailbox_put(a->outbox, l);
}

/* `owned` is taken. */
static void actor_to_client(struct actor *a, uint64_t client, struct span frame, uint8_t *owned)
{
    if (a->n_answers == a->cap_answers) {
        a->cap_answers = a->cap_answers ? 2 * a->cap_answers : ACTOR_BURST;
        a->answers = own_realloc(a->answers, a->cap_answers * sizeof(*a->answers));
    }
    a->answers[a->n_answers++] = (struct actor_answer){client, frame, owned};
}

static void actor_send_client(struct actor *a, uint64_t client, const struct span *frames,
                              uint32_t n)
{
    struct span name = clients_name(a->clients, client);
    int rc;

    if (!name.len)
        return;
    rc = link_send_many(a->listeners[LINK_CLIENT], name, frames, n);
    if (rc == 0)
        return;
    atomic_fetch_add(&a->dropped, n);
    if (rc == -EHOSTUNREACH)
        clients_gone(a->clients, client);
}

/* From the first that has not left: all that are for the same client. */
static void actor_flush_from(struct actor *a, uint32_t first)
{
    uint64_t client = a->answers[first].client;
    struct span frames[ACTOR_TOGETHER];
    size_t bytes = 0;
    uint32_t n = 0;

    for (uint32_t i = first; i < a->n_answers && n < ACTOR_TOGETHER; i++) {
        struct actor_answer *x = &a->answers[i];

        if (x->client != client)
            continue;
        bytes += x->frame.len;
        if (n > 0 && bytes > ACTOR_TOGETHER_BYTES)
            break;
        frames[n++] = x->frame;
        x->client = 0;
    }
    actor_send_client(a, client, frames, n);
}

static void actor_flush(struct actor *a)
{
    for (uint32_t i = 0; i < a->n_answers; i++) {
        if (a->answers[i].client)
            actor_flush_from(a, i);
    }
    for (uint32_t i = 0; i < a->n_answers; i++)
        free(a->answers[i].owned);
    a->n_answers = 0;
}

static _Noreturn void actor_fatal(const char *text)
{
    log_write(LOG_ERROR, "the mesh cannot go on", LOG_FIELDS(LOG_TEXT("reason", text)));
    _exit(ACTOR_EXIT_FATAL);
}

static void actor_carry_out(struct actor *a, const struct mesh_effect *fx)
{
    switch (fx->type) {
    case MESH_FX_PERSIST:
        writer_write(a->writer, fx->persist.batch, fx->persist.ops, fx->persist.n);
        break;
    case MESH_FX_READ:
        writer_read(a->writer, fx->read.read, fx->read.key, fx->read.klen);
        break;
    case MESH_FX_CONNECT:
        contacts_connect(a->contacts, fx->connect.link, fx->connect.endpoint);
        break;
    case MESH_FX_DISCONNECT:
        contacts_disconnect(a->contacts, fx->connect.link);
        break;
    case MESH_FX_SEND:
        contacts_send(a->contacts, fx->send.link, fx->send.lane, fx->send.frame);
        break;
    case MESH_FX_CLIENT:
        actor_to_client(a, fx->client.client, fx->client.frame, NULL);
        break;
    case MESH_FX_EXEC:
    case MESH_FX_KILL:
    case MESH_FX_DRAINED:
        actor_post(a, fx);
        break;
    case MESH_FX_LOG:
        log_plain((enum log_level)fx->log.level, "%s", fx->log.text);
        break;
    case MESH_FX_FATAL:
        actor_fatal(fx->log.text);
    case MESH_FX_N:
        break;
    }
}

/* The bytes an effect points to, which die with the next step. */
static struct span *actor_bytes(struct mesh_effect *fx)
{
    switch (fx->type) {
    case MESH_FX_SEND:
        return &fx->send.frame;
    case MESH_FX_CLIENT:
        return &fx->client.frame;
    case MESH_FX_EXEC:
        return &fx->exec.spec;
    default:
        return NULL;
    }
}

static void actor_park(struct actor *a, const struct mesh_effect *fx)
{
    struct actor_parked *p = own_calloc(1, sizeof(*p));
    struct span *bytes;

    p->effect = *fx;
    bytes = actor_bytes(&p->effect);
    if (bytes) {
        p->owned = own_memdup(bytes->data, bytes->len);
        bytes->data = p->owned;
    }
    if (fx->type == MESH_FX_CONNECT) {
        p->owned = (uint8_t *)own_strdup(fx->connect.endpoint);
        p->effect.connect.endpoint = (char *)p->owned;
    }
    if (a->parked_last)
        a->parked_last->next = p;
    else
        a->parked = p;
    a->parked_last = p;
}

static void actor_parked_free(struct actor_parked *p)
{
    free(p->owned);
    free(p);
}

/* Takes out of the list what waited for batches up to `synced`, in order. */
static void actor_synced(struct actor *a, uint64_t synced)
{
    struct actor_parked **at = &a->parked;
    struct actor_parked *last = NULL;

    a->synced = synced;
    while (*at) {
        struct actor_parked *p = *at;

        if (p->effect.after_batch > synced) {
            last = p;
            at = &p->next;
            continue;
        }
        *at = p->next;
        if (p->effect.type == MESH_FX_CLIENT)
            actor_to_client(a, p->effect.client.client, p->effect.client.frame, STEAL(p->owned));
        else
            actor_carry_out(a, &p->effect);
        actor_parked_free(p);
    }
    a->parked_last = last;
}

static void actor_step(struct actor *a)
{
    const struct mesh_effect *fx;
    uint32_t n;

    mesh_step(a->mesh, a->events, a->n_events, &fx, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (fx[i].after_batch > a->synced)
            actor_park(a, &fx[i]);
        else
            actor_carry_out(a, &fx[i]);
    }
    actor_flush(a);
    for (uint32_t i = 0; i < a->n_frames; i++)
        link_frame_done(&a->frames[i]);
    a->n_events = 0;
    a->n_frames = 0;
}

/* --- events -------------------------------------------------------------------------------- */

static void actor_take_letters(struct actor *a)
{
    struct letter *all = mailbox_take(a->inbox);
    struct letter *next;

    for (struct letter *l = all; l; l = l->next) {
        if (a->n_events == ACTOR_EVENTS_MAX)
            actor_step(a);
        if (l->event.type == MESH_EV_N) {
            actor_carry_out(a, &l->effect);
            continue;
        }
        if (l->event.type == MESH_EV_SYNCED)
            actor_synced(a, l->event.synced.batch);
        a->events[a->n_events] = l->event;
        a->events[a->n_events++].now = actor_now();
    }
    /* The letters own what their events point to, so the step comes before they go. */
    if (all)
        actor_step(a);
    for (; all; all = next) {
        next = all->next;
        letter_free(all);
    }
}

/* Sessions are the loop's. */
static void actor_post_client(struct actor *a, enum mesh_event_type type, uint64_t client,
                              struct span frame)
{
    struct letter *l = letter_event(type);

    l->effect.type = MESH_FX_N;
    l->event.client.client = client;
    if (frame.len)
        letter_attach(l, frame, &l->event.client.frame);
    mailbox_put(a->outbox, l);
}

static void actor_take_frame(struct actor *a, enum link_kind kind, const struct link_frame *f)
{
    struct mesh_event *e;
    struct id from;
    uint64_t client;
    enum message_type type;

    if (kind == LINK_CLIENT) {
        client = clients_number(a->clients, (struct span){f->from, f->from_len});
        if (message_peek(f->data, &type) == 0 && message_type_session(type)) {
            actor_post_client(a, MESH_EV_CLIENT, client, f->data);
            return;
        }
        e = actor_event(a, MESH_EV_CLIENT);
        e->client.client = client;
        e->client.frame = f->data;
        return;
    }
    if (link_name_parse(f->from, f->from_len, &from) != 0)
        return;
    e = actor_event(a, MESH_EV_RECV);
    e->recv.from = from;
    e->recv.lane = kind == LINK_BULK ? MESH_LANE_BULK : MESH_LANE_CONTROL;
    e->recv.frame = f->data;
}

static void actor_take_frames(struct actor *a, enum link_kind kind)
{
    for (uint32_t i = 0; i < ACTOR_BURST; i++) {
        struct link_frame *f = &a->frames[a->n_frames];

        if (link_recv(a->listeners[kind], f) != 0)
            return;
        a->n_frames++;
        actor_take_frame(a, kind, f);
    }
}

static void actor_take_gone(struct actor *a)
{
    uint64_t client;
    uint64_t link;
    bool up;

    while (a->n_events < ACTOR_EVENTS_MAX && clients_take_gone(a->clients, &client)) {
        actor_event(a, MESH_EV_CLIENT_GONE)->client.client = client;
        actor_post_client(a, MESH_EV_CLIENT_GONE, client, (struct span){NULL, 0});
    }
    while (a->n_events < ACTOR_EVENTS_MAX && contacts_take_change(a->contacts, &link, &up))
        actor_event(a, up ? MESH_EV_LINK_UP : MESH_EV_LINK_DOWN)->link.link = link;
}

static void actor_snapshot(struct actor *a)
{
    const uint64_t now = clock_mono_ns();

    atomic_store(&a->beat_ns, now);
    atomic_store(&a->draining, mesh_draining(a->mesh));
    if (now - a->snapshot_ns < ACTOR_SNAPSHOT_NS)
        return;
    a->snapshot_ns = now;
    (void)pthread_mutex_lock(&a->lock);
    mesh_stats_get(a->mesh, &a->stats);
    mesh_meters_get(a->mesh, &a->meters);
    mesh_lags_get(a->mesh, &a->lags);
    (void)pthread_mutex_unlock(&a->lock);
}

static int actor_timeout_ms(const struct actor *a)
{
    const uint64_t now = clock_mono_ns();
    uint64_t due = mesh_deadline(a->mesh);
    const uint64_t broken = contacts_deadline(a->contacts);

    if (broken < due)
        due = broken;
    if (due <= now)
        return 0;
    due = (due - now + 999999) / 1000000;
    return due < ACTOR_WAIT_MS ? (int)due : ACTOR_WAIT_MS;
}

static void actor_turn(struct actor *a)
{
    static const enum link_kind kinds[] = {LINK_CONTROL, LINK_BULK, LINK_CLIENT};
    uint32_t n;
    struct link_wait *items = contacts_wait(a->contacts, 2 + LINK_KIND_N, &n);

    items[0].link = link_actor_link(a->thread);
    items[1].fd = mailbox_fd(a->inbox);
    for (uint32_t i = 0; i < LINK_KIND_N; i++)
        items[2 + i].link = a->listeners[kinds[i]];
    link_wait(items, n, actor_timeout_ms(a));
    if (items[1].ready)
        actor_take_letters(a);
    for (uint32_t i = 0; i < LINK_KIND_N; i++) {
        if (items[2 + i].ready)
            actor_take_frames(a, kinds[i]);
    }
    contacts_look(a->contacts, clock_mono_ns());
    actor_take_gone(a);
    if (mesh_deadline(a->mesh) <= clock_mono_ns() && a->n_events < ACTOR_EVENTS_MAX)
        (void)actor_event(a, MESH_EV_TIMER);
    if (a->n_events || a->n_frames)
        actor_step(a);
    actor_snapshot(a);
}

/* --- life ---------------------------------------------------------------------------------- */

static int actor_listen(struct actor *a, struct err *err)
{
    const char *endpoints[LINK_KIND_N] = {[LINK_CONTROL] = a->config.control,
                                          [LINK_BULK] = a->config.bulk,
                                          [LINK_CLIENT] = a->config.client};

    for (uint32_t i = 0; i < LINK_KIND_N; i++) {
        a->listeners[i] = link_listen((enum link_kind)i, endpoints[i], err);
        if (!a->listeners[i])
            return -err->code;
    }
    return 0;
}

static void actor_main(struct link_actor *thread, void *ctx)
{
    struct actor *a = ctx;

    a->thread = thread;
    if (actor_listen(a, &a->failed) == 0) {
        (void)actor_event(a, MESH_EV_START);
        actor_step(a);
        actor_snapshot(a);
        link_actor_ready(thread);
        while (!link_actor_ended(thread))
            actor_turn(a);
    }
    contacts_free(STEAL(a->contacts));
    for (uint32_t i = 0; i < LINK_KIND_N; i++)
        link_free(a->listeners[i]);
}

static void actor_load(void *ctx, struct span key, struct span value)
{
    struct actor *a = ctx;
    struct mesh_event *e = actor_event(a, MESH_EV_LOAD);

    e->load.key = key;
    e->load.value = value;
    actor_step(a);
}

struct actor *actor_new(const struct actor_config *config, struct disk *disk, struct mailbox *inbox,
                        struct mailbox *outbox, struct err *err)
{
    struct actor *a = own_calloc(1, sizeof(*a));

    a->config = *config;
    a->inbox = inbox;
    a->outbox = outbox;
    a->mesh = mesh_new(&config->mesh);
    a->contacts = contacts_new(&a->config.mesh.nid);
    a->clients = clients_new(config->mesh.seed);
    if (pthread_mutex_init(&a->lock, NULL) != 0)
        abort();
    if (disk_each(disk, actor_load, a, err) != 0) {
        actor_free(a);
        return NULL;
    }
    a->writer = writer_new(disk, inbox);
    a->thread = link_actor_new(actor_main, a);
    if (a->failed.code) {
        if (err)
            *err = a->failed;
        actor_free(a);
        return NULL;
    }
    return a;
}

void actor_free(struct actor *a)
{
    struct actor_parked *next;

    if (!a)
        return;
    link_actor_free(a->thread);
    writer_free(a->writer);
    contacts_free(a->contacts);
    clients_free(a->clients);
    for (struct actor_parked *p = a->parked; p; p = next) {
        next = p->next;
        actor_parked_free(p);
    }
    for (uint32_t i = 0; i < a->n_answers; i++)
        free(a->answers[i].owned);
    free(a->answers);
    mesh_free(a->mesh);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

void actor_stats(struct actor *a, struct message_stats *ret_stats)
{
    (void)pthread_mutex_lock(&a->lock);
    *ret_stats = a->stats;
    (void)pthread_mutex_unlock(&a->lock);
}

void actor_meters(struct actor *a, struct meters *ret_meters, struct lags *ret_lags)
{
    (void)pthread_mutex_lock(&a->lock);
    *ret_meters = a->meters;
    *ret_lags = a->lags;
    (void)pthread_mutex_unlock(&a->lock);
}

void actor_writer_stats(struct actor *a, struct writer_stats *ret_stats)
{
    writer_stats_get(a->writer, ret_stats);
}

uint64_t actor_beat_ns(const struct actor *a)
{
    return atomic_load(&a->beat_ns);
}

bool actor_draining(const struct actor *a)
{
    return atomic_load(&a->draining);
}

uint64_t actor_dropped(const struct actor *a)
{
    return atomic_load(&a->dropped);
}
