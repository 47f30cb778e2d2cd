/* Keyrings are not in a namespace: isolate 2.4. */
#include "hostile.h"
int main(void)
{
    REFUSED(syscall(SYS_add_key, "user", "hostile", "x", 1, -3));
    REFUSED(syscall(SYS_add_key, "user", "hostile", "x", 1, -4));
    REFUSED(syscall(SYS_request_key, "user", "hostile", NULL, 0));
    REFUSED(syscall(SYS_keyctl, 0, -3, 1));
    REFUSED(syscall(SYS_keyctl, 1, NULL));
    return escapes;
}
