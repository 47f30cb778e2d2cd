/* SPDX-License-Identifier: MPL-2.0 */
#include "mesh/spec.h"

#include "mesh/field.h"

#include <errno.h>

/* Written as [SPEC_VERSION, head, members...]: the head comes first, so that the mesh reads
 * it without looking at the rest. */
enum { SPEC_VERSION = 1, SPEC_WEIGHT_MAX = 1000000 };

static const char *const checker_names[] = {
#define X(id, name) name,
    SPEC_CHECKERS(X)
#undef X
};

const char *spec_checker_name(enum spec_checker_type t)
{
    return (unsigned)t < SPEC_CHECKER_N ? checker_names[t] : "unknown";
}

int spec_checker_parse(const char *name, enum spec_checker_type *ret_type)
{
    for (unsigned i = 0; i < SPEC_CHECKER_N; i++) {
        if (strcmp(name, checker_names[i]) == 0) {
            *ret_type = (enum spec_checker_type)i;
            return 0;
        }
    }
    return -EINVAL;
}

struct tag {
    char text[LIMIT_TAG + 1];
};

static const struct field tag_fields[] = {FIELD(struct tag, text)};
static const struct field_table tag_table = FIELD_TABLE(struct tag, tag_fields);

/* The tags are written with the head. */
static const struct field head_fields[] = {
    FIELD(struct spec, head.tenant),
    FIELD(struct spec, head.language),
    FIELD_MAX(struct spec, head.priority, LIMIT_PRIORITIES - 1),
    FIELD_MAX(struct spec, head.attempts_max, LIMIT_ATTEMPTS),
    FIELD_MAX(struct spec, head.backoff_ms, LIMIT_DELAY_MS),
    FIELD_MAX(struct spec, head.delay_ms, LIMIT_DELAY_MS),
    FIELD(struct spec, head.retain_s),
    FIELD(struct spec, head.keyed),
    FIELD(struct spec, head.key),
    FIELD(struct spec, head.body_hash),
    FIELD_INLINE(struct spec, tags, n_tags, LIMIT_TAGS, tag_table),
};
/* Of the head alone: field_done() empties it before it frees what is behind it. */
static const struct field_table head_table = {.fields = head_fields,
                                              .n = sizeof(head_fields) / sizeof(head_fields[0]),
                                              .size = sizeof(struct spec_head)};

_Static_assert(offsetof(struct spec, head) == 0, "a head is read as a spec is");
const struct field_table spec_head_plain = {
    .fields = head_fields,
    .n = sizeof(head_fields) / sizeof(head_fields[0]) - 1,
    .size = sizeof(struct spec_head),
};

static const struct field limits_fields[] = {
    FIELD(struct spec_limits, cpu_ms),         FIELD(struct spec_limits, wall_ms),
    FIELD(struct spec_limits, memory),         FIELD(struct spec_limits, output),
    FIELD(struct spec_limits, processes),      FIELD(struct spec_limits, compile_ms),
    FIELD(struct spec_limits, compile_memory), FIELD(struct spec_limits, stack),
    FIELD(struct spec_limits, file_size),
};
static const struct field_table limits_table = FIELD_TABLE(struct spec_limits, limits_fields);

static const struct field file_fields[] = {
    FIELD(struct spec_file, name),
    FIELD_MAX(struct spec_file, content, LIMIT_SPEC),
};
static const struct field_table file_table = FIELD_TABLE(struct spec_file, file_fields);

static const struct field arg_fields[] = {
    {.name = "arg", .kind = FIELD_KIND_SPAN, .size = sizeof(struct span), .max = LIMIT_ARG},
};
static const struct field_table arg_table = FIELD_TABLE(struct span, arg_fields);

static const struct field test_fields[] = {
    FIELD(struct spec_test, name),
    FIELD_MAX(struct spec_test, input, LIMIT_SPEC),
    FIELD(struct spec_test, has_expected),
    FIELD_MAX(struct spec_test, expected, LIMIT_SPEC),
    FIELD(struct spec_test, has_args),
    FIELD_ARRAY(struct spec_test, args, n_args, LIMIT_ARGS, arg_table),
    FIELD_MAX(struct spec_test, weight, SPEC_WEIGHT_MAX),
    FIELD(struct spec_test, hidden),
};
static const struct field_table test_table = FIELD_TABLE(struct spec_test, test_fields);

static const struct field checker_fields[] = {
    FIELD_MAX(struct spec_checker, type, SPEC_CHECKER_N - 1),
    FIELD(struct spec_checker, absolute),
    FIELD(struct spec_checker, relative),
    FIELD(struct spec_checker, language),
    FIELD_MAX(struct spec_checker, code, LIMIT_SPEC),
};
static const struct field_table checker_table = FIELD_TABLE(struct spec_checker, checker_fields);

