/* Talks to hardware. */
#include "hostile.h"
#include <sys/io.h>
int main(void)
{
    REFUSED(iopl(3));
    REFUSED(ioperm(0x80, 1, 1));
    REFUSED(syscall(SYS_modify_ldt, 1, NULL, 0));
    return escapes;
}
