/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/callback.h"

#include "api-bridge/json.h"
#include "api-bridge/judge0.h"
#include "base/own.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { OUTPUT = 5000 };

/* What is told of a job that printed OUTPUT bytes, when there is room for `max`. */
static struct api_json *told(const char *tag, size_t max)
{
    auto_buf struct buf encoded = {.max = LIMIT_RESULT}, body = {.max = max};
    struct message_job job = {.state = MESSAGE_STATE_COMPLETED, .n_tags = 1};
    struct result r = {.verdict = RESULT_ACCEPTED};
    auto_free uint8_t *output = own_calloc(1, OUTPUT);
    struct api_fault f = {0};
    struct api_json *tree;

    memset(output, 'o', OUTPUT);
    r.run.out = (struct span){output, OUTPUT};
    (void)snprintf(job.tags[0], sizeof(job.tags[0]), "%s", tag);
    assert_int_equal(result_encode(&r, &encoded), 0);
    job.result = buf_span(&encoded);
    api_callback_body(&job, &body);
    assert_false(body.full);
    tree = api_json_parse(buf_span(&body), &f);
    assert_non_null(tree);
    return tree;
}

static bool has(struct api_json *tree, const char *key)
{
    struct api_json_at root = api_json_root(tree);

    return api_json_field(&root, key).value != NULL;
}

static void a_result_that_is_too_large_is_left_out_whole(void **state)
{
    struct api_json *tree = told("mine", LIMIT_MIB);

    (void)state;
    assert_true(has(tree, "result"));
    api_json_free(tree);
    tree = told("mine", OUTPUT);
    assert_false(has(tree, "result"));
    assert_true(has(tree, "state") && has(tree, "jobId"));
    api_json_free(tree);
}

static void a_submission_s_texts_that_are_too_large_are_left_out(void **state)
{
    struct api_json *tree = told(api_judge0_tag, LIMIT_MIB);

    (void)state;
    assert_true(has(tree, "stdout"));
    api_json_free(tree);
    tree = told(api_judge0_tag, OUTPUT);
    assert_false(has(tree, "stdout"));
    assert_true(has(tree, "status") && has(tree, "token"));
    api_json_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_that_is_too_large_is_left_out_whole),
        cmocka_unit_test(a_submission_s_texts_that_are_too_large_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
