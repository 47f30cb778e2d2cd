/* Raises its own limits. */
#include "hostile.h"
int main(void)
{
    static const int which[] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_CORE};

    for (unsigned i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        struct rlimit l;

        getrlimit(which[i], &l);
        if (l.rlim_max == RLIM_INFINITY)
            continue;
        l.rlim_cur = l.rlim_max = l.rlim_max + 1;
        errno = 0;
        report(setrlimit(which[i], &l) < 0, "a raised limit");
    }
    struct rlimit core;
    getrlimit(RLIMIT_CORE, &core);
    MUST(core.rlim_cur <= 1);
    return escapes;
}
