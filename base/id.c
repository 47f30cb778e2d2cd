/* SPDX-License-Identifier: MPL-2.0 */
#include "base/id.h"

#include "base/own.h"

#include <errno.h>

bool id_eq(const struct id *a, const struct id *b)
{
    return memcmp(a->b, b->b, ID_SIZE) == 0;
}

int id_cmp(const struct id *a, const struct id *b)
{
    return memcmp(a->b, b->b, ID_SIZE);
}

bool id_is_zero(const struct id *a)
{
    static const struct id zero;

    return id_eq(a, &zero);
}

static bool id_dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

char *id_format(const struct id *a, char out[ID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;

    for (int i = 0; i < ID_SIZE; i++) {
        if (id_dash_before(i))
            *p++ = '-';
        *p++ = hex[a->b[i] >> 4];
        *p++ = hex[a->b[i] & 15];
    }
    *p = '\0';
    return out;
}

static int id_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int id_parse(const char *text, struct id *ret_id)
{
    struct id id;

    if (!text || strlen(text) != ID_TEXT_LEN)
        return -EINVAL;
    for (int i = 0; i < ID_SIZE; i++) {
        if (id_dash_before(i) && *text++ != '-')
            return -EINVAL;

        int hi = id_hex(text[0]);
        int lo = id_hex(text[1]);
        if (hi < 0 || lo < 0)
            return -EINVAL;
        id.b[i] = (uint8_t)(hi << 4 | lo);
        text += 2;
    }
    *ret_id = id;
    return 0;
}

static void id_mark(struct id *id)
{
    id->b[6] = (uint8_t)((id->b[6] & 0x0f) | 0x80); /* version 8 */
    id->b[8] = (uint8_t)((id->b[8] & 0x3f) | 0x80); /* variant 10 */
}

struct id id_job_new(int64_t wall_ms, const struct id *nid, uint64_t seq)
{
    struct id id;
    uint64_t high = seq >> 12;

    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
    id.b[6] = (uint8_t)(seq >> 8 & 0x0f);
    id.b[7] = (uint8_t)seq;
    for (int i = 0; i < 4; i++)
        id.b[8 + i] = (uint8_t)(high >> (24 - 8 * i));
    memcpy(id.b + 12, nid->b, 4);
    id_mark(&id);
    return id;
}

uint64_t id_job_first(const struct id *nid)
{
    uint64_t v = 0;

    /* 41 of the 42 bits a number has: as many are left to count on. */
    for (int i = 4; i < 10; i++)
        v = v << 8 | nid->b[i];
    return v & ((UINT64_C(1) << 41) - 1);
}

struct id id_job_keyed(const uint8_t hash[ID_SIZE])
{
    struct id id;

    memcpy(id.b, hash, ID_SIZE);
    memset(id.b, 0, 6);
    id_mark(&id);
    return id;
}

int64_t id_job_time_ms(const struct id *jid)
{
    int64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | jid->b[i];
    return ms;
}

bool id_job_is_keyed(const struct id *jid)
{
    return id_job_time_ms(jid) == 0;
}

bool id_job_home_is(const struct id *jid, const struct id *nid)
{
    return !id_job_is_keyed(jid) && memcmp(jid->b + 12, nid->b, 4) == 0;
}
