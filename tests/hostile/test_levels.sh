#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# The core of the battery at each level of isolation below the best (see test_battery.py --level).
# With --whole, all of it, and also as root without namespaces.
set -u
here=$(cd "$(dirname "$0")" && pwd)
levels=(ns ns-noproc lsm)
flags=(--core --quiet)
if [ "${1:-}" = --whole ]; then
    levels+=(lsm-root)
    flags=(--quiet)
fi
passed=0 failed=0 skipped=0

for level in "${levels[@]}"; do
    echo "level $level"
    while IFS= read -r line; do
        if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
            passed=$((passed + BASH_REMATCH[1]))
            failed=$((failed + BASH_REMATCH[2]))
            skipped=$((skipped + BASH_REMATCH[3]))
            counted=yes
        else
            printf '%s\n' "$line"
        fi
    done < <("$here/test_battery.py" --level "$level" "${flags[@]}" 2>&1)
    if [ "${counted:-}" != yes ]; then
        echo "FAIL  level $level: the battery did not come to its end"
        failed=$((failed + 1))
    fi
    unset counted
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
