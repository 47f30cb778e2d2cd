/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What clients of other APIs hand in: submissions of Judge0, lists of fields, ranges of versions.
 * Whatever is wrong with a submission is told as one valid JSON object.
 */
#include "api-bridge/judge0.h"
#include "api-bridge/version.h"
#include "base/own.h"
#include "tests/fuzz/settings.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void submission(const struct api_json_at *at, bool base64)
{
    static struct api_languages *none;
    struct api_judge0_context c = {.config = &fuzz_settings, .base64 = base64};
    struct api_judge0_form form;
    struct api_fault f = {0};
    struct api_json *tree;

    if (!none)
        none = api_languages_new(NULL);
    c.languages = none;
    api_judge0_form_init(&form);
    api_judge0_form_read(&form, at, &c);
    assert(form.errors.len > 0 && !form.errors.full); /* there is no language at all */
    tree = api_json_parse(buf_span(&form.errors), &f);
    assert(tree);
    api_json_free(tree);
    api_judge0_form_done(&form);
}

static void words(const char *text)
{
    auto_buf struct buf odd = {.max = LIMIT_MIB};
    uint64_t fields;

    (void)api_version_match(text, "3.11.2");
    (void)api_version_match("3", text);
    (void)api_judge0_fields(text, &fields, &odd);
    assert(fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct api_fault f = {0};
    struct api_json *tree = api_json_parse((struct span){data, size}, &f);
    struct api_json_at root = api_json_root(tree);
    auto_free char *text = own_calloc(1, size + 1);

    if (size)
        memcpy(text, data, size);
    words(text);
    if (tree) {
        submission(&root, false);
        submission(&root, true);
    }
    api_json_free(tree);
    return 0;
}
