#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# The sandbox holds on this machine: as whoever runs this, and as an ordinary user.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build}
profiles=${ARENA_PROFILE_DIR:-$top/images/profiles}
passed=0 failed=0 skipped=0

try() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
    fi
}

export ARENA_PROFILE_DIR=$profiles
try "as user $(id -u)" "$build/arena-sandbox" selftest --quiet
if [ "$(id -u)" -eq 0 ]; then
    # A copy where anybody may read it; the tree may be in a folder that is root's own.
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    chmod 755 "$copy"
    cp "$build/arena-sandbox" "$copy/"
    cp -r "$profiles" "$copy/profiles"
    ordinary=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    if "${ordinary[@]}" unshare --user true 2>/dev/null; then
        try "as an ordinary user" "${ordinary[@]}" \
            env ARENA_PROFILE_DIR="$copy/profiles" "$copy/arena-sandbox" selftest --quiet
    else
        skipped=1
        echo "skip: as an ordinary user: the kernel gives it no user namespace here"
    fi
else
    skipped=1
    echo "skip: as another user: only root may become one"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
