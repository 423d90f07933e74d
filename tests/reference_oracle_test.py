# SPDX-License-Identifier: Apache-2.0
"""The reference evaluator against the node tests of the installed onnx package."""
import re
import subprocess

import pytest

import ingot_cli

RUNNER = ingot_cli.PROGRAM.parent / "reference_runner"


def test_onnx_node_cases(tmp_path):
    pytest.importorskip("onnx")
    if not RUNNER.exists():
        pytest.skip(f"{RUNNER} does not exist: build with INGOT_BUILD_TESTS")
    from onnx_node_cases import write_cases
    written, _ = write_cases(tmp_path)
    done = subprocess.run([RUNNER, tmp_path], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed > written // 2, done.stdout
