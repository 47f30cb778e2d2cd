/* SPDX-License-Identifier: MPL-2.0 */
#ifndef SANDBOX_PROBE_IMAGE_H
#define SANDBOX_PROBE_IMAGE_H
/* The bytes of sandbox/probe.c as a static program. */
#include "base/buf.h"

struct span probe_image(void);
#endif
