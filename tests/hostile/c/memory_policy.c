/* Moves memory of others and hides its own. */
#include "hostile.h"
int main(void)
{
    REFUSED(syscall(SYS_move_pages, 1, 0, NULL, NULL, NULL, 0));
    REFUSED(syscall(SYS_migrate_pages, 1, 0, NULL, NULL));
    REFUSED(syscall(SYS_memfd_secret, 0));
    REFUSED(syscall(SYS_mbind, 0, 4096, 1, NULL, 0, 0));
    return escapes;
}
