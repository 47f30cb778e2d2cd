/* SPDX-License-Identifier: MPL-2.0 */
#include "node/compare.h"

#include "base/own.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>

enum { COMPARE_SHOWN_MAX = 80, COMPARE_NUMBER_MAX = 64 };
#define COMPARE_TOLERANCE 1e-9

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* What is left of `all` from `at` on. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    int64_t line;
};

static struct cursor cursor_of(struct span s)
{
    return (struct cursor){s.data, s.data + s.len, 1};
}

/* The next line without its end; false when there is none. */
static bool next_line(struct cursor *c, struct span *ret_line)
{
    const uint8_t *nl;

    if (c->at == c->end)
        return false;
    nl = memchr(c->at, '\n', (size_t)(c->end - c->at));
    if (!nl)
        nl = c->end;
    *ret_line = (struct span){c->at, (size_t)(nl - c->at)};
    c->at = nl < c->end ? nl + 1 : nl;
    c->line++;
    return true;
}

static bool next_token(struct cursor *c, struct span *ret_token)
{
    const uint8_t *start;

    while (c->at < c->end && is_space(*c->at)) {
        if (*c->at++ == '\n')
            c->line++;
    }
    start = c->at;
    while (c->at < c->end && !is_space(*c->at))
        c->at++;
    *ret_token = (struct span){start, (size_t)(c->at - start)};
    return ret_token->len > 0;
}

static struct span trim_end(struct span s)
{
    while (s.len && is_space(s.data[s.len - 1]))
        s.len--;
    return s;
}

static struct span trim(struct span s)
{
    s = trim_end(s);
    while (s.len && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    return s;
}

/* Appends `s` in quotes, cut, with what is not printable escaped. */
static void show(struct span s, char *out, size_t size)
{
    size_t n = strlen(out);
    size_t shown = s.len < COMPARE_SHOWN_MAX ? s.len : COMPARE_SHOWN_MAX;

    n += (size_t)snprintf(out + n, size - n, "\"");
    for (size_t i = 0; i < shown && n + 8 < size; i++) {
        if (s.data[i] < 0x20 || s.data[i] >= 0x7f)
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", s.data[i]);
        else
            out[n++] = (char)s.data[i];
    }
    (void)snprintf(out + n, size - n, "\"%s", shown < s.len ? "..." : "");
}

static bool differ(struct compare_difference *d, int64_t line, const struct span *want,
                   const struct span *got)
{
    char shown[2][LIMIT_TEXT / 2 - 32] = {"nothing more", "nothing more"};

    for (int i = 0; i < 2; i++) {
        const struct span *s = i == 0 ? want : got;

        if (!s)
            continue;
        shown[i][0] = 0;
        show(*s, shown[i], sizeof(shown[i]));
    }
    d->line = line;
    (void)snprintf(d->detail, sizeof(d->detail), "line %lld: expected %s, got %s", (long long)line,
                   shown[0], shown[1]);
    return false;
}

static bool blank(struct cursor c)
{
    struct span token;

    return !next_token(&c, &token);
}

static bool compare_lines(struct span got, struct span want, struct compare_difference *d)
{
    struct cursor g = cursor_of(got);
    struct cursor w = cursor_of(want);
    struct span gl;
    struct span wl;

    for (;;) {
        const int64_t line = g.line;
        const bool g_ends = blank(g);
        const bool w_ends = blank(w);

        if (g_ends && w_ends)
            return true;
        (void)next_line(&g, &gl);
        (void)next_line(&w, &wl);
        if (g_ends || w_ends)
            return differ(d, line, w_ends ? NULL : &wl, g_ends ? NULL : &gl);
        if (!span_eq(trim_end(gl), trim_end(wl)))
            return differ(d, line, &wl, &gl);
    }
}

/* Byte for byte; the difference is still told by lines. */
static bool compare_bytes(struct span got, struct span want, struct compare_difference *d)
{
    struct cursor g = cursor_of(got);
    struct cursor w = cursor_of(want);
    struct span gl;
    struct span wl;
    int64_t line = 1;

    if (span_eq(got, want))
        return true;
    for (;; line++) {
        const bool g_more = next_line(&g, &gl);
        const bool w_more = next_line(&w, &wl);

        if (g_more && w_more && span_eq(gl, wl))
            continue;
        if (g_more && w_more)
            return differ(d, line, &wl, &gl);
        if (g_more || w_more)
            return differ(d, line, w_more ? &wl : NULL, g_more ? &gl : NULL);
        break;
    }
    d->line = line > 1 ? line - 1 : 1;
    (void)snprintf(d->detail, sizeof(d->detail), "line %lld: only one of them ends its last line",
                   (long long)d->line);
    return false;
}

/* A decimal number and nothing else: no hexadecimal, no infinity, no NaN. */
static bool number(struct span token, double *ret)
{
    char text[COMPARE_NUMBER_MAX + 1];
    char *end;

    if (token.len == 0 || token.len > COMPARE_NUMBER_MAX)
        return false;
    for (size_t i = 0; i < token.len; i++) {
        if (!memchr("0123456789+-.eE", token.data[i], 15))
            return false;
    }
    memcpy(text, token.data, token.len);
    text[token.len] = 0;
    *ret = strtod(text, &end);
    return *end == 0 && end != text && isfinite(*ret);
}

static bool close_enough(const struct spec_checker *checker, struct span got, struct span want)
{
    double absolute = checker->absolute;
    double relative = checker->relative;
    double g;
    double w;
    double off;

    if (!number(got, &g) || !number(want, &w))
        return false;
    if (absolute <= 0 && relative <= 0)
        absolute = relative = COMPARE_TOLERANCE;
    off = fabs(g - w);
    return off <= absolute || off <= relative * fabs(w);
}

static bool compare_tokens(const struct spec_checker *checker, struct span got, struct span want,
                           struct compare_difference *d)
{
    struct cursor g = cursor_of(got);
    struct cursor w = cursor_of(want);
    struct span gt;
    struct span wt;

    for (;;) {
        const bool g_more = next_token(&g, &gt);
        const bool w_more = next_token(&w, &wt);

        if (!g_more && !w_more)
            return true;
        if (!g_more || !w_more)
            return differ(d, g.line, w_more ? &wt : NULL, g_more ? &gt : NULL);
        if (span_eq(gt, wt))
            continue;
        if (checker->type == SPEC_CHECKER_FLOAT && close_enough(checker, gt, wt))
            continue;
        return differ(d, g.line, &wt, &gt);
    }
}

bool compare_output(const struct spec_checker *checker, struct span got, struct span want,
                    struct compare_difference *ret_difference)
{
    switch (checker->type) {
    case SPEC_CHECKER_LINES:
        return compare_lines(got, want, ret_difference);
    case SPEC_CHECKER_EXACT:
        return compare_bytes(got, want, ret_difference);
    case SPEC_CHECKER_TRIM:
        return compare_bytes(trim(got), trim(want), ret_difference);
    case SPEC_CHECKER_TOKENS:
    case SPEC_CHECKER_FLOAT:
        return compare_tokens(checker, got, want, ret_difference);
    case SPEC_CHECKER_PROGRAM:
    case SPEC_CHECKER_N:
        break;
    }
    assert(!"a checker that is compared here");
    return false;
}
