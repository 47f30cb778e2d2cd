/* Directories nobody may enter or empty, left for whoever cleans up. */
#include "hostile.h"
int main(void)
{
    mkdir("a", 0700);
    mkdir("a/b", 0700);
    close(open("a/b/c", O_CREAT | O_WRONLY, 0));
    chmod("a/b", 0);
    chmod("a", 0);
    chmod(".", 0);
    puts("held: locked");
    return 0;
}
