/* SPDX-License-Identifier: MPL-2.0 */
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "api-bridge/base64.h"
#include "api-bridge/submit.h"
#include "base/own.h"

#include <math.h>

enum {
    SUBMIT_ATTEMPTS = 3,
    SUBMIT_BACKOFF_MS = 1000,
    SUBMIT_PRIORITY = 2,
    SUBMIT_WEIGHT_MAX = 1000000,
    NAME_POOL = 128 * ID_SIZE,
    SUBMIT_USUAL = 1000, /* bytes, of most encoded jobs */
};

struct api_submission_block {
    struct api_submission_block *next;
    _Alignas(16) uint8_t data[];
};

void api_submission_init(struct api_submission *s)
{
    *s = (struct api_submission){0};
    s->spec.head.priority = SUBMIT_PRIORITY;
    s->spec.head.attempts_max = SUBMIT_ATTEMPTS;
    s->spec.head.backoff_ms = SUBMIT_BACKOFF_MS;
    s->spec.checker.type = SPEC_CHECKER_LINES;
}

void api_submission_done(struct api_submission *s)
{
    while (s->blocks) {
        struct api_submission_block *b = s->blocks;

        s->blocks = b->next;
        free(b);
    }
}

void *api_submission_keep(struct api_submission *s, size_t n, size_t size)
{
    struct api_submission_block *b = own_calloc(1, sizeof(*b) + n * size);

    b->next = s->blocks;
    s->blocks = b;
    return b->data;
}

struct span api_submission_bytes(struct api_submission *s, struct span text, bool base64,
                                 const struct api_json_at *at, struct api_fault *f)
{
    auto_buf struct buf out = {.max = LIMIT_SPEC};
    uint8_t *kept;

    if (!base64 || text.len == 0 || f->code)
        return text;
    if (api_base64_decode(text, API_BASE64_STANDARD, &out) < 0) {
        api_json_fault(at, f, API_FAULT_BAD_VALUE, "is not valid base64");
        return (struct span){0};
    }
    kept = api_submission_keep(s, 1, out.len + 1);
    memcpy(kept, out.data, out.len);
    return (struct span){kept, out.len};
}

/* The same, or one is a folder of the other. */
static bool names_clash(const char *a, const char *b)
{
    const size_t n = strlen(a), k = strlen(b), shorter = n < k ? n : k;

    return strncmp(a, b, shorter) == 0 && (n == k || (n < k ? b : a)[shorter] == '/');
}

void api_submission_names_check(const struct api_submission *s, const struct api_json_at *list,
                                struct api_fault *f)
{
    for (uint32_t i = 1; i < s->spec.n_files; i++) {
        for (uint32_t k = 0; k < i; k++) {
            struct api_json_at at = api_json_item(list, i);

            if (names_clash(s->spec.files[i].name, s->spec.files[k].name))
                api_json_fault(&at, f, API_FAULT_BAD_VALUE,
                               "has the name of another file, or is in it");
        }
    }
}

/* What the fields of one object have in common while they are read. */
struct reader {
    struct api_submission *s;
    const struct api_json_at *at;
    const struct api_config *config;
    struct api_fault *f;
    bool base64;
};

static bool read_encoding(const struct reader *r, bool fallback)
{
    char word[LIMIT_NAME + 1];
    struct api_json_at at = api_json_field(r->at, "encoding");

    if (!at.value)
        return fallback;
    api_json_word(r->at, "encoding", word, sizeof(word), r->f);
    if (strcmp(word, "base64") == 0)
        return true;
    if (strcmp(word, "utf8") != 0 && strcmp(word, "utf-8") != 0)
        api_json_fault(&at, r->f, API_FAULT_BAD_VALUE, "must be \"utf8\" or \"base64\"");
    return false;
}

/* A text field as bytes; none when it is absent. */
static struct span bytes_at(const struct reader *r, const struct api_json_at *at, size_t max)
{
    size_t most = r->base64 ? max / 3 * 4 + 4 : max;
    struct span text = at->value ? api_json_as_text(at, most, r->f) : (struct span){0};
    struct span bytes = api_submission_bytes(r->s, text, r->base64, at, r->f);

    if (bytes.len > max)
        api_json_fault(at, r->f, API_FAULT_TOO_LONG, "is longer than %zu bytes", max);
    return bytes;
}

static struct span read_bytes(const struct reader *r, const char *key, size_t max)
{
    struct api_json_at at = api_json_field(r->at, key);

    return bytes_at(r, &at, max);
}

static struct span *read_args(const struct reader *r, uint32_t *ret_n)
{
    struct api_json_at list = api_json_array(r->at, "args", LIMIT_ARGS, r->f);
    struct span *args;

