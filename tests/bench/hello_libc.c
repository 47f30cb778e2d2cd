/* SPDX-License-Identifier: MPL-2.0 */
/* hello.c, with a C library. */
#include <unistd.h>

int main(void)
{
    return write(1, "hello\n", 6) == 6 ? 0 : 1;
}
