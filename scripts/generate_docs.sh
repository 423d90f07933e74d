#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes the pages of docs/ that come from tables in the program; tests/docs_test.py checks that they are current.
#
# usage: scripts/generate_docs.sh      INGOT names another program than build/release/bin/ingot
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

program="${INGOT:-$INGOT_ROOT/build/release/bin/ingot}"
[[ -x "$program" ]] || die "$program does not exist: run scripts/build.sh"
mkdir -p "$INGOT_ROOT/docs"
page="$INGOT_ROOT/docs/operators.md"
"$program" ops --markdown >"$page.partial"
mv "$page.partial" "$page"
