/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/trace.h"

#include "mesh/inspect.h"
#include "sim/effect.h"
#include "sim/world.h"

void sim_trace_init(struct sim_trace *t, FILE *out, bool timeline)
{
    *t = (struct sim_trace){.out = out, .timeline = timeline};
}

void sim_trace_done(struct sim_trace *t)
{
    free(t->notes);
    *t = (struct sim_trace){0};
}

/* "12.345678 n3 " */
static void sim_trace_head(struct sim_world *w, const struct sim_host *h)
{
    uint64_t us = w->queue.now_ns / SIM_US;

    fprintf(w->trace.out, "%4llu.%06llu %-4s ", (unsigned long long)(us / 1000000),
            (unsigned long long)(us % 1000000), h ? h->name : "-");
}

static const char *sim_trace_event_name(enum mesh_event_type type)
{
    static const char *const names[] = {
#define X(id) #id,
        MESH_EVENTS(X)
#undef X
    };

    return type < MESH_EV_N ? names[type] : "?";
}

/* The part of a job's id in which no two jobs are alike: of the time and the number, or the key.
 * It is a part of the whole id, so that one search finds both. */
static void sim_trace_job(FILE *out, const struct id *jid)
{
    enum { FROM = 9, LEN = 14 };
    char text[ID_TEXT_SIZE];

    fprintf(out, "%.*s", LEN, id_format(jid, text) + FROM);
}

static void sim_trace_message(void *ctx, const struct inspect_message *m)
{
    FILE *out = ctx;

    fprintf(out, " %s", m->name);
    if (id_is_zero(&m->jid))
        return;
    fputc('(', out);
    sim_trace_job(out, &m->jid);
    if (m->about_job)
        fprintf(out, " %llu.%02x v%u", (unsigned long long)m->ballot.epoch, m->ballot.nid.b[0],
                m->ver);
    fputc(')', out);
}

static void sim_trace_frame(FILE *out, struct span frame)
{
    fprintf(out, " %zu bytes:", frame.len);
    if (inspect_frame(frame, sim_trace_message, out) < 0)
        fprintf(out, " not a frame");
}

static void sim_trace_client(FILE *out, struct span frame)
{
    static const char *const names[] = {
#define X(id) #id,
        MESSAGE_REQUESTS(X) MESSAGE_ANSWERS(X)
#undef X
    };
    struct message m;
    char text[ID_TEXT_SIZE];

    if (message_decode(frame, &m, NULL) < 0) {
        fprintf(out, " not a message");
        return;
    }
    fprintf(out, " %s token %llu", names[m.type], (unsigned long long)m.token);
    if (m.type == MESSAGE_ACCEPTED)
        fprintf(out, " %s", id_format(&m.accepted.jid, text));
    if (m.type == MESSAGE_REFUSED)
        fprintf(out, " %s (%s)", message_refusal_text(m.refused.why), m.refused.text);
    if (m.type == MESSAGE_JOB)
        fprintf(out, " %s %s", id_format(&m.view.jid, text), message_state_name(m.view.state));
    if (m.type == MESSAGE_QUERY || m.type == MESSAGE_CANCEL || m.type == MESSAGE_WATCH)
        fprintf(out, " %s", id_format(&m.job.jid, text));
    message_done(&m);
}

void sim_trace_event(struct sim_world *w, const struct sim_host *h, const struct mesh_event *e)
{
    FILE *out = w->trace.out;

    if (!out)
        return;
    sim_trace_head(w, h);
    fprintf(out, "> %s", sim_trace_event_name(e->type));
    switch (e->type) {
    case MESH_EV_RECV:
        fprintf(out, " from %02x%02x", e->recv.from.b[0], e->recv.from.b[1]);
        sim_trace_frame(out, e->recv.frame);
        break;
    case MESH_EV_CLIENT:
        sim_trace_client(out, e->client.frame);
        break;
    case MESH_EV_LINK_UP:
    case MESH_EV_LINK_DOWN:
    case MESH_EV_SYNCED: /* the numbers share their place */
        fprintf(out, " %llu", (unsigned long long)e->link.link);
        break;
    case MESH_EV_READ:
        fprintf(out, " %llu status %d, %zu bytes", (unsigned long long)e->read.read, e->read.status,
                e->read.value.len);
        break;
    case MESH_EV_EXEC_STARTED:
    case MESH_EV_EXEC_DONE:
        fprintf(out, " run %llu outcome %d", (unsigned long long)e->exec.exec,
                (int)e->exec.outcome);
        break;
    default:
        break;
    }
    fputc('\n', out);
}

