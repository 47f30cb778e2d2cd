/* Jobe #39, Judge0 #550: arguments that a shell would run. They must arrive as they were sent. */
#include "hostile.h"
int main(int argc, char **argv)
{
    for (int i = 5; i < argc; i++)
        printf("[%s]", argv[i]);
    putchar('\n');
    return 0;
}
