#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 / Ubuntu 24.04 packages that Ingot is built with. Does nothing when all are there.
#
# usage: scripts/install_dependencies.sh [--list]
# INGOT_SKIP_DEPENDENCIES=1 skips it, for systems where the same libraries come from elsewhere.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PACKAGES=(
  cmake ninja-build make g++ ccache pkg-config         # build tools; make: what CMake takes in projects of users
  libfmt-dev nlohmann-json3-dev libcli11-dev           # text, JSON, command line
  libxxhash-dev libpng-dev libzip-dev                  # plan checksums, PNG and NPZ files
  protobuf-compiler libprotobuf-dev                    # ONNX files
  flatbuffers-compiler libflatbuffers-dev              # plan files
  libdnnl-dev libhwy-dev                               # CPU kernels
  libjpeg-dev libtiff-dev libwebp-dev libopenjp2-7-dev # images that models decode
  libgtest-dev libgmock-dev clang-format               # tests
  python3 python3-venv python3-dev                     # Python module, demo and tests
)

missing_packages() {
  local package
  for package in "${PACKAGES[@]}"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] || echo "$package"
  done
}

as_root() {
  if [[ "$(id -u)" == 0 ]]; then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    sudo "$@"
  fi
}

if [[ "${1:-}" == --list ]]; then
  printf '%s\n' "${PACKAGES[@]}"
  exit 0
fi
[[ "${INGOT_SKIP_DEPENDENCIES:-0}" != 1 ]] || exit 0
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  die "this is not Debian or Ubuntu. Install the equivalents of: ${PACKAGES[*]}; then set INGOT_SKIP_DEPENDENCIES=1"

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} == 0)); then
  exit 0
fi
if [[ "$(id -u)" != 0 ]]; then
  command -v sudo >/dev/null || die "neither root nor sudo. As root, run: apt-get install ${missing[*]}"
  sudo -n true 2>/dev/null || [[ -t 0 ]] ||
    die "sudo asks for a password and there is no terminal. Run: sudo apt-get install ${missing[*]}"
fi
say "Installing packages: ${missing[*]}"
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }
apt update || echo "apt-get update failed; trying with the package lists that are here" >&2
apt install -y --no-install-recommends "${missing[@]}" >/dev/null ||
  die "apt-get could not install: ${missing[*]}"

mapfile -t missing < <(missing_packages)
((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]}"