    *ret_n = 0;
    if (!list.value || api_json_len(&list) == 0)
        return NULL;
    args = api_submission_keep(r->s, api_json_len(&list), sizeof(*args));
    for (uint32_t i = 0; i < api_json_len(&list); i++) {
        struct api_json_at at = api_json_item(&list, i);

        args[i] = api_json_as_text(&at, LIMIT_ARG, r->f);
    }
    *ret_n = (uint32_t)api_json_len(&list);
    return args;
}

static void check_code_size(const struct reader *r, const struct api_json_at *at, uint64_t len)
{
    if (len > r->config->code_max)
        api_json_fault(at, r->f, API_FAULT_TOO_LONG,
                       "is %llu bytes of source code, at most %llu are allowed",
                       (unsigned long long)len, (unsigned long long)r->config->code_max);
}

static void read_file(const struct reader *r, struct spec_file *file)
{
    static const char *const known[] = {"name", "content", "encoding"};
    struct api_json_at name = api_json_field(r->at, "name");
    struct reader inner = *r;

    if (!api_json_is_object(r->at)) {
        api_json_fault(r->at, r->f, API_FAULT_BAD_TYPE, "must be an object");
        return;
    }
    api_json_known(r->at, known, ARRAY_LEN(known), r->f);
    api_json_need(r->at, "name", r->f);
    api_json_need(r->at, "content", r->f);
    api_json_word(r->at, "name", file->name, sizeof(file->name), r->f);
    if (!r->f->code && !spec_name_ok(file->name))
        api_json_fault(&name, r->f, API_FAULT_BAD_VALUE,
                       "must be a relative file name without \"..\", \"\\\" or control characters");
    inner.base64 = read_encoding(r, r->base64);
    file->content = read_bytes(&inner, "content", LIMIT_SPEC);
}

static void read_files(const struct reader *r, const struct api_json_at *list)
{
    struct spec *spec = &r->s->spec;
    uint64_t total = 0;

    spec->n_files = (uint32_t)api_json_len(list);
    spec->files = api_submission_keep(r->s, spec->n_files + 1, sizeof(*spec->files));
    if (spec->n_files == 0)
        api_json_fault(list, r->f, API_FAULT_BAD_VALUE, "must have at least one file");
    for (uint32_t i = 0; i < spec->n_files; i++) {
        struct api_json_at at = api_json_item(list, i);
        struct reader inner = *r;

        inner.at = &at;
        read_file(&inner, &spec->files[i]);
        total += spec->files[i].content.len;
    }
    check_code_size(r, list, total);
    api_submission_names_check(r->s, list, r->f);
}

/* `code` or `files`: one of them. The executing node names a file that has no name. */
static void read_source(const struct reader *r)
{
    struct spec *spec = &r->s->spec;
    struct api_json_at code = api_json_field(r->at, "code");
    struct api_json_at files = api_json_array(r->at, "files", LIMIT_FILES, r->f);

    if (code.value && files.value) {
        api_json_fault(&files, r->f, API_FAULT_BAD_VALUE, "cannot be given together with code");
        return;
    }
    if (files.value) {
        read_files(r, &files);
        return;
    }
    api_json_need(r->at, "code", r->f);
    spec->n_files = 1;
    spec->files = api_submission_keep(r->s, 1, sizeof(*spec->files));
    spec->files[0].content = bytes_at(r, &code, LIMIT_SPEC);
    if (!r->f->code && spec->files[0].content.len == 0)
        api_json_fault(&code, r->f, API_FAULT_BAD_VALUE, "must not be empty");
    check_code_size(r, &code, spec->files[0].content.len);
}

static void read_test(const struct reader *r, struct spec_test *t)
{
    static const char *const known[] = {"name",   "input",  "expectedOutput", "args",
                                        "weight", "hidden", "encoding"};
    struct reader inner = *r;

    if (!api_json_is_object(r->at)) {
        api_json_fault(r->at, r->f, API_FAULT_BAD_TYPE, "must be an object");
        return;
    }
    api_json_known(r->at, known, ARRAY_LEN(known), r->f);
    inner.base64 = read_encoding(r, r->base64);
    api_json_word(r->at, "name", t->name, sizeof(t->name), r->f);
    t->input = read_bytes(&inner, "input", LIMIT_SPEC);
    t->has_expected = api_json_field(r->at, "expectedOutput").value != NULL;
    t->expected = read_bytes(&inner, "expectedOutput", LIMIT_SPEC);
    t->has_args = api_json_field(r->at, "args").value != NULL;
    t->args = read_args(r, &t->n_args);
    t->weight = (uint32_t)api_json_uint(r->at, "weight", SUBMIT_WEIGHT_MAX, 1, r->f);
    t->hidden = api_json_bool(r->at, "hidden", false, r->f);
}

