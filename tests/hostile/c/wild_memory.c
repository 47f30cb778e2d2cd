/* System calls with wild pointers. */
#include "hostile.h"
int main(void)
{
    static const long calls[] = {SYS_read, SYS_write, SYS_openat, SYS_newfstatat, SYS_mmap,
                                 SYS_mprotect, SYS_munmap, SYS_rt_sigaction, SYS_readv, SYS_writev,
                                 SYS_mremap, SYS_madvise, SYS_futex, SYS_getdents64, SYS_sendmsg,
                                 SYS_epoll_ctl, SYS_prctl, SYS_clone, SYS_wait4, SYS_nanosleep};
    unsigned seed = 1;

    for (int i = 0; i < 2000; i++) {
        pid_t pid = fork();

        seed = seed * 1103515245 + 12345;
        if (pid == 0) {
            alarm(1);
            for (int k = 0; k < 50; k++) {
                seed = seed * 1103515245 + 12345;
                syscall(calls[seed / 7 % (sizeof(calls) / sizeof(*calls))], (long)(seed % 5),
                        (long)(seed << 16), (long)seed << 33, (long)seed, -1L, 0L);
            }
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    puts("held: wild");
    return 0;
}
