/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_LANGUAGES_H
#define API_LANGUAGES_H
/*
 * What the mesh can run, as the nodes' profiles say: asked of a peer, kept for a while, one
 * copy per loop. Until the first answer nothing is known, and no job can be taken.
 */
#include "api-bridge/exchange.h"
#include "api-bridge/json.h"
#include "mesh/spec.h"

struct api_languages;

struct api_languages *api_languages_new(struct api_link *link);
void api_languages_free(struct api_languages *l);
/* Asks again when it is time. */
void api_languages_tick(struct api_languages *l);

/* Whether a peer has answered; else a fault. */
bool api_languages_known(const struct api_languages *l, struct api_fault *f);

/* Puts the language's own name for an alias; faults one that does not exist, naming `field`. */
void api_languages_resolve(const struct api_languages *l, char name[LIMIT_NAME + 1],
                           const char *field, struct api_fault *f);
/* The same for all languages of a job. Names its source file when the client did not; faults a
 * version that is not here, and limits above the language's own ceilings. */
void api_languages_check(const struct api_languages *l, struct spec *spec, struct api_fault *f);

/* One language; text lives until the next tick. */
struct api_language {
    const char *name;
    const char *version;
    struct api_json_at profile; /* the profile's JSON */
};
size_t api_languages_len(const struct api_languages *l);
struct api_language api_languages_at(const struct api_languages *l, size_t i);
#endif
