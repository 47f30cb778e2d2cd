/* Talks to the hypervisor: vsock is in no network namespace (isolate 2.4). */
#include "hostile.h"
#include <linux/vm_sockets.h>
int main(void)
{
    struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = 22};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

    errno = errno ? errno : EPERM;
    report(fd < 0, "a vsock socket");
    if (fd >= 0)
        REFUSED(connect(fd, (struct sockaddr *)&a, sizeof(a)));
    return escapes;
}
