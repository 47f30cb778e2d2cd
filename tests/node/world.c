/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/node/world.h"

#include "base/own.h"

#include <signal.h>
#include <stdio.h>

struct world world;
static uint32_t wanted;
static bool late;

static void on_late(void *ctx)
{
    (void)ctx;
    late = true;
    loop_stop(world.loop);
}

bool world_turn(uint64_t ms)
{
    struct loop_timer *t = loop_timer_new(world.loop, on_late, NULL);

    late = false;
    loop_timer_set(t, ms);
    loop_run(world.loop);
    loop_timer_free(t);
    return !late;
}

bool world_has(const char *language)
{
    const struct profile *p = profile_find(world.profiles, language);

    return p && !profile_missing(p)[0];
}

struct spec world_spec(struct spec_file *file, const char *language, const char *code)
{
    struct spec s = {.n_files = 1, .files = file};

    *file = (struct spec_file){.content = span_of(code)};
    (void)snprintf(file->name, sizeof(file->name), "main.%s",
                   strcmp(language, "c") == 0 ? "c" : "py");
    (void)snprintf(s.head.language, sizeof(s.head.language), "%s", language);
    s.head.attempts_max = 1;
    return s;
}

void world_stepped(void *ctx, const char *language, const char *phase, const struct step_outcome *o)
{
    (void)ctx;
    (void)language;
    (void)phase;
    (void)o;
}

static void on_slots(void *ctx)
{
    (void)ctx;
    if (world.runs)
        runs_wake(world.runs);
    else if (world.slots && slots_ready(world.slots) == wanted)
        loop_stop(world.loop);
}

int world_new(uint32_t n_slots, const struct runs_hooks *hooks)
{
    const char *sandbox = getenv("ARENA_SANDBOX");
    const char *folder = getenv("ARENA_PROFILE_DIR");
    struct slots_config slots = {.n = n_slots, .changed = on_slots};
    struct runs_config runs = {.node = "me"};
    struct err err = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    slots.sandbox = sandbox ? sandbox : "./arena-sandbox";
    slots.profile_dir = folder ? folder : TEST_PROFILE_DIR;
    world.profiles = profile_set_load(slots.profile_dir, &err);
    if (!world.profiles || !world_has("python") || access(slots.sandbox, X_OK) != 0) {
        (void)fprintf(stderr, "skipped: %s\n",
                      world.profiles ? "no python or no arena-sandbox" : err.text);
        return WORLD_SKIPPED;
    }
    wanted = n_slots;
    slots.loop = runs.loop = world.loop = loop_new();
    runs.slots = world.slots = slots_new(&slots);
    if (!world_turn(WORLD_READY_MS)) {
        (void)fprintf(stderr, "no keeper got ready: %s\n", slots_trouble(world.slots));
        return 1;
    }
    runs.profiles = world.profiles;
    world.runs = runs_new(&runs, hooks);
    runs_open(world.runs);
    return 0;
}

void world_free(void)
{
    runs_free(world.runs);
    slots_free(world.slots);
    loop_free(world.loop);
    profile_set_free(world.profiles);
    world = (struct world){0};
}
