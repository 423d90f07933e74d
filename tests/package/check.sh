#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs a finished build and uses it as a stranger would: find_package, pkg-config, and a look into the libraries.
#
# usage: tests/package/check.sh CMAKE BUILD_FOLDER CXX MODEL.onnx
set -euo pipefail
cmake="$1" build="$2" cxx="$3" model="$4"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$build/package-test"
prefix="$work/prefix"
fail() {
  echo "error: $*" >&2
  exit 1
}

rm -rf "$work"
mkdir -p "$work"
for component in runtime development; do
  "$cmake" --install "$build" --prefix "$prefix" --component "$component" >"$work/install.log"
done
runtime="$(find "$prefix" -name 'libingot_runtime.so')"
full="$(find "$prefix" -name 'libingot.so')"
[[ -n "$runtime" && -n "$full" ]] || fail "a library is not installed"

# --- what is in the libraries ---
for library in "$runtime" "$full"; do
  foreign="$(nm -D --defined-only "$library" | awk '$3 !~ /^ingot_/ { print $3 }')"
  [[ -z "$foreign" ]] || fail "$library exports more than ingot_*: $foreign"
  soname="$(readelf -d "$library" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')"
  [[ "$soname" == "$(basename "$library").0" ]] || fail "$library has the soname '$soname'"
done
! readelf -d "$runtime" | grep NEEDED | grep -i protobuf || fail "the runtime library links protobuf"
! ldd "$runtime" | grep -i protobuf || fail "the runtime library reaches protobuf"
! ldd "$runtime" | grep 'not found' || fail "the runtime library misses libraries"
# Local symbols count too: nothing of the build side may be inside, used or not.
! nm -C "$runtime" | grep -E 'ingot::(ir|onnx|ops|passes|builder)::|google::protobuf' ||
  fail "the runtime library holds code of the build side"

# --- a project of its own ---
"$cmake" -S "$here/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$cxx" \
  -DCMAKE_BUILD_TYPE=Release >"$work/consumer.log" || fail "find_package: $(cat "$work/consumer.log")"
"$cmake" --build "$work/consumer" >>"$work/consumer.log" || fail "building: $(cat "$work/consumer.log")"
"$work/consumer/build_plan" "$model" "$work/digits.plan"
"$work/consumer/run_plan" "$work/digits.plan"
! ldd "$work/consumer/run_plan" | grep -i protobuf || fail "the runtime-only program reaches protobuf"

# --- pkg-config, from C ---
export PKG_CONFIG_PATH="$(dirname "$runtime")/pkgconfig"
read -ra flags <<<"$(pkg-config --cflags --libs ingot_runtime)"
"$cxx" -x c "$here/consumer/version.c" -x none -o "$work/version" "${flags[@]}" -Wl,-rpath,"$(dirname "$runtime")"
"$work/version"
