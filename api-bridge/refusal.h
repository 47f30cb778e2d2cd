/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_REFUSAL_H
#define API_REFUSAL_H
/* What a peer's refusal is in HTTP. Pure. */
#include "api-bridge/http.h"
#include "mesh/message.h"

/* `m` is a REFUSED. True when another peer may well take the request. */
bool api_refusal_read(const struct message *m, struct api_fault *ret_fault);
/* Whether an answer that is no refusal is one to this question. */
bool api_refusal_fits(enum message_type question, enum message_type answer);
#endif
