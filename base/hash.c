/* SPDX-License-Identifier: MPL-2.0 */
#include "base/hash.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

static uint64_t hash_rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* Ten of these for a key of 16 bytes, and every look into a map is one of those. */
__attribute__((always_inline)) static inline void hash_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = hash_rotl(v[1], 13) ^ v[0];
    v[0] = hash_rotl(v[0], 32);
    v[2] += v[3];
    v[3] = hash_rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = hash_rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = hash_rotl(v[1], 17) ^ v[2];
    v[2] = hash_rotl(v[2], 32);
}

static uint64_t hash_word(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

uint64_t hash_sip(uint64_t key0, uint64_t key1, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t v[4] = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
                     key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)len << 56;
    size_t left = len;

    for (; left >= 8; left -= 8, p += 8) {
        uint64_t m = hash_word(p);

        v[3] ^= m;
        hash_round(v);
        hash_round(v);
        v[0] ^= m;
    }
    for (size_t i = 0; i < left; i++)
        last |= (uint64_t)p[i] << (8 * i);
    v[3] ^= last;
    hash_round(v);
    hash_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        hash_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash64(const void *data, size_t len)
{
    return hash_sip(0x636f64656172656eu, 0x61206d6573682031u, data, len);
}

/* A nibble at a time: 64 bytes of table, no start-up work, no writable global. */
static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t len)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return crc;
}

/* The processor's own instruction is a hundred times as fast as the table. */
#if defined(__x86_64__)
static bool crc_is_built_in(void)
{
    return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t crc_by_cpu(uint32_t crc, const uint8_t *p,
                                                             size_t len)
{
    uint64_t wide = crc;

    for (; len >= 8; len -= 8, p += 8)
        wide = __builtin_ia32_crc32di(wide, hash_word(p));
    crc = (uint32_t)wide;
    for (; len > 0; len--)
        crc = __builtin_ia32_crc32qi(crc, *p++);
    return crc;
}
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>

static bool crc_is_built_in(void)
{
    return true;
}

static uint32_t crc_by_cpu(uint32_t crc, const uint8_t *p, size_t len)
{
    for (; len >= 8; len -= 8, p += 8)
        crc = __crc32cd(crc, hash_word(p));
    for (; len > 0; len--)
        crc = __crc32cb(crc, *p++);
    return crc;
}
#else
static bool crc_is_built_in(void)
{
    return false;
}

static uint32_t crc_by_cpu(uint32_t crc, const uint8_t *p, size_t len)
{
    return crc_by_table(crc, p, len);
}
#endif

uint32_t hash_crc32c(uint32_t crc, const void *data, size_t len)
{
    return ~(crc_is_built_in() ? crc_by_cpu : crc_by_table)(~crc, data, len);
}
