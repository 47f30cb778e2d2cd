/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_JUDGE0_VIEW_H
#define API_JUDGE0_VIEW_H
/* What judge0_view.c and judge0_asked.c share of one answer; nobody else includes it. */
#include "api-bridge/judge0.h"

struct api_judge0_shown {
    const struct message_job *job;
    const struct result *r;  /* NULL: there is none */
    const struct spec *spec; /* NULL: nobody asked for it */
    const struct api_judge0_view *how;
    struct api_json_writer *w;
    bool garbled;
};

/* Null when it is empty; in base64 as `how` says. */
void api_judge0_put_text(struct api_judge0_shown *v, const char *key, struct span text);
/* Seconds as a string: "0.002". */
void api_judge0_put_decimal(struct api_judge0_shown *v, const char *key, uint64_t us);

/* judge0_asked.c: a field that only repeats the request; `spec` is there. */
void api_judge0_asked(struct api_judge0_shown *v, const char *key);
#endif
