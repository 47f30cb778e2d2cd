/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_CORS_H
#define API_CORS_H
/*
 * The gate for browsers on other origins (the Fetch standard's CORS protocol). A preflight is
 * answered here, with 204; any other request from an allowed origin gets the headers that let
 * its page read the answer. Credentials (cookies) are never allowed: tokens go in a header.
 */
#include "api-bridge/exchange.h"

struct api_cors;

/* `origins`: "*", or exact origins with commas between ("https://a.example, http://b:8080");
 * "" = same origin only. Copied. */
struct api_cors *api_cors_new(const char *origins);
void api_cors_free(struct api_cors *c);
/* An api_gate; `cors` is a struct api_cors. */
bool api_cors_pass(void *cors, struct api_exchange *x);
#endif
