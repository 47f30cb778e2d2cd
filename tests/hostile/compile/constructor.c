/* DMOJ #318: the compiler must not run what it compiles. */
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void early(void)
{
    FILE *f = fopen("/tmp/arena-hostile-compiled", "w");

    if (f)
        fclose(f);
}
int main(void)
{
    puts("held: ran only when run");
    return 0;
}
