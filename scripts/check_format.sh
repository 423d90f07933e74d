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
folders=()
for folder in src include tools python tests examples bench; do
  [[ ! -d "$folder" ]] || folders+=("$folder")
done
mapfile -t files < <(find "${folders[@]}" -type f \( -name '*.h' -o -name '*.cc' -o -name '*.inc' \) | sort)
if [[ "${1:-}" == --fix ]]; then
  exec "$tool" --style=file -i "${files[@]}"
fi
wrong=0
for file in "${files[@]}"; do
  "$tool" --style=file "$file" | cmp -s - "$file" || {
    echo "$file"
    wrong=$((wrong + 1))
  }
done
if ((wrong > 0)); then
  echo "$wrong of ${#files[@]} files differ from clang-format's layout; scripts/check_format.sh --fix repairs them"
  exit 1
fi
echo "${#files[@]} files are well laid out"
