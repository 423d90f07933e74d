#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs both fuzz targets of a build for some seconds each (fuzz/README.md). Fails on the first crash and keeps its input.
#
# usage: scripts/fuzz.sh [--preset release] [SECONDS [RANDOM_SEED]]     default: 10 seconds, another seed each time
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=release
if [[ "${1:-}" == --preset ]]; then
  preset="${2:?--preset needs a name}"
  shift 2
fi
seconds="${1:-10}"
seed=("${@:2:1}")
cd "$INGOT_ROOT"
bin="build/$preset/bin"
work=build/fuzzing
[[ -x "$bin/fuzz_plan" ]] || die "$bin/fuzz_plan is not built: scripts/build.sh --preset $preset"

mkdir -p "$work"
# Plans carry the version of the format: made anew with every program.
if [[ ! -f "$work/seeds/.done" || "$bin/ingot" -nt "$work/seeds/.done" ]]; then
  rm -rf "$work/seeds"
  .venv/bin/python fuzz/make_seeds.py "$bin/ingot" "$work/seeds"
  touch "$work/seeds/.done"
fi
cd "$work"
for target in onnx plan; do
  say "fuzz_$target, $seconds s"
  # A run that hangs is a finding too.
  timeout "$((seconds + 60))" "../../$bin/fuzz_$target" "seeds/$target" "$seconds" "${seed[@]}" || {
    mv "fuzz_$target.crash-candidate" "fuzz_$target.crash" 2>/dev/null || true
    die "fuzz_$target failed on $work/fuzz_$target.crash"
  }
done
