/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/ability.h"

#include "base/hash.h"
#include "mesh/frame.h"
#include "mesh/peer.h"
#include "mesh/watch.h"

enum {
    MUTE_MS = 60000, /* a peer that has not said what it can run is waited for so long */
    LIST_MS = 500    /* it is told what is here at most this often: it asks once a second */
};

static struct member_language hash_of(const char *name)
{
    return (struct member_language){hash_crc32c(0, name, strlen(name))};
}

static bool is_among(const struct member_language *all, uint32_t n, struct member_language l)
{
    for (uint32_t i = 0; i < n; i++)
        if (all[i].hash == l.hash)
            return true;
    return false;
}

static bool has(const struct member *c, struct member_language l)
{
    return is_among(c->meta.languages, c->meta.n_languages, l);
}

struct member_language ability_language(const struct job *j)
{
    return hash_of(j->r.origin->head.language);
}

/* ---- who has what ---- */

void ability_told(struct mesh *m, struct span list)
{
    struct ability *a = &m->ability;
    struct message msg;
    struct err err;

    if (message_decode(list, &msg, &err) != 0)
        return;
    free(a->list);
    a->list = own_memdup(list.data, list.len);
    a->len = list.len;
    a->n_own = 0;
    if (msg.type == MESSAGE_LANGUAGES_REPLY)
        for (uint32_t i = 0; i < msg.languages.n; i++)
            a->own[a->n_own++] = hash_of(msg.languages.all[i].name);
    message_done(&msg);
    a->stale = true;
    peers_set_meta(m);
}

void ability_meta(const struct mesh *m, struct member_meta *meta)
{
    meta->mute = !ability_is_told(m);
    meta->n_languages = m->ability.n_own;
    memcpy(meta->languages, m->ability.own, sizeof(meta->languages));
}

bool ability_here(const struct mesh *m, struct member_language l)
{
    return is_among(m->ability.own, m->ability.n_own, l);
}

bool ability_of(const struct mesh *m, const struct id *nid, struct member_language l)
{
    const struct member *c = members_get(m->members, nid);

    return c && has(c, l);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A step may ask of every kind that waits: what all peers have is put together once, after one
 * of them has changed. */
static void gather(struct mesh *m)
{
    struct ability *a = &m->ability;

    a->dirty = false;
    a->mute_end_ns = 0;
    map_free(a->elsewhere);
    a->elsewhere = map_new(m->cfg.seed);
    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (c->state > MEMBER_LEFT || id_eq(&c->nid, &m->cfg.nid))
            continue;
        if (member_is_up(c) && c->meta.mute)
            a->mute_end_ns = later(a->mute_end_ns, c->since_ns + MUTE_MS * STATE_MS);
        for (uint32_t k = 0; k < c->meta.n_languages; k++)
            map_set(a->elsewhere, &c->meta.languages[k], sizeof(c->meta.languages[k]), a);
    }
}

static bool is_known_elsewhere(struct mesh *m, struct member_language l)
{
    if (!m->ability.elsewhere || m->ability.dirty)
        gather(m);
    return map_get(m->ability.elsewhere, &l, sizeof(l)) != NULL;
}

bool ability_elsewhere(struct mesh *m, struct member_language l)
{
    return is_known_elsewhere(m, l) || m->now.mono_ns < m->ability.mute_end_ns;
}

bool ability_somebody(struct mesh *m, struct member_language l, struct id *ret_peer)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (member_is_up(c) && !id_eq(&c->nid, &m->cfg.nid) && has(c, l) &&
            rng_below(&m->rng, ++n) == 0)
            *ret_peer = c->nid;
    }
    return n > 0;
}

/* ---- what others have, by name ---- */

/* Which of the others it is; n_others: none. */
static uint32_t other_find(const struct ability *a, struct member_language l)
{
    uint32_t i = 0;

    while (i < a->n_others && a->others[i].key.hash != l.hash)
        i++;
    return i;
}

static bool is_described(const struct ability *a, struct member_language l)
{
    uint32_t i = other_find(a, l);

    return is_among(a->own, a->n_own, l) || (i < a->n_others && !a->others[i].old);
}

static bool has_news(const struct ability *a, const struct member *c)
{
    for (uint32_t i = 0; i < c->meta.n_languages && !c->meta.mute; i++)
        if (!is_described(a, c->meta.languages[i]))
            return true;
    return false;
}

