/* Types into the terminal of whoever started it. */
#include "hostile.h"
#include <linux/tiocl.h>
int main(void)
{
    char c = '\n', paste[2] = {TIOCL_PASTESEL, 0};

    REFUSED(ioctl(0, TIOCSTI, &c));
    REFUSED(ioctl(1, TIOCSTI, &c));
    REFUSED(ioctl(0, TIOCLINUX, paste));
    REFUSED(ioctl(0, TIOCSCTTY, 1));
    REFUSED(open("/dev/tty", O_RDWR));
    REFUSED(open("/dev/console", O_RDWR));
    REFUSED(open("/dev/ptmx", O_RDWR));
    return escapes;
}
