/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How this works: each key has a slot with the text it was given, the number that text means
 * and where it came from. A source only replaces one of its own rank or lower, so the order
 * in which file and environment are read does not matter.
 */
#include "base/config.h"

#include "base/own.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

extern char **environ;

enum config_source { CONFIG_FROM_TABLE, CONFIG_FROM_FILE, CONFIG_FROM_ENVIRONMENT };
enum { CONFIG_TEXT_MAX = 4096, CONFIG_HELP_COLUMN = 30 };

struct config_slot {
    char *text;
    uint64_t number;
    enum config_source source;
};

struct config {
    const struct config_key *keys;
    size_t n;
    struct config_slot *slots;
};

struct config_unit {
    const char *suffix;
    uint64_t factor;
};

static const struct config_unit config_sizes[] = {
    {"", 1},         {"b", 1},         {"k", 1u << 10}, {"kb", 1u << 10},
    {"m", 1u << 20}, {"mb", 1u << 20}, {"g", 1u << 30}, {"gb", 1u << 30}};
static const struct config_unit config_times[] = {{"", 1000},   {"s", 1000},    {"ms", 1},
                                                  {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct config_unit config_plain[] = {{"", 1}};

static const char *const config_wants[] = {
    [CONFIG_TEXT] = "text",
    [CONFIG_UINT] = "a whole number",
    [CONFIG_SIZE] = "a size like 65536, 64k or 128m",
    [CONFIG_MILLIS] = "a time like 10, 250ms, 10s or 5m",
    [CONFIG_BOOL] = "true or false",
    [CONFIG_REAL] = "a number like 0.5",
};

static int config_with_unit(const char *text, const struct config_unit *units, size_t n,
                            uint64_t *ret_number)
{
    uint64_t value;
    char *end;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno)
        return -ERANGE;
    for (size_t i = 0; i < n; i++) {
        if (strcasecmp(end, units[i].suffix) != 0)
            continue;
        return __builtin_mul_overflow(value, units[i].factor, ret_number) ? -ERANGE : 0;
    }
    return -EINVAL;
}

static int config_thousandths(const char *text, uint64_t *ret_number)
{
    uint64_t whole;
    uint64_t part = 0;
    uint64_t unit = 100;
    char *end;

    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    errno = 0;
    whole = strtoull(text, &end, 10);
    if (errno || whole > UINT64_MAX / 1000 - 1)
        return -ERANGE;
    if (*end == '.') {
        for (end++; isdigit((unsigned char)*end); end++, unit /= 10)
            part += (uint64_t)(*end - '0') * unit;
    }
    if (*end)
        return -EINVAL;
    *ret_number = whole * 1000 + part;
    return 0;
}

static int config_truth(const char *text, uint64_t *ret_number)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0", ""};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            *ret_number = 1;
            return 0;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        if (strcasecmp(text, no[i]) == 0) {
            *ret_number = 0;
            return 0;
        }
    }
    return -EINVAL;
}

static int config_number(enum config_kind kind, const char *text, uint64_t *ret_number)
{
    switch (kind) {
    case CONFIG_TEXT:
        *ret_number = strlen(text);
        return 0;
    case CONFIG_UINT:
        return config_with_unit(text, config_plain, ARRAY_LEN(config_plain), ret_number);
    case CONFIG_SIZE:
        return config_with_unit(text, config_sizes, ARRAY_LEN(config_sizes), ret_number);
    case CONFIG_MILLIS:
        return config_with_unit(text, config_times, ARRAY_LEN(config_times), ret_number);
    case CONFIG_BOOL:
        return config_truth(text, ret_number);
    case CONFIG_REAL:
        return config_thousandths(text, ret_number);
    }
    return -EINVAL;
}

static int config_put(struct config *c, size_t i, const char *value, enum config_source source,
                      struct err *err)
{
    const struct config_key *key = &c->keys[i];
    uint64_t max = key->kind == CONFIG_TEXT && !key->max ? CONFIG_TEXT_MAX : key->max;
    uint64_t number;
    int r = config_number(key->kind, value, &number);

