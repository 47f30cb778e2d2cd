/* nsjail #283: a /proc without nosuid, nodev and noexec. */
#include "hostile.h"
#include <sys/statvfs.h>
int main(void)
{
    struct statvfs s;

    if (statvfs("/proc/self", &s) < 0) {
        report(1, "a /proc");
        return 0;
    }
    MUST(s.f_flag & ST_NOSUID);
    MUST(s.f_flag & ST_NODEV);
    MUST(s.f_flag & ST_NOEXEC);
    return escapes;
}
