/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_PARSER_H
#define API_PARSER_H
/*
 * HTTP/1 requests out of a connection's bytes (RFC 9110, RFC 9112), strict: llhttp in strict
 * mode, and what it leaves to us: no folded header lines, exactly one Host, no bare LF in the
 * head, only "chunked" as transfer coding, caps on everything. One parser a connection; it
 * never reads a socket. api-bridge/parser.c is the only file that includes llhttp.
 *
 *     begin(req) -> feed ... MORE ... HEAD -> set the cap -> feed ... MORE ... DONE -> begin
 */
#include "api-bridge/request.h"

struct api_parser;

enum api_parse {
    API_PARSE_MORE, /* all bytes were used, and more are needed */
    API_PARSE_HEAD, /* the headers are complete: say now what is to become of the body */
    API_PARSE_DONE, /* the request is complete */
    API_PARSE_BAD,  /* see `fault`; the connection cannot go on */
};

struct api_parser *api_parser_new(void);
void api_parser_free(struct api_parser *p);

/* The next request; `req` is initialised and borrowed until DONE or BAD. */
void api_parser_begin(struct api_parser *p, struct api_request *req);
/* After HEAD: bytes the body may have, and whether they are kept in req->body. */
void api_parser_body(struct api_parser *p, uint64_t max, bool keep);
/* Uses bytes up to the next thing to report. `fault` is set with BAD. */
enum api_parse api_parser_feed(struct api_parser *p, struct span in, size_t *ret_used,
                               struct api_fault *fault);
/* True while a request has begun and its head is not complete. */
bool api_parser_in_head(const struct api_parser *p);
#endif
