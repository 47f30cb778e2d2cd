/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/judge0.h"

#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "base/own.h"

const char api_judge0_garbled[] = "some attributes for this submission cannot be converted to "
                                  "UTF-8, use base64_encoded=true query parameter";
const char api_judge0_garbled_all[] =
    "some attributes for one or more submissions cannot be converted to UTF-8, use "
    "base64_encoded=true query parameter";
const char api_judge0_tag[] = "judge0";

const struct api_judge0_language api_judge0_languages[] = {
#define X(id, language, form, listed) {id, language, form, listed},
    JUDGE0_LANGUAGES(X)
#undef X
};
const size_t api_judge0_n_languages = ARRAY_LEN(api_judge0_languages);

const struct api_judge0_language *api_judge0_language(int64_t id)
{
    for (size_t i = 0; i < api_judge0_n_languages; i++) {
        if (api_judge0_languages[i].id == id)
            return &api_judge0_languages[i];
    }
    return NULL;
}

/* Puts `text` where the form has its %s. */
static void fill_in(const char *form, const char *text, char *out, size_t size)
{
    const char *hole = strstr(form, "%s");

    (void)snprintf(out, size, "%.*s%s%s", (int)(hole - form), form, text, hole + 2);
}

bool api_judge0_language_name(const struct api_languages *known,
                              const struct api_judge0_language *l, char *out, size_t size)
{
    for (size_t i = 0; i < api_languages_len(known); i++) {
        struct api_language one = api_languages_at(known, i);

        if (strcmp(one.name, l->language) != 0)
            continue;
        fill_in(l->form, one.version, out, size);
        return true;
    }
    return false;
}

const char *api_judge0_status_text(enum api_judge0_status s)
{
    static const char *const texts[JUDGE0_STATUS_N] = {
#define X(id, name, text) [id] = (text),
        JUDGE0_STATUSES(X)
#undef X
    };

    return texts[s];
}

bool api_judge0_is_on(struct api_exchange *x)
{
    if (config_bool(api_exchange_config(x)->raw, "ARENA_COMPAT_JUDGE0"))
        return true;
    api_answer_code(x, API_FAULT_NOT_FOUND);
    return false;
}

void api_judge0_refuse(struct api_exchange *x, int status, const char *text)
{
    struct api_json_writer w;

    if (!x->fault)
        x->fault = status == 404   ? API_FAULT_NOT_FOUND
                   : status >= 500 ? API_FAULT_UNAVAILABLE
                                   : API_FAULT_BAD_VALUE;
    buf_reset(&x->body);
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    if (status == 404)
        api_json_put_int(&w, "status", status);
    api_json_put_str(&w, "error", text);
    api_json_close(&w, '}');
    api_answer(x, status, NULL);
}

void api_judge0_refuse_fault(struct api_exchange *x, const struct api_fault *f)
{
    x->fault = f->code;
    api_answer_retry(x, f);
    if (f->code == API_FAULT_QUEUE_FULL)
        api_judge0_refuse(x, 503, "queue is full");
    else if (f->code == API_FAULT_JOB_NOT_FOUND)
        api_judge0_refuse(x, 404, "Not Found");
    else
        api_judge0_refuse(x, api_fault_status(f->code), f->text);
}

bool api_judge0_token(struct span text, struct id *ret_jid)
{
    char id[ID_TEXT_SIZE] = "";

    if (text.len == ID_TEXT_LEN)
        memcpy(id, text.data, text.len);
    return id_parse(id, ret_jid) == 0;
}
