/* SPDX-License-Identifier: MPL-2.0 */
#ifndef NODE_COMPARE_H
#define NODE_COMPARE_H
/*
 * Whether an output is the expected one, by each of the checkers that are no program. Pure:
 * bytes in, an answer out; nothing is copied or allocated. Bytes, not characters: white space
 * is the six of ASCII.
 */
#include "mesh/spec.h"

#include <stdbool.h>

struct compare_difference {
    int64_t line;                /* 1-based, of the first difference */
    char detail[LIMIT_TEXT + 1]; /* a sentence, printable ASCII */
};

/* True when `got` is accepted; else *ret_difference says where it parts. The types PROGRAM and
 * above are the caller's business and asserted on. With FLOAT a tolerance of 0 and 0 means
 * 1e-9 of either kind. */
bool compare_output(const struct spec_checker *checker, struct span got, struct span want,
                    struct compare_difference *ret_difference);
#endif
