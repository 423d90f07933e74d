#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the seed files of the fuzzers: the models of ONNX's own tests, and plans built from a sample of them.

usage: make_seeds.py INGOT FOLDER      writes FOLDER/onnx/*.onnx and FOLDER/plan/*.plan
"""
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys
import warnings

LARGEST = 64 << 10
PLANS = 250
DIGITS = pathlib.Path(__file__).resolve().parent.parent / "examples/digits/digits.onnx"


def build(program: str, model: pathlib.Path, plan: pathlib.Path) -> bool:
    """A plan tuned for no time: what it says matters here, not how fast it is."""
    command = [program, "build", str(model), "-o", str(plan), "--time-budget", "0"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def node_tests() -> list:
    """ONNX makes the models of its node tests in memory."""
    warnings.simplefilter("ignore")
    from onnx.backend.test.case.node import collect_testcases
    return collect_testcases(None)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    models, plans = folder / "onnx", folder / "plan"
    for path in (models, plans):
        path.mkdir(parents=True, exist_ok=True)
    for test in node_tests():
        content = test.model.SerializeToString()
        if len(content) <= LARGEST:
            (models / f"{test.name}.onnx").write_bytes(content)
    sources = sorted(models.glob("*.onnx"))
    shutil.copyfile(DIGITS, models / "digits.onnx")
    # Every n-th model, so that all kinds of operators occur; then the one real network.
    sample = sources[:: max(1, len(sources) // PLANS)] + [models / "digits.onnx"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda model: build(program, model, plans / f"{model.stem}.plan"), sample))
    print(f"{len(sources) + 1} models, {sum(built)} plans of {len(sample)} models")
    return 0 if any(built) else 1


if __name__ == "__main__":
    sys.exit(main())