    if (r == -EINVAL)
        return err_set(err, EINVAL, "%s: \"%.40s\" is not %s", key->name,
                       key->secret ? "(hidden)" : value, config_wants[key->kind]);
    if (r < 0 || (max && (number < key->min || number > max)))
        return err_set(err, ERANGE, "%s: %s must be from %llu to %llu%s", key->name,
                       key->kind == CONFIG_TEXT ? "its length" : "the value",
                       (unsigned long long)key->min, (unsigned long long)max,
                       key->kind == CONFIG_MILLIS ? " ms"
                       : key->kind == CONFIG_REAL ? " thousandths"
                                                  : "");
    if (source < c->slots[i].source)
        return 0;
    free(c->slots[i].text);
    c->slots[i] =
        (struct config_slot){.text = own_strdup(value), .number = number, .source = source};
    return 0;
}

struct config *config_new(const struct config_key *keys, size_t n)
{
    struct config *c = own_calloc(1, sizeof(*c));

    c->keys = keys;
    c->n = n;
    c->slots = own_calloc(n, sizeof(*c->slots));
    for (size_t i = 0; i < n; i++) {
        const char *fallback = keys[i].fallback ? keys[i].fallback : "";

        if (config_put(c, i, fallback, CONFIG_FROM_TABLE, NULL) < 0)
            abort();
    }
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        free(c->slots[i].text);
    free(c->slots);
    free(c);
}

static size_t config_find(const struct config *c, const char *name, size_t len)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strncmp(c->keys[i].name, name, len) == 0 && c->keys[i].name[len] == '\0')
            return i;
    }
    return SIZE_MAX;
}

int config_set_file(struct config *c, const char *name, const char *value, struct err *err)
{
    size_t i = config_find(c, name, strlen(name));

    if (i == SIZE_MAX)
        return err_set(err, ENOENT, "%s: there is no such setting", name);
    return config_put(c, i, value, CONFIG_FROM_FILE, err);
}

int config_set_environment(struct config *c, char *const *names, struct err *err)
{
    for (char *const *p = names ? names : environ; p && *p; p++) {
        const char *equals = strchr(*p, '=');
        size_t i = equals ? config_find(c, *p, (size_t)(equals - *p)) : SIZE_MAX;

        if (i == SIZE_MAX)
            continue;

        int r = config_put(c, i, equals + 1, CONFIG_FROM_ENVIRONMENT, err);
        if (r < 0)
            return r;
    }
    return 0;
}

unsigned config_reload(struct config *c, const struct config *fresh, const char **ret_kept)
{
    unsigned changed = 0;

    *ret_kept = NULL;
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->slots[i].text, fresh->slots[i].text) == 0)
            continue;
        if (!c->keys[i].reload) {
            *ret_kept = c->keys[i].name;
            continue;
        }
        free(c->slots[i].text);
        c->slots[i] = fresh->slots[i];
        c->slots[i].text = own_strdup(fresh->slots[i].text);
        changed++;
    }
    return changed;
}

static const struct config_slot *config_slot(const struct config *c, const char *name, bool text)
{
    size_t i = config_find(c, name, strlen(name));

    if (i == SIZE_MAX || (c->keys[i].kind == CONFIG_TEXT) != text)
        abort();
    return &c->slots[i];
}

const char *config_text(const struct config *c, const char *name)
{
    return config_slot(c, name, true)->text;
}

uint64_t config_uint(const struct config *c, const char *name)
{
    return config_slot(c, name, false)->number;
}

bool config_bool(const struct config *c, const char *name)
{
    return config_slot(c, name, false)->number != 0;
}

void config_help(const struct config *c, FILE *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct config_key *key = &c->keys[i];
        int used = fprintf(out, "  %s=%s", key->name, key->fallback ? key->fallback : "");

        fprintf(out, "%*s%s%s\n", used < CONFIG_HELP_COLUMN ? CONFIG_HELP_COLUMN - used : 1, "",
                key->help, key->reload ? " [reload]" : "");
    }
}
