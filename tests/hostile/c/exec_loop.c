/* Executes itself for ever: each exec starts with a clean slate that must not reset a limit. */
#include "hostile.h"
int main(int argc, char **argv)
{
    (void)argc;
    execv("/proc/self/exe", argv);
    execv("main", argv);
    perror("exec");
    return 1;
}
