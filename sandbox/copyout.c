/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/copyout.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

int copyout(int fd, uint64_t max)
{
    struct stat st;
    off_t at = 0;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size < 0)
        return -EINVAL;
    if ((uint64_t)st.st_size > max)
        return -EFBIG;
    auto_fd int to = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (to < 0)
        return -errno;
    while (at < st.st_size) {
        ssize_t n = sendfile(to, fd, &at, (size_t)(st.st_size - at));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
    }
    if (fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return -errno;
    return own_fd_steal(&to);
}
