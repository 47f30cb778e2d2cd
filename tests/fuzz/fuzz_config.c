/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A configuration file of any bytes. It is read, or refused with words that say why; what was
 * read has values in their ranges.
 */
#include "api-bridge/config.h"
#include "base/own.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_fd int fd = memfd_create("config", MFD_CLOEXEC);
    struct api_config c;
    struct err err = {0};
    char path[64];

    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (api_config_load(&c, path, &err) < 0) {
        assert(err.text[0]);
        return 0;
    }
    assert(c.n_peers > 0 && c.n_peers <= API_PEERS_MAX);
    assert(c.loops > 0 && c.loops <= API_LOOPS_MAX);
    assert(c.batch_max > 0 && c.tests_max > 0 && c.code_max > 0);
    api_config_done(&c);
    return 0;
}
