/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_ACCESSLOG_H
#define API_ACCESSLOG_H
/*
 * One JSON object a line for every answer: time, id, client, tenant, method, route, path,
 * status, bytes, milliseconds, and the error's code when there was one. Never a query, a
 * header, a body, a token or code. Lines are gathered and written in one piece per flush,
 * whole lines only, so that several loops may share the file. Belongs to one loop.
 */
#include "api-bridge/exchange.h"

struct api_accesslog;

/* `fd` is borrowed and open for appending. */
struct api_accesslog *api_accesslog_new(int fd);
void api_accesslog_free(struct api_accesslog *l); /* flushes */
void api_accesslog_add(struct api_accesslog *l, const struct api_exchange *x, size_t bytes,
                       uint64_t took_us);
void api_accesslog_flush(struct api_accesslog *l);
#endif
