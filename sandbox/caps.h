/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_CAPS_H
#define SANDBOX_CAPS_H
/* Capabilities, all of them or none. Safe after vfork(): system calls only. */

/* Empties the bounding set: what this process execs, and all its children, cannot gain any. */
void caps_bound(void);
/* Drops the ambient, inheritable, permitted and effective sets, and sets no_new_privs, so that no
 * exec gives any back. 0 or a negative errno. */
int caps_drop(void);
#endif
