/* SPDX-License-Identifier: MPL-2.0 */
#include "base/keyfile.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int keyfile_read(const char *path, char ret_key[KEYFILE_LEN + 1], struct err *err)
{
    char text[KEYFILE_LEN + 8];
    struct stat st;
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, "ARENA_KEY_FILE: open %s", path);
    if (st.st_mode & S_IRWXO)
        return err_set(err, EPERM, "ARENA_KEY_FILE: %s can be read by everybody", path);
    len = read(fd, text, sizeof(text));
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len == KEYFILE_LEN) {
        memcpy(ret_key, text, KEYFILE_LEN);
        ret_key[KEYFILE_LEN] = '\0';
    }
    explicit_bzero(text, sizeof(text));
    return len == KEYFILE_LEN
               ? 0
               : err_set(err, EINVAL, "ARENA_KEY_FILE: %s does not hold a key of %d characters",
                         path, KEYFILE_LEN);
}
