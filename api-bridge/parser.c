/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: the head is collected, line by line, into one piece of memory, and given to
 * llhttp whole, so that every name and value is one span and a folded line is seen before
 * llhttp joins it. The body goes through llhttp as it comes.
 *
 *     HEAD --(empty line)--> BODY --(message complete)--> DONE
 *       \-- bare LF, fold, cap --> BAD <-- llhttp error, cap --/
 */
#include "api-bridge/parser.h"

#include "base/own.h"

#include <errno.h>
#include <llhttp.h>
#include <strings.h>

_Static_assert(LLHTTP_VERSION_MAJOR == 8, "strict mode is another switch in other versions");

enum {
    PARSER_TARGET_MAX = 8 * LIMIT_KIB,
    PARSER_FRAMING_MAX = 64 * LIMIT_KIB, /* of chunk sizes, extensions and trailers */
    PARSER_FRAMING_PER_BYTE = 8,
};

enum parser_phase { PARSER_HEAD, PARSER_BODY, PARSER_DONE, PARSER_BAD };

struct api_parser {
    llhttp_t ll;
    enum parser_phase phase;
    struct api_request *req;
    struct api_fault *fault; /* during a call */
    size_t line_at;          /* where the line being read starts in req->head */
    uint64_t body_max;
    uint64_t body_len;
    uint64_t raw_len; /* of the body with its framing */
    bool body_keep;
    bool head_parsed;
    bool complete;
};

static struct api_parser *owner(llhttp_t *ll)
{
    return (struct api_parser *)(void *)ll;
}

static int refuse(struct api_parser *p, enum api_fault_code code, const char *text)
{
    p->phase = PARSER_BAD;
    api_fault_set(p->fault, code, "%s", text);
    return -1;
}

static int on_url(llhttp_t *ll, const char *at, size_t len)
{
    owner(ll)->req->target = (struct span){(const uint8_t *)at, len};
    return 0;
}

static int on_header_field(llhttp_t *ll, const char *at, size_t len)
{
    struct api_parser *p = owner(ll);
    struct api_request *r = p->req;

    if (p->head_parsed)
        return 0; /* trailers are dropped */
    if (r->n_headers == API_HEADERS_MAX)
        return refuse(p, API_FAULT_HEADERS_TOO_LARGE, "the request has too many headers");
    if (r->n_headers == r->cap_headers) {
        r->cap_headers += API_HEADERS_STEP;
        r->headers = own_realloc(r->headers, r->cap_headers * sizeof(*r->headers));
    }
    r->headers[r->n_headers++] = (struct api_header){.name = {(const uint8_t *)at, len}};
    return 0;
}

static int on_header_value(llhttp_t *ll, const char *at, size_t len)
{
    struct api_parser *p = owner(ll);

    if (p->head_parsed || p->req->n_headers == 0)
        return 0;
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
        len--;
    p->req->headers[p->req->n_headers - 1].value = (struct span){(const uint8_t *)at, len};
    return 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t len)
{
    struct api_parser *p = owner(ll);

    p->body_len += len;
    if (p->body_len > p->body_max)
        return refuse(p, API_FAULT_TOO_LARGE, "the body is larger than allowed");
    if (p->body_keep && buf_put(&p->req->body, at, len) < 0)
        return refuse(p, API_FAULT_TOO_LARGE, "the body is larger than allowed");
    return 0;
}

