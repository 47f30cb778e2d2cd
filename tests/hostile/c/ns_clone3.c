/* The same by clone3(), whose flags a filter cannot see. */
#include "hostile.h"
#include <linux/sched.h>
int main(void)
{
    struct clone_args a = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &a, sizeof(a));

    if (pid == 0)
        _exit(0);
    report(pid < 0, "clone3 with a namespace flag");
    return escapes;
}
