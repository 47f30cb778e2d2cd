/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/report.h"

#include "sim/world.h"

#include <errno.h>
#include <inttypes.h>

/*
 * How this works. One row a host, time from left to right. A row is green while its process is
 * up; marks are runs, faults and answers, in the order they happened, each with its text as a
 * tooltip. The notes follow as a table.
 */

enum { SIM_ROW = 34, SIM_WIDTH = 1160, SIM_LEFT = 60, SIM_TOP = 34, SIM_TABLE_MAX = 3000 };

static const struct {
    const char *name, *colour;
    uint32_t height;
} sim_note_looks[] = {
    [SIM_NOTE_UP] = {"up", "#2a9d55", 10},
    [SIM_NOTE_DOWN] = {"down", "#222222", 10},
    [SIM_NOTE_FAULT] = {"fault", "#d62828", 24},
    [SIM_NOTE_RUN] = {"run", "#3a6ea5", 6},
    [SIM_NOTE_ACK] = {"acknowledged", "#f2a900", 12},
    [SIM_NOTE_JOB] = {"ended", "#7b2cbf", 16},
    [SIM_NOTE_PHASE] = {"phase", "#888888", 0},
    [SIM_NOTE_VIOLATION] = {"violation", "#ff0000", 0},
};

static void sim_report_text(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (*s == '<')
            fputs("&lt;", f);
        else if (*s == '&')
            fputs("&amp;", f);
        else if (*s == '"')
            fputs("&quot;", f);
        else
            fputc(*s, f);
    }
}

static double sim_report_x(const struct sim_world *w, uint64_t ns)
{
    uint64_t end = w->queue.now_ns ? w->queue.now_ns : 1;

    return SIM_LEFT + (double)ns / (double)end * SIM_WIDTH;
}

static double sim_report_y(uint32_t host)
{
    return SIM_TOP + (double)host * SIM_ROW;
}

/* The stretches during which a host's process was up. */
static void sim_report_life(FILE *f, const struct sim_world *w, uint32_t host)
{
    uint64_t since = UINT64_MAX;

    for (uint32_t i = 0; i <= w->trace.n; i++) {
        const struct sim_note *n = &w->trace.notes[i];
        bool last = i == w->trace.n;

        if (!last && n->host != host)
            continue;
        if (!last && n->kind == SIM_NOTE_UP)
            since = n->at_ns;
        if (since == UINT64_MAX || (!last && n->kind != SIM_NOTE_DOWN))
            continue;
        double from = sim_report_x(w, since);
        double to = sim_report_x(w, last ? w->queue.now_ns : n->at_ns);

        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"26\" fill=\"#d8f0de\"/>\n",
                from, sim_report_y(host), to - from > 0.5 ? to - from : 0.5);
        since = UINT64_MAX;
    }
}

static void sim_report_mark(FILE *f, const struct sim_world *w, const struct sim_note *n)
{
    bool all = n->host >= w->n_hosts;
    double x = sim_report_x(w, n->at_ns);
    double y = all ? SIM_TOP : sim_report_y(n->host);
    double height = all ? (double)w->n_hosts * SIM_ROW : sim_note_looks[n->kind].height;

    fprintf(f,
            "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
            "stroke-width=\"%s\"><title>%.3f s ",
            x, x, y, y + height, sim_note_looks[n->kind].colour, all ? "1" : "2",
            (double)n->at_ns / 1e9);
    if (!all)
        fprintf(f, "%s ", w->hosts[n->host].name);
    sim_report_text(f, n->text);
    fputs("</title></line>\n", f);
}

