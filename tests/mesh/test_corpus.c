/* SPDX-License-Identifier: MPL-2.0 */
/* Every input of the fuzzer's corpus, without the fuzzer: what it once found stays mended. */
#include "base/own.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CORPUS_MAX = 65536 };

static void replay(const char *dir, const char *name)
{
    auto_free uint8_t *bytes = own_calloc(1, CORPUS_MAX);
    char path[4096];
    size_t len;
    FILE *f;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "re");
    assert_non_null(f);
    len = fread(bytes, 1, CORPUS_MAX, f);
    (void)fclose(f);
    assert_int_equal(LLVMFuzzerTestOneInput(bytes, len), 0);
}

static void no_input_of_the_corpus_breaks_a_reader(void **state)
{
    const char *top = getenv("srcdir");
    char dir[2048];
    struct dirent *e;
    unsigned n = 0;
    DIR *d;

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/codec", top ? top : ".");
    d = opendir(dir);
    assert_non_null(d);
    while ((e = readdir(d))) {
        if (e->d_name[0] == '.')
            continue;
        replay(dir, e->d_name);
        n++;
    }
    (void)closedir(d);
    assert_true(n >= 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_input_of_the_corpus_breaks_a_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
