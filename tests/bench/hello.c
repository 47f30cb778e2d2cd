/* SPDX-License-Identifier: MPL-2.0 */
/* The static program that the launch benchmarks start. */
#include <unistd.h>

int main(void)
{
    return write(1, "hello\n", 6) == 6 ? 0 : 1;
}