static void sim_report_picture(FILE *f, const struct sim_world *w)
{
    uint64_t seconds = w->queue.now_ns / SIM_S;

    fprintf(f, "<svg viewBox=\"0 0 %d %u\" role=\"img\" aria-label=\"timeline\">\n",
            SIM_LEFT + SIM_WIDTH + 20, SIM_TOP + w->n_hosts * SIM_ROW + 30);
    for (uint64_t s = 0; s <= seconds; s += seconds / 20 + 1)
        fprintf(f, "<text x=\"%.1f\" y=\"20\" class=\"t\">%" PRIu64 " s</text>\n",
                sim_report_x(w, s * SIM_S), s);
    for (uint32_t i = 0; i < w->n_hosts; i++) {
        fprintf(f, "<text x=\"8\" y=\"%.1f\" class=\"t\">%s%s</text>\n", sim_report_y(i) + 17,
                w->hosts[i].name, w->hosts[i].rogue ? "*" : "");
        if (w->trace.n)
            sim_report_life(f, w, i);
    }
    for (uint32_t i = 0; i < w->trace.n; i++)
        sim_report_mark(f, w, &w->trace.notes[i]);
    fputs("</svg>\n<p class=\"key\">", f);
    for (size_t i = 0; i < ARRAY_LEN(sim_note_looks); i++)
        fprintf(f, "<span style=\"color:%s\">&#9632; %s</span> ", sim_note_looks[i].colour,
                sim_note_looks[i].name);
    fputs("</p>\n", f);
}

static void sim_report_head(FILE *f, const struct sim_world *w)
{
    const struct sim_violation *v = &w->violation;

    fprintf(f,
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>seed %" PRIu64
            "</title>\n<style>body{font:14px system-ui,sans-serif;margin:2em;max-width:1280px}"
            "svg{width:100%%;background:#fafafa;border:1px solid #ddd}.t{font-size:11px;fill:#555}"
            "table{border-collapse:collapse}td{padding:1px 10px;border-bottom:1px solid #eee;"
            "font:12px ui-monospace,monospace}.bad{background:#fde2e2;padding:.6em}"
            ".good{background:#d8f0de;padding:.6em}</style>\n"
            "<h1>Profile %s, seed %" PRIu64 "</h1>\n<p class=\"%s\">",
            w->setup.seed, w->setup.profile->name, w->setup.seed, v->found ? "bad" : "good");
    if (v->found) {
        fprintf(f, "%s %s at %.3f s, step %" PRIu64 ": ", sim_invariant_id(v->which),
                sim_invariant_name(v->which), (double)v->at_ns / 1e9, v->step);
        sim_report_text(f, v->text);
    } else {
        fputs("No invariant was violated.", f);
    }
    fprintf(f,
            "</p>\n<p>%u hosts, %.1f simulated s, %" PRIu64 " steps, %" PRIu64 " frames (%" PRIu64
            " lost), %" PRIu64 " jobs acknowledged, %" PRIu64 " runs.</p>\n<p>The world:",
            w->n_hosts, (double)w->queue.now_ns / 1e9, w->steps, w->net.frames, w->net.lost,
            w->history.acks, w->history.runs);
    for (enum sim_swarm_field i = 0; i < SIM_SWARM_N; i++)
        fprintf(f, " %s=%u", sim_swarm_name(i), sim_swarm_value(&w->swarm, i));
    fputs("</p>\n<p>Faults:", f);
    for (enum sim_fault i = 0; i < SIM_FAULT_N; i++) {
        if (w->faults.done[i])
            fprintf(f, " %" PRIu64 " x %s;", w->faults.done[i], sim_fault_name(i));
    }
    fputs("</p>\n", f);
}

static void sim_report_table(FILE *f, const struct sim_world *w)
{
    fputs("<h2>What happened</h2>\n<table>\n", f);
    for (uint32_t i = 0; i < w->trace.n && i < SIM_TABLE_MAX; i++) {
        const struct sim_note *n = &w->trace.notes[i];

        fprintf(f, "<tr><td>%.6f</td><td>%s</td><td style=\"color:%s\">%s</td><td>",
                (double)n->at_ns / 1e9, n->host < w->n_hosts ? w->hosts[n->host].name : "all",
                sim_note_looks[n->kind].colour, sim_note_looks[n->kind].name);
        sim_report_text(f, n->text);
        fputs("</td></tr>\n", f);
    }
    fputs("</table>\n", f);
    if (w->trace.n > SIM_TABLE_MAX)
        fprintf(f, "<p>and %u more</p>\n", w->trace.n - SIM_TABLE_MAX);
}

int sim_report_write(const struct sim_world *w, const char *path)
{
    FILE *f = fopen(path, "we");
    int bad;

    if (!f)
        return -errno;
    sim_report_head(f, w);
    sim_report_picture(f, w);
    sim_report_table(f, w);
    fputs("</html>\n", f);
    bad = ferror(f);
    return fclose(f) != 0 || bad ? -EIO : 0;
}