static void read_tests(const struct reader *r)
{
    struct spec *spec = &r->s->spec;
    struct api_json_at list = api_json_array(r->at, "testCases", r->config->tests_max, r->f);

    if (!list.value || api_json_len(&list) == 0)
        return;
    spec->n_tests = (uint32_t)api_json_len(&list);
    spec->tests = api_submission_keep(r->s, spec->n_tests, sizeof(*spec->tests));
    for (uint32_t i = 0; i < spec->n_tests && !r->f->code; i++) {
        struct api_json_at at = api_json_item(&list, i);
        struct reader inner = *r;

        inner.at = &at;
        read_test(&inner, &spec->tests[i]);
    }
}

static void read_program(const struct reader *r, struct spec_checker *c)
{
    struct api_json_at code = api_json_field(r->at, "code");

    api_json_need(r->at, "language", r->f);
    api_json_need(r->at, "code", r->f);
    api_json_word(r->at, "language", c->language, sizeof(c->language), r->f);
    c->code = bytes_at(r, &code, LIMIT_SPEC);
    check_code_size(r, &code, c->code.len);
}

static void read_checker(const struct reader *r)
{
    static const char *const known[] = {"type", "absolute", "relative", "language", "code"};
    static const char *const types[SPEC_CHECKER_N] = {
#define X(id, name) name,
        SPEC_CHECKERS(X)
#undef X
    };
    struct api_json_at at = api_json_object(r->at, "checker", r->f);
    struct api_json_at type = api_json_field(&at, "type");
    struct spec_checker *c = &r->s->spec.checker;
    struct reader inner = *r;
    char word[LIMIT_NAME + 1];

    if (!at.value)
        return;
    inner.at = &at;
    api_json_known(&at, known, ARRAY_LEN(known), r->f);
    api_json_word(&at, "type", word, sizeof(word), r->f);
    c->type = word[0] ? SPEC_CHECKER_N : SPEC_CHECKER_LINES;
    for (enum spec_checker_type t = 0; t < SPEC_CHECKER_N; t++) {
        if (strcmp(types[t], word) == 0)
            c->type = t;
    }
    if (c->type == SPEC_CHECKER_N)
        api_json_fault(&type, r->f, API_FAULT_BAD_VALUE,
                       "must be lines, exact, trim, tokens, float or program");
    c->absolute = api_json_real(&at, "absolute", 1e18, 0, r->f);
    c->relative = api_json_real(&at, "relative", 1, 0, r->f);
    if (c->type == SPEC_CHECKER_PROGRAM)
        read_program(&inner, c);
}

static void read_interactor(const struct reader *r)
{
    static const char *const known[] = {"language", "code"};
    struct api_json_at at = api_json_object(r->at, "interactor", r->f);
    struct reader inner = *r;

    if (!at.value)
        return;
    inner.at = &at;
    api_json_known(&at, known, ARRAY_LEN(known), r->f);
    r->s->spec.interactor.type = SPEC_CHECKER_PROGRAM;
    read_program(&inner, &r->s->spec.interactor);
}

/* Seconds of the API as ms; 0 is "the default", so a limit of nothing is out of range. */
static uint64_t read_seconds(const struct reader *r, const char *key, uint64_t max_ms)
{
    struct api_json_at at = api_json_field(r->at, key);
    double s = api_json_real(r->at, key, (double)max_ms / 1000, 0, r->f);

    if (at.value && !r->f->code && s < 0.001)
        api_json_fault(&at, r->f, API_FAULT_OUT_OF_RANGE, "must be at least 0.001");
    return (uint64_t)llround(s * 1000);
}

static uint64_t read_amount(const struct reader *r, const char *key, uint64_t max)
{
    struct api_json_at at = api_json_field(r->at, key);
    uint64_t v = api_json_uint(r->at, key, max, 0, r->f);

    if (at.value && !r->f->code && v == 0)
        api_json_fault(&at, r->f, API_FAULT_OUT_OF_RANGE, "must be at least 1");
    return v;
}

