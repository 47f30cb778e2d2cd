/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#define PTMX STEP_WORK_DIR "/ptmx"

/* TIOCGPTPEER opens the other end without its name, so the mount need not stay. */
static int open_ends(const struct step *step, int ret_ends[2], struct err *err)
{
    const struct winsize size = {.ws_row = step->tty_rows, .ws_col = step->tty_columns};
    const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
    int unlock = 0;
    auto_fd int outer = open(PTMX, flags);

    if (outer < 0)
        return err_errno(err, "ptmx");
    if (ioctl(outer, TIOCSPTLCK, &unlock) < 0)
        return err_errno(err, "TIOCSPTLCK");
    auto_fd int inner = ioctl(outer, TIOCGPTPEER, flags);
    if (inner < 0)
        return err_errno(err, "TIOCGPTPEER");
    if (ioctl(outer, TIOCSWINSZ, &size) < 0)
        return err_errno(err, "TIOCSWINSZ");
    ret_ends[0] = own_fd_steal(&outer);
    ret_ends[1] = own_fd_steal(&inner);
    return 0;
}

int terminal_open(const struct step *step, int ret_ends[2], struct err *err)
{
    if (mount("devpts", STEP_WORK_DIR, "devpts", MS_NOSUID | MS_NOEXEC,
              "newinstance,ptmxmode=0600,mode=0600,max=1") < 0)
        return err_errno(err, "mount devpts");
    int r = open_ends(step, ret_ends, err);
    if (umount2(STEP_WORK_DIR, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return r;
    if (r == 0) {
        (void)close(ret_ends[0]);
        (void)close(ret_ends[1]);
    }
    return err_errno(err, "umount devpts");
}

int terminal_control(int fd)
{
    return ioctl(fd, TIOCSCTTY, 0) < 0 ? -errno : 0;
}
