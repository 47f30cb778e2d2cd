/* SPDX-License-Identifier: MPL-2.0 */
#include "sandbox/probe_image.h"

/* PROBE_PROGRAM is the program that the makefile has just built. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "probe_image_first:\n"
        ".incbin \"" PROBE_PROGRAM "\"\n"
        "probe_image_end:\n"
        ".popsection\n");

extern const uint8_t probe_image_first[] __attribute__((visibility("hidden")));
extern const uint8_t probe_image_end[] __attribute__((visibility("hidden")));

struct span probe_image(void)
{
    return (struct span){probe_image_first, (size_t)(probe_image_end - probe_image_first)};
}
