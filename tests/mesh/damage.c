/* SPDX-License-Identifier: MPL-2.0 */
#include "tests/mesh/damage.h"

unsigned damage_cut(struct span good, damage_reader reader)
{
    unsigned decoded = 0;

    for (size_t len = 0; len < good.len; len++) {
        uint8_t *copy = malloc(len ? len : 1);

        memcpy(copy, good.data, len);
        if (reader((struct span){copy, len}))
            decoded++;
        free(copy);
    }
    return decoded;
}

unsigned damage_flip(struct span good, damage_reader reader)
{
    auto_free uint8_t *copy = malloc(good.len);
    unsigned refused = 0;

    memcpy(copy, good.data, good.len);
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        uint8_t mask = (uint8_t)(1u << bit % 8);

        copy[bit / 8] ^= mask;
        if (!reader((struct span){copy, good.len}))
            refused++;
        copy[bit / 8] ^= mask;
    }
    return refused;
}
