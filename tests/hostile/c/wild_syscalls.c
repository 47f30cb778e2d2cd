/* Every system call number there is, with nonsense: the keeper and the machine must not care. */
#include "hostile.h"
int main(void)
{
    signal(SIGSYS, SIG_IGN);
    for (long nr = 300; nr < 1024; nr++) {
        pid_t pid = fork();

        if (pid == 0) {
            syscall(nr, -1L, -1L, -1L, -1L, -1L, -1L);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    puts("held: all numbers tried");
    return 0;
}
