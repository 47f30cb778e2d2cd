/* Leaves shared memory, semaphores and queues for the next program. */
#include "hostile.h"
#include <mqueue.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
int main(void)
{
    int id = shmget(0x41524e41, 4096, IPC_CREAT | 0666);

    if (id >= 0) {
        char *p = shmat(id, NULL, 0);

        if (p != (void *)-1)
            strcpy(p, "HOSTILE MARK");
    }
    semget(0x41524e41, 1, IPC_CREAT | 0666);
    msgget(0x41524e41, IPC_CREAT | 0666);
    syscall(SYS_mq_open, "hostile", O_CREAT | O_RDWR, 0666, NULL);
    puts("held: left what it could");
    return 0;
}
