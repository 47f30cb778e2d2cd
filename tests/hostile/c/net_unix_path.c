/* Sockets of the machine by name: Docker's, D-Bus', the name cache's. */
#include "hostile.h"
int main(void)
{
    static const char *const paths[] = {"/var/run/docker.sock", "/run/docker.sock",
                                        "/run/containerd/containerd.sock", "/run/nscd/socket",
                                        "/run/dbus/system_bus_socket", "/run/systemd/notify"};

    for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", paths[i]);
        errno = errno ? errno : EPERM;
        report(fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0, paths[i]);
    }
    return escapes;
}