static int on_message_complete(llhttp_t *ll)
{
    owner(ll)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct api_parser *api_parser_new(void)
{
    _Static_assert(offsetof(struct api_parser, ll) == 0, "owner() depends on it");
    return own_calloc(1, sizeof(struct api_parser));
}

void api_parser_free(struct api_parser *p)
{
    free(p);
}

void api_parser_begin(struct api_parser *p, struct api_request *req)
{
    *p = (struct api_parser){.req = req};
    llhttp_init(&p->ll, HTTP_REQUEST, &settings);
}

void api_parser_body(struct api_parser *p, uint64_t max, bool keep)
{
    p->body_max = max;
    p->body_keep = keep;
    if (!keep)
        return;
    p->req->body.max = (size_t)max;
    if (p->req->has_length && p->req->length <= max)
        (void)buf_reserve(&p->req->body, (size_t)p->req->length);
}

bool api_parser_in_head(const struct api_parser *p)
{
    return p->phase == PARSER_HEAD && p->req && p->req->head.len > 0;
}

/* Where the path starts in the target: absolute-form (RFC 9112 section 3.2.2) is accepted. */
static struct span origin_form(struct span target)
{
    const char *t = (const char *)target.data;
    size_t skip = 0;

    if (target.len > 7 && strncasecmp(t, "http://", 7) == 0)
        skip = 7;
    else if (target.len > 8 && strncasecmp(t, "https://", 8) == 0)
        skip = 8;
    if (skip == 0)
        return target;
    while (skip < target.len && t[skip] != '/' && t[skip] != '?')
        skip++;
    return (struct span){target.data + skip, target.len - skip};
}

/* "." and ".." could only be meant for a file system. */
static bool has_dot_segment(const char *path)
{
    for (const char *p = path; *p; p += strcspn(p, "/")) {
        while (*p == '/')
            p++;
        size_t len = strcspn(p, "/");

        if ((len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
            return true;
        if (len == 0)
            break;
    }
    return false;
}

/* One that is escaped is no separator, and no name here has one. */
static bool has_escaped_slash(struct span path)
{
    for (size_t i = 0; i + 2 < path.len; i++) {
        if (path.data[i] == '%' && path.data[i + 1] == '2' && (path.data[i + 2] | 0x20) == 'f')
            return true;
    }
    return false;
}

static int read_target(struct api_parser *p)
{
    struct api_request *r = p->req;
    struct span t = origin_form(r->target);
    const uint8_t *mark = t.len ? memchr(t.data, '?', t.len) : NULL;
    struct span path = {t.data, mark ? (size_t)(mark - t.data) : t.len};
    struct span query = {mark ? mark + 1 : t.data, mark ? t.len - path.len - 1 : 0};
    char decoded[API_PATH_MAX];
    int len;

    if (r->target.len > PARSER_TARGET_MAX || path.len >= sizeof(decoded))
        return refuse(p, API_FAULT_URI_TOO_LONG, "the request target is longer than allowed");
    len = api_request_unescape(path, false, decoded, sizeof(decoded));
    if (len < 0 || memchr(t.data, '#', t.len) || has_escaped_slash(path) ||
        has_dot_segment(decoded) || (decoded[0] != '/' && strcmp(decoded, "*") != 0))
        return refuse(p, API_FAULT_BAD_REQUEST, "the request target is not a valid path");
    r->path = own_realloc(NULL, (size_t)len + query.len + 2);
    memcpy(r->path, decoded, (size_t)len + 1);
    memcpy(r->path + len + 1, query.data, query.len);
    r->path[(size_t)len + 1 + query.len] = '\0';
    r->query = r->path + len + 1;
    return 0;
}

static bool host_ok(struct span host)
{
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] <= ' ' || host.data[i] >= 0x7f || strchr("/\\@?#,\"<>", host.data[i]))
            return false;
    }
    return true;
}

static bool value_is(struct span v, const char *want)
{
    return v.len == strlen(want) && strncasecmp((const char *)v.data, want, v.len) == 0;
}

static int check_framing(struct api_parser *p)
{
    struct api_request *r = p->req;
    struct span coding = api_request_header(r, "transfer-encoding");
    struct span expect = api_request_header(r, "expect");

    if (coding.data && (r->minor == 0 || r->has_length))
        return refuse(p, API_FAULT_BAD_REQUEST, "Transfer-Encoding does not fit here");
    if (coding.data &&
        (!value_is(coding, "chunked") || api_request_headers(r, "transfer-encoding") != 1))
        return refuse(p, API_FAULT_NOT_IMPLEMENTED, "only the chunked transfer coding is known");
    r->chunked = coding.data != NULL;
    if (expect.data && !value_is(expect, "100-continue"))
        return refuse(p, API_FAULT_EXPECTATION, "only 100-continue can be expected");
    r->expects_continue = expect.data && r->minor == 1;
    return 0;
}