static const struct field spec_fields[] = {
    {.name = "head", .kind = FIELD_KIND_STRUCT, .of = &head_table},
    FIELD(struct spec, version),
    FIELD_ARRAY(struct spec, files, n_files, LIMIT_FILES, file_table),
    FIELD_ARRAY(struct spec, args, n_args, LIMIT_ARGS, arg_table),
    FIELD_MAX(struct spec, input, LIMIT_SPEC),
    FIELD_ARRAY(struct spec, tests, n_tests, LIMIT_TESTS, test_table),
    FIELD_STRUCT(struct spec, checker, checker_table),
    FIELD_STRUCT(struct spec, interactor, checker_table),
    FIELD_STRUCT(struct spec, limits, limits_table),
    FIELD(struct spec, stop_on_failure),
    FIELD(struct spec, stream_output),
    FIELD(struct spec, callback),
};
static const struct field_table spec_table = FIELD_TABLE(struct spec, spec_fields);

int spec_encode(const struct spec *s, struct buf *out)
{
    size_t start = out->len;

    wire_put_array(out, 1 + spec_table.n);
    wire_put_uint(out, SPEC_VERSION);
    field_put_members(out, &spec_table, s);
    if (!out->full && out->len - start <= LIMIT_SPEC)
        return 0;
    out->len = start;
    return -E2BIG;
}

static bool component_ok(const char *at, size_t len)
{
    return len > 0 && !(len == 1 && at[0] == '.') && !(len == 2 && at[0] == '.' && at[1] == '.');
}

bool spec_name_ok(const char *name)
{
    const char *start = name;

    for (const char *p = name;; p++) {
        unsigned char c = (unsigned char)*p;

        if (p - name > LIMIT_FILE_NAME)
            return false;
        if (c == '/' || c == '\0') {
            if (!component_ok(start, (size_t)(p - start)))
                return false;
            start = p + 1;
        }
        if (c == '\0')
            return true;
        if (c < 0x20 || c == 0x7f || c == '\\')
            return false;
    }
}

static int head_check(const struct spec_head *h, struct err *err)
{
    if (h->language[0] == '\0')
        return err_set(err, EBADMSG, "head: no language");
    if (h->attempts_max == 0)
        return err_set(err, EBADMSG, "head: no attempts");
    return 0;
}

static int spec_check(const struct spec *s, struct err *err)
{
    if (s->n_files == 0)
        return err_set(err, EBADMSG, "no files");
    for (uint32_t i = 0; i < s->n_files; i++) {
        if (!spec_name_ok(s->files[i].name))
            return err_set(err, EBADMSG, "files[%u]: bad name", i);
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(s->files[i].name, s->files[j].name) == 0)
                return err_set(err, EBADMSG, "files[%u]: same name as files[%u]", i, j);
        }
    }
    if (s->interactor.code.len && s->interactor.type != SPEC_CHECKER_PROGRAM)
        return err_set(err, EBADMSG, "interactor: not a program");
    if (s->checker.absolute < 0 || s->checker.relative < 0)
        return err_set(err, EBADMSG, "checker: negative tolerance");
    return head_check(&s->head, err);
}

/* The members there are after the version, or -EBADMSG. */
static int version_get(struct wire_reader *r, uint32_t *ret_n, struct err *err)
{
    uint32_t n = wire_get_array(r, LIMIT_WIRE_MEMBERS);
    uint64_t version = wire_get_uint(r, UINT32_MAX);

    if (r->bad || n == 0)
        return err_set(err, EBADMSG, "not a spec");
    if (version != SPEC_VERSION)
        return err_set(err, EBADMSG, "spec version %llu", (unsigned long long)version);
    *ret_n = n - 1;
    return 0;
}

static int spec_get(struct wire_reader *r, struct spec *s, struct err *err)
{
    uint32_t n = 0;
    int rc = version_get(r, &n, err);

    if (rc)
        return rc;
    field_get_members(r, &spec_table, n, s, err);
    if (r->bad)
        return -EBADMSG;
    if (wire_reader_end(r))
        return err_set(err, EBADMSG, "bytes behind the spec");
    return spec_check(s, err);
}

int spec_decode(struct span bytes, struct spec *ret_spec, struct err *err)
{
    struct wire_reader r;
    int rc;

    if (bytes.len > LIMIT_SPEC)
        return err_set(err, EBADMSG, "a spec of %zu bytes", bytes.len);
    wire_reader_init(&r, bytes.data, bytes.len);
    memset(ret_spec, 0, sizeof(*ret_spec));
    rc = spec_get(&r, ret_spec, err);
    if (rc)
        spec_done(ret_spec);
    return rc;
}

void spec_done(struct spec *s)
{
    field_done(&spec_table, s);
}
