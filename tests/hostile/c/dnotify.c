/* Asks to be told when others read the files it shares with them. */
#include "hostile.h"
int main(void)
{
    int dir = open("/", O_RDONLY | O_DIRECTORY), file = open("main", O_RDONLY);

    REFUSED(fcntl(dir, F_NOTIFY, DN_ACCESS | DN_MULTISHOT));
    /* The kernel looks at 32 bits of the command; a filter that looks at 64 is passed by this. */
    REFUSED(syscall(SYS_fcntl, (long)dir, 0x100000000L | F_NOTIFY, (long)DN_ACCESS));
    REFUSED(fcntl(file, F_SETLEASE, F_RDLCK));
    return escapes;
}
