#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything and runs every test. Does all its own set-up on Debian 12 and Ubuntu 24.04.
#
# The last line is 'N passed, N failed, N skipped' over all runners; the exit code is 1 when anything failed.
# INGOT_TEST_MODELS=small|required|all|none says how many graphs of ../shared/models to run (default: small),
# INGOT_FUZZ_SECONDS how long each fuzzer runs (default: 10).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source scripts/common.sh
exec </dev/null

results=build/test-results
python=.venv/bin/python

if ! { scripts/install_dependencies.sh && scripts/venv.sh test; }; then
  echo "error: the set-up failed, no test was run" >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi
rm -rf "$results"
mkdir -p "$results"

record() { "$python" tests/junit.py record "$results/$1.xml" "$@"; }

# step NAME COMMAND...: one result; exit code 77 means skipped, the last line of output says why.
step() {
  local name="$1" code=0
  shift
  say "$name"
  "$@" 2>&1 | tee "$results/$name.log" || code="${PIPESTATUS[0]}"
  case "$code" in
    0) record "$name" passed ;;
    77) record "$name" skipped "$(tail -n 1 "$results/$name.log")" ;;
    *) record "$name" failed "exit code $code: $(tail -n 1 "$results/$name.log")" ;;
  esac
  return "$((code == 0 || code == 77 ? 0 : 1))"
}

run_ctest() {
  # The programs use threads of their own; running two at once still fills the gaps between them.
  GTEST_OUTPUT="xml:$PWD/$results/gtest/" ctest --test-dir build/release --output-on-failure --parallel "$(nproc)" \
    --timeout 900 --no-tests=error --output-junit "$PWD/$results/cpp-tests.xml" || [[ -f "$results/cpp-tests.xml" ]] ||
    record cpp-tests failed "ctest wrote no results"
  "$python" tests/junit.py merge "$results/cpp-tests.xml" "$results/gtest"
}

run_pytest() {
  local folders=(tests)
  [[ ! -d python/tests ]] || folders+=(python/tests)
  "$python" -m pytest -q -p no:cacheprovider -c tests/pytest.ini --rootdir . --junitxml "$results/python-tests.xml" \
    "${folders[@]}" || [[ -f "$results/python-tests.xml" ]] || record python-tests failed "pytest wrote no results"
}

run_models() {
  local mode="${INGOT_TEST_MODELS:-small}" selection=()
  case "$mode" in
    small) selection=(--small) ;;
    required) selection=(--issue-list) ;;
    all) ;;
    none) record models skipped "INGOT_TEST_MODELS=none" && return ;;
    *) record models failed "INGOT_TEST_MODELS=$mode is not one of small, required, all, none" && return ;;
  esac
  if ! compgen -G "../shared/models/*.onnx" >/dev/null; then
    echo "skipped: the folder ../shared/models is not here"
    record models skipped "the folder ../shared/models is not here"
    return
  fi
  "$python" tests/models.py "${selection[@]}" --no-bench --junit "$results/models.xml" ||
    [[ -f "$results/models.xml" ]] ||
    record models failed "the script wrote no results"
}

step include-check-self-test "$python" tests/check_includes.py --self-test || true
step include-check "$python" tests/check_includes.py || true
step format-check scripts/check_format.sh || true
if step build scripts/build.sh; then
  say "C++ tests"
  run_ctest
  if [[ -f pyproject.toml ]]; then
    step python-install scripts/install_python.sh || true
  fi
  say "Python tests"
  run_pytest
  say "Models"
  run_models
  # A fixed seed: a change is judged by itself. New seeds are for scripts/fuzz.sh.
  step fuzz scripts/fuzz.sh "${INGOT_FUZZ_SECONDS:-10}" 1 || true
fi

say "Summary"
"$python" tests/junit.py summary "$results"/*.xml
