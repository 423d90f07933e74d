#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs clang-tidy over the given C++ files (default: every one that differs from the last commit).
#
# usage: scripts/tidy.sh [FILE.cc ...]       needs clang-tidy and a configured build/release
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

command -v clang-tidy >/dev/null || die "clang-tidy is not installed"
cd "$INGOT_ROOT"
[[ -f build/release/compile_commands.json ]] || die "run scripts/build.sh first"
files=("$@")
(($# > 0)) || mapfile -t files < <(git diff --name-only --diff-filter=d HEAD -- '*.cc')
((${#files[@]} > 0)) || exit 0
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/release