static int check_head(struct api_parser *p)
{
    struct api_request *r = p->req;
    const char *method = llhttp_method_name((llhttp_method_t)p->ll.method);
    unsigned hosts = api_request_headers(r, "host");

    if (p->ll.http_major != 1 || p->ll.http_minor > 1)
        return refuse(p, API_FAULT_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken");
    r->minor = p->ll.http_minor;
    if (hosts > 1 || (hosts == 0 && r->minor == 1) || !host_ok(api_request_header(r, "host")))
        return refuse(p, API_FAULT_BAD_REQUEST, "exactly one valid Host header is needed");
    r->method = API_METHOD_N;
    for (enum api_method m = 0; m < API_METHOD_N; m++) {
        if (strcmp(method, api_method_name(m)) == 0)
            r->method = m;
    }
    if (r->method == API_METHOD_N)
        return refuse(p, API_FAULT_NOT_IMPLEMENTED, "the server does not know this method");
    r->keep_alive = llhttp_should_keep_alive(&p->ll);
    r->upgrade = p->ll.upgrade;
    r->has_length = (p->ll.flags & F_CONTENT_LENGTH) != 0;
    r->length = r->has_length && !p->complete ? p->ll.content_length : 0;
    if (check_framing(p) < 0)
        return -1;
    return read_target(p);
}

static enum api_parse llhttp_trouble(struct api_parser *p, llhttp_errno_t e)
{
    char text[128];

    if (e == HPE_INVALID_VERSION || e == HPE_PAUSED_H2_UPGRADE)
        (void)refuse(p, API_FAULT_HTTP_VERSION, "only HTTP/1.0 and HTTP/1.1 are spoken");
    else if (e == HPE_INVALID_METHOD)
        (void)refuse(p, API_FAULT_NOT_IMPLEMENTED, "the server does not know this method");
    (void)snprintf(text, sizeof(text), "the request is not valid HTTP: %s",
                   llhttp_get_error_reason(&p->ll));
    (void)refuse(p, API_FAULT_BAD_REQUEST, text);
    return API_PARSE_BAD;
}

static enum api_parse parse_head(struct api_parser *p)
{
    struct api_request *r = p->req;
    llhttp_errno_t e = llhttp_execute(&p->ll, (const char *)r->head.data, r->head.len);

    if (e != HPE_OK && e != HPE_PAUSED && e != HPE_PAUSED_UPGRADE)
        return llhttp_trouble(p, e);
    p->head_parsed = true;
    if (check_head(p) < 0)
        return API_PARSE_BAD;
    p->phase = PARSER_BODY;
    return API_PARSE_HEAD;
}

/* A whole line lies in the head now. -1 bad, 0 go on, 1 it was the empty one. */
static int check_line(struct api_parser *p)
{
    struct buf *head = &p->req->head;
    const uint8_t *line = head->data + p->line_at;
    size_t len = head->len - p->line_at;

    if (len < 2 || line[len - 2] != '\r')
        return refuse(p, API_FAULT_BAD_REQUEST, "a line ends without CR");
    if (len == 2 && p->line_at == 0) {
        head->len = 0; /* an empty line before a request (RFC 9112 section 2.2) */
        return 0;
    }
    if (p->line_at > 0 && (line[0] == ' ' || line[0] == '\t'))
        return refuse(p, API_FAULT_BAD_REQUEST, "a header line is folded");
    if (p->line_at > 0 && line[0] == ':')
        return refuse(p, API_FAULT_BAD_REQUEST, "a header has no name");
    p->line_at = head->len;
    return len == 2;
}

/* A method is letters; so that another protocol is told at once, and not at the deadline. */
static bool may_begin(uint8_t c)
{
    return c == '\r' || c == '\n' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static enum api_parse feed_head(struct api_parser *p, struct span in, size_t *ret_used)
{
    struct api_request *r = p->req;
    size_t used = 0;

    while (used < in.len) {
        const uint8_t *from = in.data + used;
        const uint8_t *lf = memchr(from, '\n', in.len - used);
        size_t len = lf ? (size_t)(lf - from) + 1 : in.len - used;
        int end = 0;

        if (r->head.len == 0 && !may_begin(*from)) {
            (void)refuse(p, API_FAULT_BAD_REQUEST, "the request is not HTTP");
            return API_PARSE_BAD;
        }
        if (buf_put(&r->head, from, len) < 0) {
            (void)refuse(p, API_FAULT_HEADERS_TOO_LARGE, "the request's headers are too large");
            return API_PARSE_BAD;
        }
        used += len;
        *ret_used = used;
        if (lf)
            end = check_line(p);
        if (end < 0)
            return API_PARSE_BAD;
        if (end > 0)
            return parse_head(p);
    }
    return API_PARSE_MORE;
}

static enum api_parse feed_body(struct api_parser *p, struct span in, size_t *ret_used)
{
    llhttp_errno_t e;

    if (p->complete) {
        p->phase = PARSER_DONE;
        return API_PARSE_DONE;
    }
    if (in.len == 0)
        return API_PARSE_MORE;
    e = llhttp_execute(&p->ll, (const char *)in.data, in.len);
    if (p->phase == PARSER_BAD)
        return API_PARSE_BAD;
    *ret_used = in.len;
    if (p->complete) {
        *ret_used = (size_t)((const uint8_t *)llhttp_get_error_pos(&p->ll) - in.data);
        p->phase = PARSER_DONE;
        return API_PARSE_DONE;
    }
    if (e != HPE_OK)
        return llhttp_trouble(p, e);
    p->raw_len += in.len;
    if (p->raw_len - p->body_len > PARSER_FRAMING_MAX + PARSER_FRAMING_PER_BYTE * p->body_len) {
        (void)refuse(p, API_FAULT_TOO_LARGE, "the body is mostly chunk framing");
        return API_PARSE_BAD;
    }
    return API_PARSE_MORE;
}

enum api_parse api_parser_feed(struct api_parser *p, struct span in, size_t *ret_used,
                               struct api_fault *fault)
{
    *ret_used = 0;
    p->fault = fault;
    switch (p->phase) {
    case PARSER_HEAD:
        return feed_head(p, in, ret_used);
    case PARSER_BODY:
        return feed_body(p, in, ret_used);
    case PARSER_DONE:
        return API_PARSE_DONE;
    case PARSER_BAD:
        break;
    }
    return API_PARSE_BAD;
}
