/* SPDX-License-Identifier: MPL-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sandbox/world.h"

#include "tests/sandbox/tiny.h"

#include <stdio.h>

static int setup(void **state, const char *fresh)
{
    struct world *w = own_calloc(1, sizeof(*w));
    struct err err = {0};
    char dir[4096];
    const char *src = getenv("srcdir");

    (void)snprintf(dir, sizeof(dir), "%s/images/profiles", src ? src : ".");
    (void)setenv("ARENA_PROFILE_DIR", dir, 1);
    (void)setenv("SANDBOX_FRESH", fresh, 1);
    w->profiles = profile_set_load(dir, &err);
    w->client = w->profiles ? client_start("./arena-sandbox", NULL, NULL, &err) : NULL;
    if (!w->client)
        print_error("%s\n", err.text);
    *state = w;
    return w->client ? 0 : -1;
}

int world_fresh(void **state)
{
    return setup(state, "1");
}

int world_reused(void **state)
{
    return setup(state, "0");
}

int world_done(void **state)
{
    struct world *w = *state;

    client_free(w->client);
    profile_set_free(w->profiles);
    free(w);
    return 0;
}

/* Fills a step that runs this Python program. */
void world_step(struct world *w, const char *code, const char *input,
                const struct step_limits *limits, struct step *ret)
{
    const char *const names[] = {"main.py"};
    const struct profile *p = profile_find(w->profiles, "python");
    struct profile_ask ask = {.sources = names, .n_sources = 1, .limits = limits};
    struct err err = {0};

    if (!p || *profile_missing(p))
        skip();
    if (profile_step(p, "run", &ask, ret, &err) < 0)
        fail_msg("%s", err.text);
    ret->files = own_calloc(1, sizeof(*ret->files));
    ret->n_files = 1;
    (void)snprintf(ret->files[0].name, sizeof(ret->files[0].name), "main.py");
    ret->files[0].fd = client_memfd(span_of(code), NULL);
    ret->stdin_fd = input ? client_memfd(span_of(input), NULL) : -1;
}

void world_step_done(struct step *s)
{
    if (s->stdin_fd >= 0)
        (void)close(s->stdin_fd);
    s->stdin_fd = -1;
    profile_step_done(s);
}

void world_run(struct world *w, const char *code, const char *input,
               const struct step_limits *limits, struct step_outcome *ret)
{
    struct step s;
    struct err err = {0};

    world_step(w, code, input, limits, &s);
    if (client_run(w->client, &s, ret, &err) < 0)
        fail_msg("%s", err.text);
    world_step_done(&s);
}

void world_run_tiny(struct world *w, uint32_t pages, uint64_t memory, struct step_outcome *ret)
{
    const struct profile *p = profile_find(w->profiles, "c");
    struct step_limits limits = {.memory = memory};
    struct profile_ask ask = {.limits = &limits};
    struct step s;

    if (!p || profile_step(p, "run", &ask, &s, NULL) < 0)
        skip();
    s.files = own_calloc(1, sizeof(*s.files));
    s.n_files = 1;
    (void)snprintf(s.files[0].name, sizeof(s.files[0].name), "main");
    s.files[0].executable = true;
    s.files[0].fd = tiny_program(pages);
    s.stdin_fd = -1;
    assert_int_equal(client_run(w->client, &s, ret, NULL), 0);
    world_step_done(&s);
}
