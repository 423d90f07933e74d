#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds a preset; a second run takes a moment. The command line ends up at build/PRESET/bin/ingot.
#
# usage: scripts/build.sh [--preset release] [TARGET ...]      no target: everything
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=release
if [[ "${1:-}" == --preset ]]; then
  preset="${2:?--preset needs a name}"
  shift 2
fi
cd "$INGOT_ROOT"
build="build/$preset"

# Ninja configures again by itself when a CMake file changes, but does not know of the presets.
if [[ ! -f "$build/build.ninja" || CMakePresets.json -nt "$build/CMakeCache.txt" ]]; then
  say "Configuring $build"
  mkdir -p "$build"
  cmake --preset "$preset" >"$build/configure.log" 2>&1 || {
    cat "$build/configure.log" >&2
    die "configuration failed"
  }
  touch "$build/CMakeCache.txt"
fi

# A translation unit takes up to about 1.5 GiB; more jobs than memory allows would only swap.
memory_mib=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
jobs=$(nproc)
((jobs * 1536 <= memory_mib)) || jobs=$((memory_mib / 1536))
((jobs >= 1)) || jobs=1

say "Building $build"
ninja -C "$build" -j "$jobs" "$@"
