/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/options.h"

#include "base/own.h"
#include "sim/invariant.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    SIM_SECONDS = 60,
    SIM_CAPACITY_SECONDS = 200,
    SIM_CAPACITY_NODES = 20,
    SIM_CAPACITY_SLOTS = 4,
    SIM_CAPACITY_LOAD = 90,
    SIM_NODES_MAX = 1024,
    SIM_WORKERS_MAX = 64,
};

static int sim_number(const char *text, uint64_t most, uint64_t *ret)
{
    char *end;
    uint64_t v;

    errno = 0;
    v = strtoull(text, &end, 0);
    if (errno || end == text || *end || v > most || text[0] == '-')
        return -EINVAL;
    *ret = v;
    return 0;
}

static int sim_u32(const char *text, uint32_t most, uint32_t *ret)
{
    uint64_t v;

    if (sim_number(text, most, &v) < 0)
        return -EINVAL;
    *ret = (uint32_t)v;
    return 0;
}

/* "0.9" -> 90. */
static int sim_percent(const char *text, uint32_t *ret)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end || !(v > 0) || v > 1000)
        return -EINVAL;
    *ret = (uint32_t)(v * 100 + 0.5);
    return 0;
}

static int sim_set_seed(struct sim_options *o, const char *text)
{
    o->one = true;
    if (sim_number(text, UINT64_MAX, &o->seed_first) < 0)
        return -EINVAL;
    o->seed_last = o->seed_first;
    return 0;
}

static int sim_set_seeds(struct sim_options *o, const char *text)
{
    char tail;

    o->one = false;
    if (sscanf(text, "%" SCNu64 "-%" SCNu64 "%c", &o->seed_first, &o->seed_last, &tail) != 2)
        return -EINVAL;
    return o->seed_last < o->seed_first ? -EINVAL : 0;
}

static int sim_set_profile(struct sim_options *o, const char *text)
{
    o->profile = sim_profile_find(text);
    return o->profile ? 0 : -EINVAL;
}

static int sim_set_seconds(struct sim_options *o, const char *text)
{
    return sim_number(text, 1000000, &o->seconds);
}

static int sim_set_ticks(struct sim_options *o, const char *text)
{
    return sim_number(text, UINT64_MAX, &o->ticks);
}

static int sim_set_nodes(struct sim_options *o, const char *text)
{
    return sim_u32(text, SIM_NODES_MAX, &o->nodes);
}

static int sim_set_workers(struct sim_options *o, const char *text)
{
    return sim_u32(text, SIM_WORKERS_MAX, &o->workers) < 0 || !o->workers ? -EINVAL : 0;
}

static int sim_set_trace(struct sim_options *o, const char *text)
{
    (void)text;
    o->trace = true;
    return 0;
}

static int sim_set_twice(struct sim_options *o, const char *text)
{
    (void)text;
    o->twice = true;
    return 0;
}

static int sim_set_report(struct sim_options *o, const char *text)
{
    o->report = text;
    return 0;
}

static int sim_set_file(struct sim_options *o, const char *text)
{
    o->seeds_file = text;
    return 0;
}

static int sim_set_expect(struct sim_options *o, const char *text)
{
    o->expect = text;
    return 0;
}

static int sim_set_capacity(struct sim_options *o, const char *text)
{
    (void)text;
    o->capacity = true;
    return 0;
}

static int sim_set_slots(struct sim_options *o, const char *text)
{
    return sim_u32(text, 1024, &o->slots) < 0 || !o->slots ? -EINVAL : 0;
}

static int sim_set_load(struct sim_options *o, const char *text)
{
    return sim_percent(text, &o->load_percent) < 0 || o->load_percent >= 100 ? -EINVAL : 0;
}

static int sim_set_ratio(struct sim_options *o, const char *text)
{
    return sim_percent(text, &o->max_ratio_percent);
}

