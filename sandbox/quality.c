/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/quality.h"

#include "base/own.h"
#include "sandbox/cgfile.h"

#include <fcntl.h>
#include <stdio.h>

enum { FIELD_STEAL = 8 }; /* of the line "cpu" of /proc/stat, counted from 1 */

void quality_init(struct quality *q)
{
    const int flags = O_RDONLY | O_CLOEXEC;

    *q = (struct quality){.stat = open("/proc/stat", flags),
                          .pressure = open("/proc/pressure/cpu", flags),
                          .frequency =
                              open("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", flags)};
}

void quality_done(struct quality *q)
{
    const int all[] = {q->stat, q->pressure, q->frequency};

    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] >= 0)
            (void)close(all[i]);
}

/* The first line is "cpu user nice system idle iowait irq softirq steal ...". */
static uint64_t stolen(int fd)
{
    char text[256];
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
    char *p = text;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    for (int field = 0; p && field < FIELD_STEAL; field++) {
        p = strchr(p, ' ');
        p = p ? p + strspn(p, " ") : NULL;
    }
    return p ? strtoull(p, NULL, 10) : 0;
}

void quality_begin(struct quality *q)
{
    q->waited_us = cgfile_pressure(q->pressure);
    q->begun = true;
    q->looked = false;
}

void quality_look(struct quality *q)
{
    q->stolen_ticks = stolen(q->stat);
    q->looked = true;
}

void quality_end(struct quality *q, struct quality_figures *ret)
{
    const uint64_t ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);

    *ret = (struct quality_figures){0};
    if (!q->begun)
        return;
    q->begun = false;
    ret->pressure_us = cgfile_pressure(q->pressure) - q->waited_us;
    if (!q->looked)
        return;
    ret->steal_us = (stolen(q->stat) - q->stolen_ticks) * 1000000 / ticks_per_s;
    (void)cgfile_u64(q->frequency, &ret->cpu_khz);
}
