/* Memory hidden in socket buffers. */
#include "hostile.h"
int main(void)
{
    static char chunk[65536];
    long total = 0;
    int fds[2];

    while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0) {
        int size = 1 << 24;
        long n;

        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        while ((n = write(fds[0], chunk, sizeof(chunk))) > 0)
            total += n;
        if (total > 512L << 20) {
            report(0, "512 MiB in sockets");
            return 1;
        }
    }
    report(1, "socketpair");
    return 0;
}
