/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_ID_H
#define BASE_ID_H
/*
 * 128-bit names: of nodes (random, drawn with the disk), and of jobs. A job id is a UUIDv8
 * (RFC 9562 section 5.8) that carries the time it was made, and the first 32 bits of its
 * home node's name, so that any peer can route it without looking it up:
 *
 *   bits 0-47  Unix time in ms | 48-51 version 8 | 52-63 the low 12 bits of seq
 *   64-65 variant 2            | 66-95 the next 30 bits of seq | 96-127 node id, first 32 bits
 *
 * A keyed job (submitted with an idempotency key) has a time of 0 and a hash elsewhere.
 */
#include <stdbool.h>
#include <stdint.h>

enum { ID_SIZE = 16, ID_TEXT_LEN = 36, ID_TEXT_SIZE = 37 };

struct id {
    uint8_t b[ID_SIZE];
};

bool id_eq(const struct id *a, const struct id *b);
/* <0, 0, >0 in byte order. */
int id_cmp(const struct id *a, const struct id *b);
bool id_is_zero(const struct id *a);
/* Writes the 36 characters of a UUID and a NUL. Returns `out`. */
char *id_format(const struct id *a, char out[ID_TEXT_SIZE]);
/* 0, or -EINVAL for anything but 36 characters of that form (either case of hex). */
int id_parse(const char *text, struct id *ret_id);

/* The number to begin with. It is made of the rest of the name: two nodes whose first 32 bits
 * are equal number their jobs far apart. */
uint64_t id_job_first(const struct id *nid);
/* A job id made by node `nid` at `wall_ms`; `seq` must differ for every job of that node. */
struct id id_job_new(int64_t wall_ms, const struct id *nid, uint64_t seq);
/* A keyed job's id from 16 bytes of hash. */
struct id id_job_keyed(const uint8_t hash[ID_SIZE]);
bool id_job_is_keyed(const struct id *jid);
/* True when `nid` may be the home written in `jid`. */
bool id_job_home_is(const struct id *jid, const struct id *nid);
int64_t id_job_time_ms(const struct id *jid);
#endif
