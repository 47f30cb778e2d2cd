/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_VERSION_H
#define API_VERSION_H
/*
 * Ranges of versions, in the way of npm's semver without its pre-releases:
 *
 *     3.11  3.x  *      a version that starts so, or any
 *     >=3.9 <4          all of them hold; also > <= =
 *     ^3.9  ~3.9.1      not beyond the first number that is not 0; not beyond the second
 *     3.9 || >=3.11     one of them
 *
 * A comparison looks at as many numbers as the range has: 3.11.2 is not >3.11. Pure functions.
 */

/* 1 when `version` ("3.11.2", also with other text around it) is in the range, 0 when it is
 * not, -EINVAL when the range has no such form. "" is any. */
int api_version_match(const char *range, const char *version);
#endif
