/* Memory hidden in pipe buffers, each made as large as allowed. */
#include "hostile.h"
int main(void)
{
    static char chunk[65536];
    long total = 0;
    int fds[2];

    while (pipe2(fds, O_NONBLOCK) == 0) {
        long n;

        fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
        while ((n = write(fds[1], chunk, sizeof(chunk))) > 0)
            total += n;
        if (total > 512L << 20) {
            report(0, "512 MiB in pipes");
            return 1;
        }
    }
    report(1, "pipes");
    return 0;
}
