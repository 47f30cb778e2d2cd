/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Last-Event-ID from a stranger. Whatever is taken is exactly what the bridge writes for those
 * positions; whatever is refused writes nothing. The first byte says how many jobs there are.
 */
#include "api-bridge/position.h"
#include "base/own.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seqs[API_POSITIONS_MAX + 1] = {0};
    auto_buf struct buf again;
    struct span text;
    unsigned n;

    buf_init(&again, API_POSITIONS_TEXT_MAX);
    if (size == 0)
        return 0;
    n = data[0] % (API_POSITIONS_MAX + 1);
    text = (struct span){data + 1, size - 1};
    if (api_positions_read(text, n, seqs)) {
        assert(api_positions_write(seqs, n, &again) == 0);
        assert(again.len == text.len && (!text.len || !memcmp(again.data, text.data, text.len)));
    } else {
        for (size_t i = 0; i < ARRAY_LEN(seqs); i++)
            assert(seqs[i] == 0);
    }
    return 0;
}
