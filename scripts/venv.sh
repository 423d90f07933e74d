#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes or completes the Python environment .venv in the checkout. A second run takes a moment.
#
# usage: scripts/venv.sh demo|test|bench      (the lists are scripts/requirements/*.txt)
# INGOT_PYTHON names another Python (3.11 or newer) than the system's.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

purpose="${1:?usage: scripts/venv.sh demo|test|bench}"
requirements="$INGOT_ROOT/scripts/requirements/$purpose.txt"
[[ -f "$requirements" ]] || die "no such purpose: $purpose"
venv="$INGOT_ROOT/.venv"
stamp="$venv/.installed-$purpose"

# The system's Python first: python3-venv and python3-dev, which the build needs, belong to that one.
python="${INGOT_PYTHON:-}"
if [[ -z "$python" ]]; then
  python=/usr/bin/python3
  [[ -x "$python" ]] || python="$(command -v python3)" || die "python3 is not installed"
fi

wanted="$("$python" --version) $(cat "$INGOT_ROOT"/scripts/requirements/demo.txt "$requirements" | sha256sum)"
if [[ -x "$venv/bin/python" && -f "$stamp" && "$(cat "$stamp")" == "$wanted" ]]; then
  exit 0
fi
if ! "$venv/bin/python" -c 'import pip' 2>/dev/null ||
  [[ "$("$venv/bin/python" --version)" != "$("$python" --version)" ]]; then
  say "Creating .venv with $("$python" --version)"
  rm -rf "$venv"
  "$python" -m venv "$venv" || die "python3 -m venv failed (is python3-venv installed?)"
fi
say "Installing Python packages for the $purpose into .venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements" </dev/null ||
  die "pip could not install $requirements"
printf '%s' "$wanted" >"$stamp"
