// SPDX-License-Identifier: MPL-2.0
// What load-test.yml cannot say: when a client stops asking.
"use strict";

const POLLS_MAX = 60;

function unfinished(context, next) {
    const polls = context.vars.$loopCount || 0;

    next(context.vars.state !== "completed" && context.vars.state !== "failed" &&
        polls < POLLS_MAX);
}

module.exports = {unfinished};
