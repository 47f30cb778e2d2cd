/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/refusal.h"

static const struct {
    enum api_fault_code code;
    bool elsewhere; /* another peer may take it */
} refusals[MESSAGE_REFUSAL_N] = {
    [MESSAGE_REFUSAL_NOT_FOUND] = {API_FAULT_JOB_NOT_FOUND, false},
    [MESSAGE_REFUSAL_QUEUE_FULL] = {API_FAULT_QUEUE_FULL, false},
    [MESSAGE_REFUSAL_DRAINING] = {API_FAULT_DRAINING, true},
    [MESSAGE_REFUSAL_NO_QUORUM] = {API_FAULT_NO_QUORUM, true},
    [MESSAGE_REFUSAL_UNKNOWN_OUTCOME] = {API_FAULT_OUTCOME_UNKNOWN, true},
    [MESSAGE_REFUSAL_DISK_FULL] = {API_FAULT_DISK_FULL, true},
    [MESSAGE_REFUSAL_KEY_REUSED] = {API_FAULT_KEY_REUSED, false},
    [MESSAGE_REFUSAL_BAD_REQUEST] = {API_FAULT_INTERNAL, false},
    [MESSAGE_REFUSAL_NO_ISOLATION] = {API_FAULT_NO_CAPACITY, false},
    [MESSAGE_REFUSAL_NO_LANGUAGE] = {API_FAULT_NO_CAPACITY, false},
    [MESSAGE_REFUSAL_NO_SLOT] = {API_FAULT_NO_CAPACITY, true},
};

bool api_refusal_read(const struct message *m, struct api_fault *ret_fault)
{
    enum message_refusal why = m->refused.why;
    struct api_fault f = {0};

    if ((unsigned)why >= MESSAGE_REFUSAL_N)
        why = MESSAGE_REFUSAL_BAD_REQUEST;
    api_fault_set(&f, refusals[why].code, "%s",
                  m->refused.text[0] ? m->refused.text : message_refusal_text(why));
    if (api_fault_passes(f.code)) {
        f.retry_after_s = (m->refused.retry_after_ms + 999) / 1000;
        if (f.retry_after_s == 0)
            f.retry_after_s = 1;
    }
    *ret_fault = f;
    return refusals[why].elsewhere;
}

bool api_refusal_fits(enum message_type question, enum message_type answer)
{
    /* Of those that are not listed any answer says that it was done. */
    static const enum message_type answers[MESSAGE_TYPE_N] = {
        [MESSAGE_SUBMIT] = MESSAGE_ACCEPTED,
        [MESSAGE_QUERY] = MESSAGE_JOB,
        [MESSAGE_LIST] = MESSAGE_JOBS,
        [MESSAGE_STATS] = MESSAGE_STATS_REPLY,
        [MESSAGE_LANGUAGES] = MESSAGE_LANGUAGES_REPLY,
        [MESSAGE_READY] = MESSAGE_DONE,
        [MESSAGE_SPEC] = MESSAGE_SPEC_REPLY,
    };

    return !answers[question] || answers[question] == answer;
}