static void sim_trace_persist(FILE *out, const struct mesh_effect *fx)
{
    fprintf(out, " batch %llu:", (unsigned long long)fx->persist.batch);
    for (uint32_t i = 0; i < fx->persist.n; i++) {
        const struct mesh_op *op = &fx->persist.ops[i];
        struct span key = {op->key, op->klen};
        struct inspect_job job;

        if (op->del || inspect_stored(key, op->value, &job) != 0) {
            fprintf(out, " %s%.*s...", op->del ? "delete " : "", op->klen ? 1 : 0,
                    (const char *)op->key);
            continue;
        }
        fputc(' ', out);
        sim_trace_job(out, &job.jid);
        fprintf(out, "(promised %llu.%02x accepted %llu.%02x v%u%s%s%s)",
                (unsigned long long)job.promised.epoch, job.promised.nid.b[0],
                (unsigned long long)job.acc.epoch, job.acc.nid.b[0], job.ver,
                job.terminal ? " terminal" : "", job.decided ? " decided" : "",
                job.n_prev ? " joint" : "");
    }
}

void sim_trace_effect(struct sim_world *w, const struct sim_host *h, const struct mesh_effect *fx)
{
    FILE *out = w->trace.out;

    if (!out)
        return;
    sim_trace_head(w, h);
    fprintf(out, "  %s", sim_effect_name(fx->type));
    switch (fx->type) {
    case MESH_FX_PERSIST:
        sim_trace_persist(out, fx);
        break;
    case MESH_FX_READ:
        fprintf(out, " %llu of '%c' %02x%02x", (unsigned long long)fx->read.read, fx->read.key[0],
                fx->read.key[fx->read.klen - 2], fx->read.key[fx->read.klen - 1]);
        break;
    case MESH_FX_CONNECT:
        fprintf(out, " link %llu to %s", (unsigned long long)fx->connect.link,
                fx->connect.endpoint);
        break;
    case MESH_FX_SEND:
        fprintf(out, " link %llu", (unsigned long long)fx->send.link);
        sim_trace_frame(out, fx->send.frame);
        break;
    case MESH_FX_CLIENT:
        sim_trace_client(out, fx->client.frame);
        break;
    case MESH_FX_EXEC:
        fprintf(out, " run %llu epoch %llu attempt %u of ", (unsigned long long)fx->exec.exec,
                (unsigned long long)fx->exec.epoch, fx->exec.attempt);
        sim_trace_job(out, &fx->exec.jid);
        break;
    case MESH_FX_LOG:
    case MESH_FX_FATAL:
        fprintf(out, " %s", fx->log.text);
        break;
    default:
        break;
    }
    fputc('\n', out);
}

static void sim_trace_keep(struct sim_world *w, const struct sim_note *note)
{
    struct sim_trace *t = &w->trace;

    if (t->n == SIM_NOTES_MAX)
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 256;
        t->notes = own_realloc(t->notes, t->cap * sizeof(*t->notes));
    }
    t->notes[t->n++] = *note;
}

void sim_trace_note(struct sim_world *w, const struct sim_host *h, enum sim_note_kind kind,
                    const char *fmt, ...)
{
    struct sim_note note = {.at_ns = w->queue.now_ns, .kind = kind};
    va_list ap;

    if (!w->trace.out && !w->trace.timeline)
        return;
    note.host = h ? h->index : UINT32_MAX;
    va_start(ap, fmt);
    vsnprintf(note.text, sizeof(note.text), fmt, ap);
    va_end(ap);
    if (w->trace.timeline)
        sim_trace_keep(w, &note);
    if (w->trace.out) {
        sim_trace_head(w, h);
        fprintf(w->trace.out, "* %s\n", note.text);
    }
}
