/* SPDX-License-Identifier: MPL-2.0 */
#include "api-bridge/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION_NUMBERS = 4, VERSION_DIGITS = 9 };

struct version {
    long at[VERSION_NUMBERS];
    size_t n;
};

static bool is_digit(char c)
{
    return isdigit((unsigned char)c) != 0;
}

/* The numbers at *at, which is moved behind them; a wildcard ends them. False: not a version. */
static bool read_numbers(const char **at, struct version *v)
{
    const char *p = *at;

    *v = (struct version){0};
    for (;;) {
        size_t digits = strspn(p, "0123456789");

        if (digits == 0 && (*p == 'x' || *p == 'X' || *p == '*')) {
            *at = p + 1 + strspn(p + 1, ".xX*");
            return true;
        }
        if (digits == 0 || digits > VERSION_DIGITS || v->n == VERSION_NUMBERS)
            return false;
        v->at[v->n++] = strtol(p, NULL, 10);
        p += digits;
        *at = p;
        if (*p != '.')
            return true;
        p++;
    }
}

/* <0, 0, >0 over the first `n` numbers. */
static int compare(const struct version *a, const struct version *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a->at[i] != b->at[i])
            return a->at[i] < b->at[i] ? -1 : 1;
    }
    return 0;
}

/* How many numbers of `want` a caret keeps. */
static size_t caret(const struct version *want)
{
    size_t i = 0;

    while (i + 1 < want->n && want->at[i] == 0)
        i++;
    return i + 1;
}

static const char *const operators[] = {">=", "<=", "==", "~>", ">", "<", "=", "^", "~"};

static bool holds(const char *op, const struct version *want, const struct version *v)
{
    int cmp = compare(v, want, want->n);

    if (want->n == 0)
        return op[0] != '<' || op[1] == '='; /* any version; nothing is below it */
    if (op[0] == '>')
        return op[1] == '=' ? cmp >= 0 : cmp > 0;
    if (op[0] == '<')
        return op[1] == '=' ? cmp <= 0 : cmp < 0;
    if (op[0] == '^')
        return cmp >= 0 && compare(v, want, caret(want)) == 0;
    if (op[0] == '~')
        return cmp >= 0 && compare(v, want, want->n < 2 ? want->n : 2) == 0;
    return cmp == 0;
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " ,\t");
}

/* One comparison at *at: 1, 0 or -EINVAL. */
static int match_one(const char **at, const struct version *v)
{
    const char *op = "=";
    struct version want;

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        size_t len = strlen(operators[i]);

        if (strncmp(*at, operators[i], len) != 0)
            continue;
        op = operators[i];
        *at = skip_space(*at + len);
        break;
    }
    if ((**at == 'v' || **at == 'V') && is_digit((*at)[1]))
        (*at)++;
    if (!read_numbers(at, &want))
        return -EINVAL;
    return **at && !strchr(" ,\t|", **at) ? -EINVAL : holds(op, &want, v);
}

int api_version_match(const char *range, const char *version)
{
    struct version v = {0};
    const char *p = skip_space(range);
    int any = 0, all = 1;

    if (!*p)
        return 1;
    while (*version && !is_digit(*version))
        version++;
    (void)read_numbers(&version, &v); /* of more numbers than we look at, the first */
    for (;;) {
        int one = match_one(&p, &v);

        if (one < 0)
            return one;
        all &= one;
        p = skip_space(p);
        if (*p && strncmp(p, "||", 2) != 0)
            continue;
        any |= all;
        all = 1;
        if (!*p)
            return any;
        p = skip_space(p + 2);
    }
}
