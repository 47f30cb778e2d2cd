/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_SUBMIT_H
#define API_SUBMIT_H
/*
 * From the body of a submit to a job in the mesh. A submission borrows text from the JSON tree
 * it was read from and owns its arrays and what it decoded; it is spent once it was sent.
 * Adapters for other APIs fill `spec` themselves (with api_submission_keep() for memory) and
 * send it the same way.
 */
#include "api-bridge/config.h"
#include "api-bridge/json.h"
#include "api-bridge/link.h"

struct api_submission {
    struct spec spec;
    struct api_submission_block *blocks; /* owned */
};

/* The defaults of a job: priority, attempts. */
void api_submission_init(struct api_submission *s);
void api_submission_done(struct api_submission *s);
/* Zeroed memory that lives as long as the submission. */
void *api_submission_keep(struct api_submission *s, size_t n, size_t size);
/* The bytes that `text` means: itself, or decoded from base64; `at` names it in a fault. */
struct span api_submission_bytes(struct api_submission *s, struct span text, bool base64,
                                 const struct api_json_at *at, struct api_fault *f);

/* Faults two files of one name, or one that would be in the other; `list` names them. */
void api_submission_names_check(const struct api_submission *s, const struct api_json_at *list,
                                struct api_fault *f);

/* Reads {code, language, ...}; the fault names the field. `config` has the ceilings. */
void api_submit_read(struct api_submission *s, const struct api_json_at *body,
                     const struct api_config *config, struct api_fault *f);

/*
 * Names the job: with an idempotency key (Idempotency-Key header or "") the same tenant and
 * key give the same job; without one the name is random, so that sending it twice is safe.
 */
void api_submit_key(struct api_submission *s, const char *tenant, struct span key);

/* Sends it: `fn` gets ACCEPTED or a fault. 0 = too many requests are under way. */
uint64_t api_submit_send(struct api_link *link, const struct api_submission *s, api_link_answer fn,
                         void *ctx, struct api_fault *f);
#endif
