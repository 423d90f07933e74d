# SPDX-License-Identifier: Apache-2.0
"""What the Python tests share: the command line under test and the digits engine."""
import pathlib

import pytest

import ingot_cli
from ingot_cli import DIGITS


@pytest.fixture(scope="session")
def ingot() -> pathlib.Path:
    assert ingot_cli.PROGRAM.exists(), f"{ingot_cli.PROGRAM} does not exist: run scripts/build.sh"
    return ingot_cli.PROGRAM


@pytest.fixture(scope="session")
def digits_plan(ingot, tmp_path_factory) -> pathlib.Path:
    """The digits network, built for batches of 1 to 512."""
    plan = tmp_path_factory.mktemp("digits") / "digits.plan"
    done = ingot_cli.run("build", DIGITS / "digits.onnx", "-o", plan, "--shapes", "batch:1x1x512", timeout=600)
    assert done.ok, done.stderr
    return plan
