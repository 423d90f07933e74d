#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole example: builds Ingot and, on its own, the plugin library, then runs the networks by both routes and compares
# with PyTorch. Does all its own set-up on Debian 12 and Ubuntu 24.04; a second run takes seconds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec </dev/null

scripts/install_dependencies.sh
scripts/venv.sh demo
scripts/build.sh bin/ingot
cmake -S examples/dcn/plugin -B build/dcn/plugin >build/dcn-configure.log
cmake --build build/dcn/plugin
.venv/bin/python examples/dcn/demo.py --ingot build/release/bin/ingot --plugin build/dcn/plugin/libdcnv2_plugin.so \
  --work build/dcn
