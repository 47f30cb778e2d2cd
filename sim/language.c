/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/language.h"

#include "mesh/message.h"

static const char *const python = "python", *const java = "java";

const char *sim_language_of_job(struct sim_world *w)
{
    return w->swarm.java_ppm && rng_chance(&w->clients.rng, w->swarm.java_ppm) ? java : python;
}

bool sim_language_has(const struct sim_world *w, const struct sim_host *h, const char *language)
{
    if (!w->swarm.java_ppm)
        return strcmp(language, python) == 0;
    return h->index % 3 != (strcmp(language, python) == 0 ? 1 : 2);
}

static void sim_language_say(struct sim_world *w, struct sim_host *h)
{
    struct message_language all[2] = {{.version = "3"}, {.version = "17"}};
    struct message m = {.type = MESSAGE_LANGUAGES_REPLY, .languages = {0, all}};
    struct mesh_event event = {.type = MESH_EV_LANGUAGES};
    auto_buf struct buf out;
    struct sim_blob *blob;

    if (sim_language_has(w, h, python))
        snprintf(all[m.languages.n++].name, sizeof(all[0].name), "%s", python);
    if (sim_language_has(w, h, java))
        snprintf(all[m.languages.n++].name, sizeof(all[0].name), "%s", java);
    buf_init(&out, LIMIT_MIB);
    if (message_encode(&m, &out) < 0)
        return;
    blob = sim_blob_new(buf_span(&out));
    event.languages.list = sim_blob_span(blob);
    sim_host_feed(w, h, &event, blob);
}

static void sim_language_fire(struct sim_world *w, struct sim_event *e)
{
    struct sim_host *h = &w->hosts[e->host];

    if (h->life == e->life)
        sim_language_say(w, h);
}

void sim_language_tell(struct sim_world *w, struct sim_host *h)
{
    struct sim_event *e;

    if (!w->swarm.java_ppm) {
        sim_language_say(w, h);
        return;
    }
    /* It asks its toolchains first. */
    e = sim_queue_add(&w->queue, SIM_MS * rng_between(&w->faults.rng, 100, 3000),
                      sim_language_fire);
    e->host = h->index;
    e->life = h->life;
}
