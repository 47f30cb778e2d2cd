/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H
/*
 * Every bound on what comes from outside, and every bound that two layers share. A size
 * is checked against one of these before anything is allocated for it. Bytes unless the
 * name says otherwise.
 */
enum {
    LIMIT_KIB = 1024,
    LIMIT_MIB = 1024 * 1024,

    /* Frames. A control frame is small; a bulk frame carries one job's spec or result. */
    LIMIT_FRAME_CONTROL = 1 * LIMIT_MIB,
    LIMIT_FRAME_BULK = 16 * LIMIT_MIB,
    LIMIT_WIRE_DEPTH = 8,
    LIMIT_WIRE_MEMBERS = 256, /* of one written struct */
    LIMIT_NAME = 64,          /* node, zone, language and tenant names */
    LIMIT_ENDPOINT = 128,     /* a ZeroMQ endpoint */
    LIMIT_KEY = 64,           /* a key in the store */
    LIMIT_NODES = 1024,
    LIMIT_SEEDS = 64,

    /* One job. */
    LIMIT_SPEC = 8 * LIMIT_MIB,
    LIMIT_RESULT = 8 * LIMIT_MIB,
    LIMIT_FILES = 64,
    LIMIT_FILE_NAME = 128,
    LIMIT_TESTS = 1000,
    LIMIT_ARGS = 64,
    LIMIT_ARG = 4096,
    LIMIT_TAGS = 16,
    LIMIT_TAG = 64,
    LIMIT_TEXT = 512, /* a cause's detail, a reason */
    LIMIT_URL = 2048,
    LIMIT_ATTEMPTS = 25,
    LIMIT_PRIORITIES = 4, /* classes: 0 is the most urgent */
    LIMIT_DELAY_MS = 7 * 24 * 3600 * 1000,
    LIMIT_REPLICAS = 5,
    LIMIT_TENANTS = 4096,      /* with work waiting, on one node */
    LIMIT_EVENTS_PER_JOB = 64, /* kept for a client that comes back */
    LIMIT_PAGE = 1000,         /* jobs in one answer to LIST */
    LIMIT_LANGUAGES = 64,
    LIMIT_PROFILE = 64 * LIMIT_KIB, /* one language's profile file */
};
#endif
