# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it and by demo.sh and test.sh.

INGOT_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
