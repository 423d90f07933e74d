#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Python module into .venv, as `pip install .` does for a user. Does nothing when no source has changed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$INGOT_ROOT"
stamp=.venv/.installed-ingot
sources=()
for path in pyproject.toml CMakeLists.txt cmake src include python tools; do
  [[ ! -e "$path" ]] || sources+=("$path")
done
if [[ -f "$stamp" && -z "$(find "${sources[@]}" -type f -newer "$stamp" -print -quit)" ]] &&
  .venv/bin/python -c 'import ingot' 2>/dev/null; then
  echo "the Python module is up to date"
  exit 0
fi
started="$(mktemp)"
trap 'rm -f "$started"' EXIT
# The compiler under the name that CMake finds by itself, so that ccache knows the objects of build/release.
CXX="${CXX:-c++}" .venv/bin/python -m pip install --quiet --no-input --no-build-isolation --no-deps \
  --disable-pip-version-check . </dev/null
.venv/bin/python -c 'import ingot'
mv "$started" "$stamp"
