/* Reads what the kernel tells of the machine: keys, symbols, timers, logs. */
#include "hostile.h"
int main(void)
{
    REFUSED(show("/proc/kmsg"));
    REFUSED(show("/dev/kmsg"));
    REFUSED(show("/proc/keys"));
    REFUSED(show("/proc/key-users"));
    REFUSED(show("/proc/timer_list"));
    REFUSED(show("/proc/sched_debug"));
    REFUSED(show("/proc/kallsyms"));
    REFUSED(show("/proc/kpageflags"));
    REFUSED(show("/proc/latency_stats"));
    return escapes;
}
