/* SPDX-License-Identifier: MPL-2.0 */
#ifndef BASE_HASH_H
#define BASE_HASH_H
/*
 * hash64: SipHash-2-4 (Aumasson and Bernstein 2012) under a caller's 128-bit key; with a
 * fixed key it is the hash every peer must agree on (placement, digests), with a random
 * key it is safe for tables keyed by strangers.
 * hash_crc32c: CRC-32C (Castagnoli, RFC 3720 appendix B.4), for stored records and frames.
 */
#include <stddef.h>
#include <stdint.h>

uint64_t hash_sip(uint64_t key0, uint64_t key1, const void *data, size_t len);
/* The hash all peers share. */
uint64_t hash64(const void *data, size_t len);
/* Start with crc = 0; may be continued over pieces. */
uint32_t hash_crc32c(uint32_t crc, const void *data, size_t len);
#endif
