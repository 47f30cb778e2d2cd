/* Asks for a descriptor that supervises system calls, or a filter that hides them. */
#include "hostile.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
int main(void)
{
    struct sock_filter allow[] = {{BPF_RET, 0, 0, SECCOMP_RET_ALLOW}};
    struct sock_fprog prog = {1, allow};

    REFUSED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog));
    /* A second filter that allows all changes nothing: the first one stays. */
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
    REFUSED(syscall(SYS_keyctl, 0, -3, 1));
    return escapes;
}
