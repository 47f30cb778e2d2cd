/* Kills every process it can see. The keeper must live to report it. */
#include "hostile.h"
int main(int argc, char **argv)
{
    kill(getppid(), SIGKILL);
    kill(1, SIGKILL);
    if (argc > 4)
        kill(atoi(argv[4]), SIGKILL);
    for (int pid = 2; pid < 40000; pid++)
        if (pid != getpid())
            kill(pid, SIGKILL);
    kill(-1, SIGKILL);
    puts("held: still here");
    return 0;
}
