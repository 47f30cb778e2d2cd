/* What is mounted must not tell of the machine, and must be nosuid and nodev. */
#include "hostile.h"
int main(void)
{
    char line[4096];
    FILE *f = fopen("/proc/self/mountinfo", "r");

    if (!f) {
        report(1, "mountinfo");
        return 0;
    }
    while (fgets(line, sizeof(line), f)) {
        printf("%s", line);
        if (!strstr(line, "nosuid"))
            report(0, "a mount without nosuid");
        if (!strstr(line, "nodev") && !strstr(line, " /dev"))
            report(0, "a mount without nodev");
    }
    puts("held: read");
    return escapes;
}
