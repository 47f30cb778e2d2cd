#!/bin/bash
# SPDX-License-Identifier: MPL-2.0
# The self-test of the sandbox holds on this machine.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build}
export ARENA_PROFILE_DIR=${ARENA_PROFILE_DIR:-$top/images/profiles}
exec "$build/arena-sandbox" selftest
