/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What Judge0 tells about itself: languages, statuses, versions, settings, the machine.
 */
#include "api-bridge/judge0.h"
#include "api-bridge/route.h"
#include "api-bridge/server.h"
#include "base/own.h"

#include <config.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { INFO_NAME_MAX = LIMIT_NAME * 2, INFO_COMMAND_MAX = 64 * LIMIT_KIB };

static const char info_version[] = "1.13.1"; /* of the API that these files speak */

/* --- languages ------------------------------------------------------------------------------- */

/* False, and answered. */
static bool may_tell_languages(struct api_exchange *x)
{
    struct api_fault f = {0};

    if (!api_judge0_is_on(x))
        return false;
    if (api_languages_known(x->server->languages, &f))
        return true;
    api_judge0_refuse_fault(x, &f);
    return false;
}

static void list_languages(struct api_exchange *x, bool all)
{
    struct api_json_writer w;
    char name[INFO_NAME_MAX];

    if (!may_tell_languages(x))
        return;
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '[');
    for (size_t i = 0; i < api_judge0_n_languages; i++) {
        const struct api_judge0_language *l = &api_judge0_languages[i];

        if (!l->listed || !api_judge0_language_name(x->server->languages, l, name, sizeof(name)))
            continue;
        api_json_open(&w, NULL, '{');
        api_json_put_int(&w, "id", l->id);
        api_json_put_str(&w, "name", name);
        if (all)
            api_json_put_bool(&w, "is_archived", false);
        api_json_close(&w, '}');
    }
    api_json_close(&w, ']');
    api_answer(x, 200, NULL);
}

void api_judge0_languages_list(struct api_exchange *x)
{
    list_languages(x, false);
}

void api_judge0_languages_all(struct api_exchange *x)
{
    list_languages(x, true);
}

static struct api_json_at profile_of(const struct api_languages *all, const char *name)
{
    for (size_t i = 0; i < api_languages_len(all); i++) {
        struct api_language l = api_languages_at(all, i);

        if (strcmp(l.name, name) == 0)
            return l.profile;
    }
    return (struct api_json_at){0};
}

/* A phase's command as one line, or null. */
static void put_command(struct api_json_writer *w, const char *key,
                        const struct api_json_at *profile, const char *phase)
{
    struct api_fault f = {0};
    struct api_json_at at = api_json_object(profile, phase, &f);
    struct api_json_at argv = api_json_array(&at, "argv", LIMIT_ARGS * 4, &f);
    auto_buf struct buf line = {.max = INFO_COMMAND_MAX};

    for (size_t i = 0; argv.value && i < api_json_len(&argv); i++) {
        struct api_json_at word = api_json_item(&argv, i);
        struct span text = api_json_as_text(&word, LIMIT_ARG, &f);

        if (i > 0)
            (void)buf_putc(&line, ' ');
        (void)buf_put(&line, text.data, text.len);
    }
    if (line.len > 0)
        api_json_put_text(w, key, buf_span(&line));
    else
        api_json_put_null(w, key);
}

void api_judge0_language_get(struct api_exchange *x)
{
    struct span text = x->req.params[0];
    const struct api_judge0_language *l = NULL;
    char id[16] = "", name[INFO_NAME_MAX], source[LIMIT_FILE_NAME + 1] = "";
    struct api_fault f = {0};
    struct api_json_writer w;
    struct api_json_at profile;

    if (!may_tell_languages(x))
        return;
    if (text.len < sizeof(id)) {
        memcpy(id, text.data, text.len);
        l = api_judge0_language(strtol(id, NULL, 10));
    }
    if (!l || !api_judge0_language_name(x->server->languages, l, name, sizeof(name))) {
        api_judge0_refuse(x, 404, "Not Found");
        return;
    }
    profile = profile_of(x->server->languages, l->language);
    api_json_word(&profile, "sourceName", source, sizeof(source), &f);
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_int(&w, "id", l->id);
    api_json_put_str(&w, "name", name);
    api_json_put_bool(&w, "is_archived", false);
    api_json_put_str(&w, "source_file", source);
    put_command(&w, "compile_cmd", &profile, "compile");
    put_command(&w, "run_cmd", &profile, "run");
    api_json_close(&w, '}');
    api_answer(x, 200, NULL);
}

/* --- statuses, versions, settings ------------------------------------------------------------ */

void api_judge0_statuses_list(struct api_exchange *x)
{
    struct api_json_writer w;

    if (!api_judge0_is_on(x))
        return;
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '[');
    for (enum api_judge0_status s = JUDGE0_STATUS_NONE + 1; s < JUDGE0_STATUS_N; s++) {
        api_json_open(&w, NULL, '{');
        api_json_put_int(&w, "id", s);
        api_json_put_str(&w, "description", api_judge0_status_text(s));
        api_json_close(&w, '}');
    }
    api_json_close(&w, ']');
    api_answer(x, 200, NULL);
}

