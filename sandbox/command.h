/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_COMMAND_H
#define SANDBOX_COMMAND_H
/* The commands of arena-sandbox. Each gets its own arguments, argv[0] its name, and returns the
 * exit status. */
#include "sandbox/profile.h"

/* Compiles, if the language is compiled, and runs one program. */
int command_run(int argc, char **argv);
/* What this machine's isolation is worth, as a table. */
int command_check(int argc, char **argv);
/* The system calls there are to allow or refuse, or those that a language may make. */
int command_calls(int argc, char **argv);
/* The hostile core: 0 when all of it was held. */
int command_selftest(int argc, char **argv);
/* The keeper; its socket is descriptor 3. */
int command_serve(int argc, char **argv);

/* ARENA_PROFILE_DIR or where they are installed. NULL after a message. */
struct profile_set *command_profiles(void);
/* The path of this program, for starting a keeper. */
const char *command_self(void);
/* Prints "arena-sandbox: ..." and returns 2. */
int command_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What SANDBOX_CPU_MITIGATIONS asks for. 0, or an exit status and a complaint. */
int command_mitigations(unsigned *ret_set);
#endif
