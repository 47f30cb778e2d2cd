/* Gives itself capabilities. */
#include "hostile.h"
#include <linux/capability.h>
int main(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};

    REFUSED(syscall(SYS_capset, &h, d));
    REFUSED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
    return escapes;
}
