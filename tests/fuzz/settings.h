/* SPDX-License-Identifier: MPL-2.0 */
#ifndef TESTS_FUZZ_SETTINGS_H
#define TESTS_FUZZ_SETTINGS_H
/* A bridge's settings, for the targets that read jobs. */
#include "api-bridge/config.h"

static const struct api_config fuzz_settings = {
    .header_ms = 10000,
    .write_ms = 30000,
    .heartbeat_ms = 15000,
    .streams_max = 10,
    .body_max = {[API_BODY_SUBMIT] = 64 * LIMIT_KIB},
    .code_max = 65536,
    .tests_max = 100,
    .webhook = {.secret = "s"},
    .ceiling = {.cpu_ms = 60000,
                .wall_ms = 60000,
                .memory = 1 << 30,
                .output = 1 << 20,
                .processes = 100,
                .compile_ms = 60000,
                .compile_memory = 1 << 30,
                .stack = 1 << 30,
                .file_size = 1 << 30},
};
#endif
