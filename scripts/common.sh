# SPDX-License-Identifier: Apache-2.0
# Sourced by the scripts beside it and by demo.sh and test.sh.

# In a bare environment Python sets this for what it starts. ccache holds objects compiled with and without it apart, and
# the Python module would be compiled from nothing beside the command line.
export LC_CTYPE="${LC_CTYPE:-C.UTF-8}"

INGOT_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '\n==> %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
