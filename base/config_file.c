/* SPDX-License-Identifier: MPL-2.0 */
/* Apart from base/config.c, so that only a program that reads a file links czmq. */
#include <czmq.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/limits.h"

#include <errno.h>

int config_load(struct config *c, const char *path, struct err *err)
{
    auto_buf struct buf text;
    zconfig_t *root;
    int rc;

    zsys_handler_set(NULL); /* signals are the program's own */
    buf_init(&text, LIMIT_MIB);
    rc = buf_load(&text, path, err);
    if (rc < 0)
        return rc;
    (void)buf_putc(&text, '\0');
    /* Not zconfig_load(): it leaks what it opened when the text is bad. */
    root = zconfig_str_load((const char *)text.data);
    if (!root)
        return err_set(err, EINVAL, "%s: not a zconfig file (NAME = VALUE)", path);
    for (zconfig_t *item = zconfig_child(root); item && rc == 0; item = zconfig_next(item)) {
        rc = config_set_file(c, zconfig_name(item), zconfig_value(item), err);
        if (rc < 0)
            rc = err_wrap(err, "%s", path);
    }
    zconfig_destroy(&root);
    return rc;
}
