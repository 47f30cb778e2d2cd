-- SPDX-License-Identifier: MPL-2.0
-- wrk: the status of jobs that are finished, in turn; their ids are the script's arguments.
local ids, at = {}, 0
function init(args)
    ids = args
end
function request()
    at = at % #ids + 1
    return wrk.format("GET", "/api/jobs/" .. ids[at])
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("requests %d micros %d p99 %d errors %d\n", summary.requests,
        summary.duration, latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
