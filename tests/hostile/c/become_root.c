/* Becomes somebody else. */
#include "hostile.h"
#include <grp.h>
int main(void)
{
    gid_t g = 0;

    REFUSED(setuid(0));
    REFUSED(setgid(0));
    REFUSED(setresuid(0, 0, 0));
    REFUSED(setgroups(1, &g));
    REFUSED(seteuid(65534 == geteuid() ? 1 : 65534));
    MUST(getuid() != 0);
    return escapes;
}
