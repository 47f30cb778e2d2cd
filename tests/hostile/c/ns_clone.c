/* The same by clone(). */
#include "hostile.h"
int main(void)
{
    static const long flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID,
                                 CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        long pid = syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
            _exit(0);
        report(pid < 0, "clone with a namespace flag");
    }
    return escapes;
}