void api_judge0_about(struct api_exchange *x)
{
    struct api_json_writer w;

    if (!api_judge0_is_on(x))
        return;
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, "version", info_version);
    api_json_put_str(&w, "homepage", PACKAGE_URL);
    api_json_put_str(&w, "source_code", PACKAGE_URL);
    api_json_put_str(&w, "maintainer", PACKAGE_STRING);
    api_json_close(&w, '}');
    api_answer(x, 200, NULL);
}

void api_judge0_version(struct api_exchange *x)
{
    if (!api_judge0_is_on(x))
        return;
    (void)buf_puts(&x->body, info_version);
    api_answer(x, 200, "text/plain; charset=utf-8");
}

/* The limit a run gets when it asks for none: of the first language, as all have the same. */
static double usual_limit(const struct api_languages *all, const char *name)
{
    struct api_json_at profile, run, limits;
    struct api_fault f = {0};

    if (api_languages_len(all) == 0)
        return 0;
    profile = api_languages_at(all, 0).profile;
    run = api_json_object(&profile, "run", &f);
    limits = api_json_object(&run, "limits", &f);
    return api_json_real(&limits, name, 1e18, 0, &f);
}

static void put_limits(struct api_json_writer *w, const struct api_exchange *x)
{
    const struct spec_limits *most = &api_exchange_config(x)->ceiling;
    const struct {
        const char *key, *limit;
        double unit;
        uint64_t most;
        double most_unit;
    } all[] = {
        {"cpu_time_limit", "time", 1, most->cpu_ms, 1000},
        {"wall_time_limit", "wallTime", 1, most->wall_ms, 1000},
        {"memory_limit", "memory", LIMIT_KIB, most->memory, LIMIT_KIB},
        {"stack_limit", "stack", LIMIT_KIB, most->stack, LIMIT_KIB},
        {"max_processes_and_or_threads", "processes", 1, most->processes, 1},
        {"max_file_size", "fileSize", LIMIT_KIB, most->file_size, LIMIT_KIB},
    };
    char name[64];

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        api_json_put_real(w, all[i].key,
                          usual_limit(x->server->languages, all[i].limit) / all[i].unit);
        (void)snprintf(name, sizeof(name), "max_%s", all[i].key);
        api_json_put_real(w, name, (double)all[i].most / all[i].most_unit);
    }
}

void api_judge0_config(struct api_exchange *x)
{
    static const struct {
        const char *name;
        bool value;
    } flags[] = {
        {"maintenance_mode", false},
        {"enable_wait_result", true},
        {"enable_compiler_options", false},
        {"enable_command_line_arguments", true},
        {"enable_submission_delete", false},
        {"enable_additional_files", false},
        {"enable_per_process_and_thread_time_limit", false},
        {"allow_enable_per_process_and_thread_time_limit", false},
        {"enable_per_process_and_thread_memory_limit", false},
        {"allow_enable_per_process_and_thread_memory_limit", false},
        {"redirect_stderr_to_stdout", false},
        {"enable_batched_submissions", true},
        {"allow_enable_network", false},
        {"enable_network", false},
    };
    const struct api_webhook_options *hooks = &api_exchange_config(x)->webhook;
    struct api_json_writer w;

    if (!api_judge0_is_on(x))
        return;
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        api_json_put_bool(&w, flags[i].name, flags[i].value);
    api_json_put_bool(&w, "enable_callbacks", hooks->secret && hooks->secret[0]);
    api_json_put_uint(&w, "callbacks_max_tries", hooks->attempts_max);
    api_json_put_real(&w, "callbacks_timeout", hooks->timeout_ms / 1000.0);
    api_json_open(&w, "allowed_languages_for_compile_options", '[');
    api_json_close(&w, ']');
    put_limits(&w, x);
    api_json_put_real(&w, "cpu_extra_time", 0);
    api_json_put_real(&w, "max_cpu_extra_time",
                      (double)api_exchange_config(x)->ceiling.cpu_ms / 1000);
    api_json_put_int(&w, "number_of_runs", 1);
    api_json_put_int(&w, "max_number_of_runs", JUDGE0_RUNS_MAX);
    api_json_put_int(&w, "max_submission_batch_size", JUDGE0_BATCH_MAX);
    api_json_close(&w, '}');
    api_answer(x, 200, NULL);
}

void api_judge0_system(struct api_exchange *x)
{
    struct utsname u;
    struct api_json_writer w;
    char text[32];
    double bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);

    if (!api_judge0_is_on(x))
        return;
    api_json_writer_init(&w, &x->body);
    api_json_open(&w, NULL, '{');
    api_json_put_str(&w, "Architecture", uname(&u) == 0 ? u.machine : "unknown");
    (void)snprintf(text, sizeof(text), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    api_json_put_str(&w, "CPU(s)", text);
    (void)snprintf(text, sizeof(text), "%.1fGi", bytes / LIMIT_MIB / 1024);
    api_json_put_str(&w, "Mem", text);
    api_json_close(&w, '}');
    api_answer(x, 200, NULL);
}
