#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks (or with --fix, repairs) the layout of every C++ file. Exit code 77: skipped.
#
# The result depends on clang-format's major version; the project's is Debian 12's.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

MAJOR=14
tool=""
for candidate in "clang-format-$MAJOR" clang-format; do
  if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q "version $MAJOR\."; then
    tool="$candidate"
    break
  fi
done
if [[ -z "$tool" ]]; then
  echo "skipped: clang-format $MAJOR is not installed"
  exit 77
fi
cd "$INGOT_ROOT"
mode=(--dry-run -Werror)
[[ "${1:-}" != --fix ]] || mode=(-i)
folders=()
for folder in src include tools python tests examples bench; do
  [[ ! -d "$folder" ]] || folders+=("$folder")
done
find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cc' -o -name '*.inc' \) -print0 |
  xargs -0 -r "$tool" --style=file "${mode[@]}"
