#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# The sandbox holds on this machine: as whoever runs this, as an ordinary user, and at each level
# of isolation that this machine can be made to have.
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

skip() { # NAME WHY
    skipped=$((skipped + 1))
    echo "skip: $1: $2"
}

finds() { # LEVEL COMMAND...: the command runs arena-sandbox
    local level=$1 found
    shift
    found=$("$@" check | sed -n 's/^level: //p')
    [ "$found" = "$level" ] || {
        echo "it found level $found, not $level"
        return 1
    }
}

# The level is what it should be, and everything that it promises holds.
holds() { # LEVEL COMMAND...
    finds "$@" && "${@:2}" selftest --quiet
}

# A copy where anybody may read it; the tree may be in a folder that is root's own.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
chmod 755 "$copy"
cp "$build/arena-sandbox" "$build/tests/sandbox/without" "$copy/"
cp -r "$profiles" "$copy/profiles"
export ARENA_PROFILE_DIR=$copy/profiles
sandbox=$copy/arena-sandbox

try "as user $(id -u)" "$sandbox" selftest --quiet
try "where pivot_root is refused" "$copy/without" pivot_root "$sandbox" selftest --quiet
landlock=$("$copy/without" namespaces "$sandbox" check | grep -c 'level: lsm')
if [ "$landlock" != 0 ]; then
    try "without namespaces" holds lsm "$copy/without" namespaces "$sandbox"
else
    skip "without namespaces" "this kernel has no Landlock"
fi
try "with neither namespaces nor Landlock there is no level" \
    finds none "$copy/without" namespaces,landlock "$sandbox"
if [ "$(id -u)" -eq 0 ]; then
    ordinary=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    if "${ordinary[@]}" unshare --user true 2>/dev/null; then
        try "as an ordinary user" "${ordinary[@]}" "$sandbox" selftest --quiet
        # One masked file is enough for the kernel to refuse a new /proc.
        masked=(unshare --mount --propagation private sh -c
            'mount --bind /dev/null /proc/version && exec "$@"' sh)
        try "as an ordinary user where /proc is masked" \
            holds ns-noproc "${masked[@]}" "${ordinary[@]}" "$sandbox"
    else
        skip "as an ordinary user" "the kernel gives it no user namespace here"
    fi
    if [ "$landlock" != 0 ]; then
        try "as an ordinary user without namespaces" \
            holds lsm "${ordinary[@]}" "$copy/without" namespaces "$sandbox"
    fi
else
    skip "as another user" "only root may become one"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
