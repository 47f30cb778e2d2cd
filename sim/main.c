/* SPDX-License-Identifier: MPL-2.0 */
#include "sim/campaign.h"
#include "sim/capacity.h"
#include "sim/options.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct sim_options o;
    struct err err;
    int r = sim_options_parse(argc, argv, &o, &err);

    if (r < 0) {
        fprintf(stderr, "arena-sim: %s\n", err.text);
        return 2;
    }
    if (r > 0)
        return 0;
    if (o.capacity)
        return sim_capacity_run(&o);
    return o.one && !o.expect ? sim_campaign_one(&o) : sim_campaign_run(&o);
}
