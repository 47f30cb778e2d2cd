/* Turns the machine off, its swap, accounting, quotas, log and clock. */
#include "hostile.h"
#include <sys/timex.h>
int main(void)
{
    struct timespec ts = {1, 0};
    struct timeval tv = {1, 0};
    struct timex tx = {.modes = ADJ_OFFSET};

    REFUSED(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL));
    REFUSED(syscall(SYS_swapon, "main", 0));
    REFUSED(syscall(SYS_swapoff, "main"));
    REFUSED(syscall(SYS_acct, "main"));
    REFUSED(syscall(SYS_quotactl, 0, "/", 0, NULL));
    REFUSED(syscall(SYS_syslog, 3, NULL, 0));
    REFUSED(clock_settime(CLOCK_REALTIME, &ts));
    REFUSED(settimeofday(&tv, NULL));
    REFUSED(adjtimex(&tx));
    REFUSED(syscall(SYS_vhangup));
    return escapes;
}
