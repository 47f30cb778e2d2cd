-- SPDX-License-Identifier: MPL-2.0
-- wrk: submits that are acknowledged and then wait, so that only the submit is measured.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"language": "python", "code": "import sys\\nfor line in sys.stdin:\\n' ..
    '    print(sum(map(int, line.split())))\\n", "input": "1 2 3\\n4 5 6\\n", "delay": 3600}'
local bad = 0
function response(status)
    if status ~= 202 then bad = bad + 1 end
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("requests %d micros %d p99 %d errors %d\n", summary.requests,
        summary.duration, latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
