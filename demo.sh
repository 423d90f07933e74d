#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole workflow on real data: builds Ingot, then turns the digits network into an engine and runs it.
# Does all its own set-up on Debian 12 and Ubuntu 24.04; a second run takes seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
exec </dev/null

scripts/install_dependencies.sh
scripts/venv.sh demo
scripts/build.sh bin/ingot
.venv/bin/python examples/digits/demo.py --ingot build/release/bin/ingot --work build/demo
