/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/caps.h"

#include "base/own.h"
#include "sandbox/mutant.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

void caps_bound(void)
{
    /* EPERM: this process may not change its bounding set; no_new_privs makes up for that.
     * EINVAL: past the last capability of this kernel. */
    for (int cap = 0; !MUTANT(kept_capabilities) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0;
         cap++)
        continue;
}

int caps_drop(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2];

    memset(none, 0, sizeof(none));
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (!MUTANT(kept_capabilities) && syscall(SYS_capset, &head, none) < 0)
        return -errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
