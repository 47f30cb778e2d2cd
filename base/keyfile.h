/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_KEYFILE_H
#define BASE_KEYFILE_H
/* The file of the cluster's secret key (ARENA_KEY_FILE), as both daemons read it. */
#include "base/err.h"

enum { KEYFILE_LEN = 40 }; /* characters of Z85 */

/* The file holds one line with the key and nothing else, and others may not read it (-EPERM).
 * Whether the characters are a key is for the caller's library to say. */
int keyfile_read(const char *path, char ret_key[KEYFILE_LEN + 1], struct err *err);
#endif
