/* Not an attack: looks for what any other program of the battery left behind. */
#include "hostile.h"
#include <dirent.h>
#include <sys/shm.h>
int main(void)
{
    static const char *const places[] = {".", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev", "/"};
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0HOSTILE-MARK"};
    int fd, found = 0;
    char *p;

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        DIR *d = opendir(places[i]);

        for (struct dirent *e; d && (e = readdir(d));)
            if (strstr(e->d_name, "HOSTILE") || strcmp(e->d_name, "hostile") == 0)
                found++, printf("DIRTY: %s/%s\n", places[i], e->d_name);
    }
    if (shmget(0x41524e41, 0, 0) >= 0)
        found++, puts("DIRTY: shared memory");
    fd = syscall(SYS_mq_open, "hostile", O_RDONLY, 0, NULL);
    if (fd >= 0)
        found++, puts("DIRTY: a message queue");
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        found++, puts("DIRTY: an abstract socket");
    p = mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p != MAP_FAILED && memmem(p, 32 << 20, "HOSTILE MARK", 12))
        found++, puts("DIRTY: memory");
    for (int pid = 3; pid < 400; pid++)
        if (pid != getpid() && kill(pid, 0) == 0)
            found++, printf("DIRTY: process %d\n", pid);
    puts(found ? "dirty" : "clean");
    return found;
}
