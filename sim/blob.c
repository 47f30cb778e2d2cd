/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/blob.h"

struct sim_blob *sim_blob_new(struct span bytes)
{
    struct sim_blob *b = own_realloc(NULL, sizeof(*b) + bytes.len);

    b->refs = 1;
    b->len = bytes.len;
    if (bytes.len)
        memcpy(b->data, bytes.data, bytes.len);
    return b;
}

struct sim_blob *sim_blob_ref(struct sim_blob *b)
{
    if (b)
        b->refs++;
    return b;
}

void sim_blob_free(struct sim_blob *b)
{
    if (b && --b->refs == 0)
        free(b);
}
