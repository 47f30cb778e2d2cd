/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
/*
 * Functions that cannot be used safely, or that start a shell. base/own.h includes this, so
 * every file of the project sees it; a use is a compile error. The headers that declare them
 * come first; a third-party header that uses one is included before the project's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strncpy strncat gets strtok system popen tmpnam  \
    mktemp atoi atol atoll rand srand
#endif
