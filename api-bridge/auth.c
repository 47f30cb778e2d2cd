/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/auth.h"

#include "api-bridge/config.h"
#include "api-bridge/jwt.h"
#include "api-bridge/route.h"
#include "api-bridge/ticket.h"
#include "base/clock.h"
#include "base/own.h"

#include <pthread.h>
#include <strings.h>

struct api_auth {
    char *key_file;
    char *issuer;
    char *audience;
    pthread_rwlock_t lock; /* guards keys */
    struct api_jwt_keys *keys;
};

struct api_auth *api_auth_new(const struct api_auth_options *options, struct err *err)
{
    struct api_auth *a = own_calloc(1, sizeof(*a));

    a->key_file = own_strdup(options->key_file);
    a->issuer = own_strdup(options->issuer);
    a->audience = own_strdup(options->audience);
    (void)pthread_rwlock_init(&a->lock, NULL);
    if (api_auth_reload(a, err) < 0) {
        api_auth_free(a);
        return NULL;
    }
    return a;
}

void api_auth_free(struct api_auth *a)
{
    if (!a)
        return;
    api_jwt_keys_free(a->keys);
    (void)pthread_rwlock_destroy(&a->lock);
    free(a->key_file);
    free(a->issuer);
    free(a->audience);
    free(a);
}

int api_auth_reload(struct api_auth *a, struct err *err)
{
    struct api_jwt_keys *before;
    struct api_jwt_keys *keys;

    if (!a->key_file[0])
        return 0;
    keys = api_jwt_keys_load(a->key_file, err);
    if (!keys)
        return -err->code;
    (void)pthread_rwlock_wrlock(&a->lock);
    before = a->keys;
    a->keys = keys;
    (void)pthread_rwlock_unlock(&a->lock);
    api_jwt_keys_free(before);
    return 0;
}

/* The token of "Bearer <token>"; data NULL when there is none of that form. */
static struct span auth_bearer(const struct api_request *req)
{
    static const char scheme[] = "Bearer ";
    struct span value = api_request_header(req, "Authorization");
    size_t skip = sizeof(scheme) - 1;

    if (api_request_headers(req, "Authorization") != 1 || value.len <= skip ||
        strncasecmp((const char *)value.data, scheme, skip) != 0)
        return (struct span){0};
    return (struct span){value.data + skip, value.len - skip};
}

/* Where Judge0's clients put theirs. */
static struct span auth_judge0(const struct api_exchange *x)
{
    bool one = api_route_form(x->route) == API_FORM_JUDGE0 &&
               api_request_headers(&x->req, "X-Auth-Token") == 1 &&
               api_request_headers(&x->req, "Authorization") == 0;

    return one ? api_request_header(&x->req, "X-Auth-Token") : (struct span){0};
}

static bool auth_refuse(struct api_exchange *x, enum api_fault_code code, const char *error,
                        const char *why)
{
    char challenge[LIMIT_TEXT];
    struct api_fault fault = {0};

    (void)snprintf(challenge, sizeof(challenge), "Bearer realm=\"codearena\"%s%s%s",
                   error ? ", error=\"" : "", error ? error : "", error ? "\"" : "");
    api_answer_header(x, "WWW-Authenticate", challenge);
    api_fault_set(&fault, code, "%s", why);
    api_answer_fault(x, &fault);
    return false;
}

static bool auth_refuse_scope(struct api_exchange *x, enum api_scope needed)
{
    char why[LIMIT_TEXT] = "the token does not grant the scope";
    const char *before = " ";

#define X(id, name)                                                                                \
    if (needed & API_SCOPE_##id) {                                                                 \
        (void)snprintf(why + strlen(why), sizeof(why) - strlen(why), "%s\"%s\"", before, name);    \
        before = " or ";                                                                           \
    }
    API_SCOPES(X)
#undef X
    return auth_refuse(x, API_FAULT_FORBIDDEN, "insufficient_scope", why);
}

static int auth_check(struct api_auth *a, struct span token, struct api_principal *ret_who,
                      struct err *err)
{
    int r;

    (void)pthread_rwlock_rdlock(&a->lock);

    struct api_jwt_rules rules = {.keys = a->keys, .issuer = a->issuer, .audience = a->audience};
    r = api_jwt_check(&rules, token, clock_wall_ms() / 1000, ret_who, err);
    (void)pthread_rwlock_unlock(&a->lock);
    return r;
}

/* A stream's own way in; false when no ticket was given, or *ret_bad is set. */
static bool auth_ticket(struct api_exchange *x, bool *ret_bad)
{
    char ticket[API_TICKET_TEXT] = "";
    int there;

    if (!api_ticket_opens(x->route))
        return false;
    there = api_request_query(&x->req, "ticket", ticket, sizeof(ticket));
    if (there == 0)
        return false;
    *ret_bad = there < 0 || api_ticket_read(api_exchange_config(x)->ticket_key, ticket,
                                            clock_wall_ms() / 1000, &x->who) < 0;
    return !*ret_bad;
}

bool api_auth_pass(void *auth, struct api_exchange *x)
{
    struct api_auth *a = auth;
    enum api_scope needed = x->route ? x->route->scope : API_SCOPE_NONE;
    struct span token = auth_bearer(&x->req);
    bool bad = false;
    struct err err = {0};

    if (!a->key_file[0]) {
        x->who = (struct api_principal){.scopes = API_SCOPE_ALL & ~(unsigned)API_SCOPE_ADMIN};
        if (needed != API_SCOPE_ADMIN)
            return true;
        return auth_refuse(x, API_FAULT_FORBIDDEN, NULL,
                           "administration needs authentication to be configured");
    }
    if (needed == API_SCOPE_NONE)
        return true;
    if (!token.data)
        token = auth_judge0(x);
    if (!token.data && !auth_ticket(x, &bad))
        return auth_refuse(x, API_FAULT_UNAUTHORIZED, NULL,
                           bad ? "the ticket is too old, or was not issued here"
                               : "an Authorization: Bearer token is needed");
    if (token.data && auth_check(a, token, &x->who, &err) < 0)
        return auth_refuse(x, API_FAULT_UNAUTHORIZED, "invalid_token", err.text);
    if (x->who.scopes & needed)
        return true;
    return auth_refuse_scope(x, needed);
}
