/* SPDX-License-Identifier: MPL-2.0 */
#ifndef API_JUDGE0_H
#define API_JUDGE0_H
/*
 * What the files of Judge0's API (version 1.13) share: its languages, statuses and fields, its
 * form of a submission, and its form of an error. A submission is a job; its token is the
 * job's id. A job's request is another question to the mesh than the job: it is asked when
 * `fields` names one that repeats it (source_code, stdin, limits).
 *
 * All calls are behind ARENA_COMPAT_JUDGE0. Everything belongs to one loop's thread.
 */
#include "api-bridge/languages.h"
#include "api-bridge/submit.h"

enum {
    JUDGE0_BATCH_MAX = 20, /* submissions in one request */
    JUDGE0_RUNS_MAX = 20,
    JUDGE0_ARGUMENTS_MAX = 512,
};

/* X(id there, language here, the form of its name there, is one of those that are listed) */
#define JUDGE0_LANGUAGES(X)                                                                        \
    X(50, "c", "C (GCC %s)", true)                                                                 \
    X(54, "cpp", "C++ (GCC %s)", true)                                                             \
    X(62, "java", "Java (OpenJDK %s)", true)                                                       \
    X(63, "javascript", "JavaScript (Node.js %s)", true)                                           \
    X(71, "python", "Python (%s)", true)                                                           \
    X(48, "c", "C (GCC %s)", false)                                                                \
    X(49, "c", "C (GCC %s)", false)                                                                \
    X(52, "cpp", "C++ (GCC %s)", false)                                                            \
    X(53, "cpp", "C++ (GCC %s)", false)                                                            \
    X(91, "java", "Java (JDK %s)", false)                                                          \
    X(92, "python", "Python (%s)", false)                                                          \
    X(93, "javascript", "JavaScript (Node.js %s)", false)                                          \
    X(97, "javascript", "JavaScript (Node.js %s)", false)                                          \
    X(100, "python", "Python (%s)", false)                                                         \
    X(102, "javascript", "JavaScript (Node.js %s)", false)                                         \
    X(103, "c", "C (GCC %s)", false)                                                               \
    X(105, "cpp", "C++ (GCC %s)", false)                                                           \
    X(109, "python", "Python (%s)", false)

struct api_judge0_language {
    int id;
    const char *language;
    const char *form;
    bool listed;
};
extern const struct api_judge0_language api_judge0_languages[];
extern const size_t api_judge0_n_languages;
/* NULL: there is no such id. */
const struct api_judge0_language *api_judge0_language(int64_t id);
/* "C (GCC 12.2.0)"; false when no node has the language. */
bool api_judge0_language_name(const struct api_languages *known,
                              const struct api_judge0_language *l, char *out, size_t size);

/* X(id there, our name, its description) */
#define JUDGE0_STATUSES(X)                                                                         \
    X(1, QUEUE, "In Queue")                                                                        \
    X(2, PROCESS, "Processing")                                                                    \
    X(3, ACCEPTED, "Accepted")                                                                     \
    X(4, WRONG_ANSWER, "Wrong Answer")                                                             \
    X(5, TIME_LIMIT, "Time Limit Exceeded")                                                        \
    X(6, COMPILATION, "Compilation Error")                                                         \
    X(7, SIGSEGV, "Runtime Error (SIGSEGV)")                                                       \
    X(8, SIGXFSZ, "Runtime Error (SIGXFSZ)")                                                       \
    X(9, SIGFPE, "Runtime Error (SIGFPE)")                                                         \
    X(10, SIGABRT, "Runtime Error (SIGABRT)")                                                      \
    X(11, NZEC, "Runtime Error (NZEC)")                                                            \
    X(12, OTHER, "Runtime Error (Other)")                                                          \
    X(13, INTERNAL, "Internal Error")                                                              \
    X(14, EXEC_FORMAT, "Exec Format Error")

enum api_judge0_status {
    JUDGE0_STATUS_NONE,
#define X(id, name, text) JUDGE0_STATUS_##name = (id),
    JUDGE0_STATUSES(X)
#undef X
        JUDGE0_STATUS_N
};
const char *api_judge0_status_text(enum api_judge0_status s);
/* `r` NULL unless the job is completed. */
enum api_judge0_status api_judge0_status(const struct message_job *job, const struct result *r);

/* How a submission is to be shown. */
struct api_judge0_view {
    bool base64;
    uint64_t fields; /* bit per field of api-bridge/judge0_view.c */
    const struct api_languages *languages;
};
/* Reads ?base64_encoded= and ?fields=; false, with the error answered, when a field is unknown. */
bool api_judge0_view_read(struct api_exchange *x, struct api_judge0_view *how);
/* The fields of "token,status" form; true when all are known. Unknown ones are put into `odd`. */
bool api_judge0_fields(const char *list, uint64_t *ret_fields, struct buf *odd);
/* It was submitted as one. */
bool api_judge0_is(const struct message_job *job);
/* What a callback says of it: the usual fields, in base64; with all texts or with none. */
void api_judge0_callback(const struct message_job *job, bool texts, struct buf *out);
/* Fields are to be shown that api_judge0_put() needs the spec for. */
bool api_judge0_wants_spec(const struct api_judge0_view *how);
/* Writes the object; false when some text is not UTF-8 and base64 was not asked for. */
bool api_judge0_put(struct api_json_writer *w, const struct message_job *job,
                    const struct spec *spec, const struct api_judge0_view *how);

/* A submission as it is read; `errors` is empty, or {"field": ["what is wrong"], ...}. */
struct api_judge0_form {
    struct api_submission submission;
    struct buf errors;
};
void api_judge0_form_init(struct api_judge0_form *form);
void api_judge0_form_done(struct api_judge0_form *form);
struct api_judge0_context {
    const struct api_config *config;
    const struct api_languages *languages;
    bool base64;
};
/* Borrows text from the tree. */
void api_judge0_form_read(struct api_judge0_form *form, const struct api_json_at *at,
                          const struct api_judge0_context *c);

/* False, and answered, when the configuration switches this API off. */
bool api_judge0_is_on(struct api_exchange *x);
/* {"error": "..."} */
void api_judge0_refuse(struct api_exchange *x, int status, const char *text);
void api_judge0_refuse_fault(struct api_exchange *x, const struct api_fault *f);
/* A job id; false when the text is none. */
bool api_judge0_token(struct span text, struct id *ret_jid);
extern const char api_judge0_garbled[];     /* its sentence about one submission */
extern const char api_judge0_garbled_all[]; /* and about several */
extern const char api_judge0_tag[];         /* of every submission's job */
#endif
