/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_SANDBOX_TINY_H
#define TESTS_SANDBOX_TINY_H
/* The smallest program there is, written by hand. */
#include <stdint.h>

/* A memfd of one that touches so many pages, then ends with exit(1). With one page, what it takes
 * is within what the kernel had charged before, so its memory is what its init has seen. */
int tiny_program(uint32_t pages);
#endif
