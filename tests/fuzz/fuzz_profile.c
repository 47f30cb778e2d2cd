/* SPDX-License-Identifier: MPL-2.0 */
/* Any bytes as a language profile: read or refused with a reason; what was read makes steps. */
#include "base/own.h"
#include "sandbox/profile_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void steps(const struct profile *p)
{
    static const char *const phases[] = {"compile", "run", "version", ""};
    const char *sources[] = {"-a.c", "b.py", "Main.java"};
    const struct span args[] = {span_of("x"), {NULL, 0}};
    const struct profile_ask ask = {sources, ARRAY_LEN(sources), args, ARRAY_LEN(args), NULL};

    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        struct step step;
        struct err err = {0};
        int r = profile_step(p, phases[i], &ask, &step, &err);

        if (r == 0)
            profile_step_done(&step);
        else if (!*err.text)
            abort();
        (void)profile_binds(p, phases[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    auto_free char *text = own_memdup(data, size);
    struct profile *p = profile_parse("fuzz.json", text, size, &err);
    char version[32];

    if (!p && !*err.text)
        abort();
    if (!p)
        return 0;
    steps(p);
    (void)profile_version(p, (struct span){data, size}, version, sizeof(version));
    profile_free(p);
    return 0;
}
