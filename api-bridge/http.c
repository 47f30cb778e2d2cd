/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/http.h"

#include "base/own.h"

const char *api_method_name(enum api_method m)
{
    static const char *const names[] = {
#define X(id) #id,
        API_METHODS(X)
#undef X
    };

    return (unsigned)m < API_METHOD_N ? names[m] : "?";
}

static const struct fault_row {
    int status;
    const char *word;
    const char *text;
} rows[] = {
#define X(id, status, word, text) {status, word, text},
    API_FAULTS(X)
#undef X
};

int api_fault_status(enum api_fault_code code)
{
    return rows[(unsigned)code < API_FAULT_N ? code : API_FAULT_INTERNAL].status;
}

const char *api_fault_word(enum api_fault_code code)
{
    return rows[(unsigned)code < API_FAULT_N ? code : API_FAULT_INTERNAL].word;
}

__attribute__((format(printf, 3, 0))) static void
fault_vset(struct api_fault *f, enum api_fault_code code, const char *fmt, va_list ap)
{
    f->code = code;
    if (fmt)
        (void)vsnprintf(f->text, sizeof(f->text), fmt, ap);
    else
        (void)snprintf(f->text, sizeof(f->text), "%s", rows[code].text);
}

void api_fault_set(struct api_fault *f, enum api_fault_code code, const char *fmt, ...)
{
    va_list ap;

    if (f->code != API_FAULT_NONE)
        return;
    va_start(ap, fmt);
    fault_vset(f, code, fmt, ap);
    va_end(ap);
}

void api_fault_field(struct api_fault *f, enum api_fault_code code, const char *field,
                     const char *fmt, ...)
{
    va_list ap;

    if (f->code != API_FAULT_NONE)
        return;
    va_start(ap, fmt);
    fault_vset(f, code, fmt, ap);
    va_end(ap);
    (void)snprintf(f->field, sizeof(f->field), "%s", field);
}

const char *api_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } all[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {207, "Multi-Status"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].status == status)
            return all[i].text;
    }
    return "";
}
