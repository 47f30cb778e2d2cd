/* SPDX-License-Identifier: MPL-2.0 */
/* Forks until it is stopped; what the kill benchmark kills. */
#include <unistd.h>

int main(void)
{
    for (;;)
        (void)!fork();
}
