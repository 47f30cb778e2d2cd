/* Who it is: not root, no capabilities, no groups, no new privileges, filtered. */
#include "hostile.h"
#include <grp.h>
#include <linux/capability.h>
int main(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2];
    gid_t groups[64];

    memset(d, 0xff, sizeof(d));
    if (syscall(SYS_capget, &h, d) == 0) {
        MUST(d[0].effective == 0 && d[1].effective == 0);
        MUST(d[0].permitted == 0 && d[1].permitted == 0);
        MUST(d[0].inheritable == 0 && d[1].inheritable == 0);
    }
    MUST(getuid() != 0 && geteuid() != 0);
    MUST(getgid() != 0 && getegid() != 0);
    MUST(getgroups(64, groups) <= 1);
    MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    return escapes;
}
