/* Memory hidden in System V segments that outlive their maker. */
#include "hostile.h"
#include <sys/shm.h>
int main(void)
{
    for (int i = 0; i < 64; i++) {
        int id = shmget(IPC_PRIVATE, 16 << 20, IPC_CREAT | 0666);
        char *p;

        if (id < 0) {
            report(1, "shmget");
            return 0;
        }
        p = shmat(id, NULL, 0);
        if (p == (void *)-1)
            continue;
        memset(p, 1, 16 << 20);
    }
    report(0, "1 GiB of System V shared memory");
    return 1;
}