/* Asks one of those that are up and have what is not known by name. False: there is none. */
static bool learn(struct mesh *m)
{
    const struct member *ask = NULL;
    uint32_t n = 0;

    for (uint32_t i = 0; i < members_len(m->members); i++) {
        const struct member *c = members_at(m->members, i);

        if (member_is_up(c) && !id_eq(&c->nid, &m->cfg.nid) && has_news(&m->ability, c) &&
            rng_below(&m->rng, ++n) == 0)
            ask = c;
    }
    if (ask)
        (void)peer_open(m, &ask->nid, FRAME_LANGUAGES_GET, 0);
    return ask != NULL;
}

void ability_changed(struct mesh *m)
{
    m->ability.stale = m->ability.dirty = true;
}

void ability_reborn(struct mesh *m, const struct id *nid)
{
    struct ability *a = &m->ability;

    for (uint32_t i = 0; i < a->n_others; i++)
        a->others[i].old = a->others[i].old || id_eq(&a->others[i].from, nid);
    a->stale = true;
}

void ability_tick(struct mesh *m)
{
    if (m->ability.stale)
        m->ability.stale = learn(m);
}

void ability_on_get(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct ability *a = &m->ability;
    struct peer *p = peer_get(m, from);

    if (r->bad || !a->list || !p ||
        (p->listed_ns && m->now.mono_ns - p->listed_ns < LIST_MS * STATE_MS))
        return;
    p->listed_ns = m->now.mono_ns;
    wire_put_bin(peer_open(m, from, FRAME_LANGUAGES, a->len), a->list, a->len);
}

static void other_done(struct ability_other *o)
{
    free((void *)(uintptr_t)o->language.profile.data);
}

/* What nobody has any more gives way. LIMIT_LANGUAGES: there is no room. */
static uint32_t other_place(struct mesh *m, struct member_language l)
{
    const struct ability *a = &m->ability;
    uint32_t i = other_find(a, l);

    if (i < LIMIT_LANGUAGES)
        return i;
    for (i = 0; i < LIMIT_LANGUAGES && is_known_elsewhere(m, a->others[i].key); i++)
        ;
    return i;
}

static void describe(struct mesh *m, const struct id *from, const struct message_language *l)
{
    struct ability *a = &m->ability;
    struct member_language key = hash_of(l->name);
    uint32_t i = other_place(m, key);

    if (i == LIMIT_LANGUAGES)
        return;
    if (i < a->n_others)
        other_done(&a->others[i]);
    else
        a->n_others++;
    a->others[i] = (struct ability_other){.language = *l, .key = key, .from = *from};
    a->others[i].language.profile.data = own_memdup(l->profile.data, l->profile.len);
}

void ability_on_list(struct mesh *m, const struct id *from, struct wire_reader *r)
{
    struct span list = wire_get_bin(r, LIMIT_FRAME_BULK);
    const struct member *c = members_get(m->members, from);
    struct message msg;
    struct err err;

    if (r->bad || !c || message_decode(list, &msg, &err) != 0)
        return;
    for (uint32_t i = 0; msg.type == MESSAGE_LANGUAGES_REPLY && i < msg.languages.n; i++) {
        const struct message_language *l = &msg.languages.all[i];

        if (has(c, hash_of(l->name)) && !is_described(&m->ability, hash_of(l->name)))
            describe(m, from, l);
    }
    message_done(&msg);
}

void ability_answer(struct mesh *m, const struct asker *who)
{
    const struct ability *a = &m->ability;
    struct message own = {.type = MESSAGE_LANGUAGES_REPLY};
    struct message all = {.type = MESSAGE_LANGUAGES_REPLY};
    struct err err;

    if (a->list && message_decode((struct span){a->list, a->len}, &own, &err) != 0)
        return;
    all.languages.all = own_calloc(own.languages.n + a->n_others + 1, sizeof(*all.languages.all));
    for (uint32_t i = 0; i < own.languages.n; i++)
        all.languages.all[all.languages.n++] = own.languages.all[i];
    for (uint32_t i = 0; i < a->n_others && all.languages.n < LIMIT_LANGUAGES; i++) {
        struct member_language l = a->others[i].key;

        if (!is_among(a->own, a->n_own, l) && is_known_elsewhere(m, l))
            all.languages.all[all.languages.n++] = a->others[i].language;
    }
    watch_answer(m, who, &all);
    free(all.languages.all);
    message_done(&own);
}

void ability_done(struct mesh *m)
{
    struct ability *a = &m->ability;

    for (uint32_t i = 0; i < a->n_others; i++)
        other_done(&a->others[i]);
    map_free(a->elsewhere);
    free(a->list);
}
