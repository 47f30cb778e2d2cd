/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Bodies of a submit. One that is taken must survive the way to a node: what is encoded is
 * decoded to the same bytes again. One that is refused must say why.
 */
#include "api-bridge/submit.h"
#include "base/own.h"
#include "tests/fuzz/settings.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(struct api_submission *s)
{
    auto_buf struct buf once = {.max = LIMIT_SPEC}, again = {.max = LIMIT_SPEC};
    struct spec got;

    if (!s->spec.files[0].name[0])
        memcpy(s->spec.files[0].name, "main", sizeof("main"));
    api_submit_key(s, "tenant", span_of("key"));
    if (spec_encode(&s->spec, &once) < 0)
        return;
    assert(spec_decode(buf_span(&once), &got, NULL) == 0);
    assert(spec_encode(&got, &again) == 0);
    assert(span_eq(buf_span(&once), buf_span(&again)));
    spec_done(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf error = {.max = LIMIT_MIB};
    struct api_fault f = {0};
    struct api_submission s;
    struct api_json *tree = api_json_parse((struct span){data, size}, &f);
    struct api_json_at root = api_json_root(tree);

    api_submission_init(&s);
    if (tree)
        api_submit_read(&s, &root, &fuzz_settings, &f);
    if (f.code) {
        assert(f.text[0]);
        api_json_put_fault(&error, &f);
        assert(!error.full && api_utf8_ok(buf_span(&error)));
    } else {
        there_and_back(&s);
    }
    api_submission_done(&s);
    api_json_free(tree);
    return 0;
}
