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

bool api_fault_passes(enum api_fault_code code)
{
    int status = api_fault_status(code);

    return status == 429 || status == 503;
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

const char *api_status_line(int status)
{
    static const struct {
        int status;
        const char *line;
    } all[] = {
#define X(status, text) {status, #status " " text},
        API_STATUSES(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i].status == status)
            return all[i].line;
    }
    return "500 ";
}
