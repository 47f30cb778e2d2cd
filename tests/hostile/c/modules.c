/* Loads code into the kernel, or another kernel. */
#include "hostile.h"
int main(void)
{
    REFUSED(syscall(SYS_init_module, "x", 1, ""));
    REFUSED(syscall(SYS_finit_module, 0, "", 0));
    REFUSED(syscall(SYS_delete_module, "x", 0));
    REFUSED(syscall(SYS_kexec_load, 0, 0, NULL, 0));
    REFUSED(syscall(SYS_kexec_file_load, 0, 0, 0, "", 0));
    return escapes;
}
