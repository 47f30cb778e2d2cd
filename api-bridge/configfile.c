/* SPDX-License-Identifier: MPL-2.0 */
#include <czmq.h>

#include "api-bridge/configfile.h"
#include "base/own.h"

#include <errno.h>

int api_configfile_read(const char *path, struct config *into, struct err *err)
{
    zconfig_t *root;
    int r = 0;

    zsys_handler_set(NULL); /* signals are the program's own */
    root = zconfig_load(path);
    if (!root)
        return err_set(err, ENOENT, "%s: cannot be read", path);
    for (zconfig_t *e = zconfig_child(root); e && r == 0; e = zconfig_next(e)) {
        r = config_set_file(into, zconfig_name(e), zconfig_value(e), err);
        if (r < 0)
            r = err_wrap(err, "%s", path);
    }
    zconfig_destroy(&root);
    return r;
}