static void read_limits(const struct reader *r)
{
    static const char *const known[] = {"time",          "wallTime",  "memory",
                                        "output",        "processes", "compileTime",
                                        "compileMemory", "stack",     "fileSize"};
    struct api_json_at at = api_json_object(r->at, "limits", r->f);
    const struct spec_limits *max = &r->config->ceiling;
    struct reader inner = *r;

    if (!at.value)
        return;
    inner.at = &at;
    api_json_known(&at, known, ARRAY_LEN(known), r->f);
    r->s->spec.limits = (struct spec_limits){
        .cpu_ms = read_seconds(&inner, "time", max->cpu_ms),
        .wall_ms = read_seconds(&inner, "wallTime", max->wall_ms),
        .memory = read_amount(&inner, "memory", max->memory),
        .output = read_amount(&inner, "output", max->output),
        .processes = read_amount(&inner, "processes", max->processes),
        .compile_ms = read_seconds(&inner, "compileTime", max->compile_ms),
        .compile_memory = read_amount(&inner, "compileMemory", max->compile_memory),
        .stack = read_amount(&inner, "stack", max->stack),
        .file_size = read_amount(&inner, "fileSize", max->file_size),
    };
}

/* A class, by number or name. Larger numbers are what older clients called less urgent. */
static uint8_t read_priority(const struct reader *r)
{
    static const char *const names[LIMIT_PRIORITIES] = {"critical", "high", "normal", "low"};
    struct api_json_at at = api_json_field(r->at, "priority");
    char word[LIMIT_NAME + 1];
    uint64_t n;

    if (!at.value)
        return SUBMIT_PRIORITY;
    if (!api_json_is_text(&at)) {
        n = api_json_uint(r->at, "priority", INT32_MAX, SUBMIT_PRIORITY, r->f);
        return (uint8_t)(n < LIMIT_PRIORITIES ? n : LIMIT_PRIORITIES - 1);
    }
    api_json_word(r->at, "priority", word, sizeof(word), r->f);
    for (uint8_t i = 0; i < LIMIT_PRIORITIES; i++) {
        if (strcmp(word, names[i]) == 0)
            return i;
    }
    api_json_fault(&at, r->f, API_FAULT_BAD_VALUE, "must be critical, high, normal or low");
    return SUBMIT_PRIORITY;
}

static void read_tags(const struct reader *r)
{
    struct api_json_at list = api_json_array(r->at, "tags", LIMIT_TAGS, r->f);
    struct spec *spec = &r->s->spec;

    for (size_t i = 0; list.value && i < api_json_len(&list) && !r->f->code; i++) {
        struct api_json_at at = api_json_item(&list, i);
        struct span tag = api_json_as_text(&at, LIMIT_TAG, r->f);

        if (!r->f->code && tag.len == 0)
            api_json_fault(&at, r->f, API_FAULT_BAD_VALUE, "must not be empty");
        if (tag.len)
            memcpy(spec->tags[spec->n_tags++], tag.data, tag.len);
    }
}

static void read_head(const struct reader *r)
{
    struct spec_head *head = &r->s->spec.head;
    struct api_json_at language = api_json_field(r->at, "language");
    uint64_t attempts = api_json_uint(r->at, "attempts", LIMIT_ATTEMPTS, SUBMIT_ATTEMPTS, r->f);

    api_json_need(r->at, "language", r->f);
    api_json_word(r->at, "language", head->language, sizeof(head->language), r->f);
    if (!r->f->code && !head->language[0])
        api_json_fault(&language, r->f, API_FAULT_BAD_VALUE, "must not be empty");
    head->priority = read_priority(r);
    head->attempts_max = (uint8_t)(attempts ? attempts : 1);
    head->backoff_ms =
        (uint32_t)(api_json_real(r->at, "backoff", 3600, SUBMIT_BACKOFF_MS / 1000.0, r->f) * 1000);
    head->delay_ms =
        (uint32_t)(api_json_real(r->at, "delay", LIMIT_DELAY_MS / 1000.0, 0, r->f) * 1000);
    read_tags(r);
}

static void read_callback(const struct reader *r)
{
    char *url = r->s->spec.callback;
    char path[API_FIELD_MAX];
    struct api_json_at at = api_json_field(r->at, "callback");

    api_json_word(r->at, "callback", url, sizeof(r->s->spec.callback), r->f);
    if (r->f->code || !url[0])
        return;
    if (!r->config->webhook.secret || !r->config->webhook.secret[0]) {
        api_json_fault(&at, r->f, API_FAULT_BAD_VALUE, "cannot be given: this server has none");
        return;
    }
    api_json_path(&at, path, sizeof(path));
    api_webhook_url_check(&r->config->webhook, url, path, r->f);
}