static const struct {
    const char *name;
    const char *value; /* NULL = takes none */
    int (*set)(struct sim_options *o, const char *text);
    const char *help;
} sim_options[] = {
    {"--seed", "S", sim_set_seed, "run one seed, and say what happened"},
    {"--seeds", "A-B", sim_set_seeds, "run a range of seeds (default 1-300)"},
    {"--seeds-file", "FILE", sim_set_file,
     "run the seeds of FILE: lines of PROFILE SEED [NODES [SECONDS]] # what it once found"},
    {"--profile", "NAME", sim_set_profile, "what kind of world (default swarm), see below"},
    {"--seconds", "N", sim_set_seconds, "simulated time with faults (default 60)"},
    {"--ticks", "N", sim_set_ticks, "or so many steps of a mesh, when that comes first"},
    {"--nodes", "N", sim_set_nodes, "peers (default: from the seed)"},
    {"-j", "N", sim_set_workers, "worker processes (default: one for each processor)"},
    {"--twice", NULL, sim_set_twice,
     "run every seed twice and compare (else every 50th of a range)"},
    {"--trace", NULL, sim_set_trace, "write every event and effect to standard output (one seed)"},
    {"--report", "FILE", sim_set_report, "write a page with a timeline of the run (one seed)"},
    {"--expect", "NAME", sim_set_expect,
     "this program was built with rule NAME broken: succeed when a seed violates one of I1-I13"},
    {"--capacity", NULL, sim_set_capacity,
     "measure waiting time and traffic against an ideal central queue"},
    {"--slots", "N", sim_set_slots, "slots of a peer (capacity; default 4)"},
    {"--load", "F", sim_set_load, "share of all slots that is busy (capacity; default 0.9)"},
    {"--max-ratio", "F", sim_set_ratio,
     "fail when the mean wait is more than F times the ideal one (capacity)"},
};

static void sim_help(void)
{
    printf("usage: arena-sim [OPTION]...\n\n"
           "Runs whole meshes in virtual time, with faults, and checks that nothing is lost.\n"
           "Everything follows from the seed: the same seed is the same history.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(sim_options); i++) {
        char head[32];

        snprintf(head, sizeof(head), "%s %s", sim_options[i].name,
                 sim_options[i].value ? sim_options[i].value : "");
        printf("  %-18s %s\n", head, sim_options[i].help);
    }
    printf("  %-18s %s\n\nProfiles:\n", "--help", "this text");
    for (uint32_t i = 0; sim_profile_at(i); i++)
        printf("  %-10s %s\n", sim_profile_at(i)->name, sim_profile_at(i)->text);
    printf("\nFaults:\n");
    for (enum sim_fault f = 0; f < SIM_FAULT_N; f++)
        printf("  %-10s %s\n", sim_fault_name(f), sim_fault_text(f));
    printf("\nInvariants:\n");
    for (enum sim_invariant i = 0; i < SIM_INVARIANT_N; i++)
        printf("  %-5s %-18s %s\n", sim_invariant_id(i), sim_invariant_name(i),
               sim_invariant_text(i));
    printf(
        "\nExit status: 0 when no invariant was violated, 1 when one was, 2 for a wrong call.\n");
}

static int sim_options_one(struct sim_options *o, char **argv, int *at, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(sim_options); i++) {
        const char *value = NULL;

        if (strcmp(argv[*at], sim_options[i].name) != 0)
            continue;
        if (sim_options[i].value && !(value = argv[++*at]))
            return err_set(err, EINVAL, "%s needs a value", sim_options[i].name);
        if (sim_options[i].set(o, value) < 0)
            return err_set(err, EINVAL, "%s: \"%s\" will not do", sim_options[i].name, value);
        return 0;
    }
    return err_set(err, EINVAL, "unknown option %s (see --help)", argv[*at]);
}

int sim_options_parse(int argc, char **argv, struct sim_options *ret, struct err *err)
{
    struct sim_options o = {.profile = sim_profile_find("swarm"),
                            .seed_first = 1,
                            .seed_last = 300,
                            .slots = SIM_CAPACITY_SLOTS,
                            .load_percent = SIM_CAPACITY_LOAD};
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    o.workers = cpus > 0 && cpus < SIM_WORKERS_MAX ? (uint32_t)cpus : 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            sim_help();
            return 1;
        }
        if (sim_options_one(&o, argv, &i, err) < 0)
            return -EINVAL;
    }
    if (!o.seconds)
        o.seconds = o.capacity ? SIM_CAPACITY_SECONDS : SIM_SECONDS;
    if (o.capacity && !o.nodes)
        o.nodes = SIM_CAPACITY_NODES;
    if ((o.trace || o.report) && !o.one && !o.capacity)
        return err_set(err, EINVAL, "--trace and --report are for one --seed");
    *ret = o;
    return 0;
}
