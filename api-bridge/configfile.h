/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CONFIGFILE_H
#define API_CONFIGFILE_H
/*
 * The settings file, in czmq's zconfig format: one NAME = VALUE a line at the top level.
 * api-bridge/configfile.c is the only file of the bridge that includes czmq.
 */
#include "base/config.h"

/* Sets every entry; an unknown name or a bad value is an error that names it. */
int api_configfile_read(const char *path, struct config *into, struct err *err);
#endif
