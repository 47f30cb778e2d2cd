/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/ticket.h"

#include "api-bridge/route.h"
#include "base/own.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const int64_t now = 1800000000;
static const struct api_principal somebody = {.authenticated = true,
                                              .tenant = "acme",
                                              .subject = "ann",
                                              .scopes = API_SCOPE_ALL,
                                              .token_hash = 0xfeedfacecafebeef};

static void a_ticket_says_who_asked_and_may_not_administer(void **state)
{
    uint8_t key[API_TICKET_KEY];
    char text[API_TICKET_TEXT];
    struct api_principal who = {0};

    (void)state;
    assert_int_equal(api_ticket_key("secret", key), 0);
    api_ticket_make(key, &somebody, now, text);
    assert_int_equal(api_ticket_read(key, text, now, &who), 0);
    assert_string_equal(who.tenant, "acme");
    assert_string_equal(who.subject, "ann");
    assert_true(who.authenticated);
    assert_int_equal(who.token_hash, somebody.token_hash);
    assert_int_equal(who.scopes, API_SCOPE_SUBMIT | API_SCOPE_READ | API_SCOPE_CANCEL);
}

static void names_of_any_length_fit(void **state)
{
    uint8_t key[API_TICKET_KEY];
    char text[API_TICKET_TEXT];
    struct api_principal who = {0}, long_one = somebody;

    (void)state;
    memset(long_one.tenant, 't', LIMIT_NAME);
    memset(long_one.subject, 's', LIMIT_NAME);
    assert_int_equal(api_ticket_key("", key), 0);
    api_ticket_make(key, &long_one, now, text);
    assert_int_equal(api_ticket_read(key, text, now, &who), 0);
    assert_string_equal(who.tenant, long_one.tenant);
    assert_string_equal(who.subject, long_one.subject);
}

static void a_ticket_ends(void **state)
{
    uint8_t key[API_TICKET_KEY];
    char text[API_TICKET_TEXT];
    struct api_principal who = {0};

    (void)state;
    assert_int_equal(api_ticket_key("secret", key), 0);
    api_ticket_make(key, &somebody, now, text);
    assert_int_equal(api_ticket_read(key, text, now + API_TICKET_S, &who), 0);
    assert_int_equal(api_ticket_read(key, text, now + API_TICKET_S + 1, &who), -EACCES);
}

static void nothing_in_it_can_be_changed(void **state)
{
    uint8_t key[API_TICKET_KEY], other[API_TICKET_KEY];
    char text[API_TICKET_TEXT], bad[API_TICKET_TEXT];
    struct api_principal who = {0};

    (void)state;
    assert_int_equal(api_ticket_key("secret", key), 0);
    assert_int_equal(api_ticket_key("secret2", other), 0);
    api_ticket_make(key, &somebody, now, text);
    assert_int_equal(api_ticket_read(other, text, now, &who), -EACCES);
    for (size_t i = 0; text[i]; i++) {
        memcpy(bad, text, sizeof(bad));
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_int_equal(api_ticket_read(key, bad, now, &who), -EACCES);
        bad[i] = '\0';
        assert_int_equal(api_ticket_read(key, bad, now, &who), -EACCES);
    }
    assert_string_equal(who.tenant, "");
}

static void it_opens_streams_only(void **state)
{
    (void)state;
    assert_true(api_ticket_opens(&api_routes[API_ROUTE_EVENTS]));
    assert_true(api_ticket_opens(&api_routes[API_ROUTE_JOBS_EVENTS]));
    assert_true(api_ticket_opens(&api_routes[API_ROUTE_SESSIONS]));
    assert_false(api_ticket_opens(&api_routes[API_ROUTE_EXECUTE]));
    assert_false(api_ticket_opens(&api_routes[API_ROUTE_STREAM_TICKET]));
    assert_false(api_ticket_opens(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_says_who_asked_and_may_not_administer),
        cmocka_unit_test(names_of_any_length_fit),
        cmocka_unit_test(a_ticket_ends),
        cmocka_unit_test(nothing_in_it_can_be_changed),
        cmocka_unit_test(it_opens_streams_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
