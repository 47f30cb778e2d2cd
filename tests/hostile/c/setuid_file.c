/* Makes a set-user-id program of itself. */
#include "hostile.h"
int main(void)
{
    int in = open("main", O_RDONLY), out = open("suid", O_CREAT | O_WRONLY, 0700);
    char buf[4096];
    long n;
    struct stat st;

    while ((n = read(in, buf, sizeof(buf))) > 0)
        (void)!write(out, buf, n);
    close(out);
    (void)!chown("suid", 0, 0);
    chmod("suid", 06755);
    MUST(stat("suid", &st) < 0 || st.st_uid != 0);
    return escapes;
}
