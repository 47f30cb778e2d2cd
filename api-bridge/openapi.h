/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H
/*
 * The OpenAPI 3.1 document of the REST API, api-bridge/openapi.json, which is part of the
 * program. A test holds it against the route table: what one has, the other has.
 */
#include "base/buf.h"

/* Lives as long as the program. */
struct span api_openapi_document(void);
#endif