void api_submit_read(struct api_submission *s, const struct api_json_at *body,
                     const struct api_config *config, struct api_fault *f)
{
    static const char *const known[] = {
        "code",     "files",      "language", "version",  "input", "args",          "testCases",
        "checker",  "interactor", "limits",   "priority", "delay", "stopOnFailure", "tags",
        "callback", "encoding",   "attempts", "backoff",  "stream"};
    struct reader r = {.s = s, .at = body, .config = config, .f = f};

    if (!api_json_is_object(body)) {
        api_json_fault(body, f, API_FAULT_BAD_TYPE, "must be an object");
        return;
    }
    api_json_known(body, known, ARRAY_LEN(known), f);
    r.base64 = read_encoding(&r, false);
    read_head(&r);
    read_source(&r);
    api_json_word(body, "version", s->spec.version, sizeof(s->spec.version), f);
    s->spec.input = read_bytes(&r, "input", LIMIT_SPEC);
    s->spec.args = read_args(&r, &s->spec.n_args);
    read_tests(&r);
    read_checker(&r);
    read_interactor(&r);
    read_limits(&r);
    s->spec.stop_on_failure = api_json_bool(body, "stopOnFailure", false, f);
    s->spec.stream_output = api_json_bool(body, "stream", false, f);
    read_callback(&r);
}

static void digest(struct span a, struct span b, uint8_t out[ID_SIZE])
{
    auto_buf struct buf joined = {.max = a.len + b.len + 1};
    uint8_t full[EVP_MAX_MD_SIZE];

    (void)buf_put(&joined, a.data, a.len);
    (void)buf_putc(&joined, 0);
    (void)buf_put(&joined, b.data, b.len);
    if (EVP_Digest(joined.data, joined.len, full, NULL, EVP_sha256(), NULL) != 1)
        abort();
    memcpy(out, full, ID_SIZE);
}

/*
 * A name nobody else gives and nobody can guess: a number that starts anywhere, and 48 random
 * bits. The mesh's job id keeps bytes 6 to 15 but for six bits, and stores jobs by their ids:
 * names that begin alike lie side by side, and a commit of many jobs writes few pages.
 */
static void name_draw(uint8_t name[ID_SIZE])
{
    static _Thread_local struct {
        bool drawn;
        uint32_t next;
        size_t left; /* of the bytes nobody has seen; a draw for each name would cost more */
        uint8_t bytes[NAME_POOL];
    } own;

    if (own.left < ID_SIZE) {
        if (RAND_bytes(own.bytes, sizeof(own.bytes)) != 1)
            abort();
        own.left = sizeof(own.bytes);
    }
    own.left -= ID_SIZE;
    memcpy(name, own.bytes + own.left, ID_SIZE);
    explicit_bzero(own.bytes + own.left, ID_SIZE);
    if (!own.drawn)
        memcpy(&own.next, name, sizeof(own.next));
    own.drawn = true;
    own.next++;
    memset(name, 0, 6);
    /* 26 bits, around the version (byte 6, high) and the variant (byte 8, high two). */
    name[6] = own.next >> 22 & 0x0f;
    name[7] = (uint8_t)(own.next >> 14);
    name[8] = own.next >> 8 & 0x3f;
    name[9] = (uint8_t)own.next;
}

void api_submit_key(struct api_submission *s, const char *tenant, struct span key)
{
    struct spec_head *head = &s->spec.head;
    auto_buf struct buf encoded = {.max = LIMIT_SPEC};

    (void)snprintf(head->tenant, sizeof(head->tenant), "%s", tenant);
    head->keyed = true;
    if (key.len == 0) {
        name_draw(head->key);
        return;
    }
    /* The hash of the job as it is without its name tells a reuse for another job. */
    memset(head->key, 0, sizeof(head->key));
    memset(head->body_hash, 0, sizeof(head->body_hash));
    if (spec_encode(&s->spec, &encoded) == 0)
        digest(buf_span(&encoded), (struct span){0}, head->body_hash);
    digest(span_of(tenant), key, head->key);
}

uint64_t api_submit_send(struct api_link *link, const struct api_submission *s, api_link_answer fn,
                         void *ctx, struct api_fault *f)
{
    auto_buf struct buf encoded = {.max = LIMIT_SPEC};
    struct message m = {.type = MESSAGE_SUBMIT};
    uint64_t number;

    (void)buf_reserve(&encoded, SUBMIT_USUAL);
    if (spec_encode(&s->spec, &encoded) < 0) {
        api_fault_set(f, API_FAULT_TOO_LARGE, "the job is larger than %d bytes", LIMIT_SPEC);
        return 0;
    }
    m.submit.spec = buf_span(&encoded);
    number = api_link_ask(link, &m, 0, fn, ctx);
    if (number == 0)
        api_fault_set(f, API_FAULT_BUSY, NULL);
    return number;
}
